"""What is inside an image, as a CycloneDX bill of materials, read from the image's own layers.

Nothing here asks a build what it meant to install: Debian's package database, the metadata of Python
distributions and the build information in Go programs are what the image carries, wherever it was built.
"""

from __future__ import annotations

import email
import json
import re
import tarfile
import uuid
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import quote

from local.errors import LocalError
from local.images import archives

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

SPEC_VERSION: Final = "1.6"
DPKG_STATUS: Final = "var/lib/dpkg/status"
PYTHON_METADATA: Final = re.compile(r"\.(dist-info/METADATA|egg-info/PKG-INFO)$")
OS_RELEASE: Final = ("etc/os-release", "usr/lib/os-release")
PROGRAM_FOLDERS: Final = re.compile(r"^(?:[^/]+|(?:usr/)?(?:local/)?s?bin/[^/]+)$")
"""Where a Go program of an image would lie; reading every file of every layer would take minutes."""
WHITEOUT: Final = ".wh."
GO_MAGIC: Final = b"\xff Go buildinf:"
GO_HEADER: Final = 32
"""Bytes before the first string of Go's build information, since Go 1.18 (`debug/buildinfo`)."""
GO_INLINE: Final = 2
"""Flag that the strings follow the header, as they have since Go 1.18."""
GO_SENTINEL: Final = 16
"""Bytes in front of and behind the list of modules."""
NAMESPACE: Final = uuid.UUID("6f0a2b1e-51d5-4c5c-9d39-3c2f0f0d7a11")
"""Serial numbers are made from the image's digest in it, so that equal images have equal bills."""


@dataclass(frozen=True, order=True)
class Component:
    """One thing inside an image.

    Attributes:
        purl: package URL, which says the kind, name and version to every scanner.
        name: of the package, as its ecosystem spells it.
        version: of the package.
        license: as the package declares it; empty if it doesn't.
        where: file in the image that tells of it.
    """

    purl: str
    name: str
    version: str
    license: str = ""
    where: str = ""


def bill(archive: Path, further: Iterable[Component] = ()) -> dict[str, Any]:
    """The bill of materials of an image.

    Args:
        archive: an image as the cache keeps it.
        further: what no file in the image tells of.

    Raises:
        LocalError: the archive is none, or nothing in it tells what it consists of.
    """
    contents = archives.read(archive)
    found = sorted({*components(archive, contents.layers), *further})
    if not found:
        raise LocalError(f"Nothing in {archive} tells what the image consists of. Build it again.")
    name, _, digest = contents.name.partition("@")
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, digest)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "container",
                "bom-ref": contents.name,
                "name": name,
                "version": digest,
                "purl": f"pkg:oci/{name.rpartition('/')[2]}@{quote(digest, safe='')}",
            }
        },
        "components": [_as_json(component) for component in found],
    }


def _as_json(component: Component) -> dict[str, Any]:
    held: dict[str, Any] = {
        "type": "library",
        "bom-ref": component.purl,
        "name": component.name,
        "version": component.version,
        "purl": component.purl,
    }
    if component.license:
        held["licenses"] = [{"license": {"name": component.license}}]
    if component.where:
        held["evidence"] = {"occurrences": [{"location": component.where}]}
    return held


def components(archive: Path, layers: Iterable[str]) -> Iterator[Component]:
    """Everything that the files of an image tell of, higher layers hiding what lies below."""
    files = _telling_files(archive, layers)
    distribution = _distribution(files)
    seen = set()
    for path, content in sorted(files.items()):
        for component in _told(path, content, distribution):
            if component.purl not in seen:
                seen.add(component.purl)
                yield component


def _told(path: str, content: bytes, distribution: str) -> Iterator[Component]:
    if path == DPKG_STATUS:
        yield from debian_packages(content.decode("utf-8", "replace"), distribution)
    elif PYTHON_METADATA.search(path):
        yield from python_distribution(path, content.decode("utf-8", "replace"))
    elif content.startswith(b"\x7fELF"):
        yield from go_modules(path, content)


def _telling_files(archive: Path, layers: Iterable[str]) -> dict[str, bytes]:
    held: dict[str, bytes] = {}
    with tarfile.open(archive) as tar:
        for digest in layers:
            stream = tar.extractfile(f"blobs/{digest.replace(':', '/')}")
            if stream is None:
                raise LocalError(f"The layer {digest} of {archive} is not a file. Build the image again.")
            _read_layer(stream, held)
    return held


def _read_layer(stream: IO[bytes], held: dict[str, bytes]) -> None:
    with tarfile.open(fileobj=stream, mode="r|*") as layer:
        for member in layer:
            path = member.name.removeprefix("./").removeprefix("/")
            folder, _, name = path.rpartition("/")
            if name.startswith(WHITEOUT):
                hidden = f"{folder}/{name.removeprefix(WHITEOUT)}".lstrip("/")
                for other in [one for one in held if one == hidden or one.startswith(f"{hidden}/")]:
                    del held[other]
            elif member.isfile() and _tells(path, member.mode):
                content = layer.extractfile(member)
                held[path] = content.read() if content else b""


def _tells(path: str, mode: int) -> bool:
    return (
        path == DPKG_STATUS
        or path in OS_RELEASE
        or PYTHON_METADATA.search(path) is not None
        or (bool(mode & 0o111) and PROGRAM_FOLDERS.fullmatch(path) is not None)
    )


def _distribution(files: Mapping[str, bytes]) -> str:
    for path in OS_RELEASE:
        held = dict(
            line.split("=", 1) for line in files.get(path, b"").decode().splitlines() if line.count("=") == 1
        )
        if "ID" in held:
            return "-".join(held[key].strip('"') for key in ("ID", "VERSION_ID") if key in held)
    return "debian"


def debian_packages(status: str, distribution: str) -> Iterator[Component]:
    """The installed packages of Debian's database, which names no licence."""
    for paragraph in status.split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", paragraph, re.MULTILINE))
        if "Package" in fields and fields.get("Status", "").endswith(" installed"):
            name, version, machine = fields["Package"], fields["Version"], fields.get("Architecture", "all")
            purl = (
                f"pkg:deb/{distribution.partition('-')[0]}/{quote(name)}@{quote(version, safe='')}"
                f"?arch={machine}&distro={distribution}"
            )
            yield Component(purl, name, version, where=DPKG_STATUS)


def python_distribution(path: str, metadata: str) -> Iterator[Component]:
    """The distribution that a METADATA file describes; none if it names none."""
    fields = email.message_from_string(metadata)
    name, version = fields.get("Name", ""), fields.get("Version", "")
    if name and version:
        spelled = re.sub(r"[-_.]+", "-", name).lower()
        words = (fields.get("License-Expression") or fields.get("License") or "").splitlines()
        purl = f"pkg:pypi/{spelled}@{quote(version, safe='')}"
        yield Component(purl, name, version, words[0].strip() if words else "", path)


def go_modules(path: str, program: bytes) -> Iterator[Component]:
    """The modules that a Go program was linked from, by the information that Go leaves in it."""
    at = program.find(GO_MAGIC)
    if at < 0 or not program[at + len(GO_MAGIC) + 1] & GO_INLINE:
        return
    compiler, rest = _go_string(program, at + GO_HEADER)
    modules, _ = _go_string(program, rest)
    version = compiler.decode("utf-8", "replace").removeprefix("go").partition(" ")[0]
    yield Component(f"pkg:golang/stdlib@{version}", "stdlib", version, where=path)
    linked: list[list[str]] = []
    for line in modules[GO_SENTINEL:-GO_SENTINEL].decode("utf-8", "replace").splitlines():
        kind, *words = line.split("\t")
        if kind in {"mod", "dep"}:
            linked.append(words)
        elif kind == "=>" and linked:
            linked[-1] = words  # this module came in the place of the one before
    for module, module_version in (words[:2] for words in linked if len(words) > 1):
        if module_version != "(devel)":
            purl = f"pkg:golang/{quote(module)}@{quote(module_version, safe='')}"
            yield Component(purl, module, module_version, where=path)


def _go_string(program: bytes, at: int) -> tuple[bytes, int]:
    """A string with its length in front, as a variable-length number, and where it ends."""
    length = shift = 0
    while True:
        byte = program[at]
        length |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:  # noqa: PLR2004 - the top bit says that more follows
            return program[at : at + length], at + length


def locked(requirements: str) -> Iterator[Component]:
    """The packages that a lock file pins: for what is copied out of a wheel without its metadata."""
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", requirements, re.MULTILINE):
        yield Component(f"pkg:pypi/{name}@{version}", name, version)


def as_text(held: Mapping[str, Any]) -> str:
    """A bill as its file holds it."""
    return json.dumps(held, indent=1, sort_keys=True) + "\n"
