"""Losses that weigh a mistake by its distance to the border: boundary loss and Hausdorff-distance loss.

Conventions: see `seglab.losses.inputs`. Distances are Euclidean, in pixels, between pixel centres, of each picture by
itself; they come from SciPy on the CPU and are constants for the gradient. A mask that is empty or full has no border:
its distances are 0 everywhere. So with an empty truth the boundary loss and its gradient are 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from seglab.losses.inputs import Reduction, prepare, reduce_pixels, within

Mask = NDArray[np.bool_]  # (H, W)
Distances = NDArray[np.float64]  # (H, W)


def border_distance(mask: Mask) -> Distances:
    """Distance of each pixel to the nearest one on the other side of the mask's border: (H, W), 1 or more, see above.

    >>> border_distance(np.array([[False, True, True, False, False]])).tolist()
    [[1.0, 1.0, 1.0, 1.0, 2.0]]
    """
    if mask.all() or not mask.any():
        return np.zeros(mask.shape)
    return ndimage.distance_transform_edt(mask) + ndimage.distance_transform_edt(~mask)


def signed_distance(mask: Mask) -> Distances:
    """φ of the boundary loss: (H, W), the distance to the mask outside it, 1 − the distance to background inside.

    So it is 1 on the pixels around the mask, 0 on the mask's rim and negative further in, as the authors compute it.

    >>> signed_distance(np.array([[False, True, True, True, False, False]])).tolist()
    [[1.0, 0.0, -1.0, 0.0, 1.0, 2.0]]
    """
    distance = border_distance(mask)
    return np.where(mask & (distance > 0), 1 - distance, distance)


def boundary(z: Tensor, y: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """(1/N) Σ φ_i p_i with the truth's signed distance φ; the least value, where p = y, is negative.

    Linear in p: a pixel is pushed by where it lies, whatever is predicted elsewhere. The rim has φ = 0 and no push at
    all, and so has an object of one pixel. The authors add it to a Dice loss, with a weight that grows.

    z, y: (…, H, W); terms per pixel. Source: Kervadec et al. 2019, arXiv:1812.07032, eq. 5, there a sum.

    >>> boundary(torch.zeros(1, 4), torch.tensor([[1, 1, 0, 0]]))  # φ = −1, 0, 1, 2
    tensor(0.2500)
    """
    z, on, off = prepare(z, y)
    return reduce_pixels(
        (on + off) * _maps(signed_distance, on > 0, z.dtype) * z.sigmoid(), (on + off).sum(), reduction
    )


def hausdorff(z: Tensor, y: Tensor, alpha: float = 2.0, *, reduction: Reduction = "mean") -> Tensor:
    """(1/N) Σ (p − y)² (d^α + δ^α), with the distances d to the truth's border and δ to that of p > ½; 0 or more.

    A stand-in for the Hausdorff distance, which is the error of one single pixel: the further off, the dearer.
    If truth and prediction are both empty or full, no pixel has a distance: the loss and its gradient are 0.

    z, y: (…, H, W); alpha: 0.1 or more; terms per pixel, in pixels^α. Source: Karimi & Salcudean 2019,
    arXiv:1904.10030, the loss by distance transforms.

    >>> hausdorff(torch.zeros(1, 4), torch.tensor([[1, 0, 0, 0]]))  # ¼ · (1 + 1 + 4 + 9)/4; nothing has p > ½
    tensor(0.9375)
    """
    within("alpha", alpha, 0.1)
    z, on, off = prepare(z, y)
    far = _maps(border_distance, on > 0, z.dtype) ** alpha + _maps(border_distance, z > 0, z.dtype) ** alpha
    error = on * (-z).sigmoid() ** 2 + off * z.sigmoid() ** 2
    return reduce_pixels(far * error, (on + off).sum(), reduction)


def _maps(distance: Callable[[Mask], Distances], masks: Tensor, dtype: torch.dtype) -> Tensor:
    """Return `distance` of each mask (…, H, W), bool, in a tensor of the same shape."""
    flat = masks.cpu().numpy().reshape(-1, *masks.shape[-2:])
    maps = np.stack([distance(mask) for mask in flat]).reshape(masks.shape)
    return torch.from_numpy(maps).to(dtype).to(masks.device)
