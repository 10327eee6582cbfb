"""The commands behind `make`, one line each; what they do is in `local.commands`."""

from __future__ import annotations

import os
import sys
from pathlib import Path  # noqa: TC003 - typer reads annotations when it runs
from typing import Annotated

import typer

from local.environment import Environment
from local.errors import LocalError
from local.instance import Instance
from local.leash import follow
from local.progress import Progress

INTERRUPTED = 130

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


def _environment() -> Environment:
    return Environment(Instance.of_checkout())


@app.command()
def up() -> None:
    """Bring the whole environment up, or repair it."""
    from local.commands.up import up as command  # noqa: PLC0415 - each command loads only what it needs

    command(_environment(), Progress())


@app.command()
def stop() -> None:
    """End the processes, keep everything."""
    environment, progress = _environment(), Progress()
    with environment.exclusively("stop"):
        environment.cluster.stop(progress)


@app.command()
def down() -> None:
    """Destroy the environment and prove that nothing is left."""
    from local.commands.down import down as command  # noqa: PLC0415

    command(_environment(), Progress())


@app.command()
def purge() -> None:
    """Remove all of Plinth's caches of this user."""
    from local.commands.purge import purge as command  # noqa: PLC0415

    command(Instance.of_checkout(), Progress())


@app.command()
def status(*, json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """What runs, where it answers, what is realised."""
    from local.commands.status import as_json, as_text, collect  # noqa: PLC0415

    found = collect(_environment())
    typer.echo(as_json(found) if json else as_text(found))


@app.command()
def shell() -> None:
    """A shell in which plain `pulumi` works on the local stack."""
    from local.commands.shell import shell as command  # noqa: PLC0415

    command(_environment())


@app.command()
def env() -> None:
    """The same as lines of `export NAME=value`."""
    from local.commands.shell import exports  # noqa: PLC0415

    typer.echo(exports(_environment()))


@app.command()
def release(version: Annotated[str, typer.Argument(help="Leave out to list the versions.")] = "") -> None:
    """Serve a trained version; without one, list what there is."""
    from local.commands import release as commands  # noqa: PLC0415

    if version:
        commands.release(_environment(), Progress(), version)
    else:
        typer.echo("\n".join(commands.versions(_environment())))


@app.command()
def rollback() -> None:
    """Serve what was served before."""
    from local.commands import release as commands  # noqa: PLC0415

    commands.rollback(_environment(), Progress())


@app.command()
def drift(stack: Annotated[str, typer.Argument(help="Name of the environment.")]) -> None:
    """Name what was changed behind Pulumi's back."""
    from local.commands.drift import drift as command  # noqa: PLC0415

    command(_environment(), Progress(), stack)


@app.command()
def cost(stack: Annotated[str, typer.Argument(help="Name of the environment.")]) -> None:
    """Estimate what an environment costs in a month."""
    from local.commands.cost import cost as command  # noqa: PLC0415

    command(stack, Progress())


@app.command()
def leftovers(
    stack: Annotated[str, typer.Argument(help="Name of the environment.")],
    state: Annotated[Path, typer.Argument(help="What `pulumi stack export` gave before the destroy.")],
) -> None:
    """List by tag what an account still holds after a destroy."""
    from local.commands.leftovers import leftovers as command  # noqa: PLC0415

    command(stack, state, Progress())


@app.command()
def rehearse(
    stack: Annotated[str, typer.Argument(help="Name of the environment.")],
    *,
    rules: Annotated[bool, typer.Option(help="Also hold what is up to every rule.")] = False,
) -> None:
    """Bring an environment up on throwaway emulators, check it, destroy it."""
    from local.commands.rehearse import rehearse as command  # noqa: PLC0415

    command(stack, Progress(), rules=rules)


@app.command()
def policy(
    stacks: Annotated[list[str], typer.Argument(help="Names of environments.")],
    *,
    mutants: Annotated[bool, typer.Option(help="Also break one property after the other.")] = False,
) -> None:
    """Hold environments to every rule at preview, at update and on the resolved state."""
    from local.commands.policy import policy as command  # noqa: PLC0415

    command(stacks, Progress(), mutants=mutants)


@app.command()
def sbom() -> None:
    """Write a bill of materials for each image."""
    from local.commands.sbom import write as command  # noqa: PLC0415

    for path, count in command(Instance.of_checkout(), Progress()).items():
        typer.echo(f"{path}: {count} components")


@app.command()
def lock() -> None:
    """Resolve the dependency groups anew and lock them by hash."""
    from local.commands.lock import lock as command  # noqa: PLC0415

    command(Instance.of_checkout())


def main() -> int:
    """Run a command; an error meant for a person is printed without a traceback."""
    try:
        status = app(standalone_mode=False)
    except LocalError as error:
        typer.echo(f"error: {error}", err=True)
        return 1
    except typer.Exit as leaving:
        return leaving.exit_code
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("interrupted; run the same command again to go on", err=True)
        return INTERRUPTED
    if status == INTERRUPTED:  # what typer makes of an interrupt that it catches itself
        typer.echo("interrupted; run the same command again to go on", err=True)
    return status if isinstance(status, int) else 0


if __name__ == "__main__":
    follow(os.getppid(), "make")
    sys.exit(main())
