"""Smooth random deformation of a picture and its objects: the augmentation that let U-Net learn from 30 pictures.

Source: Ronneberger, Fischer & Brox 2015, sec. 3.1: random displacements on a coarse 3×3 grid, normally distributed
with 10 pixels standard deviation, and bicubic interpolation between them. All randomness comes from the generator
handed in.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

GRID = 3  # displacements per side


def elastic(image: Tensor, ids: Tensor, rng: Generator, sigma: float = 10.0) -> tuple[Tensor, Tensor]:
    """Bend a picture and its ids alike; new image (bilinear) and new ids (nearest), as large as before.

    Nothing looks past the picture's edge: where the displacements would, the whole view is drawn in just enough, so
    there is nothing to invent, and no object appears twice in a mirror.

    Args:
        image: (C, H, W), floating.
        ids: (H, W), any integer type: ids of objects or classes.
        rng: the source of all randomness; the same state gives the same deformation.
        sigma: standard deviation of the displacements in pixels; 0 changes nothing. At most a sixth of the grid's
            spacing (of 256 pixels: 21), for then the picture would fold over itself.

    Raises:
        ValueError: the sizes differ, or sigma is negative or too large for this size.

    >>> rng = torch.Generator().manual_seed(0)
    >>> elastic(torch.rand(3, 40, 50), torch.ones(40, 50).int(), rng, sigma=2)[1].shape
    torch.Size([40, 50])
    """
    if image.ndim != 3 or not image.is_floating_point() or ids.shape != image.shape[1:] or ids.is_floating_point():
        raise ValueError(
            f"Wanted an image (C, H, W), floating, and ids (H, W), whole numbers; "
            f"got {image.dtype} {tuple(image.shape)} and {ids.dtype} {tuple(ids.shape)}."
        )
    height, width = ids.shape
    largest = (min(height, width) - 1) / (GRID - 1) / 6
    if not 0 <= sigma <= largest:
        raise ValueError(f"sigma must be 0 to {largest:.1f} pixels for a picture of {height}×{width}; got {sigma}.")
    shift = sigma * torch.randn(1, 2, GRID, GRID, generator=rng)
    shift = F.interpolate(shift, (height, width), mode="bicubic", align_corners=True)[0]
    y = _inside(
        torch.arange(height)[:, None] + shift[0], height
    )  # (H, W), pixels: where each pixel of the view is taken from
    x = _inside(torch.arange(width) + shift[1], width)
    at = torch.stack([2 * x / max(1, width - 1) - 1, 2 * y / max(1, height - 1) - 1], -1)[None].to(image.dtype)
    bent = F.grid_sample(image[None], at, mode="bilinear", padding_mode="border", align_corners=True)[0]
    return bent, ids[y.round().long(), x.round().long()]


def _inside(at: Tensor, size: int) -> Tensor:
    """Draw coordinates (H, W) together, if need be, so that they stay within 0 and size − 1."""
    low, high = at.min().clamp(max=0), at.max().clamp(min=size - 1)
    return ((at - low) * ((size - 1) / (high - low).clamp(min=1))).clamp(0, size - 1)
