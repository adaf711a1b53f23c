"""`bench scenes`: how many scenes of 128×128 are drawn in a second, on one core and on all at once.

Each core has a process of its own, which draws the test set's scenes one after the other with the default parameters,
everything included: plan, picture, labels, ids, boxes, whole masks. The first few aren't counted.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from seglab.machine import cores, line

WANTED, ON = 150.0, 2  # scenes/s on so many cores


@dataclass(frozen=True)
class Row:
    """Processes at once, scenes each drew, scenes/s of all together, ms a scene takes one; met: None, nothing asked."""

    processes: int
    scenes: int
    per_second: float
    ms: float
    wanted: float | None
    met: bool | None


def add(parsers: Any) -> None:
    """Add the arguments of `bench scenes`."""
    from seglab.cli.common import positive

    parser = parsers.add_parser("scenes", help="drawing of procedural street scenes")
    parser.add_argument("--json", action="store_true", help="print figures as JSON, not as a table")
    parser.add_argument("--scenes", type=positive, default=300, metavar="N", help="of each process (default: 300)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print; return the exit status."""
    rows = [measure(n, args.scenes) for n in sorted({1, min(ON, cores()), cores()})]
    print(
        json.dumps({"machine": line(), "rows": [asdict(row) for row in rows]}, indent=1) if args.json else table(rows)
    )
    return 0


def measure(processes: int, n: int) -> Row:
    """Let so many processes draw n scenes each, all at the same time."""
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(processes, context) as pool:
        start = manager.Barrier(processes)
        seconds = list(pool.map(draw, [start] * processes, [n] * processes))
    rate = sum(n / s for s in seconds)
    wanted = WANTED if processes == ON else None
    return Row(processes, n, rate, 1000 * processes / rate, wanted, None if wanted is None else rate >= wanted)


def draw(start: Any, n: int) -> float:
    """Wait for the other processes, draw n scenes, return the seconds that took."""
    from seglab.datasets import scenes

    some = scenes.test_set()
    for i in range(10):
        some.scene(i)
    start.wait()
    began = time.perf_counter()
    for i in range(n):
        some.scene(i % len(some))
    return time.perf_counter() - began


def table(rows: list[Row]) -> str:
    """Return the rows as text."""
    lines = [f"{'processes':<11}{'scenes each':>12}{'scenes/s':>10}{'ms a scene':>12}{'wanted':>9}"]
    for r in rows:
        wanted = "" if r.wanted is None else f"{r.wanted:g}/s"
        lines.append(f"{r.processes:<11}{r.scenes:>12}{r.per_second:>10.0f}{r.ms:>12.1f}{wanted:>9}"
                     + ("  falls short" if r.met is False else ""))  # fmt: skip
    lines.append(f"128×128, default parameters, picture and all truths; {line()}.")
    return "\n".join(lines)
