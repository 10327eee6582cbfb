"""The Debian root file system that images start from where no registry gives one.

Made by mmdebstrap from the machine's own Debian sources: Python with venv, certificates, a shell; no package
manager's lists, no documentation but the licences, nothing of this machine. Made twice from the same
packages it has the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import platform as machine
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local.errors import LocalError
from local.images import archives, mirrors, oci
from local.images.commands import CONTAINED

if TYPE_CHECKING:
    from local.images.cache import ImageCache, Kept
    from local.images.commands import Commands

SUITE = "bookworm"
PACKAGES = ("ca-certificates", "libstdc++6", "python3", "python3-venv", "usr-is-merged")
"""ONNX Runtime needs `libstdc++6`. `usr-is-merged` keeps `usrmerge` out, which would bring 48 MB of Perl."""

PYTHON = "3.11"
"""The suite's Python, for which wheels are chosen."""
OLDEST_GLIBC_MINOR, GLIBC_MINOR = 5, 36
"""Wheels made for glibc 2.5 to the suite's 2.36 run there."""

HOOKS = "/usr/share/mmdebstrap/hooks/merged-usr"
"""Part of the mmdebstrap package: lays the merged /usr before any package is unpacked."""

DPKG_OPTIONS = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/lintian/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/man/*",
)

TRACES = (
    "etc/apt/sources.list",
    "etc/apt/sources.list.d/*",
    "etc/apt/apt.conf.d/99mmdebstrap",
    "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
    "var/cache/apt",
    "var/cache/debconf/*-old",
    "var/lib/apt",
    "var/lib/dpkg/*-old",
    "var/log/*.log",
    "var/log/apt",
)
"""What the making leaves: names of mirrors and proxies, and folders whose owner depends on whether apt's own
user may enter the cache; all this machine's business."""

EMPTIED = ("etc/hostname", "etc/resolv.conf")
"""Copied from this machine by mmdebstrap; every container gets its own."""

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Platform:
    """What images are built for: Linux with this machine's processor, the suite's Python and C library.

    Attributes:
        architecture: in the words of Go, Debian and OCI: amd64, arm64.
        processor: in the words of wheels: x86_64, aarch64.
    """

    architecture: str
    processor: str

    @classmethod
    def of_this_machine(cls) -> Platform:
        """The platform of the machine that builds.

        Raises:
            LocalError: no images are made for its processor.
        """
        processor = {"arm64": "aarch64", "amd64": "x86_64"}.get(machine.machine().lower(), machine.machine())
        if processor not in ARCHITECTURES:
            raise LocalError(
                f"Images can't be built for this processor ({processor}): the Python packages they need "
                f"exist for {' and '.join(ARCHITECTURES)} only. Build on one of those."
            )
        return cls(architecture=ARCHITECTURES[processor], processor=processor)

    @property
    def wheel_options(self) -> list[str]:
        """Options that make pip choose wheels for this platform, whatever Python runs pip."""
        tags = [
            f"manylinux_2_{minor}_{self.processor}"
            for minor in range(GLIBC_MINOR, OLDEST_GLIBC_MINOR - 1, -1)
        ]
        tags += [f"manylinux{year}_{self.processor}" for year in (2014, 2010, 1)]
        abis = (f"cp{PYTHON.replace('.', '')}", "abi3", "none")
        return [
            *("--python-version", PYTHON, "--implementation", "cp"),
            *(word for abi in abis for word in ("--abi", abi)),
            *(word for tag in tags for word in ("--platform", tag)),
        ]


def key(platform: Platform) -> str:
    """Digest of the recipe. Later package versions don't change it; `make purge` makes a new base."""
    words = command(platform, Path("options"), Path("sources"), Path("target"))
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def ensure(cache: ImageCache, platform: Platform, commands: Commands) -> Kept:
    """The root file system as an archive with one uncompressed layer, made where it is missing.

    Raises:
        LocalError: mmdebstrap failed, or the machine names no Debian mirror.
    """
    if kept := cache.base.find(key(platform)):
        return kept
    folder = cache.work / "base"
    folder.mkdir(parents=True)
    tree = folder / "root.tar"
    (folder / "debian.sources").write_text(mirrors.sources_for(SUITE))
    options = folder / "apt.conf"
    options.touch(mode=0o600)  # a proxy's address may carry a password
    options.write_text(mirrors.download_options())
    commands.run(
        "make the Debian base",
        [*CONTAINED, *command(platform, options, folder / "debian.sources", tree)],
        log="base",
        environment={**os.environ, "SOURCE_DATE_EPOCH": "0", "TMPDIR": str(folder)},
    )
    layout = folder / "layout"
    oci.write_layout(layout, [tree], oci.RunConfig(), architecture=platform.architecture, compress=False)
    archive = folder / "base.tar"
    archives.pack(layout, archive, "plinth.internal/base")
    return cache.base.keep(key(platform), archive)


def command(platform: Platform, options: Path, sources: Path, target: Path) -> list[str]:
    """The mmdebstrap command, without what isolates it."""
    traces = " ".join(f'"$1"/{trace}' for trace in TRACES)
    empty = "; ".join(f': > "$1"/{shlex.quote(name)}' for name in EMPTIED)
    return [
        "mmdebstrap",
        "--variant=essential",
        "--skip=cleanup/apt",  # it would make anew what the hook takes away, and the hook takes away more
        f"--architectures={platform.architecture}",
        f"--include={','.join(PACKAGES)}",
        f"--hook-dir={HOOKS}",
        f"--aptopt={options}",
        *(f"--dpkgopt={option}" for option in DPKG_OPTIONS),
        f"--customize-hook=rm -rf {traces}; {empty}",
        SUITE,
        str(target),
        str(sources),
    ]
