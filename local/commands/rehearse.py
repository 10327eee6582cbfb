"""`make rehearse STACK=...`: an environment, whole, on throwaway emulators, and gone again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.rehearsal.rehearsal import rehearsing

if TYPE_CHECKING:
    from local.progress import Progress


def rehearse(stack: str, progress: Progress) -> None:
    """Bring an environment up by the real engine, count it, and destroy it.

    Raises:
        LocalError: something in it failed; the last words of what did are in the text.
    """
    with rehearsing(stack, progress) as rehearsal:
        rehearsal.bring_up()
        counts = rehearsal.stack.counts()
        progress.say(f"{counts.realised} resources realised, {counts.recorded_only} recorded only")
