"""Where this machine gets Debian from, read from its own apt configuration.

No address stands in our code: behind a company mirror, a snapshot or a proxy, the base image comes by the
same way as the machine's own packages.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterator

APT = Path("/etc/apt")
OS_RELEASE = Path("/etc/os-release")
DEBIAN_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

POCKETS = ("", "-updates", "-security")
"""A Debian release's parts, by what follows its name."""

OPTIONS = re.compile(
    r"^Acquire::(?:https?::|Check-Valid-Until |Check-Date |Retries |ForceIPv)", re.IGNORECASE
)
"""Settings of apt that decide whether a download works here: proxies, certificates, snapshots."""


@dataclass(frozen=True)
class Source:
    """One stanza of apt's sources.

    Attributes:
        uris: where it is.
        suites: releases or their parts.
        components: sections of the archive.
        signed_by: keyring, or a key itself; empty for apt's default.
        trusted: whether apt is told to skip signatures.
    """

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""
    trusted: bool = False

    def stanza(self) -> str:
        """In the format of `*.sources` files."""
        lines = [
            "Types: deb",
            f"URIs: {' '.join(self.uris)}",
            f"Suites: {' '.join(self.suites)}",
            "Components: main",
        ]
        if self.signed_by:
            lines.append(f"Signed-By: {self.signed_by}")
        if self.trusted:
            lines.append("Trusted: yes")
        return "\n".join(lines) + "\n"


def sources_for(suite: str, apt: Path = APT, os_release: Path = OS_RELEASE) -> str:
    """The machine's own Debian sources, for the release that the base image is made of.

    Args:
        suite: name of the Debian release wanted; the machine may run another.
        apt: apt's folder.
        os_release: file that names the machine's own release.

    Returns:
        Text of a `*.sources` file.

    Raises:
        LocalError: apt knows no Debian archive here.
    """
    own = _codename(os_release)
    stanzas = []
    for source in configured(apt):
        wanted = tuple(
            f"{suite}{pocket}" for pocket in POCKETS for name in source.suites if name == f"{own}{pocket}"
        )
        # Other vendors name their suites after Debian's, too; their components they name otherwise.
        if own and wanted and "main" in source.components:
            keyring = source.signed_by or (str(DEBIAN_KEYRING) if DEBIAN_KEYRING.exists() else "")
            stanzas.append(
                Source(source.uris, wanted, ("main",), signed_by=keyring, trusted=source.trusted).stanza()
            )
    if not stanzas:
        raise LocalError(
            f"The base image is made of Debian packages, and {apt} names no Debian archive "
            f"(this machine calls itself {own or 'nothing'}). Start a Docker engine, which needs none, or "
            f"add a Debian source with the component main to {apt}/sources.list.d."
        )
    return "\n".join(stanzas)


def configured(apt: Path = APT) -> list[Source]:
    """Every binary source that apt is set to use, in both of its formats."""
    folder = apt / "sources.list.d"
    files = [apt / "sources.list", *(sorted(folder.iterdir()) if folder.is_dir() else [])]
    found: list[Source] = []
    for file in files:
        if file.suffix == ".list" and file.is_file():
            found += _one_line(file.read_text())
        elif file.suffix == ".sources" and file.is_file():
            found += _stanzas(file.read_text())
    return found


def download_options() -> str:
    """What apt's configuration says about downloads, as configuration text; empty where apt isn't there."""
    try:
        dump = subprocess.run(
            ["apt-config", "dump", "--format", '%f "%v";%n'],  # noqa: S607 - apt's own place differs by system
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
    lines = [line for line in dump.splitlines() if OPTIONS.match(line) and not line.endswith(' "";')]
    return "".join(f"{line}\n" for line in lines)


def _codename(os_release: Path) -> str:
    text = os_release.read_text() if os_release.is_file() else ""
    values = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', text, re.MULTILINE))
    return values.get("VERSION_CODENAME", "") if values.get("ID") == "debian" else ""


def _one_line(text: str) -> Iterator[Source]:
    pattern = re.compile(
        r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<components>[^#\n]*)"
    )
    for line in text.splitlines():
        if match := pattern.match(line.strip()):
            options = dict(part.split("=", 1) for part in (match["options"] or "").split() if "=" in part)
            yield Source(
                uris=(match["uri"],),
                suites=(match["suite"],),
                components=tuple(match["components"].split()),
                signed_by=options.get("signed-by", ""),
                trusted=options.get("trusted") == "yes",
            )


def _stanzas(text: str) -> Iterator[Source]:
    for block in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace() and name:
                fields[name] += f"\n{line}"  # a key may be written out, over several lines
            elif ":" in line:
                name, value = line.split(":", 1)
                name = name.lower()
                fields[name] = value.strip()
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() != "no":
            yield Source(
                uris=tuple(fields.get("uris", "").split()),
                suites=tuple(fields.get("suites", "").split()),
                components=tuple(fields.get("components", "").split()),
                signed_by=fields.get("signed-by", ""),
                trusted=fields.get("trusted", "").lower() == "yes",
            )
