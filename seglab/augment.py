"""Random views of a training picture: one affine warp to a crop, then light, colour, blur and noise.

Conventions: a picture is uint8 (H, W, 3), its labels uint8 (H, W); a view is float32 (3, h, w) in 0..1 with int64
labels (h/s, w/s) taken at the centres of the network's output cells (s = its stride), 255 where the view looks past
the picture's edge. Comparing there and not at full size halves the time of a training step. All randomness comes from
the generator handed in, so that a training that was interrupted sees the same views again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from seglab.types import Sample


@dataclass(frozen=True)
class Augment:
    """How far a view may stray: scale range (log-uniform), rotation (degrees), aspect, light, blur, noise.

    `invert` is the share of views that are negatives, `rare` the share of crops that are centred on a pixel of a class
    in `rare_classes`, `paste` the share of views that get things of another view's `pasted_classes` laid over them.
    """

    crop: tuple[int, int] = (320, 384)  # height, width in pixels
    scale: tuple[float, float] = (0.7, 2.0)
    aspect: float = 1.15
    rotation: float = 5.0
    light: float = 0.4
    blur: float = 0.2
    noise: float = 0.02
    invert: float = 0.0
    rare: float = 0.5
    rare_classes: tuple[int, ...] = (2, 6, 7, 9, 10)
    paste: float = 0.5
    pasted_classes: tuple[int, ...] = (2, 6, 8, 9, 10)


def view(sample: Sample, how: Augment, rng: Generator, stride: int = 1) -> tuple[Tensor, Tensor]:
    """Draw one random view of `sample`: image float32 (3, h, w) in 0..1, labels int64 (h/stride, w/stride)."""
    image = torch.tensor(sample.image).permute(2, 0, 1)[None].float() / 255
    labels = torch.tensor(sample.labels)[None, None].float()
    theta, (h, w) = _affine(sample, how, rng), how.crop
    grid = F.affine_grid(theta, [1, 3, h, w], align_corners=False)
    image = F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
    # Labels are shifted by one so that zero padding means "past the edge".
    cells = F.affine_grid(theta, [1, 1, h // stride, w // stride], align_corners=False)
    labels = F.grid_sample(labels + 1, cells, mode="nearest", padding_mode="zeros", align_corners=False)[0, 0] - 1
    target = torch.where(labels < 0, 255.0, labels).long()
    return _light(image, how, rng)[0], target


def view_with_ids(sample: Sample, how: Augment, rng: Generator) -> tuple[Tensor, Tensor]:
    """Draw one random view of `sample`: image float32 (3, h, w) in 0..1, instance ids int64 (h, w).

    Ids are 0 where there is no thing, −1 past the picture's edge. ValueError if the sample has no ids.
    """
    if sample.ids is None:
        raise ValueError(f"{sample.key} has no instance ids, so there are no objects to learn from.")
    theta, (h, w) = _affine(sample, how, rng), how.crop
    grid = F.affine_grid(theta, [1, 3, h, w], align_corners=False)
    image = torch.tensor(sample.image).permute(2, 0, 1)[None].float() / 255
    image = F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
    ids = torch.from_numpy(sample.ids.astype(np.float32) + 1)[None, None]  # exact: ids are below 2¹⁶
    ids = F.grid_sample(ids, grid, mode="nearest", padding_mode="zeros", align_corners=False)[0, 0] - 1
    return _light(image, how, rng)[0], ids.long()


def paste(images: Tensor, targets: Tensor, how: Augment, rng: Generator) -> tuple[Tensor, Tensor]:
    """Lay poles, signs, cars and people of each view's neighbour over it, at their places (as ClassMix does).

    Of the classes that may be pasted, each is taken with probability 0.6. Source: Olsson, Tranheden, Pinto and
    Svensson 2021, "ClassMix", fig. 2, with true labels in place of predicted ones.

    Args:
        images: (N, 3, h, w) float32.
        targets: (N, h/s, w/s) int64, s a whole number.
        how: says how often, and which classes.
        rng: the source of all randomness.

    """
    chosen = torch.rand(len(images), generator=rng) < how.paste
    takes = torch.rand(len(images), len(how.pasted_classes), generator=rng) < 0.6
    takes &= chosen[:, None]
    other_images, other_targets = images.roll(1, 0), targets.roll(1, 0)
    mask = torch.zeros_like(targets, dtype=torch.bool)
    for i, k in enumerate(how.pasted_classes):
        mask |= takes[:, i, None, None] & (other_targets == k)
    stride = images.shape[-1] // targets.shape[-1]
    fine = mask.repeat_interleave(stride, 1).repeat_interleave(stride, 2)[:, None]
    return torch.where(fine, other_images, images), torch.where(mask, other_targets, targets)


def _uniform(rng: Generator, low: float, high: float) -> float:
    return low + (high - low) * torch.rand((), generator=rng).item()


def _affine(sample: Sample, how: Augment, rng: Generator) -> Tensor:
    """The view's place in the picture as affine_grid's matrix (1, 2, 3), in −1..1 coordinates."""
    height, width = sample.labels.shape
    h, w = how.crop
    scale = math.exp(_uniform(rng, math.log(how.scale[0]), math.log(how.scale[1])))
    stretch = math.exp(_uniform(rng, -math.log(how.aspect), math.log(how.aspect)))
    span_x, span_y = w / (scale * stretch), h / (scale / stretch)  # the crop's extent in picture pixels
    cx, cy = _center(sample, how, rng, span_x, span_y)
    angle = math.radians(_uniform(rng, -how.rotation, how.rotation))
    flip = -1.0 if _uniform(rng, 0, 1) < 0.5 else 1.0
    cos, sin = math.cos(angle), math.sin(angle)
    # Rotation is taken in pixels, then scaled to grid coordinates, so that it stays a rotation on oblong pictures.
    return torch.tensor(
        [[
            [flip * cos * span_x / width, -sin * span_y / width, 2 * cx / width - 1],
            [flip * sin * span_x / height, cos * span_y / height, 2 * cy / height - 1],
        ]]
    )  # fmt: skip


def _center(sample: Sample, how: Augment, rng: Generator, span_x: float, span_y: float) -> tuple[float, float]:
    height, width = sample.labels.shape
    if _uniform(rng, 0, 1) < how.rare:
        k = how.rare_classes[int(_uniform(rng, 0, len(how.rare_classes)))]
        ys, xs = np.nonzero(sample.labels == k)
        if len(ys):
            i = int(_uniform(rng, 0, len(ys)))
            cx = float(xs[i]) + _uniform(rng, -0.3, 0.3) * span_x
            cy = float(ys[i]) + _uniform(rng, -0.3, 0.3) * span_y
            return _inside(cx, span_x, width), _inside(cy, span_y, height)
    return _inside(_uniform(rng, 0, width), span_x, width), _inside(_uniform(rng, 0, height), span_y, height)


def _inside(center: float, span: float, size: int) -> float:
    """Move a crop's centre so that it looks past the edge only if it is larger than the picture."""
    return size / 2 if span >= size else min(max(center, span / 2), size - span / 2)


def _light(image: Tensor, how: Augment, rng: Generator) -> Tensor:
    """Brightness, contrast, saturation, colour cast, gamma, blur and noise on (1, 3, h, w) in 0..1."""
    a = how.light
    if how.invert and _uniform(rng, 0, 1) < how.invert:
        image = 1 - image
    image = image * _uniform(rng, 1 - a, 1 + a)
    mean = image.mean()
    image = (image - mean) * _uniform(rng, 1 - a, 1 + a) + mean
    grey = image.mean(1, keepdim=True)
    image = grey + (image - grey) * _uniform(rng, 1 - a, 1 + a)
    image = image * (1 + a / 4 * (2 * torch.rand(1, 3, 1, 1, generator=rng) - 1))
    image = image.clamp(0, 1) ** math.exp(_uniform(rng, -a, a))
    if _uniform(rng, 0, 1) < how.blur:
        sigma = _uniform(rng, 0.4, 1.4)
        x = torch.arange(-3.0, 4.0)
        kernel = torch.exp(-(x**2) / (2 * sigma**2))
        kernel = (kernel / kernel.sum()).repeat(3, 1)
        image = F.conv2d(F.pad(image, (3, 3, 0, 0), mode="replicate"), kernel[:, None, None, :], groups=3)
        image = F.conv2d(F.pad(image, (0, 0, 3, 3), mode="replicate"), kernel[:, None, :, None], groups=3)
    sigma = _uniform(rng, 0, how.noise)
    return (image + sigma * torch.randn(image.shape, generator=rng)).clamp(0, 1)
