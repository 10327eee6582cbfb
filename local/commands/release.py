"""`make release` and `make rollback`: say what is served, and let the engine make it so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.discipline import refuse_strangers
from local.errors import LocalError
from local.plan import steps
from local.release import text_of
from local.storage import write_atomically

if TYPE_CHECKING:
    from local.environment import Environment
    from local.progress import Progress
    from local.release import Release


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
        LocalError: there is no such version, its artifact does not have the manifest's hash, the plan would
            touch more than the inference service, or it did not become ready; in the last case the old
            version keeps serving and `make rollback` tidies up.
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
        _serve(environment, progress, wanted, f"serve version {version}")


def rollback(environment: Environment, progress: Progress) -> None:
    """Serve what was served before the current release.

    Raises:
        LocalError: nothing was served before, its artifact is lost, the plan would touch more than the
            inference service, or it did not become ready.
    """
    with environment.exclusively("rollback"):
        previous = environment.release.previous()
        artifacts = environment.artifacts()
        if artifacts is None or not artifacts.holds(previous):
            raise LocalError(
                f"The artifact of version {previous.version} (SHA-256 {previous.artifact_sha256}), which was "
                "served before, is not in its bucket, so no pod of it would get ready. Nothing was changed. "
                "`make release` names the versions that are there."
            )
        _serve(environment, progress, previous, f"serve version {previous.version} again", back=True)


def _serve(
    environment: Environment, progress: Progress, wanted: Release, name: str, *, back: bool = False
) -> None:
    """Look at the whole plan with the wanted release in place, then make it so."""
    file, stack = environment.release, environment.stack
    for mended in stack.prepare():
        progress.say(f"engine state: {mended}")
    before = file.path.read_text() if file.path.is_file() else None
    write_atomically(file.path, text_of(wanted))
    try:
        with progress.step("look at the plan", then=name):
            refuse_strangers(steps(stack.plan("--refresh")))
    except BaseException:
        if before is None:
            file.path.unlink(missing_ok=True)
        else:
            write_atomically(file.path, before)
        raise
    if before is not None:
        write_atomically(file.path, before)
    if back:
        file.step_back()
    else:
        file.write(wanted)
    stack.up(progress, name)
