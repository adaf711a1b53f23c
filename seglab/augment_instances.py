"""Random views of a picture with its objects: one affine warp to a crop, then light, colour, blur and noise.

The warp and the light are those of `seglab.augment`; here the map of instance ids is warped with the picture, and boxes
and masks are read off the view. So they are exact after any rotation, and an object that the crop cuts is what is seen
of it. All randomness comes from the generator handed in.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from seglab.augment import Augment, view_with_ids
from seglab.types import Sample
from seglab.zoo import Preprocess

FEWEST = 9  # pixels: what is seen of an object in less can't be learnt, nor expected to be found


def view(sample: Sample, how: Augment, rng: Generator) -> tuple[Tensor, dict[str, Tensor]]:
    """Draw one random view of `sample`: image float32 (3, h, w) in 0..1, and the `targets` in it.

    Raises:
        ValueError: the sample has no instance ids.

    >>> from seglab.types import Palette
    >>> ball, ids = Palette("demo", ("ball",), ((9, 9, 9),), things=(0,)), np.ones((8, 8), np.uint16)
    >>> one = Sample(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8), ball, "one", ids=ids)
    >>> how = Augment((8, 8), scale=(1, 1), aspect=1, rotation=0, rare=0)
    >>> image, found = view(one, how, Generator().manual_seed(0))
    >>> tuple(image.shape), found["boxes"].tolist(), labels(one).tolist()
    ((3, 8, 8), [[0.0, 0.0, 8.0, 8.0]], [0, 1])

    """
    image, ids = view_with_ids(sample, how, rng)
    # Past the picture's edge lies what pads it in use: the mean, which normalising makes 0. The warp's smear of the
    # outermost pixels would teach that what looks like half an object is nothing.
    image = torch.where(ids < 0, torch.tensor(Preprocess.mean)[:, None, None], image)
    return image, targets(ids.clamp(min=0), labels(sample))


def labels(sample: Sample) -> Tensor:
    """Return the detector's label of each id: (largest id + 1,) int64, 1 + its place among the palette's things.

    0 for ids that don't occur, and for objects that are no things.
    """
    assert sample.ids is not None
    place = np.zeros(256, np.int64)
    place[list(sample.palette.things)] = 1 + np.arange(len(sample.palette.things))
    of_id = np.zeros(int(sample.ids.max()) + 1, np.int64)
    of_id[sample.ids.ravel()] = place[sample.labels.ravel()]
    of_id[0] = 0
    return torch.from_numpy(of_id)


def targets(ids: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Return the objects in a map of ids as a detector wants them, smallest id first.

    Args:
        ids: (h, w) int64, 0 = none.
        labels: the label of each id; objects of label 0, and of fewer than FEWEST pixels, are left out.

    Returns:
        boxes (n, 4) float32, x0 y0 x1 y1 in pixels from edge to edge; labels (n,) int64; masks (n, h + 1, w + 1)
        float16, at the pixels' corners: the mean of the four pixels that meet there, where torchvision looks for them
        (see `seglab.nets.detection_parts.Pool`).

    >>> one = targets(torch.tensor([[0, 0, 0, 0], [0, 7, 7, 7], [0, 7, 7, 7], [0, 7, 7, 7]]), torch.ones(8).long())
    >>> one["boxes"].tolist(), one["masks"][0, 1].tolist()
    ([[1.0, 1.0, 4.0, 4.0]], [0.0, 0.25, 0.5, 0.5, 0.25])

    """
    areas = torch.bincount(ids.flatten(), minlength=len(labels))
    chosen = torch.where((labels > 0) & (areas >= FEWEST))[0]
    masks = ids[None] == chosen[:, None, None]  # (n, h, w)
    corners = F.pad(masks.byte(), (1, 1, 1, 1))
    corners = corners[:, 1:] + corners[:, :-1]
    corners = corners[..., 1:] + corners[..., :-1]  # 0..4, (n, h + 1, w + 1)
    (x0, x1), (y0, y1) = _extent(masks.any(1)), _extent(masks.any(2))
    boxes = torch.stack([x0, y0, x1, y1], 1).float()
    return {"boxes": boxes, "labels": labels[chosen], "masks": corners.half() / 4}


def _extent(seen: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first true place of each row, and the one after the last: seen (n, length) → (n,), (n,)."""
    flags = seen.byte()
    return flags.argmax(1), seen.shape[1] - flags.flip(1).argmax(1)
