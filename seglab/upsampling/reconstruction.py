"""A picture made small and brought back by each method: what is lost, and which way up loses least.

Conventions, for the whole module:

- Photos are RGB uint8 (H, W, 3), masks labels uint8 (H, W); a value of a mask that isn't a class (255) is one more
  class here. `factor` is 2, 4, 8, 16 or 32. A side that the factor doesn't divide is continued by its last pixel and
  cropped at the end.
- Methods are `METHODS`. All but three start from one small picture (see `seglab.upsampling.planes` for what they do):
  the mean of each block (photos), its commonest label (masks). A mask goes up as one plane of 0
  and 1 for each label, and the highest plane wins at each pixel, the lowest label among equals: also between nails,
  where no plane says anything.
- **Max-unpool** and **unpool** go down by log2(factor) max-pools of 2 × 2 and up again as many steps, each followed by
  a small fixed convolution, as in DeconvNet and SegNet (where it is learnt). One has kept the place of each maximum, at
  every level; the other hasn't, and writes to the top left of each block.
- **Sub-pixel** shuffles the space of each block into factor² channels and back. It is exact, since it throws nothing
  away: a network makes those channels from fewer numbers, and what it makes up is what is to be judged. Here it is the
  proof that the shuffle itself costs nothing; mind `kept`.

Source: Noh, Hong & Han, "Learning Deconvolution Network for Semantic Segmentation", ICCV 2015; Badrinarayanan, Kendall
& Cipolla, "SegNet", arXiv:1511.00561; Shi et al., CVPR 2016 (sub-pixel); Long et al., CVPR 2015 (bilinear kernel).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from seglab.upsampling.planes import (
    FROM_SMALL,
    Labels,
    Photo,
    block_means,
    max_pools,
    one_hot,
    padded_mask,
    padded_photo,
    picture_of,
    planes_of,
    unpools,
    upsample,
    winner,
)
from seglab.upsampling.quality import luma, psnr, ssim

if TYPE_CHECKING:
    from torch import Tensor

METHODS = (*FROM_SMALL, "unpool", "max-unpool", "sub-pixel")


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A photo brought back by one method.

    `psnr` (dB) and `ssim` are of luma, see `seglab.upsampling.quality`. `seconds` is the way up alone. `bytes` is what
    the way up holds at once at its largest step, computed and not measured: its input, what was kept beside it, and its
    output, 4 bytes a number and 8 an index, without the working space that a library may take besides. `kept` is how
    many numbers and indices the way up starts from, for each number of the photo.
    """

    method: str
    picture: Photo
    psnr: float
    ssim: float
    seconds: float
    bytes: int
    kept: float


@dataclass(frozen=True, eq=False)
class MaskReconstruction:
    """A mask brought back by one method, `labels` uint8 (H, W).

    `seconds` is the way up alone, of all labels together; `bytes` and `kept` as in `Reconstruction`, for one label.
    """

    method: str
    labels: Labels
    seconds: float
    bytes: int
    kept: float


@dataclass(frozen=True, eq=False)
class _Way:
    """The way up that remains once it went down, the bytes that it holds, and the share of numbers that it has."""

    up: Callable[[], Tensor]
    bytes: int
    kept: float


def shrink(photo: Photo, factor: int) -> Photo:
    """Means of the factor × factor blocks of a photo (H, W, 3), rounded: uint8 (⌈H/f⌉, ⌈W/f⌉, 3).

    Raises:
        ValueError: not a photo, or a factor that isn't 2, 4, 8, 16 or 32.

    >>> shrink(np.arange(12, dtype=np.uint8).reshape(2, 2, 3) * 2, 2).tolist()
    [[[9, 11, 13]]]
    """
    return picture_of(block_means(planes_of(padded_photo(photo, factor)), factor))


def shrink_mask(labels: Labels, factor: int) -> Labels:
    """Make a mask (H, W) small: the commonest label of each block, the lowest of equals.

    Raises:
        ValueError: not a mask, or a factor that isn't 2, 4, 8, 16 or 32.

    >>> shrink_mask(np.array([[1, 1, 2, 5], [1, 3, 5, 2]], np.uint8), 2).tolist()
    [[1, 2]]
    """
    padded = padded_mask(labels, factor)
    return winner(np.unique(padded), lambda label: block_means(one_hot(padded, label), factor)[0, 0])


def reconstruct(photo: Photo, factor: int) -> tuple[Reconstruction, ...]:
    """Make a photo small by `factor` and bring it back by each of `METHODS`, with scores.

    Raises:
        ValueError: not a photo, below 7 × 7 pixels, or a factor that isn't 2, 4, 8, 16 or 32.

    >>> photo = np.full((16, 16, 3), 77, np.uint8)
    >>> {result.method: result.psnr for result in reconstruct(photo, 4)}["bilinear"]
    inf
    """
    planes = planes_of(padded_photo(photo, factor))
    small = block_means(planes, factor).round_()
    truth, (height, width) = luma(photo), photo.shape[:2]
    results = []
    for method in METHODS:
        way = _down(planes, small, factor, method, mean=True)
        start = perf_counter()
        up = way.up()
        seconds = perf_counter() - start
        picture = picture_of(up[..., :height, :width])
        got = luma(picture)
        scores = psnr(truth, got), ssim(truth, got)
        results.append(Reconstruction(method, picture, *scores, seconds, way.bytes, way.kept))
    return tuple(results)


def reconstruct_mask(labels: Labels, factor: int) -> tuple[MaskReconstruction, ...]:
    """Make a mask small by `factor` and bring it back by each of `METHODS`: every label's plane, then the highest.

    Compare the result with `labels` by `seglab.metrics`: IoU, and boundary IoU, where the methods differ most.

    Raises:
        ValueError: not a mask, or a factor that isn't 2, 4, 8, 16 or 32.

    >>> mask = np.zeros((8, 8), np.uint8); mask[:, 4:] = 3
    >>> [bool((result.labels == mask).all()) for result in reconstruct_mask(mask, 2)][:3]
    [True, True, True]
    """
    padded, small = padded_mask(labels, factor), shrink_mask(labels, factor)
    present, (height, width) = np.unique(padded), labels.shape
    results = []
    for method in METHODS:
        told: list[tuple[float, int, float]] = []  # of each label: seconds, bytes, kept

        def plane(label: int, method: str = method, told: list[tuple[float, int, float]] = told) -> Tensor:
            way = _down(one_hot(padded, label), one_hot(small, label), factor, method, mean=False)
            start = perf_counter()
            up = way.up()
            told.append((perf_counter() - start, way.bytes, way.kept))
            return up[0, 0]

        found = winner(present, plane)[:height, :width]
        seconds = sum(each for each, _, _ in told)
        results.append(MaskReconstruction(method, found, seconds, *told[0][1:]))
    return tuple(results)


def _down(planes: Tensor, small: Tensor, factor: int, method: str, mean: bool) -> _Way:
    """Go down, and return the way up; `small` is what most methods start from, `planes` what the others shrink."""
    import torch.nn.functional as F

    whole = planes.numel()
    if method == "sub-pixel":
        channels = F.pixel_unshuffle(planes, factor)
        return _Way(lambda: F.pixel_shuffle(channels, factor), 4 * 2 * whole, 1.0)
    if method in FROM_SMALL:
        return _Way(lambda: upsample(small, factor, method), 4 * (small.numel() + whole), 1 / factor**2)
    top, places = max_pools(planes, factor)
    indices = sum(place.numel() for place in places) if method == "max-unpool" else 0
    # In the last step: a quarter of the numbers, the same with zeros between, their weights if any, and the result.
    held = 4 * (whole // 4 + (3 if mean else 2) * whole) + 8 * indices
    return _Way(lambda: unpools(top, places, method == "max-unpool", mean), held, 1 / factor**2 + indices / whole)
