"""Rows of ours against a package's: what `bench panoptic` and `bench metrics` have in common.

A row is a task with two sides in processes of their own, which run in turns (see `seglab.bench.sides`); what both
return, arrays by name, is compared. A package that isn't installed makes a row that says so.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from seglab.bench.sides import Side, SideError, Timing, alternate, speedup
from seglab.machine import threads

Arrays = dict[str, np.ndarray]
Setup = Callable[[str], Callable[[], Arrays]]


@dataclass(frozen=True)
class Task:
    """One row.

    plain, ours: the sides, functions of a module that take `argument`; package: whose the plain one is; tolerance: how
    far values may lie apart, relative where they are above 1; wanted: the speed-up.
    """

    name: str
    plain: Setup
    ours: Setup
    package: str
    tolerance: float
    argument: str = ""
    wanted: float | None = None


@dataclass(frozen=True)
class Row:
    """Medians in ms, how many times as fast ours is, and the largest difference of values; or why there are none.

    met: whether it is as fast as wanted and the values agree to within the tolerance.
    """

    task: str
    package: str
    wanted: float | None
    plain_ms: float | None = None
    ours_ms: float | None = None
    speedup: float | None = None
    largest_difference: float | None = None
    met: bool | None = None
    missing: str | None = None


def add(parsers: Any, name: str, about: str, tasks: Sequence[Task], note: str) -> None:
    """Add `bench {name}`, which measures the tasks; `note` ends its table."""
    from seglab.cli.common import positive

    def run(args: argparse.Namespace) -> int:
        from seglab.cli.common import Failure

        try:
            rows = [measure(task, args.repeats) for task in tasks]
        except SideError as error:
            raise Failure(str(error)) from error
        figures = {"threads": threads(), "rows": [asdict(row) for row in rows]}
        print(json.dumps(figures, indent=1) if args.json else table(rows, note))
        return 0

    parser = parsers.add_parser(name, help=about)
    parser.add_argument("--json", action="store_true", help="print figures as JSON, not as a table")
    parser.add_argument("--repeats", type=positive, default=5, metavar="N", help="timed runs (default: %(default)s)")
    parser.set_defaults(run=run)


def measure(task: Task, repeats: int) -> Row:
    """Run both sides of a task in turns and compare what they return."""
    if find_spec(task.package) is None:
        missing = f"not measured: {task.package} isn't installed (pip install -r requirements-dev.txt)"
        return Row(task.name, task.package, task.wanted, missing=missing)
    plain, ours = alternate(
        [
            Side(side, f"{function.__module__}:{function.__name__}", task.argument, plain=side == "plain")
            for side, function in (("plain", task.plain), ("ours", task.ours))
        ],
        repeats,
    )
    return row(task, plain, ours)


def row(task: Task, plain: Timing, ours: Timing) -> Row:
    """Compare two timings; NaN equals NaN, infinity an equal one, and neither anything else."""
    assert isinstance(plain.output, dict)
    assert isinstance(ours.output, dict)
    difference = 0.0
    for name, theirs in plain.output.items():
        got = ours.output[name].astype(np.float64)
        same = (theirs == got) | (np.isnan(theirs) & np.isnan(got))
        with np.errstate(invalid="ignore"):  # of what isn't finite
            gaps = np.where(same, 0, np.abs(theirs - got) / np.maximum(1, np.abs(got)))
        difference = max(difference, float(np.nan_to_num(gaps, nan=np.inf).max()))
    factor = speedup(plain, ours)
    met = (task.wanted is None or factor >= task.wanted) and difference <= task.tolerance
    return Row(task.name, task.package, task.wanted, plain.median_ms, ours.median_ms, factor, difference, met)


def table(rows: Sequence[Row], note: str) -> str:
    """Return the rows as text."""
    lines = [
        f"{'task':<19}{'against':<14}{'theirs ms':>10}{'ours ms':>9}{'faster':>9}{'wanted':>8}{'largest diff.':>15}"
    ]
    for r in rows:
        lines.append(f"{r.task:<19}{r.package:<14}" + (r.missing or ""))
        if r.speedup is not None:
            wanted = "" if r.wanted is None else f"{r.wanted:g}×"
            lines[-1] += (
                f"{r.plain_ms:>10.1f}{r.ours_ms:>9.1f}{f'{r.speedup:.1f}×':>9}{wanted:>8}{r.largest_difference:>15.2g}"
                + ("" if r.met else "  falls short")
            )
    return "\n".join([*lines, f"{threads()} threads; {note}; medians; each side in a process of its own."])
