"""Take pixels out of a picture so that hardly anything tells which: noisy linear imputation, the picture part of ROAD.

Grey patches say by their outline where something was taken out, and a network may well react to that. So each missing
pixel becomes the weighted mean of its eight neighbours, missing ones included, and some noise on top.

Conventions: pictures (C, H, W) float; keep (H, W) bool, False where a pixel is taken out. Beside a border the missing
neighbours count nothing, and the other weights are scaled up to 1.

Source: Rong et al. 2022, "A Consistent and Efficient Evaluation Strategy for Attribution Methods", arXiv:2202.00449,
section 4.2: weights 1/6 for direct neighbours and 1/12 for diagonal ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

NEIGHBOURS = {
    (dy, dx): 1 / 6 if 0 in (dy, dx) else 1 / 12 for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)
}
NOISE = 0.01  # deviation, in units of the normalised picture


def noisy_linear(
    picture: NDArray[np.float32], keep: NDArray[np.bool_], noise: float = NOISE, seed: int = 0
) -> NDArray[np.float32]:
    """Return the picture (C, H, W) with its missing pixels filled in.

    Args:
        picture: (C, H, W), any scale.
        keep: (H, W), at least one True.
        noise: deviation of what is added to each filled-in number.
        seed: of the noise.

    Raises:
        ValueError: shapes that don't fit, or nothing is kept.

    >>> noisy_linear(np.float32([[[0, 9, 4]]]), np.bool_([[1, 0, 1]]), noise=0).tolist()
    [[[0.0, 2.0, 4.0]]]

    """
    if picture.ndim != 3 or keep.shape != picture.shape[1:]:
        raise ValueError(f"Wanted a picture (C, H, W) and keep (H, W) of its size; got {picture.shape}, {keep.shape}.")
    if not keep.any():
        raise ValueError("At least one pixel must be kept, or there is nothing to fill the others in from.")
    missing = np.argwhere(~keep)  # (n, 2)
    n, filled = len(missing), picture.astype(np.float32)
    if not n:
        return filled
    number = np.full(keep.shape, -1)
    number[~keep] = np.arange(n)
    # For each missing pixel p: (Σ of its weights)·p − Σ weight·(missing neighbour) = Σ weight·(kept neighbour).
    diagonal, known = np.zeros(n), np.zeros((n, len(picture)))
    rows, columns, values = [], [], []
    for step, weight in NEIGHBOURS.items():
        y, x = (missing + step).T
        inside = np.flatnonzero((y >= 0) & (x >= 0) & (y < keep.shape[0]) & (x < keep.shape[1]))
        y, x = y[inside], x[inside]
        diagonal[inside] += weight
        there = keep[y, x]
        known[inside[there]] += weight * picture[:, y[there], x[there]].T
        rows.append(inside[~there])
        columns.append(number[y[~there], x[~there]])
        values.append(np.full((~there).sum(), -weight))
    rows.append(np.arange(n))
    columns.append(np.arange(n))
    values.append(diagonal)
    system = sparse.csc_array((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), (n, n))
    # The system is symmetric, which this order of elimination makes use of.
    found = splu(system, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}, diag_pivot_thresh=0.0).solve(
        known
    )
    filled[:, ~keep] = found.T + noise * np.random.default_rng(seed).standard_normal(found.T.shape)
    return filled
