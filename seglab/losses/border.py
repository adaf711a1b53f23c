"""U-Net's border weights: a mistake in the thin gap between two cells costs more than one elsewhere.

Source: Ronneberger, Fischer & Brox 2015, arXiv:1505.04597, eq. 1 and 2; eq. 1 has lost its minus sign there.
Conventions: ids (H, W) of any integer type, 0 = background, 1 to 65535 = a number per cell; weights float32 (H, W).
Distances are in pixels between pixel centres, so a background pixel beside a cell has distance 1 to it. A picture
without cells, or with one, has the class weights only.

Within cells the border term is 0: the paper weighs "the small separation borders", which are background, and the
formula as it stands would also weigh each cell's own rim. Cells that touch have no background between them, so
nothing would be learnt there; the paper cuts a gap into the truth first, and so does `separate`.
"""

from __future__ import annotations

import math

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

CUT = 1e-6  # the border term counts as 0 where it is smaller than this: that bounds how far a cell has to be looked at
FAR = 1e9  # pixels; farther than any cell: with one cell alone, the second nearest is here


def separate(ids: NDArray[np.integer]) -> NDArray[np.integer]:
    """Cut a gap of background into `ids` (H, W) where cells touch, also at corners: two pixels, one from each side.

    The truth to train on is `separate(ids) > 0`. A cell that is nowhere wider than two pixels may vanish by this.

    >>> separate(np.array([[1, 1, 2, 2, 0, 3]])).tolist()
    [[1, 0, 0, 2, 0, 3]]
    """
    _check(ids)
    highest = ndimage.maximum_filter(ids, 3, mode="nearest")
    lowest = ndimage.minimum_filter(np.where(ids > 0, ids, highest), 3, mode="nearest")
    return np.where((highest == ids) & (lowest == ids), ids, 0).astype(ids.dtype)


def balance(ids: NDArray[np.integer]) -> tuple[float, float]:
    """Return the weights (background, cell) that make both classes count alike: pixels / (classes · pixels of it).

    Their mean over the pixels of `ids` (any shape) is 1; a class that is absent has weight 1. For a training set, hand
    in all pictures at once: with a single picture of a few tiny cells, the weight of a cell pixel can reach hundreds.

    >>> balance(np.array([0, 0, 0, 7]))
    (0.6666666666666666, 2.0)
    """
    cell = int(np.count_nonzero(ids))
    counts = (ids.size - cell, cell)
    present = sum(n > 0 for n in counts)
    weights = [ids.size / (present * n) if n else 1.0 for n in counts]
    return weights[0], weights[1]


def border_term(ids: NDArray[np.integer], w0: float = 10.0, sigma: float = 5.0) -> NDArray[np.float64]:
    """w0·exp(−(d1 + d2)²/(2σ²)) on background, 0 within cells: d1, d2 are the distances to the two nearest cells.

    Exact wherever it is at least `CUT`, and 0 elsewhere. That makes it fast: only within
    R = σ·√(2 ln(w0 / CUT)) of a cell (28.4 px for 10 and 5) can that cell matter, so its distances are taken in its
    box, grown by R, and never over the whole picture.

    Args:
        ids: (H, W), a number per cell, 0 elsewhere.
        w0: the term's height for a gap of no width, 0 or more.
        sigma: its reach in pixels, above 0; it has fallen to 1/e where d1 + d2 = √2·σ.

    Raises:
        ValueError: ids isn't a map of ids, w0 is negative, or sigma isn't positive.

    >>> border_term(np.array([[1, 0, 2]])).round(4).tolist()  # 10·exp(−(1 + 1)²/50)
    [[0.0, 9.2312, 0.0]]
    """
    _check(ids)
    if not (w0 >= 0 and sigma > 0 and math.isfinite(w0) and math.isfinite(sigma)):
        raise ValueError(f"w0 must be 0 or more and sigma (pixels) above 0; got w0={w0}, sigma={sigma}.")
    term = np.zeros(ids.shape)
    if w0 <= CUT:
        return term
    reach = math.ceil(sigma * math.sqrt(2 * math.log(w0 / CUT)))
    first, second = np.full(ids.shape, FAR), np.full(ids.shape, FAR)
    for k, box in enumerate(ndimage.find_objects(ids.astype(np.int32)), 1):
        if box is None:  # this number isn't used
            continue
        around = tuple(slice(max(0, side.start - reach), side.stop + reach) for side in box)
        distance = ndimage.distance_transform_edt(ids[around] != k)
        np.minimum(second[around], np.maximum(first[around], distance), out=second[around])
        np.minimum(first[around], distance, out=first[around])
    gap = (ids == 0) & (first + second <= reach)
    term[gap] = w0 * np.exp(-((first[gap] + second[gap]) ** 2) / (2 * sigma**2))
    return term


def border_weights(
    ids: NDArray[np.integer],
    w0: float = 10.0,
    sigma: float = 5.0,
    class_weights: tuple[float, float] | None = None,
) -> NDArray[np.float32]:
    """U-Net's weight map, w(x) = w_c(x) + w0·exp(−(d1(x) + d2(x))²/(2σ²)), float32 (H, W) (eq. 2).

    Args:
        ids: (H, W), a number per cell, 0 elsewhere; `separate(ids)` for cells that touch.
        w0: height of the border term, see `border_term`.
        sigma: its reach in pixels.
        class_weights: w_c for background and for cells; from this picture alone by `balance` if None.

    Raises:
        ValueError: as `border_term`.

    >>> border_weights(np.array([[1, 0, 2]]), class_weights=(1, 3)).round(2)
    array([[ 3.  , 10.23,  3.  ]], dtype=float32)
    """
    term = border_term(ids, w0, sigma)
    background, cell = balance(ids) if class_weights is None else class_weights
    return (np.where(ids > 0, cell, background) + term).astype(np.float32)


def pixel_weighted_cross_entropy(logits: Tensor, target: Tensor, weights: Tensor, ignore_index: int = 255) -> Tensor:
    """E = −Σ w(x) log p_t(x) / Σ w(x) over the pixels that count (eq. 1, divided by the weights' sum).

    The division keeps the loss of one scale, whatever the weights; logits of half precision are computed in fp32.
    Where no pixel counts, or all weights are 0, the loss is 0 with a gradient of 0.

    Args:
        logits: (N, K, H, W).
        target: (N, H, W), int64, 0..K−1 or `ignore_index`.
        weights: (N, H, W), float, 0 or more.
        ignore_index: the target value of pixels that do not count.

    Raises:
        ValueError: weights and target differ in shape.

    >>> import torch
    >>> pixel_weighted_cross_entropy(torch.zeros(1, 2, 1, 1), torch.zeros(1, 1, 1).long(), torch.ones(1, 1, 1))
    tensor(0.6931)
    """
    if weights.shape != target.shape:
        raise ValueError(
            f"A weight map needs a weight per pixel, {tuple(target.shape)} as the target; got {tuple(weights.shape)}."
        )
    weights = weights.float() * (target != ignore_index)
    each = F.cross_entropy(logits.float(), target, ignore_index=ignore_index, reduction="none")
    return (weights * each).sum() / weights.sum().clamp(min=1e-6)


def _check(ids: NDArray[np.integer]) -> None:
    whole = ids.ndim == 2 and ids.size > 0 and np.issubdtype(ids.dtype, np.integer)
    if not (whole and 0 <= ids.min() <= ids.max() < 2**16):
        raise ValueError(
            "Ids of cells must be whole numbers (H, W), 0 for background and 1 to 65535 for cells; "
            f"got {ids.dtype} {ids.shape}" + (f", {ids.min()} to {ids.max()}." if ids.size else ".")
        )
