"""`bench`: how fast it is here, against what people write without it. See `seglab.bench`."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

BENCHES = ("inference", "postprocess", "pages")


def add(commands: Any) -> None:
    """Add the command and its own commands to the parser."""
    parser = commands.add_parser(
        "bench",
        help="measure the speed",
        description="Measure the speed on this machine. Let nothing else run meanwhile.",
    )
    parsers = parser.add_subparsers(metavar="WHAT", required=True)
    for name in BENCHES:
        if find_spec(f"seglab.bench.{name}"):
            import_module(f"seglab.bench.{name}").add(parsers)
