"""Crops of Scenes: a square around each thing, with some of the street, to be told by one class for the whole picture.

Conventions: boxes and squares are x0 y0 x1 y1 in px of the scene, from edge to edge. A square is `factor` times as wide
as the longer side of the thing's box, and lies within the scene: what doesn't fit is moved in, or made smaller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from seglab.palettes import SCENES
from seglab.specs_classes import THINGS
from seglab.types import Image, Sample

SIZE = (192, 192)  # of the scenes that are trained and tested on: so that a small thing has some pixels
SIDE = 64  # px that the network sees
FACTOR = 1.8
LEAST = 10 / 128  # of the scene's height: what is smaller is left out


__all__ = ["FACTOR", "LEAST", "SIDE", "SIZE", "THINGS", "Found", "cut", "square", "things"]


@dataclass(frozen=True)
class Found:
    """A thing of a scene: its id, its class as an index into THINGS, its box around what can be seen."""

    id: int
    k: int
    box: tuple[int, int, int, int]


def things(sample: Sample) -> list[Found]:
    """Return the things that a crop can show: large enough, and in their boxes not mostly hidden by others.

    Args:
        sample: of Scenes, with ids.

    Raises:
        ValueError: a sample of other classes, or without ids.

    >>> from seglab.datasets import scenes
    >>> [THINGS.names[found.k] for found in things(scenes.render(7, 0).sample)][:3]
    ['dog', 'car', 'ball']
    """
    if sample.palette != SCENES or sample.ids is None:
        raise ValueError(f"Crops are cut from Scenes with ids; {sample.key} has the classes of {sample.palette.title}.")
    found = []
    for n, place in enumerate(ndimage.find_objects(sample.ids.astype(np.int32)), 1):
        if place is None:
            continue
        inside = sample.ids[place]
        own = inside == n
        rows, columns = place
        if max(inside.shape) >= LEAST * len(sample.ids) and 2 * own.sum() > np.count_nonzero(inside):
            k = SCENES.things.index(int(sample.labels[place][own][0]))
            found.append(Found(n, k, (columns.start, rows.start, columns.stop, rows.stop)))
    return found


def square(
    box: tuple[int, int, int, int], size: tuple[int, int], factor: float = FACTOR, shift: tuple[float, float] = (0, 0)
) -> tuple[int, int, int, int]:
    """Return the square around a box, within a scene of `size` (height, width).

    Args:
        box: x0 y0 x1 y1 with x0 < x1 and y0 < y1.
        size: of the scene, in px.
        factor: side of the square over the box's longer side.
        shift: right and down, in sides of the square.

    >>> square((10, 20, 20, 40), (64, 64), 2.0), square((0, 0, 60, 10), (64, 64), 2.0)
    ((0, 10, 40, 50), (0, 0, 64, 64))
    """
    x0, y0, x1, y1 = box
    side = max(1, min(round(factor * max(x1 - x0, y1 - y0)), *size))
    left, top = ((a + b - side) / 2 + d * side for a, b, d in zip((x0, y0), (x1, y1), shift, strict=True))
    left, top = min(max(0, round(left)), size[1] - side), min(max(0, round(top)), size[0] - side)
    return left, top, left + side, top + side


def cut(image: Image, place: tuple[int, int, int, int]) -> Image:
    """Return the part of a picture (or mask) in a square, a copy.

    >>> cut(np.zeros((9, 9, 3), np.uint8), (1, 2, 5, 6)).shape
    (4, 4, 3)
    """
    x0, y0, x1, y1 = place
    return np.ascontiguousarray(image[y0:y1, x0:x1])
