"""`make release` and `make rollback`: say what is served, and let the engine make it so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.errors import LocalError

if TYPE_CHECKING:
    from local.environment import Environment
    from local.progress import Progress


def versions(environment: Environment) -> list[str]:
    """A line for each complete version, newest first, with what is served marked."""
    artifacts = environment.artifacts()
    if artifacts is None:
        raise LocalError("The stack has no artifact bucket yet. Run `make up` first.")
    served = environment.release.read()
    lines = []
    for version in artifacts.versions():
        mark = "served" if served == version.release else ""
        written = version.written.isoformat(timespec="seconds")
        lines.append(f"{version.version}  {written}  {version.release.artifact_sha256[:12]}  {mark}".rstrip())
    return lines


def release(environment: Environment, progress: Progress, version: str) -> None:
    """Serve a version that the artifact bucket holds.

    Raises:
        LocalError: there is no such version, its artifact does not have the manifest's hash, or it did not
            become ready; in the last case the old version keeps serving and `make rollback` tidies up.
    """
    with environment.exclusively("release"):
        artifacts = environment.artifacts()
        if artifacts is None:
            raise LocalError("The stack has no artifact bucket yet. Run `make up` first.")
        wanted = artifacts.find(version).release
        if not artifacts.holds(wanted):
            raise LocalError(
                f"The artifact of version {version} does not have the SHA-256 that its manifest names "
                f"({wanted.artifact_sha256}). It was changed after training; train it anew."
            )
        environment.release.write(wanted)
        _serve(environment, progress, f"serve version {version}")


def rollback(environment: Environment, progress: Progress) -> None:
    """Serve what was served before the current release.

    Raises:
        LocalError: nothing was served before, or it did not become ready.
    """
    with environment.exclusively("rollback"):
        previous = environment.release.step_back()
        _serve(environment, progress, f"serve version {previous.version} again")


def _serve(environment: Environment, progress: Progress, name: str) -> None:
    for mended in environment.stack.prepare():
        progress.say(f"engine state: {mended}")
    environment.stack.up(progress, name)
