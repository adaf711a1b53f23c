"""The badge "equals PyTorch" of whole pictures: each is made once more in another way, and compared.

What our own code made is made again by PyTorch's functions. What PyTorch made for the library (interpolation, the
transposed convolution, means of blocks) is compared with our own: the library's traces, or NumPy written out.

A picture of whole grey levels is equal where no pixel is further off than rounding; a mask where each label has the
highest score, the lowest of equals. Torch is imported when it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seglab.types import Image, Labels
from ui.texts import upsampling as text
from ui.upsampling_badge import apart

if TYPE_CHECKING:
    from torch import Tensor

    from seglab.upsampling.generator import Layer, Learnt, Outcome

ROUNDED = 0.5 + 1e-3  # grey levels: half a one, and what float32 leaves of rounding
TIE = 1e-5  # between two labels' scores: which is higher is for float32 to say
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


def shrunk(image: Image, factor: int, small: Image) -> bool:
    """Whether a small picture has the means of the picture's blocks, rounded."""
    return float(np.abs(_blocks(image, factor).mean((1, 3)) - small).max()) <= ROUNDED


def shrunk_mask(labels: Labels, factor: int, small: Labels) -> bool:
    """Whether a small mask has the commonest label of each block, the lowest of equals."""
    present, blocks = np.unique(labels), _blocks(labels, factor)
    counts = [np.count_nonzero(blocks == label, (1, 3)) for label in present]
    return bool(np.array_equal(present[np.argmax(counts, 0)], small))


def photo(image: Image, small: Image, factor: int, method: str, picture: Image) -> bool:
    """Whether a picture brought back is what PyTorch makes of the same picture, or of the same small one."""
    planes, few = (_tensor(one.transpose(2, 0, 1)) for one in (image, small))
    return rounded(picture, brought_back(planes, few, factor, method, mean=True))


def mask(labels: Labels, small: Labels, factor: int, method: str, found: Labels) -> bool:
    """Whether a mask brought back is what PyTorch makes: a plane for each label, and the highest wins."""
    present = np.unique(labels)
    planes, few = (_tensor(np.stack([one == label for label in present])) for one in (labels, small))
    tie = TIE if method == "bicubic" else 0.0  # the others' weights are exact in float32
    return _same(present, brought_back(planes, few, factor, method, mean=False), found, tie)


def skips(labels: Labels, found: tuple[Labels, ...]) -> tuple[bool, ...]:
    """Whether the masks of FCN-32s, 16s and 8s are right."""
    present, (height, width) = np.unique(labels), labels.shape
    sums, same = None, []
    for stride, mine in zip((32, 16, 8), found, strict=True):
        shares = _tensor([_blocks(labels == label, 32, stride).mean((1, 3)) for label in present])
        sums = shares if sums is None else _mapped(sums, 2, "bilinear") + shares
        same.append(_same(present, _mapped(sums, stride, "bilinear")[..., :height, :width], mine, TIE))
    return tuple(same)


def brought_back(planes: Tensor, small: Tensor, factor: int, method: str, mean: bool) -> Tensor:
    """Bring planes (N, 1, H, W) back to their size; most methods need the `small` ones alone.

    `mean`: after unpooling, the mean of the numbers near a pixel (colours), not their sum (labels).
    """
    import torch
    import torch.nn.functional as F

    height, width = planes.shape[2:]
    match method:
        case "nearest" | "bilinear" | "bicubic" | "transposed convolution":
            up = _mapped(small, factor, method)
        case "resize-convolution":
            up = _blurred(F.pad(_mapped(small, factor, "nearest"), [1] * 4, "replicate"))
        case "bed of nails":
            up = _nails(small, factor)
        case "sub-pixel":  # laid out as channels and back, every number is where it was
            up = planes
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


def _mapped(planes: Tensor, factor: int, method: str) -> Tensor:
    """Bring planes (N, 1, h, w) up by the library's traces, a matrix for each axis."""
    import torch

    from seglab.upsampling import bicubic, bilinear, nearest, transposed_matrix

    def axis(n: int) -> Any:
        line, size = np.zeros((1, n)), (1, n * factor)
        match method:
            case "nearest":
                return nearest(line, size).trace.matrix
            case "bilinear":
                return bilinear(line, size, False).trace.matrix
            case "bicubic":
                return bicubic(line, size, False).trace.matrix
        tent = 1 - np.abs(np.arange(0.5 - factor, factor)) / factor
        return transposed_matrix((1, n), tent[None], (1, factor), (0, factor // 2)).matrix

    down, across = (axis(n) for n in planes.shape[2:])
    up = [(across @ (down @ one).T).T for one in planes[:, 0].double().numpy()]
    return torch.from_numpy(np.stack(up))[:, None].float()


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


def _blocks(values: NDArray[Any], factor: int, side: int | None = None) -> NDArray[Any]:
    """Continue (H, W, …) to multiples of the factor; return it in blocks of `side`, (rows, side, columns, side, …)."""
    side = side or factor
    missing = [(0, -n % factor) for n in values.shape[:2]]
    full = np.pad(values, [*missing, *[(0, 0)] * (values.ndim - 2)], "edge")
    return full.reshape(full.shape[0] // side, side, full.shape[1] // side, side, *values.shape[2:])


def _same(present: NDArray[Any], scores: Tensor, found: Labels, tie: float = 0.0) -> bool:
    """Whether a mask has at each pixel the label whose plane is highest, the lowest of equals.

    Labels less than `tie` below the highest may win too: scores that were computed otherwise differ by rounding.
    """
    planes = scores[:, 0].numpy()
    order = planes.argmax(0)
    best = np.take_along_axis(planes, order[None], 0)[0]
    mine = np.searchsorted(present, found).clip(max=len(present) - 1)
    near = best - np.take_along_axis(planes, mine[None], 0)[0] < tie
    return bool(((present[order] == found) | (near & (present[mine] == found))).all())


# Stacks of atrous layers


def averaged(plane: NDArray[np.float64], rates: tuple[int, ...], k: int, found: NDArray[np.float64]) -> bool:
    """Whether a plane sent through layers that each take the mean of k × k taps is PyTorch's; edges are continued."""
    import torch
    import torch.nn.functional as F

    x, w = torch.from_numpy(plane.copy())[None, None], torch.full((1, 1, k, k), 1 / k**2, dtype=torch.float64)
    for rate in rates:
        first = ((k - 1) * rate + 1) // 2
        last = (k - 1) * rate - first
        x = F.conv2d(F.pad(x, [first, last] * 2, "replicate"), w, dilation=rate)
    return apart(found, x[0, 0])[0]


def paths(rates: tuple[int, ...], k: int, found: NDArray[np.int64]) -> bool:
    """Whether a map of paths is what PyTorch's transposed convolutions make of a single 1."""
    import torch
    import torch.nn.functional as F

    x, w = (torch.ones(1, 1, side, side, dtype=torch.float64) for side in (1, k))
    for rate in rates:
        x = F.conv_transpose2d(x, w, dilation=rate)
    return apart(found, x[0, 0])[0]
