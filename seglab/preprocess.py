"""A picture as networks want it: resized as torchvision's presets do, and normalised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seglab.types import Image
from seglab.zoo import Preprocess


def stretch(image: Image, percentiles: tuple[float, float]) -> Image:
    """Return the picture with these percentiles of its values at 0 and 255, square roots between; uint8 (H, W, 3).

    For microscopes, whose exposure says nothing: one picture's brightest nuclei are at 30, another's at 255. The
    percentiles are of all channels together. Counts of photons have a variance equal to their mean; their square roots
    have everywhere the same (Anscombe 1948), and dim nuclei beside glaring ones don't drown. A picture of one value
    stays as it is.

    >>> stretch(np.uint8([[[10] * 3, [15] * 3, [30] * 3]]), (0, 100))[0, :, 0].tolist()
    [0, 127, 255]
    """
    low, high = np.percentile(image, percentiles)
    if high <= low:
        return image
    table = (255 * ((np.arange(256) - low) / (high - low)).clip(0, 1) ** 0.5).astype(np.uint8)
    return table[image]


def prepared(image: Image, preprocess: Preprocess) -> Image:
    """Return the picture (H, W, 3) uint8 as it is before it is resized: stretched, if the network learnt it so."""
    return image if preprocess.stretch is None else stretch(image, preprocess.stretch)


def resize(image: Image, size: tuple[int, int]) -> Tensor:
    """Return the picture as uint8 (3, h, w), resized bilinearly with anti-aliasing, as torchvision's presets do.

    Args:
        image: (H, W, 3) uint8, RGB.
        size: (h, w) in pixels.

    >>> resize(np.zeros((20, 30, 3), np.uint8), (10, 15)).shape
    torch.Size([3, 10, 15])

    """
    pixels = torch.from_numpy(image.copy() if not image.flags.writeable else np.ascontiguousarray(image))
    pixels = pixels.permute(2, 0, 1)
    if pixels.shape[1:] == size:
        return pixels
    return F.interpolate(pixels[None], size, mode="bilinear", align_corners=False, antialias=True)[0]


def normalize(x: Tensor, mean: Sequence[float] = Preprocess.mean, std: Sequence[float] = Preprocess.std) -> Tensor:
    """Return x (N, 3, H, W) float32 in 0..1 less the mean, divided by the deviation, channels last; x stays as it is.

    mean and std are of red, green and blue over the pictures a network was trained on; ImageNet's if not given.

    >>> normalize(torch.full((1, 3, 1, 1), 0.5), mean=(0.5, 0.25, 0.0), std=(0.25, 0.25, 0.5)).flatten().tolist()
    [0.0, 1.0, 1.0]
    """
    center, deviation = (torch.tensor(v, device=x.device)[:, None, None] for v in (mean, std))
    return (x - center).div_(deviation).contiguous(memory_format=torch.channels_last)
