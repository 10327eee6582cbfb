"""The release file: which model version is served, as data in one small file of its own."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import yaml

from local.errors import LocalError
from local.instance import STACK
from local.storage import remove_unfinished, write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from local.instance import Instance

SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Release:
    """What is served: the model's name, the version and the SHA-256 of its artifact."""

    model: str
    version: str
    artifact_sha256: str

    def __post_init__(self) -> None:
        """Refuse a hash that can't be one: it would only fail later, in every pod."""
        if not SHA256.fullmatch(self.artifact_sha256):
            raise LocalError(
                f"The artifact hash {self.artifact_sha256!r} is not a SHA-256 (64 hexadecimal digits). "
                "Take it from the version's manifest: `make release VERSION=...` does."
            )


class ReleaseFile:
    """`stacks/releases/local.yaml`, and what it said before, so that a rollback is one command."""

    def __init__(self, instance: Instance) -> None:
        releases = instance.checkout / "stacks" / "releases"
        self.path = releases / f"{STACK}.yaml"
        self.images = releases / f"{STACK}.images.yaml"
        self._history = instance.state / "releases"

    def read(self) -> Release | None:
        """What the file says; None if nothing is released.

        Raises:
            LocalError: the file is there, but is not a release.
        """
        return _read(self.path)

    def write(self, release: Release) -> None:
        """Make a release current; what was current becomes the newest in the history."""
        current = self.read()
        if current == release:
            return
        if current is not None:
            write_atomically(self._history / f"{len(self._past()):06d}.yaml", text_of(current))
        write_atomically(self.path, text_of(release))

    def write_images(self, references: dict[str, str]) -> None:
        """Record the digests of the locally built images, which differ by machine."""
        text = "# Written by `make up`: digests of the images built on this machine.\n"
        write_atomically(self.images, text + yaml.safe_dump(references, sort_keys=True))

    def step_back(self) -> Release:
        """Make the release before the current one current again, and forget the current one.

        Raises:
            LocalError: there was none before.
        """
        previous = self.previous()
        write_atomically(self.path, text_of(previous))
        self._past()[-1].unlink()
        return previous

    def previous(self) -> Release:
        """The release before the current one.

        Raises:
            LocalError: there was none before.
        """
        past = self._past()
        if not past:
            raise LocalError(
                "There is no earlier release to roll back to. `make release` lists the versions there are; "
                "`make release VERSION=...` serves one of them."
            )
        previous = _read(past[-1])
        if previous is None:
            raise LocalError(f"{past[-1]} vanished while it was read. Run the command again.")
        return previous

    def remove(self) -> None:
        """Forget all releases, as the environment that had them is gone."""
        for file in (self.path, self.images, *self._past()):
            file.unlink(missing_ok=True)
            remove_unfinished(file)

    def _past(self) -> list[Path]:
        return sorted(self._history.glob("*.yaml"))


def text_of(release: Release) -> str:
    """The release file's content."""
    return yaml.safe_dump(asdict(release), sort_keys=False)


def _read(path: Path) -> Release | None:
    try:
        content: Any = yaml.safe_load(path.read_text())
        return Release(**content)
    except FileNotFoundError:
        return None
    except (yaml.YAMLError, TypeError) as error:
        raise LocalError(
            f"{path} is not a release (model, version, artifact_sha256): {error}. "
            "Mend it, or delete it and run `make release VERSION=...`."
        ) from error
