"""`python -m seglab`: the library on the command line. See `seglab.cli` for the commands and what they promise."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from seglab import __version__, machine


def parser() -> argparse.ArgumentParser:
    """Build the parser of all commands."""
    from seglab.cli import bench, evaluate, models, segment, train

    top = argparse.ArgumentParser(
        prog="seglab", description="Image segmentation with real networks.", epilog="The pages start with: make app"
    )
    top.add_argument("--version", action="version", version=f"seglab {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for module in (models, segment, train, evaluate, bench):
        module.add(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; wrong arguments leave through SystemExit(2), as argparse does."""
    # Closed by whoever started us: what is said goes nowhere.
    sys.stdout, sys.stderr = (stream or open(os.devnull, "w") for stream in (sys.stdout, sys.stderr))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a letter must not end the command
            stream.reconfigure(errors="replace")
    machine.tell_openmp()
    try:
        return _run(arguments)
    except KeyboardInterrupt:  # at any time, even while modules are still being loaded
        print("seglab: stopped", file=sys.stderr)
        return 130


def _run(arguments: Sequence[str] | None) -> int:
    from seglab.cli.common import Failure, UsageError, say

    args = parser().parse_args(arguments)
    try:
        status: int = args.run(args)
        sys.stdout.flush()
    except UsageError as error:
        say(f"seglab: error: {error}")
        return 2
    except Failure as error:
        say(f"seglab: {error}")
        return 1
    except OSError as error:  # stdout: its disk is full, or its reader has left, as in `models | head -1`
        if not isinstance(error, BrokenPipeError):
            say(f"seglab: {error}")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
