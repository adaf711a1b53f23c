"""How good a model is: one confusion matrix over a whole split, and what can be read from it.

The mean IoU of a split is taken from the one matrix of all its pixels, not averaged over pictures: a class that is
rare in each picture would otherwise count as absent in most of them. Pixels whose truth is unlabelled do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seglab import inference
from seglab.metrics.confusion import confusion_matrix, iou, mean_iou, pixel_accuracy
from seglab.types import Palette, Sample

if TYPE_CHECKING:
    from seglab.runtime import Loaded


@dataclass(frozen=True)
class Evaluation:
    """A confusion matrix (rows: truth) over `pictures` pictures, and the classes it speaks of."""

    matrix: NDArray[np.int64]
    palette: Palette
    pictures: int
    mean_confidence: tuple[float, ...]  # of each picture: what the model thinks of its own answer

    @property
    def mean_iou(self) -> float:
        """Mean over the classes present in truth or answer, 0..1."""
        return float(mean_iou(self.matrix))

    @property
    def pixel_accuracy(self) -> float:
        """Share of labelled pixels answered rightly, 0..1."""
        return float(pixel_accuracy(self.matrix))

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON; an absent class is null."""
        per_class = iou(self.matrix)
        return {
            "pictures": self.pictures,
            "mean_iou": round(self.mean_iou, 4),
            "pixel_accuracy": round(self.pixel_accuracy, 4),
            "iou": {
                name: None if np.isnan(v) else round(float(v), 4)
                for name, v in zip(self.palette.names, per_class, strict=True)
            },
            "confidence_p05": round(float(np.percentile(self.mean_confidence, 5)), 4),
        }


def evaluate(
    model: Loaded,
    samples: Iterable[Sample],
    options: inference.Options | None = None,
    *,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Segment every sample and count its pixels into one confusion matrix.

    Args:
        model: from `runtime.model` or `runtime.checkpoint`.
        samples: pictures with truth in the model's own classes.
        options: as for `inference.segment`; default the model's own short side.
        progress: called with the number of pictures done.

    Raises:
        ValueError: no samples, none with a labelled pixel, or their classes are not the model's.
    """
    from seglab import maps

    options = options or inference.Options()
    matrix: NDArray[np.int64] | None = None
    confidences: list[float] = []
    for sample in samples:
        if sample.palette != model.palette:
            raise ValueError(
                f"{sample.key} is labelled with the classes of {sample.palette.title}, but the model answers in "
                f"those of {model.palette.title}; they can't be compared."
            )
        logits = inference.logits(sample.image, model, options)
        answer = maps.labels(logits, sample.labels.shape)
        counted = confusion_matrix(sample.labels, answer, len(sample.palette))
        matrix = counted if matrix is None else matrix + counted
        confidences.append(maps.mean_confidence(logits))
        if progress is not None:
            progress(len(confidences))
    if matrix is None:
        raise ValueError("There is nothing to evaluate: the split holds no pictures.")
    if not matrix.any():
        raise ValueError("There is nothing to evaluate: no pixel of the split is labelled.")
    return Evaluation(matrix, model.palette, len(confidences), tuple(confidences))
