"""`make clean`: take back what our commands have put into this checkout, and nothing else.

Afterwards the checkout is as it was cloned, with whatever the person has changed or added. The environment
itself is for `make down` to destroy: while there is one, this refuses. With nothing but the standard library,
because the packages are part of what goes.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

STATE = ".plinth"
VENV = ".venv"
MADE_BY = ".plinth-made-by"
"""In a virtual environment of ours, from its first moment on; one without it is the person's."""
ASIDE = ".venv.aside"
"""Where one of ours goes to be removed: its mark must not go before the rest does."""

MADE = (
    ASIDE,
    ".venv.lock",
    "plinth.egg-info",
    ".hypothesis",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    "stacks/releases/local.yaml",
    "stacks/releases/local.images.yaml",
)
UNFINISHED = "stacks/releases/.local.*.[0-9]*.????????"
"""What a killed writer of the releases has left; see `local.storage`."""
SOURCES = ("app", "benchmarks", "components", "local", "policies", "stacks", "tests")
BYTECODE = "__pycache__"


class EnvironmentLeftError(Exception):
    """There is still an environment here; its text says what to do."""


def clean(checkout: Path) -> list[str]:
    """Remove it all; give what was removed, relative to the checkout.

    Raises:
        EnvironmentLeftError: `make down` has to come first; nothing was removed.
        OSError: something can't be removed.
    """
    if (checkout / STATE).exists():
        raise EnvironmentLeftError(
            f"There is an environment in {checkout / STATE}. Run `make down` first: it proves "
            "that nothing is left. Nothing was removed."
        )
    removed = []
    for path in _made(checkout):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path.rename(checkout / ASIDE) if path.name == VENV else path)
        else:
            path.unlink()
        removed.append(path.relative_to(checkout).as_posix())
    return removed


def _made(checkout: Path) -> list[Path]:
    """What is there of ours; the packages last, for this may be running from them."""
    found = [*(checkout / name for name in MADE), *checkout.glob(UNFINISHED)]
    for source in SOURCES:
        for parent, folders, _ in os.walk(checkout / source):
            found += [Path(parent) / folder for folder in folders if folder == BYTECODE]
    if (checkout / VENV / MADE_BY).is_file():
        found.append(checkout / VENV)
    return [path for path in found if path.exists() or path.is_symlink()]


def main() -> int:
    """Clean this checkout and say what went."""
    try:
        removed = clean(CHECKOUT)
    except (EnvironmentLeftError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - nothing else is there to say it
        return 1
    print("\n".join(f"removed {name}" for name in removed) or "there is nothing to remove")  # noqa: T201 - as above
    return 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
