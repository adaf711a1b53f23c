"""`bench`: how fast it is here, against what people write without it. See `seglab.bench`."""

from __future__ import annotations

from typing import Any

from seglab.bench import explain, inference, metrics, pages, panoptic, postprocess, scenes, zoo


def add(commands: Any) -> None:
    """Add the command and its own commands to the parser."""
    parser = commands.add_parser(
        "bench",
        help="measure the speed",
        description="Measure the speed on this machine. Let nothing else run meanwhile.",
    )
    parsers = parser.add_subparsers(metavar="WHAT", required=True)
    for module in (inference, postprocess, pages, panoptic, metrics, scenes, explain, zoo):
        module.add(parsers)
