"""A throwaway copy of program, config and releases, so that a rehearsal changes no file of yours."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import yaml

from local.alone import alone
from local.errors import LocalError
from local.instance import CHECKOUT, Instance
from local.process import started
from local.rehearsal.ground import Surroundings
from local.rehearsal.processes import mentioning

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "plinth-rehearsal"
IMAGES = ("serving", "pipeline", "envoy", "envoy_gateway")
ENGINE_SECRETS = ("secretsprovider", "encryptedkey", "encryptionsalt")
"""Of the stack's own state backend; a rehearsal has one in its own folder, under its own passphrase."""

LINKED = ("app", "components", "data", "policies", ".venv")
"""What the program reads and never writes; a link does."""

EXAMPLE_DIGEST = hashlib.sha256(b"an image that nobody pulls").hexdigest()
EXAMPLE_RELEASE = {
    "model": "support2-mortality",
    "version": "rehearsal",
    "artifact_sha256": hashlib.sha256(b"an artifact that nobody loads").hexdigest(),
}


@dataclass(frozen=True)
class Project:
    """One environment's files in a folder of their own.

    Attributes:
        stack: name of the environment.
        folder: where everything of the rehearsal is.
        supplied: what the files of the environment leave open and a rehearsal had to fill in, a line each.
    """

    stack: str
    folder: Path
    supplied: tuple[str, ...]

    @property
    def root(self) -> Path:
        """The project as the engine sees it."""
        return self.folder / "project"

    def instance(self, cache: Path) -> Instance:
        """The engine's home, state, tools and logs, all inside the folder."""
        return Instance(name="rehearsal", checkout=self.root, cache=cache)

    @property
    def config_file(self) -> Path:
        """The stack's config; a copy, that may be changed."""
        return self.root / "stacks" / f"Pulumi.{self.stack}.yaml"

    def config(self) -> dict[str, Any]:
        """The config by full key."""
        return dict(yaml.safe_load(self.config_file.read_text()).get("config") or {})

    def set(self, section: str, name: str, value: object) -> object:
        """Change one setting of the copy, such as `data`, `quarantineDays`; give what it was."""
        content = yaml.safe_load(self.config_file.read_text())
        part = content["config"].setdefault(f"plinth:{section}", {})
        before = part.get(name)
        if value is None:
            part.pop(name, None)
        else:
            part[name] = value
        self.config_file.write_text(yaml.safe_dump(content, sort_keys=False))
        return before

    def surroundings(self) -> Surroundings:
        """Account, Region and zones that the config names."""
        config = self.config()
        region = str(config.get("aws:region", ""))
        accounts = config.get("aws:allowedAccountIds") or [""]
        zones = (config.get("plinth:network") or {}).get("zones") or [f"{region}a"]
        return Surroundings(str(accounts[0]), region, tuple(zones))

    def release(self) -> dict[str, Any]:
        """What is to be served."""
        return dict(yaml.safe_load((self.root / "stacks" / "releases" / f"{self.stack}.yaml").read_text()))


@contextlib.contextmanager
def project(stack: str) -> Iterator[Project]:
    """Copy what an environment consists of; remove the copy at the end.

    Raises:
        LocalError: there is no such environment, or its files are refused.
    """
    # No other may sweep between the making of a folder and the word whose it is.
    with alone(Path(tempfile.gettempdir())):
        sweep()
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}-{os.geteuid()}-{stack}-"))
        (folder / "owner").write_text(json.dumps([os.getpid(), started(os.getpid())]))
    try:
        supplied = _copy(stack, folder / "project")
        _check(stack, folder / "project")
        yield Project(stack, folder, tuple(supplied))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(stack: str, root: Path) -> list[str]:
    root.mkdir(mode=0o700)
    shutil.copyfile(CHECKOUT / "Pulumi.yaml", root / "Pulumi.yaml")
    shutil.copytree(
        CHECKOUT / "stacks", root / "stacks", ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
    )
    for name in LINKED:
        (root / name).symlink_to(CHECKOUT / name)
    file = root / "stacks" / f"Pulumi.{stack}.yaml"
    if not file.is_file():
        known = sorted(path.name.split(".")[1] for path in (root / "stacks").glob("Pulumi.*.yaml"))
        raise LocalError(f"There is no environment {stack!r}. Known: {', '.join(known)}.")
    content = yaml.safe_load(file.read_text())
    for key in ENGINE_SECRETS:
        content.pop(key, None)
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return _supply(stack, root, content.get("config") or {})


def _supply(stack: str, root: Path, config: dict[str, Any]) -> list[str]:
    """Write examples where a fresh checkout has no built image or no release, and say so."""
    releases = root / "stacks" / "releases"
    supplied = []
    images = releases / f"{stack}.images.yaml"
    if not images.is_file() and "plinth:images" not in config:
        names = {name: f"rehearsal.invalid/{name}@sha256:{EXAMPLE_DIGEST}" for name in IMAGES}
        images.write_text(yaml.safe_dump(names))
        supplied.append("images: none are named, examples by digest stand in; simulated nodes pull nothing")
    release = releases / f"{stack}.yaml"
    if not release.is_file():
        release.write_text(yaml.safe_dump(EXAMPLE_RELEASE))
        supplied.append(f"release: there is no releases/{stack}.yaml, an example stands in")
    return supplied


def _check(stack: str, root: Path) -> None:
    """Ask the program itself whether it takes these files, before anything is started."""
    check = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "stacks.settings", "check", stack],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    if check.returncode != 0:
        raise LocalError((check.stderr or check.stdout).strip())


def sweep() -> list[Path]:
    """Remove what killed rehearsals of this user left: their folders, and processes that still use them."""
    swept = []
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}-{os.geteuid()}-*"):
        if _is_alive(folder / "owner"):
            continue
        for process in mentioning(folder):
            with contextlib.suppress(psutil.Error):
                process.kill()
        shutil.rmtree(folder, ignore_errors=True)
        swept.append(folder)
    return swept


def _is_alive(owner: Path) -> bool:
    try:
        pid, then = json.loads(owner.read_text())
        now = started(int(pid))
    except (OSError, ValueError, TypeError):
        return False
    # A version before this one wrote a time of day, which is no proof: whatever lives is left alone.
    return now is not None and (now == then or isinstance(then, float))
