"""The badge "equals PyTorch" of whole pictures: each is made once more by PyTorch's own functions, and compared.

A picture of whole grey levels equals what PyTorch makes where no pixel is further from it than rounding; a mask where
no label differs. Torch is imported when it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seglab.types import Image, Labels
from ui.texts import upsampling as text

if TYPE_CHECKING:
    from torch import Tensor

    from seglab.upsampling.generator import Layer, Learnt, Outcome

ROUNDED = 0.5 + 1e-3  # grey levels: half a one, and what float32 leaves of rounding
BLUR = ((1, 2, 1), (2, 4, 2), (1, 2, 1))  # sixteenths


def said(equal: bool) -> str:
    """Return the badge as Markdown."""
    return text.BADGE_MARK.format(words=text.BADGE) if equal else text.BADGE_MARK_OTHER.format(words=text.BADGE_OTHER)


def rounded(picture: Image, theirs: Tensor) -> bool:
    """Whether a picture (H, W, 3) is what PyTorch's planes (3, 1, H, W) are when rounded and cut off."""
    floats = theirs.clamp(0, 255)[:, 0].permute(1, 2, 0).numpy()
    return picture.shape == floats.shape and float(np.abs(floats - picture).max()) <= ROUNDED


# The article's three ways, and what a divisible kernel learns


def ways(small: NDArray[np.float64], outcomes: tuple[Outcome, ...]) -> tuple[tuple[bool, bool], ...]:
    """Whether each way's two pictures, before and after training, are PyTorch's from the same `small` one."""
    from seglab.upsampling.generator import WAYS

    found = []
    for one in outcomes:
        pictures = (one.before, one.kernels_before), (one.after, one.kernels_after)
        before, after = (rounded(picture, doubled(small, kernels, WAYS[one.way])) for picture, kernels in pictures)
        found.append((before, after))
    return tuple(found)


def learnt(target: NDArray[np.float64], seed: int, patterned: Image, both: tuple[Learnt, Learnt]) -> tuple[bool, ...]:
    """Whether the picture with the pattern, and what two layers make of its half, are PyTorch's."""
    from seglab.upsampling.generator import random_kernels

    height, width = (side // 2 * 2 for side in target.shape[:2])
    small = target[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
    first = rounded(patterned, doubled(small, random_kernels(seed, ("transposed",)), ("transposed",)))
    return first, *(rounded(one.picture, doubled(small, (one.kernel,), (one.layer,))) for one in both)


def doubled(small: NDArray[np.float64], kernels: tuple[NDArray[np.float64], ...], layers: tuple[Layer, ...]) -> Tensor:
    """Bring a picture (h, w, 3) up by PyTorch's layers, ×2 each, with one kernel (k, k) each: (3, 1, H, W)."""
    import torch
    import torch.nn.functional as F

    x = torch.from_numpy(small.transpose(2, 0, 1).copy())[:, None]
    for kernel, layer in zip(kernels, layers, strict=True):
        weight, k = torch.from_numpy(kernel.copy())[None, None], len(kernel)
        if layer == "resize":
            large = F.interpolate(x, scale_factor=2, mode="nearest")
            x = F.conv2d(F.pad(large, [k // 2] * 4, "replicate"), weight)
        else:
            height, width = (2 * side for side in x.shape[2:])
            first = 2 + (k - 1) // 2  # the border of one pixel, doubled, and the crop
            stamped = F.conv_transpose2d(F.pad(x, [1] * 4, "replicate"), weight, stride=2)
            x = stamped[..., first : first + height, first : first + width]
    return x


# There and back


def photo(image: Image, small: Image, factor: int, method: str, picture: Image) -> bool:
    """Whether a picture brought back is what PyTorch makes of the same picture, or of the same small one."""
    planes, few = (_tensor(one.transpose(2, 0, 1)) for one in (image, small))
    return rounded(picture, brought_back(planes, few, factor, method, mean=True))


def mask(labels: Labels, small: Labels, factor: int, method: str, found: Labels) -> bool:
    """Whether a mask brought back is what PyTorch makes: a plane for each label, and the highest wins."""
    present = np.unique(labels)
    planes, few = (_tensor(np.stack([one == label for label in present])) for one in (labels, small))
    return _same(present, brought_back(planes, few, factor, method, mean=False), found)


def skips(labels: Labels, found: tuple[Labels, ...]) -> tuple[bool, ...]:
    """Whether the masks of FCN-32s, 16s and 8s are PyTorch's."""
    import torch.nn.functional as F

    present, (height, width) = np.unique(labels), labels.shape
    planes = _padded(_tensor(np.stack([labels == label for label in present])), 32)
    sums, same = None, []
    for stride, mine in zip((32, 16, 8), found, strict=True):
        shares = F.avg_pool2d(planes, stride)
        sums = shares if sums is None else F.interpolate(sums, scale_factor=2, mode="bilinear") + shares
        up = F.interpolate(sums, scale_factor=stride, mode="bilinear")[..., :height, :width]
        same.append(_same(present, up, mine))
    return tuple(same)


def brought_back(planes: Tensor, small: Tensor, factor: int, method: str, mean: bool) -> Tensor:
    """Bring planes (N, 1, H, W) back to their size by PyTorch's functions; most methods need the `small` ones alone.

    `mean`: after unpooling, the mean of the numbers near a pixel (colours), not their sum (labels).
    """
    import torch
    import torch.nn.functional as F

    from seglab.upsampling.convolution import bilinear_kernel

    height, width = planes.shape[2:]
    match method:
        case "nearest":
            up = F.interpolate(small, scale_factor=factor, mode=method)
        case "bilinear" | "bicubic":
            up = F.interpolate(small, scale_factor=factor, mode=method, align_corners=False)
        case "resize-convolution":
            up = _blurred(F.pad(F.interpolate(small, scale_factor=factor), [1] * 4, "replicate"))
        case "transposed convolution":
            kernel = torch.from_numpy(bilinear_kernel(factor)).float()[None, None]
            up = F.conv_transpose2d(small, kernel, stride=factor, padding=factor // 2)
        case "bed of nails":
            up = _nails(small, factor)
        case "sub-pixel":
            up = F.pixel_shuffle(F.pixel_unshuffle(_padded(planes, factor), factor), factor)
        case _:
            up = _padded(planes, factor)
            places: list[Tensor] = []
            while 2 ** len(places) < factor:
                up, place = F.max_pool2d(up, 2, return_indices=True)
                places.append(place)
            for place in reversed(places):
                ones = torch.ones_like(up)
                written = [
                    _blurred(F.pad(
                        F.max_unpool2d(one, place, [2, 2]) if method == "max-unpool" else _nails(one, 2), [1] * 4
                    )) for one in (up, ones)[: 1 + mean]
                ]  # fmt: skip
                up = written[0] / written[1] if mean else 4 * written[0]
    return up[..., :height, :width]


def _blurred(padded: Tensor) -> Tensor:
    """(1 2 1)/4 each way of planes (N, 1, H + 2, W + 2): as channels of one picture, where PyTorch is quick at it."""
    import torch
    import torch.nn.functional as F

    n = len(padded)
    together = padded.transpose(0, 1).contiguous(memory_format=torch.channels_last)
    blur = torch.tensor(BLUR, dtype=torch.float32).expand(n, 1, 3, 3) / 16
    return F.conv2d(together, blur, groups=n).transpose(0, 1).contiguous()


def _nails(x: Tensor, factor: int) -> Tensor:
    import torch
    import torch.nn.functional as F

    return F.conv_transpose2d(x, torch.ones(1, 1, 1, 1), stride=factor, output_padding=factor - 1)


def _tensor(planes: ArrayLike) -> Tensor:
    """(N, H, W) → float32 (N, 1, H, W)."""
    import torch

    return torch.from_numpy(np.array(planes, np.float32))[:, None]


def _padded(planes: Tensor, factor: int) -> Tensor:
    import torch.nn.functional as F

    bottom, right = (-side % factor for side in planes.shape[2:])
    return F.pad(planes, [0, right, 0, bottom], "replicate")


def _same(present: NDArray[Any], scores: Tensor, found: Labels) -> bool:
    """Whether a mask has at each pixel the label whose plane is highest, the lowest of equals."""
    return bool(np.array_equal(present[scores[:, 0].numpy().argmax(0)], found))
