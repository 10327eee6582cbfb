"""Runs one Pulumi program in an interpreter of its own; started by the language host, never by a person.

This file is run by path, with whatever Python the project's virtual environment has, so it imports nothing of
Plinth. Arguments: a JSON object with the fields of `Run`. Configuration comes in PULUMI_CONFIG and
PULUMI_CONFIG_SECRET_KEYS, not in arguments, which every user of the machine can read.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import runpy
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypedDict

SHOWN_TO_USER = 32
"""Exit status that says: it failed, and the reason is already in front of the person."""


SPARE_THREADS = 8
"""Beyond those that the engine keeps busy, so that a next one waits at the engine rather than here."""
MOST_THREADS = 256

COLLECTION = (50_000, 20, 100)
"""What a program makes stays until its end, and most of it is the SDK's classes: looking for garbage in it as
often as Python does by itself takes a third of the time."""


class Run(TypedDict):
    """What the engine asks for."""

    project: str
    stack: str
    organization: str
    root_directory: str
    working_directory: str
    program: str
    arguments: list[str]
    monitor: str
    engine: str
    parallel: int
    dry_run: bool


def own_part(error: BaseException, program: str) -> str:
    """The traceback without the frames that ran the program, so that it starts in the person's code."""
    folder = Path(program).parent if Path(program).is_file() else Path(program)
    report = traceback.TracebackException.from_exception(error)
    frames = list(report.stack)
    for index, frame in enumerate(frames):
        if Path(frame.filename).is_relative_to(folder):
            report.stack = traceback.StackSummary.from_list(frames[index:])
            break
    return "".join(report.format())


def threads(parallel: int) -> int:
    """How many registrations may wait for the engine at once: each holds a thread until its resource is made.

    asyncio's own number follows the processors alone; on two of them six slow resources would hold up all
    others, whatever parallelism the engine was given.
    """
    return min(max(parallel, 0) + SPARE_THREADS, MOST_THREADS)


def main() -> int:
    """Run the program inside a stack; gives the exit status."""
    gc.set_threshold(*COLLECTION)
    run: Run = json.loads(sys.argv[1])
    try:
        import pulumi  # noqa: PLC0415 - it may be missing, and then that is what has to be said
        import pulumi.runtime  # noqa: PLC0415 - as above
    except ImportError:
        traceback.print_exc()
        print(  # noqa: T201 - there is no engine to tell it to without the SDK
            f"The Pulumi SDK is not installed for {sys.executable}: `make setup` installs it.",
            file=sys.stderr,
        )
        return 1
    pulumi.runtime.set_all_config(
        pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env()
    )
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            project=run["project"],
            stack=run["stack"],
            organization=run["organization"],
            root_directory=run["root_directory"],
            monitor=run["monitor"],
            engine=run["engine"],
            parallel=run["parallel"],
            dry_run=run["dry_run"],
        )
    )
    sys.argv = [run["program"], *run["arguments"]]
    os.chdir(run["working_directory"])
    # A failed resource leaves futures that nobody awaits; asyncio would print a page about each.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_default_executor(ThreadPoolExecutor(threads(run["parallel"])))
    status = SHOWN_TO_USER
    try:
        loop.run_until_complete(
            pulumi.runtime.run_in_stack(lambda: _ignore(runpy.run_path(run["program"], run_name="__main__")))
        )
        status = 0
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
    except KeyboardInterrupt:
        status = 130
    except Exception as error:  # noqa: BLE001 - whatever the program raises is the person's to read
        pulumi.log.error("Program failed with an unhandled exception:\n" + own_part(error, run["program"]))
    finally:
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()
    return status


def _ignore(_module: object) -> None:
    """A program's namespace is not something to await."""


if __name__ == "__main__":
    sys.exit(main())
