"""Brush strokes: what the browser sends, and the same strokes on the full-size label map.

A stroke is a chain of segments between integer picture pixels, drawn with a round brush. A pixel is painted when its
distance to the chain is at most the radius. Twice the radius is an integer, so every comparison is between integers
and the browser (ui/viewer/labels.js, `paint`) paints exactly the same pixels. A stroke of radius 0 is a rectangle,
filled, from its first point to its last, both included.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from seglab.types import Labels

ERASE = -1  # the stroke's class that gives back what was there before any stroke
MAX_POINTS = 20_000  # of one picture's strokes together; more than hours of painting, and still quick to redraw
MAX_RADIUS = 500.0


@dataclass(frozen=True)
class Stroke:
    """One stroke: class index (`ERASE`: give back the original), radius in picture pixels (0: a rectangle), points."""

    class_index: int
    radius: float
    points: tuple[tuple[int, int], ...]


def apply_strokes(labels: Labels, strokes: Iterable[Stroke]) -> Labels:
    """Return a copy of `labels` (H, W) with the strokes painted in order; an eraser stroke gives back `labels`.

    >>> zeros = np.zeros((3, 5), np.uint8)
    >>> apply_strokes(zeros, [Stroke(7, 0.5, ((0, 1), (4, 1))), Stroke(ERASE, 0.5, ((2, 1),))])
    array([[0, 0, 0, 0, 0],
           [7, 7, 0, 7, 7],
           [0, 0, 0, 0, 0]], dtype=uint8)
    """
    out = labels.copy()
    for stroke in strokes:
        if stroke.radius == 0:
            (left, right), (top, bottom) = (sorted(ends) for ends in zip(*stroke.points, strict=True))
            part = slice(max(0, top), max(0, bottom + 1)), slice(max(0, left), max(0, right + 1))
            out[part] = labels[part] if stroke.class_index == ERASE else stroke.class_index
            continue
        points = stroke.points if len(stroke.points) > 1 else stroke.points * 2
        for start, end in pairwise(points):
            _segment(out, labels, stroke, start, end)
    return out


def _segment(out: Labels, original: Labels, stroke: Stroke, a: tuple[int, int], b: tuple[int, int]) -> None:
    """Paint one segment into `out`, in place."""
    height, width = out.shape
    size = round(2 * stroke.radius)
    reach = size // 2 + 1
    x0, x1 = max(0, min(a[0], b[0]) - reach), min(width, max(a[0], b[0]) + reach + 1)
    y0, y1 = max(0, min(a[1], b[1]) - reach), min(height, max(a[1], b[1]) + reach + 1)
    if x0 >= x1 or y0 >= y1:
        return
    # float64 as in JavaScript: exact where the comparison is close, and no overflow where it is not
    px = np.arange(x0, x1, dtype=np.float64)[None] - a[0]
    py = np.arange(y0, y1, dtype=np.float64)[:, None] - a[1]
    dx, dy = float(b[0] - a[0]), float(b[1] - a[1])
    length2 = dx * dx + dy * dy
    along = px * dx + py * dy
    limit = float(size * size)
    near_start = 4 * (px * px + py * py) <= limit
    near_end = 4 * ((px - dx) ** 2 + (py - dy) ** 2) <= limit
    near_line = 4 * (px * dy - py * dx) ** 2 <= limit * length2
    hit = np.where(along <= 0, near_start, np.where(along >= length2, near_end, near_line))
    part = out[y0:y1, x0:x1]
    part[hit] = original[y0:y1, x0:x1][hit] if stroke.class_index == ERASE else stroke.class_index


def parse(value: Any, classes: frozenset[int]) -> tuple[Stroke, ...]:
    """Return the strokes in what a browser sent ([[class, radius, [x, y, x, y, …]], …]); what is malformed is dropped.

    The message comes from outside: class indices must be in `classes` or `ERASE`, numbers finite and bounded.

    >>> parse([[1, 2.5, [3, 4, 5, 6]], [99, 1, [0, 0]], "?"], frozenset({0, 1}))
    (Stroke(class_index=1, radius=2.5, points=((3, 4), (5, 6))),)
    """
    strokes: list[Stroke] = []
    left = MAX_POINTS
    for item in value if isinstance(value, list) else []:
        match item:
            case [int(k), int() | float() as radius, [_, _, *_] as flat]:
                pass
            case _:
                continue
        if isinstance(k, bool) or (k != ERASE and k not in classes):
            continue
        if not (0.5 <= radius <= MAX_RADIUS or (radius == 0 and len(flat) == 4)):
            continue
        if len(flat) % 2 or not all(type(v) is int and abs(v) <= 1_000_000 for v in flat):
            continue
        left -= len(flat) // 2
        if left < 0:
            break
        strokes.append(Stroke(k, round(2 * radius) / 2, tuple(zip(flat[::2], flat[1::2], strict=True))))
    return tuple(strokes)


def pack(strokes: Iterable[Stroke]) -> list[list[Any]]:
    """Return strokes in the browser's form, the inverse of `parse`."""
    return [[s.class_index, s.radius, [v for point in s.points for v in point]] for s in strokes]
