"""What can go wrong with a prediction, one thing at a time: moved, grown, shrunk, holed, noised, blurred, doubted.

Conventions, for the whole module:

- A prediction is a mask or a probability map (H, W), bool or numbers in 0..1. What comes back is a new float32 (H, W)
  in 0..1; a mask stays 0 and 1, except under `blur` and `confidence`, which make probabilities of it.
- Grey morphology: the maximum (`dilate`) or minimum (`erode`) of a square. The picture's edge pixels go on beyond the
  frame, so that an object cut off by the frame isn't gnawed at there.
- What is random is drawn from `seed` alone: the same seed gives the same picture, on every machine.
- Doing nothing is always possible: 0 pixels, a share of 0, a sigma of 0, an amount of 0.

Source of the grey morphology: Serra, "Image Analysis and Mathematical Morphology", 1982.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Probs = NDArray[np.float32]  # (H, W), 0..1


def shift(probs: NDArray[np.generic], down: int = 0, right: int = 0) -> Probs:
    """Move by whole pixels (negative: up and left); what comes in from beyond the frame is 0.

    >>> shift(np.array([[1, 0, 0]]), right=2).tolist()
    [[0.0, 0.0, 1.0]]
    """
    source = _checked(probs)
    moved = np.zeros_like(source)
    height, width = source.shape
    (rows, from_rows), (columns, from_columns) = _overlap(height, down), _overlap(width, right)
    moved[rows, columns] = source[from_rows, from_columns]
    return moved


def dilate(probs: NDArray[np.generic], pixels: int) -> Probs:
    """Grow by `pixels` on all sides: the maximum of a square of 2·pixels + 1.

    >>> dilate(np.array([[0, 0, 0, 1]]), 1).tolist()
    [[0.0, 0.0, 1.0, 1.0]]
    """
    return ndimage.maximum_filter(_checked(probs), 2 * _whole(pixels) + 1, mode="nearest")


def erode(probs: NDArray[np.generic], pixels: int) -> Probs:
    """Shrink by `pixels` on all sides: the minimum of a square of 2·pixels + 1.

    >>> erode(np.array([[0, 0, 1, 1]]), 1).tolist()
    [[0.0, 0.0, 0.0, 1.0]]
    """
    return ndimage.minimum_filter(_checked(probs), 2 * _whole(pixels) + 1, mode="nearest")


def holes(probs: NDArray[np.generic], count: int, radius: float, seed: int = 0) -> Probs:
    """Punch `count` round holes of that radius, with their centres on foreground pixels (p ≥ ½) drawn at random.

    They may overlap. An empty mask stays as it is.

    >>> holes(np.ones((1, 5)), 1, 1, seed=3).tolist()
    [[1.0, 1.0, 1.0, 0.0, 0.0]]
    """
    holed = _checked(probs).copy()
    if not (radius >= 0 and math.isfinite(radius)):
        raise ValueError(f"A hole's radius is 0 or more pixels; got {radius}.")
    inside = np.argwhere(holed >= 0.5)
    if not len(inside):
        return holed
    reach = math.floor(radius)
    y, x = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    dy, dx = np.nonzero(y * y + x * x <= radius * radius)
    for top, left in inside[np.random.default_rng(seed).integers(len(inside), size=_whole(count))]:
        rows, columns = top + dy - reach, left + dx - reach
        kept = (rows >= 0) & (columns >= 0) & (rows < holed.shape[0]) & (columns < holed.shape[1])
        holed[rows[kept], columns[kept]] = 0
    return holed


def salt_and_pepper(probs: NDArray[np.generic], share: float, seed: int = 0) -> Probs:
    """Set each pixel with probability `share` (0..1) to 0 or to 1, as a coin falls.

    >>> noisy = salt_and_pepper(np.zeros((100, 100)), 0.1)
    >>> print(noisy.mean().round(2))  # half of the tenth
    0.05
    """
    _within(share, 0, 1, "A share of pixels")
    source, dice = _checked(probs), np.random.default_rng(seed)
    hit, coin = dice.random(source.shape) < share, dice.random(source.shape) < 0.5
    return np.where(hit, coin, source).astype(np.float32)


def blur(probs: NDArray[np.generic], sigma: float) -> Probs:
    """Blur the probabilities by a Gaussian of that many pixels.

    >>> print(blur(np.array([[0, 0, 1, 1]]), 1).round(2))
    [[0.06 0.3  0.7  0.94]]
    """
    if not (sigma >= 0 and math.isfinite(sigma)):
        raise ValueError(f"sigma is 0 or more pixels; got {sigma}.")
    return ndimage.gaussian_filter(_checked(probs), sigma, mode="nearest").clip(0, 1)


def confidence(probs: NDArray[np.generic], amount: float) -> Probs:
    """Pull towards ½ (amount down to −1: all doubt) or to the nearer of 0 and 1 (up to 1: all conviction).

    The pull is linear, p + |amount|·(goal − p), and ½ stays: no pixel changes sides at the threshold ½.

    >>> p = np.array([[0.2, 0.5, 0.9]])
    >>> print(confidence(p, -0.5).round(2), confidence(p, 0.5).round(2))
    [[0.35 0.5  0.7 ]] [[0.1  0.5  0.95]]
    """
    _within(amount, -1, 1, "An amount of confidence")
    source = _checked(probs)
    goal = np.full_like(source, 0.5) if amount < 0 else (np.sign(source - 0.5) + 1) / 2
    return (source + np.float32(abs(amount)) * (goal - source)).astype(np.float32)


def _checked(probs: NDArray[np.generic]) -> Probs:
    """Return float32 (H, W); ValueError for anything else than a mask or probabilities."""
    if probs.ndim != 2 or not probs.size:
        raise ValueError(f"A prediction is one map, (height, width) with at least a pixel; got {probs.shape}.")
    values = probs.astype(np.float32)
    if not (values.min() >= 0 and values.max() <= 1):  # NaN fails this too
        raise ValueError(
            f"A prediction holds values in 0..1; got {values.min()} to {values.max()}. From logits, take a sigmoid."
        )
    return values


def _whole(pixels: int) -> int:
    if pixels != int(pixels) or pixels < 0:
        raise ValueError(f"A number of pixels or holes is whole, 0 or more; got {pixels}.")
    return int(pixels)


def _within(value: float, low: float, high: float, what: str) -> None:
    if not low <= value <= high:
        raise ValueError(f"{what} is {low} to {high}; got {value}.")


def _overlap(n: int, by: int) -> tuple[slice, slice]:
    """Where n pixels moved by `by` end up within the frame, and where they come from."""
    by = max(-n, min(n, int(math.copysign(_whole(abs(by)), by))))
    return slice(max(0, by), n + min(0, by)), slice(max(0, -by), n - max(0, by))
