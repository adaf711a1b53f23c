"""The ways up on whole pictures: torch's functions on planes, for what is too large for a trace.

A photo of two million pixels is no place for sparse matrices. These are the same maps: tests hold each against its
trace on small grids. Torch is imported when it is needed. Conventions:

- Planes are float32 (N, 1, h, w), each taken alone: the colours of a photo in grey levels 0..255, or one label of a
  mask as 0 and 1. A side that the factor doesn't divide is continued by its last pixel.
- `factor` is one of `FACTORS`. Bilinear and bicubic are with align_corners=False.
- Methods are `FROM_SMALL`. "resize-convolution" is nearest, then (1 2 1)/4 each way: bilinear for a factor of 2, blocks
  with softened edges for more. "transposed convolution" has the bilinear kernel of FCN (`bilinear_kernel`); at the
  borders, where stamps are missing, it fades. "bed of nails" leaves zeros between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seglab.upsampling.convolution import bilinear_kernel

if TYPE_CHECKING:
    from torch import Tensor

Photo = NDArray[np.uint8]  # (H, W, 3)
Labels = NDArray[np.uint8]  # (H, W)

FACTORS = (2, 4, 8, 16, 32)
FROM_SMALL = ("nearest", "bilinear", "bicubic", "resize-convolution", "transposed convolution", "bed of nails")


def upsample(small: Tensor, factor: int, method: str) -> Tensor:
    """Planes (N, 1, h, w) to (N, 1, h·f, w·f) by a method of `FROM_SMALL`; ValueError for another factor or method.

    >>> import torch
    >>> upsample(torch.tensor([[[[0.0, 4.0]]]]), 2, "bilinear")[0, 0, 0].tolist()
    [0.0, 1.0, 3.0, 4.0]
    """
    import torch
    import torch.nn.functional as F

    check_factor(factor)
    size = small.shape[-2] * factor, small.shape[-1] * factor
    match method:
        case "nearest":
            return F.interpolate(small, size, mode="nearest")
        case "bilinear" | "bicubic":
            return F.interpolate(small, size, mode=method, align_corners=False)
        case "resize-convolution":
            return _smooth(F.pad(F.interpolate(small, size, mode="nearest"), (1, 1, 1, 1), "replicate"))
        case "transposed convolution":
            kernel = torch.from_numpy(bilinear_kernel(factor)).float()[None, None]
            return F.conv_transpose2d(small, kernel, stride=factor, padding=factor // 2)
        case "bed of nails":
            nails = small.new_zeros(*small.shape[:2], *size)
            nails[..., ::factor, ::factor] = small
            return nails
    raise ValueError(f"There is no method {method!r} that needs only the small picture; take one of {FROM_SMALL}.")


def max_pools(planes: Tensor, factor: int) -> tuple[Tensor, list[Tensor]]:
    """Go down by max-pools of 2 × 2, log2(factor) of them: what is left, and the places of the maxima at each level.

    >>> import torch
    >>> top, places = max_pools(torch.arange(16.0).reshape(1, 1, 4, 4), 4)
    >>> top.item(), [place.flatten().tolist() for place in places]
    (15.0, [[5, 7, 13, 15], [3]])
    """
    import torch.nn.functional as F

    check_factor(factor)
    places = []
    for _ in range(factor.bit_length() - 1):
        planes, place = F.max_pool2d(planes, 2, return_indices=True)
        places.append(place)
    return planes, places


def unpools(top: Tensor, places: list[Tensor], with_places: bool, mean: bool) -> Tensor:
    """Go up again by 2 for each level: each number to its place, or to the top left of its block, then a convolution.

    The convolution is a fixed one of (1 2 1)/4 each way; DeconvNet and SegNet learn theirs. With `mean` it gives the
    weighted mean of the numbers written near a pixel, as colours need it; without, four times their weighted sum, as
    labels need it: that is 1 amid numbers that are all 1, and more or less where they crowd or thin out.

    >>> import torch
    >>> top, places = max_pools(torch.tensor([[[[1.0, 0.0, 0.0, 9.0], [0.0, 0.0, 0.0, 0.0]]]]), 2)
    >>> unpools(top, places, True, True)[0, 0, 0].tolist(), unpools(top, places, False, True)[0, 0, 0].tolist()
    ([1.0, 1.0, 9.0, 9.0], [1.0, 5.0, 9.0, 9.0])
    """
    import torch
    import torch.nn.functional as F

    for place in reversed(places):

        def write(numbers: Tensor, place: Tensor = place) -> Tensor:
            nails = F.max_unpool2d(numbers, place, [2, 2]) if with_places else upsample(numbers, 2, "bed of nails")
            return _smooth(F.pad(nails, (1, 1, 1, 1)))

        # Every block of 2 × 2 holds a number, so that there is one within reach of every pixel.
        ones = torch.ones_like(top if with_places else top[:1])  # the top left is the same for all planes
        top = write(top).div_(write(ones)) if mean else write(top).mul_(4)
    return top


def winner(labels: NDArray[np.uint8], plane: Callable[[int], Tensor]) -> Labels:
    """At each pixel the label whose plane (H, W) is highest, the lowest of equals; two planes are held at a time.

    >>> import torch
    >>> winner(np.array([3, 7], np.uint8), lambda label: torch.tensor([[1.0, label - 5.0]])).tolist()
    [[3, 7]]
    """
    import torch

    best = plane(int(labels[0]))
    found = torch.full(best.shape, int(labels[0]), dtype=torch.uint8)
    for label in labels[1:].tolist():
        score = plane(label)
        higher = score > best
        best = torch.where(higher, score, best)
        found[higher] = label
    return found.numpy()


def block_means(planes: Tensor, factor: int) -> Tensor:
    """Means of the factor × factor blocks of planes: (N, 1, H, W) → (N, 1, H/f, W/f)."""
    import torch.nn.functional as F

    return F.avg_pool2d(planes, factor)


def one_hot(labels: Labels, label: int) -> Tensor:
    """Plane (1, 1, H, W) that is 1 where a mask has the label."""
    import torch

    return torch.from_numpy(labels == label).float()[None, None]


def planes_of(photo: Photo) -> Tensor:
    """Planes (3, 1, H, W) of a photo's colours."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(photo.transpose(2, 0, 1))).float()[:, None]


def picture_of(planes: Tensor) -> Photo:
    """Photo (H, W, 3) of the planes (3, 1, H, W) of its colours: rounded, and cut off at 0 and 255."""
    import torch

    return planes.clamp(0, 255).round_().to(torch.uint8)[:, 0].permute(1, 2, 0).contiguous().numpy()


def padded_photo(photo: Photo, factor: int) -> Photo:
    """Continue a photo (H, W, 3) to multiples of the factor by its last pixels; ValueError unless it is one.

    >>> padded_photo(np.zeros((5, 6, 3), np.uint8), 4).shape
    (8, 8, 3)
    """
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[-1] != 3 or not photo.size:
        raise ValueError(f"A photo is RGB uint8 (H, W, 3); got {photo.dtype} {photo.shape}.")
    return np.pad(photo, (*_missing(photo, factor), (0, 0)), "edge")


def padded_mask(labels: Labels, factor: int) -> Labels:
    """Continue a mask (H, W) to multiples of the factor by its last pixels; ValueError unless it is one.

    >>> padded_mask(np.array([[1, 2, 3]], np.uint8), 2).tolist()
    [[1, 2, 3, 3], [1, 2, 3, 3]]
    """
    if labels.dtype != np.uint8 or labels.ndim != 2 or not labels.size:
        raise ValueError(f"A mask is labels uint8 (H, W); got {labels.dtype} {labels.shape}.")
    return np.pad(labels, _missing(labels, factor), "edge")


def check_factor(factor: int) -> None:
    """Raise ValueError unless the factor is one of `FACTORS`."""
    if factor not in FACTORS:
        raise ValueError(f"The factor must be one of {', '.join(map(str, FACTORS))}; got {factor}.")


def _missing(pixels: NDArray[np.uint8], factor: int) -> tuple[tuple[int, int], tuple[int, int]]:
    check_factor(factor)
    return (0, -pixels.shape[0] % factor), (0, -pixels.shape[1] % factor)


def _smooth(padded: Tensor) -> Tensor:
    """(1 2 1)/4 along each axis, without padding: every side is two less. As sums: one channel is slow in F.conv2d."""
    rows = (padded[..., :-2, :] + padded[..., 2:, :]).add_(padded[..., 1:-1, :], alpha=2)
    return (rows[..., :-2] + rows[..., 2:]).add_(rows[..., 1:-1], alpha=2).mul_(1 / 16)
