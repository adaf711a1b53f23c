"""What is read off a network's logits: labels, probabilities and how sure it is. None of it runs the network.

Conventions: logits (K, h, w), any float type, with h×w the network's resolution; `size` = (H, W) of the picture. Logits
are first brought to the picture's size bilinearly (pixel centres, `align_corners=False`, as torchvision does), then
divided by the temperature, then softmaxed: probabilities that are interpolated instead would be blunter at edges.
Maps are float32 (H, W) in 0..1. A temperature T > 1 evens the probabilities out, T < 1 sharpens them; it never changes
which class comes first (Guo et al. 2017, "On calibration of modern neural networks", eq. 9).

Memory is bounded: a few rows are interpolated at a time, K×H×W numbers never exist. They are interpolated as
(rows, W, K), where the K numbers of a pixel are neighbours: that and the small pieces make it several times faster.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from numbers import Real

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seglab.types import Labels

Map = NDArray[np.float32]  # (H, W), 0..1

ROWS = 16  # rows at a time: large enough to pay for the calls, small enough to stay in the processor's cache
ELEMENTS = 2**20  # and fewer of them where rows are so wide that they would hold more numbers than this
UNSURE = 255


def labels(
    logits: NDArray[np.floating], size: tuple[int, int], *, temperature: float = 1.0, threshold: float = 0.0
) -> Labels:
    """Return the most probable class of each pixel, uint8 (H, W), or 255 where its probability is below `threshold`.

    The same as `F.interpolate(logits, size, mode="bilinear", align_corners=False)` and then `argmax`, but for ties
    within float32's rounding (one pixel in some millions).

    Raises:
        ValueError: logits not (K, h, w) with 1 to 255 classes, temperature not above 0, threshold outside 0..1.

    >>> logits = np.array([[[0.0, 0.0]], [[3.0, -2.0]]], np.float16)  # two classes, 1×2 pixels
    >>> labels(logits, (1, 4))
    array([[1, 1, 0, 0]], dtype=uint8)
    >>> labels(logits, (1, 4), threshold=0.9)
    array([[  1, 255, 255, 255]], dtype=uint8)

    """
    check_settings(temperature, threshold)

    def best(z: Tensor) -> Tensor:
        top = z.max(-1)
        found = top.indices.to(torch.uint8)
        if threshold > 0:
            # The winner's softmax is 1 / Σ exp(z − z_max).
            probs = 1 / z.sub_(top.values[..., None]).exp_().sum(-1)
            found.masked_fill_(probs < threshold, UNSURE)
        return found

    return _by_rows(logits, size, temperature, best, torch.uint8)


def probability(
    logits: NDArray[np.floating], size: tuple[int, int], k: int | Collection[int], *, temperature: float = 1.0
) -> Map:
    """Return the probability of class k, or of any of several classes k (their sum), float32 (H, W) in 0..1.

    >>> float(probability(np.zeros((4, 2, 2), np.float16), (8, 8), (0, 3))[0, 0])
    0.5
    """
    chosen = sorted({int(k)} if isinstance(k, int | np.integer) else {int(i) for i in k})
    if not chosen or not 0 <= chosen[0] <= chosen[-1] < len(logits):
        raise ValueError(f"k must name classes 0 to {len(logits) - 1}; got {k!r}.")

    def of(z: Tensor) -> Tensor:
        probs = _classes_first(z).softmax(0)
        return probs[chosen[0]] if len(chosen) == 1 else probs[chosen].sum(0).clamp_(max=1)

    return _by_rows(logits, size, temperature, of)


def entropy(logits: NDArray[np.floating], size: tuple[int, int], *, temperature: float = 1.0) -> Map:
    """Return −Σ p log p / log K, float32 (H, W): 0 = certain, 1 = all K classes alike (so it doesn't depend on K).

    Multiply by log2 K for bits. With a single class it is 0.

    >>> float(entropy(np.zeros((4, 1, 1), np.float16), (2, 2))[0, 0])
    1.0
    """
    scale = 1 / math.log(len(logits)) if len(logits) > 1 else 0.0

    def of(z: Tensor) -> Tensor:
        # With y = z − z_max and S = Σ exp y: log p = y − log S. Where p underflows, p·y is 0, never NaN.
        z = _classes_first(z)
        y = z - z.amax(0)
        p = y.exp()
        total = p.sum(0)
        return (total.log() - p.mul_(y).sum(0) / total).mul_(scale).clamp_(0, 1)

    return _by_rows(logits, size, temperature, of)


def margin(logits: NDArray[np.floating], size: tuple[int, int], *, temperature: float = 1.0) -> Map:
    """Return the first class's probability minus the second's, float32 (H, W): 0 = a tie, 1 = certain.

    >>> float(margin(np.zeros((4, 1, 1), np.float16), (2, 2))[0, 0])
    0.0
    """

    def of(z: Tensor) -> Tensor:
        z = _classes_first(z)
        y = z - z.amax(0)
        first = y == 0
        total = y.exp().sum(0)
        # The second is the largest among the others, unless several classes share the first place.
        second = y.masked_fill_(first, -math.inf).amax(0).exp_()
        return second.masked_fill_(first.sum(0) > 1, 1).neg_().add_(1).div_(total)

    return _by_rows(logits, size, temperature, of)


def top(
    logits: NDArray[np.floating], size: tuple[int, int], x: int, y: int, n: int = 5, *, temperature: float = 1.0
) -> list[tuple[int, float]]:
    """Return the n most probable (class, probability) at the picture's pixel column x, row y, best first.

    >>> top(np.array([[[0.0]], [[np.log(3)]]]), (2, 2), x=1, y=0, temperature=1.0)[0][0]
    1
    """
    height, width = size
    if not (0 <= x < width and 0 <= y < height):
        raise ValueError(f"(x, y) must lie in the {width}×{height} picture; got ({x}, {y}).")
    if n < 1:
        raise ValueError(f"n, the number of classes to list, must be at least 1; got {n}.")
    _check(logits, size, temperature)
    up, down, part = _grid(logits.shape[1], height)
    left, right, share = _grid(logits.shape[2], width)
    corners = torch.from_numpy(logits[:, [up[y], down[y]]][:, :, [left[x], right[x]]]).double()
    row = torch.lerp(corners[:, 0], corners[:, 1], part[y].double())
    probs = (torch.lerp(row[:, 0], row[:, 1], share[x].double()) / temperature).softmax(0)
    best = probs.sort(descending=True, stable=True)
    return [(int(k), float(p)) for k, p in zip(best.indices[:n], best.values[:n], strict=True)]


def mean_confidence(logits: NDArray[np.floating], *, temperature: float = 1.0) -> float:
    """Return the mean over pixels, at the network's resolution, of the winning class's probability: 1/K to 1.

    >>> mean_confidence(np.zeros((4, 3, 3), np.float16))
    0.25
    """
    size = (logits.shape[-2], logits.shape[-1])
    best = _by_rows(logits, size, temperature, lambda z: _classes_first(z).softmax(0).amax(0))
    return float(best.mean(dtype=np.float64))


def check_settings(temperature: float = 1.0, threshold: float = 0.0) -> None:
    """Raise ValueError unless the temperature is above 0 and finite, and the threshold in 0..1."""
    if not (isinstance(temperature, Real) and 0 < temperature < math.inf):
        raise ValueError(f"temperature must be a finite number above 0 (1 changes nothing); got {temperature!r}.")
    if not (isinstance(threshold, Real) and 0 <= threshold <= 1):
        raise ValueError(f"threshold is a probability, 0 to 1; got {threshold!r}.")


def _by_rows(
    logits: NDArray[np.floating],
    size: tuple[int, int],
    temperature: float,
    reduce: Callable[[Tensor], Tensor],
    dtype: torch.dtype = torch.float32,
) -> NDArray:
    """Interpolate a few rows at a time to (rows, W, K), divide by the temperature, and keep what `reduce` makes."""
    _check(logits, size, temperature)
    (classes, h, w), (height, width) = logits.shape, size
    rows = max(1, min(ROWS, ELEMENTS // (classes * max(w, width))))
    up, down, part = _grid(h, height)
    left, right, share = _grid(w, width)
    share = share[None, :, None]
    out = torch.empty(size, dtype=dtype)
    with torch.inference_mode():
        for start in range(0, height, rows):
            some = slice(start, start + rows)
            above, below = (torch.from_numpy(logits[:, of[some]]).float() for of in (up.numpy(), down.numpy()))
            band = torch.lerp(above, below, part[some][None, :, None])
            band = band.permute(1, 2, 0).contiguous()  # (rows, w, K)
            if temperature != 1:
                band /= temperature
            # Interpolation is linear: dividing before it, where there are fewer numbers, is the same.
            out[some] = reduce(band if w == width else torch.lerp(band[:, left], band[:, right], share))
    return out.numpy()


def _classes_first(z: Tensor) -> Tensor:
    """(rows, W, K) → (K, rows, W): sums and softmaxes over few classes run several times faster that way round."""
    return z.movedim(-1, 0).contiguous()


def _grid(n: int, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """For each of `size` pixels, the two of n samples its centre lies between, and how far it is towards the second."""
    # In float32, as torch does it: in float64 the labels of rare near-ties would differ from F.interpolate's.
    at = ((torch.arange(size, dtype=torch.float32) + 0.5) * float(np.float32(n) / np.float32(size)) - 0.5).clamp_(min=0)
    first = at.floor().long().clamp_(max=n - 1)
    return first, (first + 1).clamp_(max=n - 1), (at - first).clamp_(max=1)


def _check(logits: NDArray[np.floating], size: tuple[int, int], temperature: float) -> None:
    check_settings(temperature)
    if not isinstance(logits, np.ndarray) or logits.ndim != 3 or logits.dtype.kind != "f" or 0 in logits.shape:
        got = f"{logits.dtype} {logits.shape}" if isinstance(logits, np.ndarray) else type(logits).__name__
        raise ValueError(f"logits must be a float array (K, h, w); got {got}. Use SemanticResult.logits.")
    if len(logits) > UNSURE:
        raise ValueError(f"At most {UNSURE} classes fit into uint8 labels beside 255 = unsure; got {len(logits)}.")
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size must be (height, width) in pixels, each at least 1; got {size!r}.")
