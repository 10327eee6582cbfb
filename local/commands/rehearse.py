"""`make rehearse STACK=...`: an environment, whole, on throwaway emulators, and gone again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from local.commands.policy import hold_to_rules
from local.errors import LocalError
from local.rehearsal.acts import Acts
from local.rehearsal.processes import mentioning
from local.rehearsal.rehearsal import rehearsing

if TYPE_CHECKING:
    from pathlib import Path

    from local.progress import Progress


ENDING_SECONDS = 5.0
"""How long what the engine started may take to end after it."""
POLL_SECONDS = 0.1


def rehearse(stack: str, progress: Progress, *, rules: bool = False) -> int:
    """Bring an environment up by the real engine, prove what must hold of it, destroy it, leave nothing.

    Args:
        stack: name of the environment.
        progress: where steps are told.
        rules: also hold the resolved state to every rule.

    Returns:
        The number of its resources.

    Raises:
        LocalError: something in it failed, or is left; the last words of what did are in the text.
    """
    with rehearsing(stack, progress) as rehearsal:
        folder = rehearsal.project.folder
        acts = Acts(rehearsal)
        resources = acts.bring_up()
        acts.check_outputs()
        if rules:
            hold_to_rules(rehearsal, progress)
        acts.change_one_setting()
        acts.refuse_loss()
        acts.take_protection_off()
        acts.destroy()
    left = traces(folder)
    if left:
        raise LocalError("The rehearsal left on this machine: " + ", ".join(left))
    progress.say(f"rehearsed {stack}: no process, folder or port of it is left")
    return resources


def traces(folder: Path) -> list[str]:
    """What is left of a rehearsal that has ended: its folder, and processes, which alone could hold ports."""
    deadline = time.monotonic() + ENDING_SECONDS
    while (processes := mentioning(folder)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    left = [f"process {process.pid} ({process.info['name']})" for process in processes]
    return left + ([f"folder {folder}"] if folder.exists() else [])
