"""What a live run shows at a moment, and what is kept of it: bounded, however long the run.

A snapshot holds up to three lines, one for each network that trains, and small pictures: uint8, (h, w) grey or
(h, w, 3) RGB. Loss and score are floats, NaN where there is none; steps and images are counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Pictures = tuple[NDArray[np.uint8], ...]

LINES = 3  # at most: more curves than that nobody tells apart
SNAPSHOT_BYTES = 2**20  # of a snapshot, at most: 3 lines of 12 RGB pictures, 96×96
POINTS, KEPT = 400, 12  # of the curves; snapshots with pictures


@dataclass(frozen=True)
class Line:
    """Where one network of a run stands: loss, score (larger is better), what it makes of the fixed images.

    `note` says why it trains no longer, if so.
    """

    loss: float
    score: float = float("nan")
    pictures: Pictures = ()
    note: str = ""


@dataclass(frozen=True)
class Snapshot:
    """A moment of a run: step `done` of `total`, `images` seen so far by each network, its lines by name.

    `beside`: rows of pictures that stay the same, such as inputs and truth; give the same arrays each time.

    Raises:
        ValueError: no line or too many, pictures that aren't uint8 (h, w) or (h, w, 3), or more bytes than a moment may
            take.

    >>> Snapshot(3, 10, 24, {"BCE": Line(0.7), "Dice": Line(0.9)}).lines["Dice"].loss
    0.9
    """

    done: int
    total: int
    images: int
    lines: Mapping[str, Line]
    beside: Mapping[str, Pictures] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= len(self.lines) <= LINES:
            raise ValueError(f"A snapshot shows 1 to {LINES} lines; got {len(self.lines)}.")
        for picture in (p for row in (*self.beside.values(), *(s.pictures for s in self.lines.values())) for p in row):
            if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3,)):
                raise ValueError(
                    f"A snapshot's pictures are uint8, (h, w) or (h, w, 3); got {picture.dtype} {picture.shape}."
                )
        if (size := bytes_of(self)) > SNAPSHOT_BYTES:
            raise ValueError(
                f"A snapshot may take {SNAPSHOT_BYTES >> 10} KB; this one has {size >> 10}. "
                "Show fewer or smaller pictures."
            )


class Thinned(Generic[T]):
    """At most `most` items of a row of any length, evenly spread: each time it is full, every second one goes.

    >>> row = Thinned(4)
    >>> for n in range(12):
    ...     row.add(n)
    >>> row.items
    [0, 4, 8]
    """

    def __init__(self, most: int) -> None:
        self.items: list[T] = []
        self._most, self._stride, self._count = most, 1, 0

    def add(self, item: T) -> None:
        """Take the next item, or leave it out."""
        if self._count % self._stride == 0:
            if len(self.items) == self._most:
                self.items = self.items[::2]
                self._stride *= 2
            if self._count % self._stride == 0:
                self.items.append(item)
        self._count += 1


@dataclass(frozen=True)
class Point:
    """A point of the curves: the step, and (loss, score) of each line by name."""

    step: int
    values: Mapping[str, tuple[float, float]]


class History:
    """What is kept of a run: the newest snapshot, a few earlier ones, and the curves.

    >>> history = History()
    >>> for n in range(1000):
    ...     history.add(Snapshot(n, 1000, n, {"BCE": Line(1 / (n + 1))}))
    >>> len(history.points()) <= POINTS + 1, len(history.snapshots()) <= KEPT + 1, history.latest.done
    (True, True, 999)
    """

    def __init__(self) -> None:
        self.latest: Snapshot | None = None
        self._curve: Thinned[Point] = Thinned(POINTS)
        self._kept: Thinned[Snapshot] = Thinned(KEPT)

    def add(self, snapshot: Snapshot) -> None:
        """Take the next snapshot."""
        self._curve.add(_point(snapshot))
        self._kept.add(snapshot)
        self.latest = snapshot

    def points(self) -> list[Point]:
        """Return the curves' points, the newest last."""
        points = list(self._curve.items)
        if self.latest is not None and points[-1].step != self.latest.done:
            points.append(_point(self.latest))
        return points

    def snapshots(self) -> list[Snapshot]:
        """Return the snapshots that were kept, evenly spread, the newest last."""
        kept = list(self._kept.items)
        if self.latest is not None and kept[-1] is not self.latest:
            kept.append(self.latest)
        return kept

    @property
    def bytes(self) -> int:
        """What all this takes, about."""
        return bytes_of(self.snapshots()) + 64 * LINES * len(self._curve.items)


def _point(snapshot: Snapshot) -> Point:
    return Point(snapshot.done, {name: (line.loss, line.score) for name, line in snapshot.lines.items()})


def bytes_of(value: Any) -> int:
    """Bytes of the arrays, tensors and bytes within dicts, lists, tuples and dataclasses; an array counts once.

    >>> row = np.zeros(10, np.uint8)
    >>> bytes_of({"a": row, "b": [row, b"abc", Line(0.5)]})
    13
    """
    seen: dict[int, int] = {}

    def look(part: Any) -> None:
        if isinstance(part, Mapping):
            part = tuple(part.values())
        if isinstance(part, list | tuple):
            for each in part:
                look(each)
        elif is_dataclass(part):
            for each in fields(part):
                look(getattr(part, each.name))
        elif isinstance(part, bytes):
            seen[id(part)] = len(part)
        elif isinstance(size := getattr(part, "nbytes", None), int):  # a tensor has it too
            seen[id(part)] = size

    look(value)
    return sum(seen.values())
