"""The choices of the page "Upsampling", as they stand in its link, and grids of numbers as compact text.

A grid is written row by row: "2 4/0 1" is [[2, 4], [0, 1]]; channels (or kernels) are separated by "|".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ui.state import Field, choice, flag, whole
from ui.texts.upsampling import BACK, INPUT, KERNEL

Channels = NDArray[np.float64]  # (C, H, W)

LABS = ("grid", "checker", "rebuild", "atrous", "roi")
METHODS = ("nearest", "nails", "bilinear", "bicubic", "unpool", "transposed", "subpixel", "resize", "conv")
MODES = ("nearest", "bilinear", "bicubic")  # of resize-then-convolve
CHANNELS = ("1", "2", "groups")  # one channel, two, two in two groups
STARTS = ("plain", "random", "icnr")  # before the shuffle: its channels as they are, or filters that make them
SIDE = 16  # cells of an input or a kernel, at most
MOST_CHANNELS = 9
LIMIT = 999.0  # as the component of number grids has it
LONGEST = 10_000  # characters of a grid in a link: browsers and servers take about 30 000 in all
LONGEST_IN_FILE = 48_000  # in a lesson file: all that a grid can have
NUMBER = re.compile(r"[+-]?(?:\d{1,12}\.?\d{0,16}|\.\d{1,16})(?:[eE][+-]?\d{1,3})?", re.ASCII)  # all of `pack`'s


def pack(channels: Channels) -> str:
    """Write channels (C, H, W) as text for a link, each number with twelve digits, as many as 1/3 needs to stay 1/3.

    >>> pack(np.array([[[2, 4], [0, 1 / 3]]]))
    '2 4/0 0.333333333333'
    """
    return "|".join("/".join(" ".join(f"{v + 0.0:.12g}" for v in row) for row in one) for one in channels.tolist())


def unpack(text: str) -> Channels:
    """Read channels (C, H, W) from text; ValueError, saying what is wanted, for anything else.

    >>> unpack("2 4/0 1").tolist(), unpack("1|2").shape
    ([[[2.0, 4.0], [0.0, 1.0]]], (2, 1, 1))
    """
    wanted = f"numbers within ±{LIMIT:g} like 2 4/0 1, up to {SIDE}×{SIDE}, all rows of one length"
    parts = [[row.split() for row in one.split("/")] for one in text.split("|")]
    sides = {(len(one), len(row)) for one in parts for row in one}
    rows, columns = next(iter(sides))
    if len(sides) > 1 or not (1 <= rows <= SIDE and 1 <= columns <= SIDE and len(parts) <= MOST_CHANNELS):
        raise ValueError(wanted)
    flat = [number for one in parts for row in one for number in row]
    if not all(NUMBER.fullmatch(number) for number in flat):
        raise ValueError(wanted)
    values = [float(number) for number in flat]
    if not all(math.isfinite(value) and abs(value) <= LIMIT for value in values):
        raise ValueError(wanted)
    return np.array(values).reshape(len(parts), rows, columns) + 0.0  # no −0


def _grid(key: str, default: str) -> Field:
    def parse(value: str) -> str:
        return pack(unpack(value)) if value else default

    return Field(key, default, parse, LONGEST)


GRID: tuple[Field, ...] = (
    choice("method", "transposed", METHODS),
    _grid("x", "2 4/0 1"),  # the input
    _grid("w", "3 1/1 5"),  # the kernel, or one for each pair of channels
    _grid("y", ""),  # what max-unpool puts back; empty: the maxima themselves
    # convolutions, both ways
    whole("stride", 1, 1, 8),
    whole("pad", 0, 0, 16),
    whole("outpad", 0, 0, 8),
    whole("dilation", 1, 1, 8),
    choice("chan", "1", CHANNELS),
    # interpolation
    whole("rows", 4, 1, 32),
    whole("cols", 4, 1, 32),
    flag("corners"),
    # bed of nails, sub-pixel shuffle, resize-then-convolve
    whole("factor", 2, 1, 4),
    choice("mode", "nearest", MODES),
    choice("start", "plain", STARTS),
    # the max-pool of max-unpool
    whole("window", 2, 1, 8),
    whole("hop", 2, 1, 8),
    whole("rim", 0, 0, 4),
    # the task about output padding
    whole("size_a", 6, 1, 99),
    whole("size_b", 9, 1, 99),
)
FIELDS: tuple[Field, ...] = (
    choice("lab", "grid", LABS),
    flag("told"),  # the question in front of the grid lab has been answered
    *(replace(field, only_if=("lab", "grid")) for field in GRID),
)
GRIDS = {"x": INPUT, "w": KERNEL, "y": BACK}  # fields that hold grids, and what the page calls them


def in_file(fields: Iterable[Field]) -> tuple[Field, ...]:
    """Return the same fields for a lesson file, which takes grids of any length.

    >>> next(field for field in in_file(FIELDS) if field.key == "x").longest == LONGEST_IN_FILE
    True
    """
    return tuple(replace(field, longest=LONGEST_IN_FILE) if field.longest == LONGEST else field for field in fields)


def left_out(now: Mapping[Any, Any]) -> list[str]:
    """Return what the grids are called that are too long for a link."""
    return [name for key, name in GRIDS.items() if now.get("lab") == "grid" and len(str(now.get(key, ""))) > LONGEST]
