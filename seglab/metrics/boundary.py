"""The boundary of a binary mask, and boundary IoU: the IoU of what lies close to the contours.

Conventions, for the whole module:

- A mask is (H, W), bool, or numbers that are all 0 or 1; both masks have one shape. `truth` is A, `pred` is B.
- The **boundary** ∂A is the pixels of A with a 4-neighbour that isn't in A; beyond the picture nothing is in A, so an
  object cut off by the frame has a boundary there (as in MONAI, torchmetrics and DeepMind's surface-distance).
- The **band** A_d is the pixels of A within d px of its contour, by the chessboard's distance: what d erosions by 3×3
  take away (as the authors' code has it). d is 2 % of the picture's diagonal, so a picture of twice the size has a band
  of twice the width.
- Boundary IoU is an IoU, 0..1: NaN if both masks are empty, 0 if one is.

Source: Cheng, Girshick, Dollár, Berg and Kirillov, "Boundary IoU: Improving Object-Centric Image Segmentation
Evaluation", CVPR 2021.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]  # (H, W)


def boundary(mask: NDArray[np.generic]) -> Mask:
    """Return the pixels of the mask (H, W) with a 4-neighbour outside it; beyond the picture is outside.

    >>> boundary(np.ones((3, 4))).astype(int)
    array([[1, 1, 1, 1],
           [1, 0, 0, 1],
           [1, 1, 1, 1]])
    """
    inside = np.pad(as_mask(mask, "mask"), 1)
    middle = inside[1:-1, 1:-1]
    return middle & ~(inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:])


def boundary_width(shape: tuple[int, int], ratio: float = 0.02) -> int:
    """Return boundary IoU's d for a picture of that shape: the share `ratio` of its diagonal, in whole pixels ≥ 1.

    The authors take 2 % for COCO's pictures (about 15 px) and 0.5 % for Cityscapes' large ones.

    >>> boundary_width((480, 640))
    16
    """
    if not (ratio > 0 and math.isfinite(ratio)):
        raise ValueError(f"The ratio is a share of the diagonal above 0, usually 0.02; got {ratio}.")
    return max(1, round(ratio * math.hypot(*shape)))


def boundary_band(mask: NDArray[np.generic], width: int) -> Mask:
    """Return the pixels of the mask within `width` px of its contour, what `width` erosions by 3×3 take away.

    Distance is the chessboard's here, as in the authors' code. ValueError for a width below 1.

    >>> boundary_band(np.ones((5, 7)), 2).astype(int)[2]
    array([1, 1, 0, 0, 0, 1, 1])
    """
    if width < 1:
        raise ValueError(f"A boundary's width is 1 pixel or more; got {width}.")
    mask = as_mask(mask, "mask")
    band = mask.copy()
    if box := bounding_box(mask):
        kept = ndimage.minimum_filter(mask[box].view(np.uint8), 2 * width + 1, mode="constant", cval=0)
        band[box] &= kept == 0
    return band


def boundary_iou(truth: NDArray[np.generic], pred: NDArray[np.generic], ratio: float = 0.02) -> float:
    """IoU of the two masks' boundary bands, |A_d ∩ B_d| / |A_d ∪ B_d|: 0..1; NaN if both are empty.

    A_d is the pixels of A within d = `boundary_width(shape, ratio)` px of A's contour. Objects thinner than 2 d are all
    boundary, and their boundary IoU is their IoU.

    >>> a = np.zeros((99, 99)); b = a.copy(); a[20:80, 20:80] = b[20:80, 21:81] = 1  # IoU 0.967
    >>> round(boundary_iou(a, b), 3)
    0.714
    """
    truth, pred = as_masks(truth, pred)
    width = boundary_width((truth.shape[0], truth.shape[1]), ratio)
    a, b = boundary_band(truth, width), boundary_band(pred, width)
    union = np.count_nonzero(a | b)
    return float(np.count_nonzero(a & b) / union) if union else math.nan


def as_mask(mask: NDArray[np.generic], what: str) -> Mask:
    """Return a mask as bool (H, W); ValueError for other shapes, no pixels, or values other than 0 and 1.

    >>> as_mask(np.array([[0.0, 1.0]]), "truth").tolist()
    [[False, True]]
    """
    if mask.ndim != 2 or not mask.size:
        raise ValueError(f"The {what} must be one mask, (height, width) with at least a pixel; got {mask.shape}.")
    if mask.dtype == np.bool_:
        return mask.view(np.bool_)
    whole = mask == 1
    if not (whole | (mask == 0)).all():
        raise ValueError(f"The {what} holds values other than 0 and 1: use a threshold, as in `probs >= 0.5`.")
    return whole


def as_masks(truth: NDArray[np.generic], pred: NDArray[np.generic]) -> tuple[Mask, Mask]:
    """Return both as bool (H, W); ValueError as `as_mask`, and for unequal shapes.

    >>> as_masks(np.zeros((2, 2)), np.zeros((2, 3)))
    Traceback (most recent call last):
    ValueError: The truth is (2, 2) and the prediction (2, 3); they must have one shape. Resize one of them.
    """
    if truth.shape != pred.shape:
        raise ValueError(
            f"The truth is {truth.shape} and the prediction {pred.shape}; they must have one shape. Resize one of them."
        )
    return as_mask(truth, "truth"), as_mask(pred, "prediction")


def bounding_box(mask: Mask) -> tuple[slice, slice] | None:
    """Return the rows and columns of a bool (H, W) that hold all of it; None if it is empty.

    >>> bounding_box(np.eye(4, dtype=bool)[1:3])
    (slice(0, 2, None), slice(1, 3, None))
    """
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    if not rows.size:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
