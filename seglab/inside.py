"""Inside Mask R-CNN: which way a detection went through the network. What that costs: `seglab.inside_losses`.

The RPN proposes a box, the box head corrects it and names its class, the mask head draws 28×28 probabilities into it
(He et al. 2017), and these are stretched over the picture's pixels.

Conventions. A correction t = (t_x, t_y, t_w, t_h) says x = x_a + w_a·t_x/10 and w = w_a·exp(t_w/5), where x is a box's
middle, w its width, and a the proposal; y and h likewise. (10, 10, 5, 5) are torchvision's weights. Boxes are
x0 y0 x1 y1 in pixels of the picture. Nothing here changes a network: it stays in eval mode, and the parts of the copy
that `instances.detect` runs are called one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.models.detection.rpn import concat_box_prediction_layers
from torchvision.ops import box_iou, clip_boxes_to_image

from seglab import allocator, runtime
from seglab.inference import LARGE_JOB
from seglab.instances import Detections, on_pixels, weights
from seglab.nets.mask_rcnn import NMS, Detector
from seglab.options import Options, input_size
from seglab.preprocess import normalize, prepared, resize
from seglab.runtime import Loaded
from seglab.types import Image, check_image

Floats = NDArray[np.float32]
T = TypeVar("T")


@dataclass(frozen=True)
class Origins:
    """Where each of N detections comes from, row by row; NaN where the pass has none that fits.

    proposals (N, 4) float32 in pixels; objectness (N,): how sure the RPN was of the proposal, 0..1; corrections (N, 4):
    t for the detection's class; background (N,): the probability that the box head gave to "no object".
    """

    proposals: Floats
    objectness: Floats
    corrections: Floats
    background: Floats


def mask_box(detections: Detections, i: int) -> Floats:
    """Return the box (4,) over which detection i's 28×28 mask is stretched.

    Its own, if masks lie in their boxes exactly; else the one on whole pixels that torchvision's weights learnt.
    """
    boxes = detections.boxes[i : i + 1]
    return (boxes if detections.aligned else on_pixels(boxes))[0]


def pasted(detections: Detections, i: int) -> tuple[Floats, tuple[slice, slice]]:
    """Return the probability of each pixel that detection i's mask reaches, before any threshold, and their place.

    As `instances.paste`, whose crop is where this exceeds the threshold; of a mask as large as a photo of 24 megapixels
    it takes 100 MB.

    Returns:
        (h, w) float32, 0..1, and the rows and columns of the picture where that lies.

    >>> from seglab.types import Palette
    >>> one = Detections(np.float32([[1, 0, 3, 1]]), np.array([0]), np.float32([1]), np.ones((1, 28, 28), np.float16),
    ...     (2, 4), Palette("demo", ("ball",), ((0, 114, 178),), things=(0,)))
    >>> probability, place = pasted(one, 0)
    >>> probability.round(2).tolist(), place
    ([[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]], (slice(0, 2, None), slice(0, 4, None)))

    """
    x0, y0, x1, y1 = mask_box(detections, i)
    height, width = detections.size
    small = np.pad(detections.masks[i].astype(np.float32), 1)
    left, across = weights(x0, x1, width, small.shape[1] - 2)
    top, down = weights(y0, y1, height, small.shape[0] - 2)
    place = slice(top, top + len(down)), slice(left, left + len(across))
    return (down @ (small @ across.T)).astype(np.float32, copy=False), place


def origins(
    image: Image, loaded: Loaded, detections: Detections, *, cancel: Callable[[], bool] | None = None
) -> Origins:
    """Run the network once more, and find for each detection the proposal that became it.

    That is the one whose corrected box and score are nearest; their IoU must be at least that of the loose pass's NMS,
    or the detections come from other choices (another size, half precision) and the row is NaN.

    Args:
        image: (H, W, 3) uint8, the picture on which `instances.detect` found them.
        loaded: the same network.
        detections: what it found, with the default options.
        cancel: asked while waiting for a turn; true raises Cancelled.

    Raises:
        ValueError: no detector, or a picture of another size. OutOfMemory: the picture is too large.

    >>> from seglab.instances import detect
    >>> from seglab.nets.mask_rcnn_small import light
    >>> from seglab.types import Palette
    >>> from seglab.zoo import Preprocess
    >>> net = light(1, smallest=8, proposals=9, sampled=8, width=8, channels=8, hidden=8)
    >>> ball = Palette("demo", ("ball",), ((0, 114, 178),), things=(0,))
    >>> loaded = runtime.ready("demo", net, ball, Preprocess(0), "")
    >>> picture = np.zeros((64, 64, 3), np.uint8)
    >>> found = detect(picture, loaded)
    >>> origins(picture, loaded, found).proposals.shape == found.boxes.shape
    True

    """
    check_image(image)
    if image.shape[:2] != detections.size:
        raise ValueError(f"The picture is {image.shape[:2]} and the detections are of {detections.size}.")
    net, x, scale = network_input(image, loaded)

    def run(x: Tensor) -> tuple[Tensor, ...]:
        seen = propose(net, x)
        logits, corrections = judge(net, seen, seen.proposals)
        return tuple(t.cpu() for t in (seen.proposals, seen.objectness, logits.softmax(1), corrections))

    proposals, objectness, probs, corrections = quietly(loaded, x, run, cancel)
    n = len(detections)
    if not n or not len(proposals):
        return Origins(*(np.full(shape, np.nan, np.float32) for shape in ((n, 4), n, (n, 4), n)))
    of_class = dict(zip(loaded.palette.things, net.labels, strict=True))
    label = torch.tensor([of_class[k] for k in detections.classes.tolist()])
    decoded = net.roi_heads.box_coder.decode(corrections.flatten(1), [proposals])[:, label]  # (P, N, 4)
    boxes = clip_boxes_to_image(decoded, (x.shape[2], x.shape[3]))
    found = torch.from_numpy(detections.boxes / scale)
    apart = (boxes - found).abs().amax(2) + (probs[:, label] - torch.tensor(detections.scores)).abs()
    best, each = apart.argmin(0), torch.arange(n)
    iou = box_iou(boxes[best, each], found).diagonal()
    rows = (proposals[best] * torch.from_numpy(scale), objectness[best], corrections[best, label], probs[best, 0])
    fits = (iou >= NMS).numpy()
    return Origins(*(np.where(fits if r.ndim == 1 else fits[:, None], r.numpy(), np.float32(np.nan)) for r in rows))


@dataclass(frozen=True)
class Proposed:
    """What backbone and RPN make of one picture, in pixels of the network's input, on its device.

    maps: of the pyramid, by name; size: height and width; anchors (A, 4); scores (A,) logits and shifts (A, 4) of each;
    proposals (P, 4), the best of them, and their objectness (P,), 0..1.
    """

    maps: dict[str, Tensor]
    size: tuple[int, int]
    anchors: Tensor
    scores: Tensor
    shifts: Tensor
    proposals: Tensor
    objectness: Tensor


def propose(net: Detector, x: Tensor) -> Proposed:
    """Run backbone and RPN on one picture, x (1, 3, h, w) normalised."""
    images, _ = net.transform(list(x))
    maps = net.backbone(images.tensors)
    levels = list(maps.values())
    found, moves = net.rpn.head(levels)
    anchors = net.rpn.anchor_generator(images, levels)
    scores, shifts = concat_box_prediction_layers(found, moves)
    boxes = net.rpn.box_coder.decode(shifts, anchors).view(1, -1, 4)
    proposals, sure = net.rpn.filter_proposals(boxes, scores, images.image_sizes, [len(s[0].flatten()) for s in found])
    return Proposed(maps, images.image_sizes[0], anchors[0], scores.flatten(), shifts, proposals[0], sure[0])


def judge(net: Detector, seen: Proposed, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the box head's answers to boxes (P, 4): logits (P, K + 1), and a correction per class (P, K + 1, 4)."""
    heads = net.roi_heads
    logits, corrections = heads.box_predictor(heads.box_head(heads.box_roi_pool(seen.maps, [boxes], [seen.size])))
    return logits, corrections.view(len(boxes), -1, 4)


def network_input(image: Image, loaded: Loaded) -> tuple[Detector, Tensor, Floats]:
    """Return the network, its input (1, 3, h, w) as `instances.detect` makes it, and the scale (4,) between the two.

    A box in the input's pixels times that is in pixels of the picture. ValueError if it is no detector.
    """
    net = loaded.folded
    if not isinstance(net, Detector):
        raise ValueError(f"{loaded.key} gives a class for each pixel, not objects: choose a detector.")
    h, w = input_size(image.shape[:2], loaded.preprocess, Options())
    pixels = resize(prepared(image, loaded.preprocess), (h, w))[None].float().div_(255)
    scale = np.array([image.shape[1] / w, image.shape[0] / h] * 2, np.float32)
    return net, normalize(pixels, loaded.preprocess.mean, loaded.preprocess.std), scale


def quietly(loaded: Loaded, x: Tensor, run: Callable[[Tensor], T], cancel: Callable[[], bool] | None) -> T:
    """Return `run(x)`, without gradients, when it is this pass's turn (`runtime.in_turn`)."""

    def quiet(x: Tensor) -> T:
        with torch.inference_mode():
            return run(x)

    try:
        return runtime.in_turn(loaded, x, quiet, cancel=cancel)
    finally:
        if x.shape[2] * x.shape[3] >= LARGE_JOB:
            allocator.give_back()
