"""The choices of the atrous and RoI labs of the page "Upsampling", as they stand in its link."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ui.state import Field, choice, flag, number, whole
from ui.upsampling_state import pack, unpack

LAYERS, MOST_RATE = 6, 16  # of a stack
SIDE = 512  # pixels of the longer side of the picture that boxes are drawn on, as a network would get it
STRIDES = (16, 32, 64)  # of the feature map
MOST_BINS, MOST_SAMPLES = 8, 4
MAPS = ("photo", "places")
PATTERNS = ("lines", "point", "photo")
ATROUS_SIDE = 11  # cells of the grid that one layer works on
FIRST = np.random.default_rng(0).integers(0, 10, (ATROUS_SIDE, ATROUS_SIDE)).astype(np.float64)  # its numbers at first
EDGES = ("bx0", "by0", "bx1", "by1")
CELL = ("brow", "bcol")
GOOD_BOX = "upsampling.roi.box"  # the last box that could be


def stack(value: str) -> tuple[int, ...]:
    """Read the rates of a stack of layers, from the input on; ValueError saying what is wanted.

    >>> stack("1, 2, 5")
    (1, 2, 5)
    """
    parts = value.replace(",", " ").split()
    digits = all(part.isascii() and part.isdecimal() and len(part) < 4 for part in parts)
    if not (digits and 1 <= len(parts) <= LAYERS):
        raise ValueError(f"1 to {LAYERS} whole numbers with commas between them, a rate for each layer, as 1, 2, 5")
    rates = tuple(int(part) for part in parts)
    if not all(1 <= rate <= MOST_RATE for rate in rates):
        raise ValueError(f"rates from 1 to {MOST_RATE}: 1 is the ordinary convolution")
    return rates


def _stack(value: str) -> str:
    return ",".join(map(str, stack(value)))


def _small(value: str) -> str:
    grid = unpack(value)
    if grid.shape != (1, ATROUS_SIDE, ATROUS_SIDE):
        raise ValueError(f"{ATROUS_SIDE} rows of {ATROUS_SIDE} numbers, with / between the rows")
    return pack(grid)


ATROUS: tuple[Field, ...] = (
    whole("rk", 3, 2, 5),  # kernel size
    whole("rr", 2, 1, 6),  # rate of the one layer
    Field("ax", pack(FIRST[None]), _small, 2000),  # its input
    Field("rates", "2,2,2", _stack),
    choice("apat", "lines", PATTERNS),  # what goes through the stack
    whole("sfac", 2, 2, 3),  # shift-and-stitch's factor
)
ROI: tuple[Field, ...] = (
    # a box on a feature map, in pixels of the picture made `SIDE` long
    number("bx0", 69.0, 0, SIDE),
    number("by0", 53.0, 0, SIDE),
    number("bx1", 299.0, 0, SIDE),
    number("by1", 245.0, 0, SIDE),
    choice("rscale", 32, STRIDES),
    choice("rmap", "photo", MAPS),
    whole("bins", 3, 1, MOST_BINS),
    whole("samples", 2, 0, MOST_SAMPLES),  # along each axis of a bin; 0: as many as it has cells
    flag("aligned", True),
    whole("brow", 1, 0, MOST_BINS - 1),  # the bin that is written out
    whole("bcol", 1, 0, MOST_BINS - 1),
)
FIELDS = (*ATROUS, *ROI)


def box_shown(now: Mapping[Any, Any]) -> tuple[float, float, float, float]:
    """Return the box that the RoI lab shows: the last one that could be, before there was any the one at first.

    >>> box_shown({"bx0": 5.0})
    (69.0, 53.0, 299.0, 245.0)
    """
    x0, y0, x1, y1 = now.get(GOOD_BOX) or (field.default for field in ROI if field.key in EDGES)
    return x0, y0, x1, y1
