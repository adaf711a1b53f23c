"""How like two pictures are: PSNR and SSIM of their luma.

Conventions, for the whole module:

- Pictures are RGB uint8 (H, W, 3). **Luma** is BT.601's, Y = 0.299 R + 0.587 G + 0.114 B over the full range 0..255, as
  in JPEG, float32 (H, W) and not rounded. (Video of high definition has BT.709's weights; the eye is the same.)
- The range L is 255 grey levels. Equal pictures have a PSNR of infinity and an SSIM of 1.
- **SSIM** is over 7 × 7 windows of equal weights that lie within the picture, K1 = 0.01 and K2 = 0.03, with sample
  variances (divided by 48); the mean over all windows. These are scikit-image's defaults, and its result to 1e-5; Wang
  et al. take Gaussian windows of 11 × 11, which give other values in the second decimal. Ours is for speed: summed
  windows of a 1080p picture take a fraction of the time.

Source: Wang, Bovik, Sheikh & Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity",
IEEE TIP 2004, eq. 13; ITU-R BT.601 and T.871 (JFIF).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.float32]  # (H, W), 0..255

WINDOW = 7
ROWS = 64  # of windows at a time: what is made of them stays in the processor's cache
WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)


def luma(picture: NDArray[np.uint8]) -> Luma:
    """Luma of a picture (H, W, 3), float32 (H, W), 0..255. ValueError for another shape or type.

    >>> luma(np.array([[[255, 255, 255], [0, 100, 0]]], np.uint8)).round(1).tolist()
    [[255.0, 58.70000076293945]]
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[-1] != 3:
        raise ValueError(f"A picture is RGB uint8 (H, W, 3); got {picture.dtype} {picture.shape}.")
    return picture.astype(np.float32) @ WEIGHTS


def psnr(truth: Luma, picture: Luma) -> float:
    """Peak signal-to-noise ratio in decibels, 10 log10(255² / mean squared error), of two lumas (H, W).

    Higher is better; infinity for equal ones. ValueError for unequal shapes.

    >>> psnr(np.zeros((2, 2), np.float32), np.full((2, 2), 25.5, np.float32))  # an error of a tenth of the range
    20.0
    """
    _check(truth, picture, 1)
    error = float(np.mean(np.square(truth - picture), dtype=np.float64))
    return 10 * math.log10(255**2 / error) if error else math.inf


def ssim(truth: Luma, picture: Luma) -> float:
    """Mean structural similarity of two lumas (H, W), −1..1, 1 for equal ones (Wang et al., eq. 13).

    ((2 μ_x μ_y + C1)(2 σ_xy + C2)) / ((μ_x² + μ_y² + C1)(σ_x² + σ_y² + C2)), C = (K·255)², in each window.

    Raises:
        ValueError: unequal shapes, or a side below 7.

    >>> ramp = np.tile(np.arange(16, dtype=np.float32), (16, 1))
    >>> ssim(ramp, ramp), round(ssim(ramp, ramp[:, ::-1]), 2)
    (1.0, 0.59)
    """
    _check(truth, picture, WINDOW)
    height, width = (side - WINDOW + 1 for side in truth.shape)
    strips = ((truth[top : top + ROWS + WINDOW - 1], picture[top : top + ROWS + WINDOW - 1])
              for top in range(0, height, ROWS))  # fmt: skip
    return sum(float(np.sum(_similarities(x, y), dtype=np.float64)) for x, y in strips) / (height * width)


def _similarities(x: Luma, y: Luma) -> Luma:
    """SSIM in each of the windows (H − 6, W − 6)."""
    c1, c2, n = (0.01 * 255) ** 2, (0.03 * 255) ** 2, WINDOW**2
    x, y = x - np.float32(128), y - np.float32(128)  # float32 squares and sums of smaller numbers
    mean_x, mean_y = _window_means(x), _window_means(y)
    cross = mean_x * mean_y
    squares = mean_x * mean_x + mean_y * mean_y
    covariance = (_window_means(x * y) - cross) * np.float32(n / (n - 1))
    variances = (_window_means(x * x + y * y) - squares) * np.float32(n / (n - 1))
    shift = (mean_x + mean_y) * np.float32(128)  # back to the means over 0..255
    above = (2 * (cross + shift) + np.float32(2 * 128**2 + c1)) * (2 * covariance + np.float32(c2))
    below = (squares + 2 * shift + np.float32(2 * 128**2 + c1)) * (variances + np.float32(c2))
    similarities: Luma = above / below
    return similarities


def _window_means(a: Luma) -> Luma:
    """Means of all 7 × 7 windows, (H − 6, W − 6): along each axis sums of 2, of 4, and of 4 + 2 + 1."""
    for axis in (0, 1):
        n = a.shape[axis] - WINDOW + 1

        def at(b: Luma, start: int, n: int, axis: int = axis) -> Luma:
            return b[start : start + n] if axis == 0 else b[:, start : start + n]

        two = at(a, 0, n + 5) + at(a, 1, n + 5)
        four = at(two, 0, n + 2) + at(two, 2, n + 2)
        a = at(four, 0, n) + at(two, 4, n) + at(a, 6, n)
    return a * np.float32(1 / WINDOW**2)


def _check(truth: Luma, picture: Luma, least: int) -> None:
    if truth.shape != picture.shape or truth.ndim != 2 or min(truth.shape) < least:
        raise ValueError(
            f"Two lumas must be (H, W) of one shape, {least}×{least} at least; got {truth.shape} and {picture.shape}."
        )
