"""Objects, one by one: a detector runs once, loosely, and everything chosen later only tightens what it found.

`detect` runs the network and keeps boxes of at least score 0.05 after a lax non-maximum suppression (NMS, 0.9), 300 at
most (of nuclei 1000), with their small masks: half a megabyte, to be cached. `select` takes from these by score, NMS,
mask threshold and number, without the network, and pastes the masks that are left, each into a crop of its own.

Boxes are x0 y0 x1 y1 in pixels of the picture. A small mask is 28×28 probabilities, spread over its box.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.ops import nms as suppress

from seglab import allocator, runtime
from seglab.devices import DTYPES
from seglab.inference import LARGE_JOB
from seglab.nets.mask_rcnn import NMS, SCORE, Detector
from seglab.options import Options, input_size
from seglab.preprocess import normalize, prepared, resize
from seglab.runtime import Loaded
from seglab.types import Crop, Image, InstanceResult, Palette, check_image

SIDE = 28  # of the small masks, in their pixels
BLOCK = 2**20  # pixels that are pasted at a time
DEFAULTS = Options()


@dataclass(frozen=True)
class Detections:
    """What one loose pass found, best score first; arrays on the CPU, to be kept.

    boxes (N, 4) float32 in pixels of the picture; classes (N,) int64, indices into the palette; scores (N,) float32,
    0.05..1; masks (N, 28, 28) float16 probabilities within the box; size: the picture's height and width; aligned:
    whether masks lie in their boxes exactly, or as torchvision's weights learnt it (see `detection_parts.Pool`).
    """

    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    scores: NDArray[np.float32]
    masks: NDArray[np.float16]
    size: tuple[int, int]
    palette: Palette
    aligned: bool = True

    def __post_init__(self) -> None:
        n = len(self.boxes)
        wanted = ((n, 4), (n,), (n,), (n, SIDE, SIDE))
        got = (self.boxes.shape, self.classes.shape, self.scores.shape, self.masks.shape)
        if got != wanted:
            raise ValueError(f"{n} boxes need arrays of the shapes {wanted} (the last: masks); got {got}.")
        if (np.diff(self.scores) > 0).any():
            raise ValueError("Detections come with the best score first; sort them.")
        if n and not (self.classes.min() >= 0 and self.classes.max() < len(self.palette)):
            raise ValueError(f"Classes of objects must be 0 to {len(self.palette) - 1}; got {self.classes.tolist()}.")

    def __len__(self) -> int:
        return len(self.boxes)


def detect(
    image: Image, model: str | Loaded, options: Options = DEFAULTS, *, cancel: Callable[[], bool] | None = None
) -> Detections:
    """Run a detector on a picture, once, and return all it found in the loosest sense that `select` can be asked for.

    Args:
        image: (H, W, 3) uint8, RGB.
        model: a key of `zoo.MODELS` with the task "instance", or what `runtime` loaded.
        options: `short_side` and `precision` are used. Half precision is autocast's: boxes and scores stay float32.
        cancel: asked while waiting for a turn; true raises Cancelled.

    Raises:
        ValueError: no detector; tiles, mirroring or scales, which averages of logits need and boxes don't have; scores
            that aren't numbers. WeightsError: no weights. OutOfMemory: a smaller `short_side` may fit.

    """
    check_image(image)
    if options.tile or options.flip or options.scales != (1.0,):
        raise ValueError("Objects are found on the whole picture at one size: leave tile, flip and scales as they are.")
    loaded = runtime.model(model) if isinstance(model, str) else model
    net = loaded.folded
    if not isinstance(net, Detector):
        raise ValueError(f"{loaded.key} gives a class for each pixel, not objects; use seglab.inference.segment.")
    size = (image.shape[0], image.shape[1])
    h, w = input_size(size, loaded.preprocess, options)
    pixels = resize(prepared(image, loaded.preprocess), (h, w))[None].float().div_(255)
    x = normalize(pixels, loaded.preprocess.mean, loaded.preprocess.std)

    def chosen() -> Loaded:
        return loaded if options.precision == "fp32" else runtime.for_autocast(loaded)

    def run(x: Tensor) -> dict[str, Tensor]:
        half = torch.autocast(loaded.device.type, DTYPES[options.precision], enabled=options.precision != "fp32")
        with torch.inference_mode(), half:
            return {name: t.cpu() for name, t in chosen().folded(x)[0].items()}

    try:
        found = runtime.in_turn(loaded, x, run, copy=chosen, precision=options.precision, cancel=cancel)
    finally:
        if h * w >= LARGE_JOB:
            allocator.give_back()
    if not all(torch.isfinite(found[name]).all() for name in ("boxes", "scores", "masks")):
        raise ValueError(f"{loaded.key} gave objects that aren't numbers in {options.precision}: choose fp32.")
    # The network's labels skip some numbers (COCO's) and know nothing of stuff.
    index = torch.full((max(net.labels) + 1,), -1)
    index[list(net.labels)] = torch.tensor(loaded.palette.things)
    classes = index[found["labels"]]
    known = classes >= 0
    boxes = found["boxes"] * torch.tensor([size[1] / w, size[0] / h] * 2)
    return Detections(
        boxes[known].numpy(),
        classes[known].numpy(),
        found["scores"][known].numpy(),
        found["masks"][known, 0].half().numpy(),
        size,
        loaded.palette,
        net.aligned,
    )


def select(
    detections: Detections, *, score: float = 0.5, nms: float = 0.5, mask_threshold: float = 0.5, limit: int = 100
) -> InstanceResult:
    """Keep the objects that pass all four, and paste their masks; no network runs.

    Each class has an NMS of its own: from the best score down, a box goes if its IoU with one kept of its class is
    above `nms`. As the loose pass did the same at 0.9, that differs from running the network with these settings in two
    rare cases: where a box that the loose pass dropped for another one would outlive that one (they overlap by more
    than 0.9, so hardly anything changes), and where more boxes passed loosely than were kept.

    Args:
        detections: what `detect` found.
        score: 0.05..1, to be exceeded.
        nms: 0..0.9, the largest IoU that two boxes of a class may have.
        mask_threshold: 0..1, the probability that a pixel must exceed to belong to the object.
        limit: at most so many objects, those with the best scores; 1 or more.

    Raises:
        ValueError: an argument out of its range.

    >>> one = Detections(np.float32([[2, 2, 6, 6]]), np.array([0]), np.float32([0.8]), np.ones((1, 28, 28), np.float16),
    ...     (9, 9), Palette("demo", ("ball",), ((0, 114, 178),), things=(0,)))
    >>> select(one).mask(0).sum(), len(select(one, score=0.9))
    (np.int64(16), 0)

    """
    if not SCORE <= score <= 1:
        raise ValueError(f"score must be {SCORE} (below, nothing was kept) to 1; got {score!r}.")
    if not 0 <= nms <= NMS:
        raise ValueError(f"nms is an overlap, 0 to {NMS} (more was never kept); got {nms!r}.")
    if not 0 <= mask_threshold <= 1:
        raise ValueError(f"mask_threshold is a probability, 0 to 1; got {mask_threshold!r}.")
    if limit < 1:
        raise ValueError(f"limit is a number of objects, 1 or more; got {limit!r}.")
    keep = np.flatnonzero(detections.scores > score)
    keep = keep[_suppressed(detections, keep, nms)][:limit]
    boxes = detections.boxes[keep]
    crops = (
        paste(mask, box, detections.size, mask_threshold)
        for mask, box in zip(detections.masks[keep], boxes if detections.aligned else on_pixels(boxes), strict=True)
    )
    return InstanceResult(
        boxes, detections.classes[keep], detections.scores[keep], tuple(crops), detections.size, detections.palette
    )


def _suppressed(detections: Detections, candidates: NDArray[np.intp], iou: float) -> NDArray[np.bool_]:
    """Return which candidates are left after an NMS for each class."""
    boxes, scores = torch.from_numpy(detections.boxes[candidates]), torch.from_numpy(detections.scores[candidates])
    classes = detections.classes[candidates]
    left = np.zeros(len(candidates), bool)
    for k in np.unique(classes):
        mine = np.flatnonzero(classes == k)
        left[mine[suppress(boxes[mine], scores[mine], iou).numpy()]] = True
    return left


def paste(mask: NDArray[np.float16], box: NDArray[np.float32], size: tuple[int, int], threshold: float) -> Crop:
    """Return an object's mask at the picture's size, cut out at its box: pixels whose probability exceeds `threshold`.

    The small mask is stretched over its box, and each pixel's probability read off at the pixel's middle, bilinearly;
    around the mask lies a ring of zeros, so that an object ends with its box. Bilinear interpolation works on rows and
    columns one after the other, so it is two small matrix products: P = A·M·Bᵀ. That is done for some rows at a time: a
    mask as large as a photo of 24 megapixels needs 30 MB while it is pasted, and 3 afterwards.

    Args:
        mask: (s, s) probabilities within the box.
        box: x0 y0 x1 y1 in pixels, from edge to edge; what of it lies outside the picture is left out.
        size: height and width of the picture.
        threshold: 0..1.

    >>> paste(np.ones((28, 28), np.float16), np.float32([1, 0, 3, 1]), (2, 4), 0.5).mask().astype(int).tolist()
    [[0, 1, 1, 0], [0, 0, 0, 0]]

    """
    ringed = np.pad(mask.astype(np.float32), 1)
    left, across = weights(box[0], box[2], size[1], mask.shape[1])
    top, down = weights(box[1], box[3], size[0], mask.shape[0])
    inside = np.empty((len(down), len(across)), bool)
    stretched = ringed @ across.T
    rows = max(1, BLOCK // len(across))
    for y in range(0, len(down), rows):
        np.greater(down[y : y + rows] @ stretched, threshold, out=inside[y : y + rows])
    return Crop.of(inside, top, left)


def weights(low: float, high: float, n: int, side: int) -> tuple[int, NDArray[np.float32]]:
    """Return the first of an axis' n pixels that the box reaches, and A (pixels it reaches, side + 2).

    A[p, i] says how much of the small mask's i-th number, the ring's included, pixel p gets: 1 where it lies, falling
    linearly to 0 at its neighbours.
    """
    margin = (high - low) / side
    first = int(np.clip(np.floor(low - margin), 0, n - 1))
    last = int(np.clip(np.ceil(high + margin), first + 1, n))
    place = (np.arange(first, last) + 0.5 - low) * (side / max(high - low, 1e-6)) + 0.5
    return first, np.maximum(0, 1 - np.abs(place[:, None] - np.arange(side + 2))).astype(np.float32)


def on_pixels(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Move boxes to where torchvision's `paste_masks_in_image` has them: with their ring they fill whole pixels.

    It grows them by the ring, cuts the corners' fractions off, and takes both the first and the last pixel in.
    """
    grow = (SIDE + 2) / SIDE
    middle, half = (boxes[:, 2:] + boxes[:, :2]) * np.float32(0.5), (boxes[:, 2:] - boxes[:, :2]) * np.float32(0.5)
    half = half * np.float32(grow)
    low, high = np.trunc(middle - half), np.trunc(middle + half) + 1
    ring = (high - low) / (SIDE + 2)
    return np.concatenate((low + ring, high - ring), 1)
