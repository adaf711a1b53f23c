"""How well a map of heat agrees with where the object really is: numbers from the map and a mask, no network.

Conventions: heat (H, W) is float, of 0 or more (a map with its ReLU), and need not be normalised; the mask (H, W) is
bool, the object's pixels in the truth or in the prediction. Shares are 0..1. These tell whether a map points at the
object, not whether the network looked there: a map that only redraws the mask scores best.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

TOLERANCE = 15  # pixels, as in the paper on pictures of 300 to 500 px


def pointing_game(heat: NDArray[np.floating], mask: NDArray[np.bool_], tolerance: int = TOLERANCE) -> bool:
    """Whether the hottest pixel lies on the object or at most `tolerance` pixels away; of equal ones the first.

    Source: Zhang et al. 2018, "Top-down Neural Attention by Excitation Backprop", IJCV, section 4.1.

    Raises:
        ValueError: shapes that differ, negative heat or none at all, an empty mask, a negative tolerance.

    >>> pointing_game(np.float32([[0, 0, 0, 9]]), np.bool_([[1, 0, 0, 0]]), tolerance=2)
    False

    """
    _check(heat, mask)
    if tolerance < 0:
        raise ValueError(f"tolerance is a number of pixels, 0 or more; got {tolerance}.")
    hottest = np.unravel_index(int(heat.argmax()), heat.shape)
    return bool(ndimage.distance_transform_edt(~mask)[hottest] <= tolerance)


def energy_in_mask(heat: NDArray[np.floating], mask: NDArray[np.bool_]) -> float:
    """Return the share of the heat that lies on the object, Σ_mask heat / Σ heat.

    Source: Wang et al. 2020, Score-CAM, arXiv:1910.01279, section 4.3 ("energy-based pointing game").

    Raises:
        ValueError: as `pointing_game`.

    >>> energy_in_mask(np.float32([[3, 1]]), np.bool_([[1, 0]]))
    0.75

    """
    _check(heat, mask)
    return float(heat[mask].sum(dtype=np.float64) / heat.sum(dtype=np.float64))


def share_outside(heat: NDArray[np.floating], mask: NDArray[np.bool_]) -> float:
    """Return the share of the heat outside the mask: what the network used besides the object, 1 − energy in it.

    >>> share_outside(np.float32([[3, 1]]), np.bool_([[1, 0]]))
    0.25
    """
    return 1 - energy_in_mask(heat, mask)


def _check(heat: NDArray[np.floating], mask: NDArray[np.bool_]) -> None:
    if heat.ndim != 2 or heat.shape != mask.shape or mask.dtype != np.bool_:
        raise ValueError(
            f"Heat and mask must be of one size (H, W), the mask bool; got {heat.shape} and {mask.dtype} {mask.shape}."
        )
    if not np.isfinite(heat).all() or (heat < 0).any():
        raise ValueError("Heat must be 0 or more everywhere: take the map with its ReLU.")
    if not heat.any():
        raise ValueError("There is no heat in this map, so no share of it.")
    if not mask.any():
        raise ValueError("The mask is empty: there is no object to point at.")
