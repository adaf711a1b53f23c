"""The choices made before a network runs, checked; and the size a picture is resized to. Free of torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Literal, get_args

from seglab.zoo import Preprocess

Blend = Literal["constant", "gaussian"]
PRECISIONS = ("fp32", "bf16", "fp16")

MIN_SIDE = 64  # pixels, of a picture or a tile: networks that halve their input five times see nothing in less
MAX_SHORT_SIDE = 8192
LONGEST = 16  # times the short side asked for: a picture of 10000×1 pixels is not blown up to 5 million × 520


@dataclass(frozen=True)
class Options:
    """All that is used before the logits; hashable, to be part of a cache key.

    short_side: the picture is resized to this shorter side in px, its aspect kept; None = what the model was trained
        with, 0 = the picture's own size.
    tile: side of square tiles in px of the resized picture, rounded up to a multiple of 32; 0 = no tiles.
    overlap: share of a tile's side that its neighbour covers too, 0..0.9.
    blend: where tiles overlap, "constant" averages them, "gaussian" trusts their middle more.
    flip: average with the mirrored picture.
    scales: sizes to average over, as factors of the short side, 0.25..4; the logits have the first one's resolution.
    precision: "fp32", or "bf16" or "fp16" where `runtime.precisions()` has them.

    >>> Options(tile=10)
    Traceback (most recent call last):
    ValueError: tile must be 0 (none) or a number of pixels from 64 to 8192; got 10.
    """

    short_side: int | None = None
    tile: int = 0
    overlap: float = 0.25
    blend: Blend = "gaussian"
    flip: bool = False
    scales: tuple[float, ...] = (1.0,)
    precision: str = "fp32"

    def __post_init__(self) -> None:
        object.__setattr__(self, "scales", tuple(self.scales))
        if self.short_side is not None and not _whole(self.short_side, MIN_SIDE, MAX_SHORT_SIDE):
            raise ValueError(
                f"short_side must be None (the model's own), 0 (the picture's own) or a number of pixels from "
                f"{MIN_SIDE} to {MAX_SHORT_SIDE}; got {self.short_side!r}."
            )
        if not _whole(self.tile, MIN_SIDE, MAX_SHORT_SIDE):
            raise ValueError(
                f"tile must be 0 (none) or a number of pixels from {MIN_SIDE} to {MAX_SHORT_SIDE}; got {self.tile!r}."
            )
        if not (_real(self.overlap) and 0 <= self.overlap <= 0.9):
            raise ValueError(f"overlap is a share of a tile's side, 0 to 0.9; got {self.overlap!r}.")
        if self.blend not in get_args(Blend):
            raise ValueError(f"blend must be one of {', '.join(get_args(Blend))}; got {self.blend!r}.")
        if not isinstance(self.flip, bool):
            raise ValueError(f"flip must be True or False; got {self.flip!r}.")
        scales = self.scales
        if not 1 <= len(scales) <= 8 or not all(_real(s) and 0.25 <= s <= 4 for s in scales):
            raise ValueError(f"scales must be 1 to 8 factors from 0.25 to 4; got {scales!r}.")
        if len(set(scales)) != len(scales):
            raise ValueError(f"scales must differ from each other; got {scales!r}.")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}; got {self.precision!r}.")


def input_size(size: Sequence[int], preprocess: Preprocess, options: Options, scale: float = 1.0) -> tuple[int, int]:
    """Return (height, width) that a picture of `size` (height, width) is resized to, in px.

    The aspect is kept (rounded as torchvision does), but no side gets below 64 px, and the long side not above 16
    times the short side that was asked for, nor above what the model wants at most (unless a short side was asked for).

    >>> input_size((1080, 1920), Preprocess(short_side=360), Options())
    (360, 640)
    """
    height, width = size[:2]
    wanted = preprocess.short_side if options.short_side is None else options.short_side
    most, short, long = preprocess.long_side, min(height, width), max(height, width)
    if options.short_side is None and most and (wanted or short) * long > most * short:
        wanted = max(1, most * short // long)
    if wanted == 0:
        h, w = int(height * scale), int(width * scale)
    else:
        side = max(1, round(wanted * scale))
        other = int(side * long / short)
        if other > LONGEST * side:
            other, side = LONGEST * side, round(LONGEST * side * short / long)
        h, w = (side, other) if height <= width else (other, side)
    return max(MIN_SIDE, h), max(MIN_SIDE, w)


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and (value == 0 or least <= value <= most)


def _real(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
