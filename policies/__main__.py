"""`python -m policies COMMAND` runs the gate; started by the engine, the package serves the policy pack."""

from __future__ import annotations

import sys

from policies import cli


def main() -> int:
    """Serve the engine unless a command, or a plea for help, is on the command line."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] not in (*cli.COMMANDS, "-h", "--help"):
        # The engine starts `python -m pulumi.policy ADDRESS PACK`, which runs this file.
        from policies import pack  # noqa: PLC0415 - the SDK takes a second to import, which commands don't need

        pack.serve()
        return 0
    return cli.main(arguments or ["--help"])


if __name__ == "__main__":
    status = main()
    if status:
        raise SystemExit(status)
