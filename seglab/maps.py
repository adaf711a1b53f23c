"""What is read off a network's logits: labels, probabilities and how sure it is. None of it runs the network.

Conventions: logits (K, h, w), any float type, with h×w the network's resolution; `size` = (H, W) of the picture. Logits
are first brought to the picture's size bilinearly (pixel centres, `align_corners=False`, as torchvision does), then
divided by the temperature, then softmaxed: probabilities that are interpolated instead would be blunter at edges.
Maps are float32 (H, W) in 0..1. A temperature T > 1 evens the probabilities out, T < 1 sharpens them; it never changes
which class comes first (Guo et al. 2017, "On calibration of modern neural networks", eq. 9).

Memory is bounded: K×H×W numbers never exist (see `seglab.stretch`).
"""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from seglab.cores import scratch
from seglab.firsts import firsts
from seglab.stretch import UNSURE, Map, Tile, best, check, check_logits, check_settings, grid, reduce, whole
from seglab.types import Labels


def labels(
    logits: NDArray[np.floating], size: tuple[int, int], *, temperature: float = 1.0, threshold: float = 0.0
) -> Labels:
    """Return the most probable class of each pixel, uint8 (H, W), or 255 where its probability is below `threshold`.

    The same as `F.interpolate(logits, size, mode="bilinear", align_corners=False)` and then `argmax`, but for ties
    within float32's rounding (one pixel in some millions).

    Raises:
        ValueError: logits not (K, h, w) with 1 to 255 classes, temperature outside 1e-6..1e6, threshold outside 0..1.

    >>> logits = np.array([[[0.0, 0.0]], [[3.0, -2.0]]], np.float16)  # two classes, 1×2 pixels
    >>> labels(logits, (1, 4))
    array([[1, 1, 0, 0]], dtype=uint8)
    >>> labels(logits, (1, 4), threshold=0.9)
    array([[  1, 255, 255, 255]], dtype=uint8)

    """
    check_settings(temperature, threshold)
    if threshold == 0:
        return firsts(logits, size)  # which class comes first, a temperature never changes

    def of(z: Tile, out: Labels) -> None:
        z -= best(z, out)
        # The winner's softmax is 1 / Σ exp(z − z_max).
        out[1 / np.exp(z, out=z).sum(0) < threshold] = UNSURE

    return reduce(logits, size, temperature, of, np.uint8)


def probability(
    logits: NDArray[np.floating], size: tuple[int, int], k: int | Collection[int], *, temperature: float = 1.0
) -> Map:
    """Return the probability of class k, or of any of several classes k (their sum), float32 (H, W) in 0..1.

    >>> float(probability(np.zeros((4, 2, 2), np.float16), (8, 8), (0, 3))[0, 0])
    0.5
    """
    check_logits(logits)
    several = {k} if whole(k) else set(k) if isinstance(k, Collection) else set()
    if not several or not all(whole(i) and 0 <= i < len(logits) for i in several):
        raise ValueError(f"k must name classes 0 to {len(logits) - 1}; got {k!r}.")
    chosen = sorted(several)

    def of(z: Tile, out: Map) -> None:
        z -= z.max(0)
        total = np.exp(z, out=z).sum(0)
        np.minimum(sum(z[i] for i in chosen) / total, 1, out=out)

    return reduce(logits, size, temperature, of, np.float32)


def entropy(logits: NDArray[np.floating], size: tuple[int, int], *, temperature: float = 1.0) -> Map:
    """Return −Σ p log p / log K, float32 (H, W): 0 = certain, 1 = all K classes alike (so it doesn't depend on K).

    Multiply by log2 K for bits. With a single class it is 0.

    >>> float(entropy(np.zeros((4, 1, 1), np.float16), (2, 2))[0, 0])
    1.0
    """
    return reduce(logits, size, temperature, lambda z, out: _entropy(z, z.max(0), out), np.float32)


def margin(logits: NDArray[np.floating], size: tuple[int, int], *, temperature: float = 1.0) -> Map:
    """Return the first class's probability minus the second's, float32 (H, W): 0 = a tie, 1 = certain.

    >>> float(margin(np.zeros((4, 1, 1), np.float16), (2, 2))[0, 0])
    0.0
    """

    def of(z: Tile, out: Map) -> None:
        z -= z.max(0)
        total = np.exp(z, out=scratch("exp", z.shape)).sum(0)
        first = np.equal(z, 0, out=scratch("hit", z.shape, bool))
        # The second is the largest among the others, unless several classes share the first place.
        np.copyto(z, -np.inf, where=first)
        second = np.exp(z.max(0))
        second[first.sum(0) > 1] = 1
        np.divide(1 - second, total, out=out)

    return reduce(logits, size, temperature, of, np.float32)


def top(
    logits: NDArray[np.floating], size: tuple[int, int], x: int, y: int, n: int = 5, *, temperature: float = 1.0
) -> list[tuple[int, float]]:
    """Return the n most probable (class, probability) at the picture's pixel column x, row y, best first.

    >>> top(np.array([[[0.0]], [[np.log(3)]]]), (2, 2), x=1, y=0, temperature=1.0)[0][0]
    1
    """
    check(logits, size, temperature)
    height, width = map(int, size)
    if not (whole(x) and whole(y) and 0 <= x < width and 0 <= y < height):
        raise ValueError(f"(x, y) must be a pixel of the {width}×{height} picture, counted from 0; got ({x!r}, {y!r}).")
    if not (whole(n) and n >= 1):
        raise ValueError(f"n, the number of classes to list, must be at least 1; got {n!r}.")
    up, part = grid(logits.shape[1], height)
    left, share = grid(logits.shape[2], width)
    corners = logits[:, [up[y], min(up[y] + 1, logits.shape[1] - 1)]]
    corners = corners[:, :, [left[x], min(left[x] + 1, logits.shape[2] - 1)]].astype(np.float64)
    row = corners[:, 0] + part[y] * (corners[:, 1] - corners[:, 0])
    z = (row[:, 0] + share[x] * (row[:, 1] - row[:, 0])) / temperature
    probs = np.exp(z - z.max())
    probs /= probs.sum()
    return [(int(k), float(probs[k])) for k in np.argsort(-probs, kind="stable")[:n]]


def mean_confidence(logits: NDArray[np.floating], *, temperature: float = 1.0) -> float:
    """Return the mean over pixels, at the network's resolution, of the winning class's probability: 1/K to 1.

    >>> mean_confidence(np.zeros((4, 3, 3), np.float16))
    0.25
    """
    check_logits(logits)

    def of(z: Tile, out: Map) -> None:
        z -= z.max(0)
        np.divide(1, np.exp(z, out=z).sum(0), out=out)

    return float(reduce(logits, logits.shape[1:], temperature, of, np.float32).mean(dtype=np.float64))


def _entropy(z: Tile, best: Map, out: Map) -> None:
    # With y = z − z_max and S = Σ exp y: log p = y − log S. Where p underflows, p·y is 0, never NaN.
    z -= best
    p = np.exp(z, out=scratch("exp", z.shape))
    total = p.sum(0)
    p *= z
    np.subtract(np.log(total), p.sum(0) / total, out=out)
    out *= 1 / math.log(len(z)) if len(z) > 1 else 0
    np.clip(out, 0, 1, out=out)
