"""`make shell`: a shell in which plain `pulumi`, `kubectl` and `helm` work on this environment."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from local.errors import LocalError

if TYPE_CHECKING:
    from local.environment import Environment


def shell(environment: Environment) -> None:
    """Become the user's own shell, in the checkout; commands may also come on standard input.

    Raises:
        LocalError: nothing was ever brought up here, so there is no engine to call.
    """
    if not (environment.instance.bin / "pulumi").exists():
        raise LocalError("There is no environment here yet. Run `make up` first, then `make shell`.")
    os.chdir(environment.instance.checkout)
    program = os.environ.get("SHELL") or "/bin/sh"
    os.execvpe(program, [program], {**os.environ, **environment.variables})  # noqa: S606 - that is the command


def exports(environment: Environment) -> str:
    """The same variables as lines for `eval "$(make -s env)"`."""
    return "\n".join(
        f"export {name}={shlex.quote(value)}" for name, value in sorted(environment.variables.items())
    )
