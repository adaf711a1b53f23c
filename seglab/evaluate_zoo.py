"""How good the architectures are, on pictures and on volumes alike; and two baselines that don't look at the shapes.

Conventions: labels are (H, W), or (D, H, W) of volumes, without unlabelled pixels. All measures are of a whole split,
from sums over its pictures, and are fractions in 0..1:

- mean IoU, IoU by class and pixel accuracy, as `seglab.metrics.confusion` has them;
- **boundary IoU**: of each class, the IoU of what lies within d px of a contour, in the truth and in the answer
  (`seglab.metrics.boundary`, d = 2 % of the diagonal), its sums taken over the split; then the mean of the classes;
- **thin recall**: the share of pixels of thin structures that get their class: those that an opening by 3×3 takes away
  from the truth, such as wires, railings and posts of up to 2 px;
- **things IoU**: the mean of the IoU of the countable classes;
- **alike IoU**: of Scenes, that of the classes which context = 1 makes look alike (`datasets.axes.ALIKE`).

Sources: Cheng et al. 2021, "Boundary IoU", eq. 2; the openings of Serra 1982, as in any book on morphology.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from seglab.datasets.axes import ALIKE
from seglab.metrics.boundary import boundary_width
from seglab.metrics.confusion import confusion_matrix, iou, mean_iou, pixel_accuracy
from seglab.types import Palette

if TYPE_CHECKING:
    from torch import Tensor, nn

Labels = NDArray[np.uint8]
Answers = Callable[[Sequence[Any]], Iterable[tuple[Labels, float]]]  # samples → labels and mean confidence of each
ALSO = ("boundary_iou", "thin_recall", "things_iou", "alike_iou")
BATCH = 20
BITS = 5  # of each colour channel that the colour look-up tells apart


@dataclass(frozen=True)
class Measured:
    """The measures of one split; NaN for a class, or thin structures, that it doesn't have.

    confidence_p05: the 5th percentile, over the pictures, of the mean highest probability.
    """

    mean_iou: float
    pixel_accuracy: float
    boundary_iou: float
    thin_recall: float
    things_iou: float
    alike_iou: float
    confidence_p05: float
    iou: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON, rounded to 4 places; None for NaN."""
        return {
            name: {k: _plain(v) for k, v in value.items()} if isinstance(value, dict) else _plain(value)
            for name, value in asdict(self).items()
        }


def measure(samples: Sequence[Any], answers: Answers) -> Measured:
    """Measure what gives answers on samples (pictures or volumes of one palette); ValueError if there are none."""
    if not samples:
        raise ValueError("There is nothing to measure: the split holds no pictures.")
    palette: Palette = samples[0].palette
    k = len(palette)
    matrix = np.zeros((k, k + 1), np.int64)
    both, either, thin = np.zeros(k, np.int64), np.zeros(k, np.int64), np.zeros(2, np.int64)
    confidences = []
    for sample, (found, confidence) in zip(samples, answers(samples), strict=True):
        truth = np.asarray(sample.labels)
        matrix += confusion_matrix(truth, found, k)
        near = boundary_counts(truth, found, k)
        both, either = both + near[0], either + near[1]
        slim = thin_structures(truth)
        thin += np.count_nonzero(slim & (truth == found)), np.count_nonzero(slim)
        confidences.append(confidence)
    by_class = iou(matrix)
    edges = np.divide(both, either, out=np.full(k, math.nan), where=either > 0)
    return Measured(
        float(mean_iou(matrix)),
        float(pixel_accuracy(matrix)),
        _mean(edges),
        float(thin[0] / thin[1]) if thin[1] else math.nan,
        _mean(by_class[list(palette.things)]),
        _mean(by_class[[i for i, name in enumerate(palette.names) if name in ALIKE]]),
        float(np.percentile(confidences, 5)),
        dict(zip(palette.names, by_class.tolist(), strict=True)),
    )


def boundary_counts(truth: Labels, found: Labels, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many pixels the boundary bands of truth and answer share, and have together, by class: (K,) each.

    Their quotient is `metrics.boundary.boundary_iou` of each class's masks; of all classes at once, which is faster.

    >>> both, either = boundary_counts(np.uint8([[0, 0, 1, 1]]), np.uint8([[0, 1, 1, 1]]), 2)
    >>> both.tolist(), either.tolist()
    ([1, 2], [2, 3])
    """
    width = boundary_width(truth.shape)  # type: ignore[arg-type]  # a diagonal has any number of axes
    near, here = _band(truth, width), _band(found, width)
    a, b = (np.bincount(labels[band], minlength=k) for labels, band in ((truth, near), (found, here)))
    both = np.bincount(truth[near & here & (truth == found)], minlength=k)
    return both, a + b - both


def thin_structures(labels: Labels) -> NDArray[np.bool_]:
    """Return the pixels that an opening of their class by 3×3 (volumes: 3×3×3) takes away: up to 2 px thin.

    >>> thin_structures(np.uint8([[0, 0, 0, 1, 2, 2, 2]] * 3)).astype(int)[0]
    array([0, 0, 0, 1, 0, 0, 0])
    """
    # The middle of a window of one class only; beyond the picture all goes on. Whatever lies in such a window stays.
    middle = ndimage.minimum_filter(labels, 3, mode="nearest") == ndimage.maximum_filter(labels, 3, mode="nearest")
    return ~ndimage.maximum_filter(middle, 3, mode="constant")


def _band(labels: Labels, width: int) -> NDArray[np.bool_]:
    """Where not all within `width` px is of one class; beyond the picture is another (255)."""
    low, high = (f(labels, 2 * width + 1, mode="constant", cval=255) for f in (ndimage.minimum_filter,
                                                                            ndimage.maximum_filter))  # fmt: skip
    different: NDArray[np.bool_] = low != high
    return different


def network(net: nn.Module) -> Answers:
    """Return what answers by a network, float32 on its device, in batches; it is put into eval mode."""
    import torch

    device = next(net.parameters()).device
    net.eval()

    def answers(samples: Sequence[Any]) -> Iterator[tuple[Labels, float]]:
        for i in range(0, len(samples), BATCH):
            with torch.inference_mode():
                logits = net(torch.stack([inputs(s) for s in samples[i : i + BATCH]]).to(device))
                top, labels = logits.softmax(1).max(1)
            for confidence, found in zip(top.flatten(1).mean(1).tolist(), labels.cpu().numpy(), strict=True):
                yield found.astype(np.uint8), confidence

    return answers


def inputs(sample: Any) -> Tensor:
    """Return what a network takes of a sample: (3, H, W) normalised, or (1, D, H, W) of a volume."""
    import torch

    from seglab.preprocess import normalize

    if hasattr(sample, "voxels"):
        return torch.tensor(sample.voxels)[None]
    return normalize(torch.tensor(sample.image).permute(2, 0, 1)[None].float() / 255)[0]


def majority(training: Sequence[Any]) -> Answers:
    """Return the baseline that gives every pixel the class that is the commonest in training."""
    counts = sum(np.bincount(np.asarray(s.labels).ravel(), minlength=len(s.palette)) for s in training)
    commonest, share = int(np.argmax(counts)), float(np.max(counts) / np.sum(counts))
    return lambda samples: ((np.full(np.shape(s.labels), commonest, np.uint8), share) for s in samples)


def colour_table(training: Sequence[Any]) -> Answers:
    """Return the baseline that gives every pixel the class that was the commonest of its colour in training.

    Colours are told apart by the BITS upper bits of each channel; one never seen gets the commonest class of all. A
    voxel's brightness is its colour.
    """
    k, n = len(training[0].palette), 1 << 3 * BITS
    counts = np.zeros(n * k, np.int64)
    for sample in training:
        counts += np.bincount(_colour(sample).ravel() * k + np.asarray(sample.labels).ravel(), minlength=n * k)
    table = counts.reshape(n, k)
    table[table.sum(1) == 0] = table.sum(0)
    classes, sure = table.argmax(1).astype(np.uint8), table.max(1) / table.sum(1)

    def answers(samples: Sequence[Any]) -> Iterator[tuple[Labels, float]]:
        for sample in samples:
            colour = _colour(sample)
            yield classes[colour], float(sure[colour].mean())

    return answers


BASELINES: dict[str, Callable[[Sequence[Any]], Answers]] = {"majority class": majority, "colour look-up": colour_table}


def _colour(sample: Any) -> NDArray[np.int64]:
    if hasattr(sample, "voxels"):  # −4 to 4, in as many steps as there are colours
        steps = 1 << 3 * BITS
        return ((np.asarray(sample.voxels, np.float64) + 4) * (steps / 8)).clip(0, steps - 1).astype(np.int64)
    r, g, b = np.moveaxis(np.asarray(sample.image) >> (8 - BITS), -1, 0).astype(np.int64)
    return (r << 2 * BITS) | (g << BITS) | b


def _mean(values: NDArray[np.float64]) -> float:
    return math.nan if np.isnan(values).all() else float(np.nanmean(values))


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
