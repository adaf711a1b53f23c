"""Cutting a large picture into overlapping tiles, and blending what the network says about them.

Tiles start at multiples of `ALIGN` pixels. All networks here halve their input at most five times, so that a tile's
grid of logits falls on the whole picture's grid; and what a network says about a pixel doesn't depend on the cut, as
long as all that it looks at lies in the tile. Near a tile's border it sees padding instead of picture: hence the
overlap, and the Gaussian blend, which trusts a tile's middle more than its border (Isensee et al. 2021, nnU-Net).
Networks that take means over the whole input (PSPNet, DeepLab's image pooling, GroupNorm in `street`) take them over a
tile instead, and do differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seglab import arrays
from seglab.options import Blend
from seglab.types import Logits

ALIGN = 32  # pixels
MAX_NUMBERS = 2**26  # of logits, 128 MiB in fp16: larger ones are averaged down on their way in
LOWEST = -60000.0  # a little above fp16's lowest number
BAND = 2**20  # numbers that are brought to fp16 at a time


@dataclass(frozen=True)
class Tile:
    """A rectangle of the picture, in pixels."""

    y: int
    x: int
    h: int
    w: int


def plan(height: int, width: int, tile: int, overlap: float) -> list[list[Tile]]:
    """Return rows of tiles that cover the picture; tile 0 means one tile, the whole picture.

    Tiles are `tile` pixels (rounded up to a multiple of 32) square or as large as the picture, the last of a row or
    column up to 31 pixels smaller. Neighbours share at least `overlap` (0..0.9) of their side, where that leaves
    steps of 32 pixels.

    >>> [(t.x, t.w) for t in plan(100, 300, 128, 0.25)[0]]
    [(0, 128), (96, 128), (192, 108)]
    """
    ys, xs = _starts(height, tile, overlap), _starts(width, tile, overlap)
    side = round_up(tile) if tile else max(height, width)
    return [[Tile(y, x, min(side, height - y), min(side, width - x)) for x in xs] for y in ys]


def round_up(n: int) -> int:
    """Return the multiple of 32 that is n or next above."""
    return -(-n // ALIGN) * ALIGN


def _starts(n: int, tile: int, overlap: float) -> list[int]:
    side = round_up(tile)
    if tile == 0 or n <= side:
        return [0]
    step = max(ALIGN, int(side * (1 - overlap)) // ALIGN * ALIGN)
    last = round_up(n - side)
    return [*range(0, last, step), last]


def window(n: int, blend: Blend) -> Tensor:
    """Return the weights (n,) of a tile's n samples: all 1, or a Gaussian with sigma n/8, as nnU-Net's.

    >>> window(4, "constant").tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    if blend == "constant":
        return torch.ones(n)
    at = torch.arange(n) - (n - 1) / 2
    return torch.exp(-0.5 * (at / (n / 8)) ** 2)


def run(rows: list[list[Tile]], forward: Callable[[Tile], Tensor], blend: Blend) -> Logits:
    """Run `forward` on every tile and blend; return logits (K, h, w) for the whole picture, fp16, see `to_fp16`.

    Memory: the logits of one row of tiles twice in float32, and the result. Where the result would hold more than 2**26
    numbers, blocks of 2×2, 4×4, … logits are averaged.

    Args:
        rows: from `plan`.
        forward: gives the logits (K, h', w') of a tile, float32.
        blend: weights of a tile's samples where tiles overlap.

    """
    if len(rows) == len(rows[0]) == 1:
        return to_fp16(forward(rows[0][0]))
    result: Logits | None = None
    finished = 0  # rows of logits in `result`
    sums, weights = torch.empty(0), torch.empty(0)
    stride, pool = (1, 1), 1
    for tiles in rows:
        pieces = []
        for tile in tiles:
            piece = forward(tile)
            if tile.y == tile.x == 0:
                stride = _stride(tile, piece, len(rows) > 1, len(tiles) > 1)
                pool = _pool(rows, piece, stride)
            pieces.append(F.avg_pool2d(piece[None], pool, ceil_mode=True)[0] if pool > 1 else piece)
        row = _blend_row(pieces, [tile.x // (stride[1] * pool) for tile in tiles], blend)
        top = tiles[0].y // (stride[0] * pool)
        if finished < top:  # what lies above this row of tiles is complete
            if result is None:
                last = rows[-1][0]
                height = last.y // (stride[0] * pool) + -(-last.h // (stride[0] * pool))
                result = arrays.empty((len(row), height, row.shape[2]), np.float16)
            to_fp16(sums[:, : top - finished].div_(weights[: top - finished, None]), result[:, finished:top])
            sums, weights, finished = sums[:, top - finished :], weights[top - finished :], top
        weight = window(row.shape[1], blend)
        row *= weight[:, None]
        if sums.ndim == 3:
            row[:, : sums.shape[1]] += sums
            weight[: len(weights)] += weights
        sums, weights = row, weight
    rest = sums.div_(weights[:, None])
    if result is None:
        return to_fp16(rest)
    end = finished + rest.shape[1]  # a network that drops what is left of its stride gives less than there is room for
    to_fp16(rest, result[:, finished:end])
    return result if end == result.shape[1] else result[:, :end].copy()


def to_fp16(logits: Tensor, out: Logits | None = None) -> Logits:
    """Return logits (K, h, w) as fp16, less each pixel's largest, so that nothing overflows; in `out`, if given.

    No probability changes by that, nor any that is interpolated from it, for all classes of a pixel move alike; and
    what matters most, the classes close to the first, keeps the most digits.
    """
    classes, height, width = logits.shape
    if out is None:
        out = arrays.empty((classes, height, width), np.float16)
    halves = torch.from_numpy(out)
    rows = max(1, BAND // (classes * width))
    for y in range(0, height, rows):  # by bands: the whole in float32 once more would be the largest thing in memory
        band = logits[:, y : y + rows]
        halves[:, y : y + rows] = (band - band.amax(0)).clamp_(min=LOWEST)
    return out


def _blend_row(pieces: list[Tensor], starts: list[int], blend: Blend) -> Tensor:
    """Blend tiles side by side to (K, h', w)."""
    if len(pieces) == 1:
        return pieces[0].clone()
    width = starts[-1] + pieces[-1].shape[2]
    sums = torch.zeros(*pieces[0].shape[:2], width)
    weights = torch.zeros(width)
    for piece, start in zip(pieces, starts, strict=True):
        weight = window(piece.shape[2], blend)
        sums[:, :, start : start + len(weight)] += piece * weight
        weights[start : start + len(weight)] += weight
    return sums.div_(weights)


def _stride(tile: Tile, piece: Tensor, several_rows: bool, several_columns: bool) -> tuple[int, int]:
    """Pixels per logit, down and across; 1 where there is one tile only, whose start 0 needs none."""

    def one(pixels: int, samples: int) -> int:
        if pixels % samples or ALIGN % (pixels // samples):
            raise ValueError(
                f"This network gives {samples} logits for {pixels} pixels; tiles need a network with a stride of 1, 2, "
                "4, 8, 16 or 32 that pads its input. Use tile 0."
            )
        return pixels // samples

    return (
        one(tile.h, piece.shape[1]) if several_rows else 1,
        one(tile.w, piece.shape[2]) if several_columns else 1,
    )


def _pool(rows: list[list[Tile]], piece: Tensor, stride: tuple[int, int]) -> int:
    """How many logits must be averaged, each way, for the whole picture's to stay below MAX_NUMBERS."""
    first, last = rows[0][0], rows[-1][-1]
    grown = (last.y + last.h) / first.h * (last.x + last.w) / first.w
    pool = 1
    while piece.numel() * grown / pool**2 > MAX_NUMBERS and max(stride) * pool < ALIGN:
        pool *= 2
    return pool
