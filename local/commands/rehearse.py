"""`make rehearse STACK=...`: an environment, whole, on throwaway emulators, and gone again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.commands.policy import hold_to_rules
from local.errors import LocalError
from local.rehearsal.acts import Acts
from local.rehearsal.processes import mentioning
from local.rehearsal.rehearsal import rehearsing

if TYPE_CHECKING:
    from local.progress import Progress


def rehearse(stack: str, progress: Progress, *, rules: bool = False) -> None:
    """Bring an environment up by the real engine, prove what must hold of it, destroy it, leave nothing.

    Args:
        stack: name of the environment.
        progress: where steps are told.
        rules: also hold the resolved state to every rule.

    Raises:
        LocalError: something in it failed, or is left; the last words of what did are in the text.
    """
    with rehearsing(stack, progress) as rehearsal:
        folder = rehearsal.project.folder
        acts = Acts(rehearsal)
        acts.bring_up()
        acts.check_outputs()
        if rules:
            hold_to_rules(rehearsal, progress)
        acts.change_one_setting()
        acts.refuse_loss()
        acts.take_protection_off()
        acts.destroy()
    left = [f"process {process.pid} ({process.name()})" for process in mentioning(folder)]
    left += [f"folder {folder}"] if folder.exists() else []
    if left:
        raise LocalError("The rehearsal left on this machine: " + ", ".join(left))
    progress.say(f"rehearsed {stack}: no process, folder or port of it is left")
