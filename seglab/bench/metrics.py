"""`bench metrics`: our scores and distances against the libraries that people take for them.

Every row is a task with two sides in processes of their own (see `seglab.bench.sides`), which get the same drawn masks;
what both return is compared.

- **scores**: two 1920×1080 maps of 21 classes. Theirs are the six metrics of torchmetrics that give the same numbers,
  each called for itself, as its documentation shows: MulticlassAccuracy (micro: pixel accuracy), MulticlassPrecision,
  MulticlassRecall, MulticlassSpecificity, MulticlassF1Score and MulticlassJaccardIndex (each class). Ours are one
  `confusion_matrix` and its scores.
- **scores, collected**: the same six in one MetricCollection, which shares the counts of five of them (its first update
  finds out which, so that the collection is made and used once before the clock starts).
- **scores of noise**: maps in which no two neighbours agree, where our counting by runs can't help.
- **distances**: Hausdorff, HD95 and average surface distance of two 2000×2000 masks, by the three functions of MONAI
  that give them. It finds boundaries and distances anew for each, ours once for all.
- **Hausdorff**: by SciPy's `directed_hausdorff` both ways between the boundaries, which `binary_erosion` gives.

torchmetrics and MONAI are what `requirements-dev.txt` lists; without one, its rows say so.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seglab.bench import against
from seglab.bench.against import Arrays, Task

SIZE, CLASSES = (1080, 1920), 21
MASK = (2000, 2000)
TOLERANCE = 1e-4  # theirs are float32, and distances go to hundreds of pixels: relative where above 1


def add(parsers: Any) -> None:
    """Add the arguments of `bench metrics`."""
    note = f"scores: {SIZE[1]}×{SIZE[0]}, {CLASSES} classes; distances: {MASK[1]}×{MASK[0]}"
    against.add(parsers, "metrics", "scores and distances of masks", TASKS, note)


def maps(kind: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return (truth, prediction) (H, W), labels 0..20: regions with wavy borders, moved a little, or noise."""
    if kind == "noise":
        truth, pred = np.random.default_rng(0).integers(0, CLASSES, (2, *SIZE), np.uint8)
        return truth, pred
    y, x = np.ogrid[: SIZE[0], : SIZE[1]]

    def cut(move: int) -> NDArray[np.uint8]:
        rows = (y + 0.02 * SIZE[0] * np.sin((x + move) / 61)) * 6 // SIZE[0]
        columns = (x + move + 0.02 * SIZE[1] * np.sin(y / 47)) * 9 // SIZE[1]
        return ((rows * 7 + columns * 5) % CLASSES).astype(np.uint8)

    return cut(0), cut(SIZE[1] // 160)


def masks(_: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return (truth, prediction) (H, W): a large object with a wavy contour, and the same, moved and grown."""
    y, x = np.ogrid[: MASK[0], : MASK[1]]

    def flower(top: float, left: float, size: float) -> NDArray[np.bool_]:
        angle = np.arctan2(y - top * MASK[0], x - left * MASK[1])
        return np.hypot(y - top * MASK[0], x - left * MASK[1]) < size * MASK[0] * (1 + 0.15 * np.sin(9 * angle))

    return flower(0.5, 0.5, 0.35), flower(0.505, 0.49, 0.36)


def plain_scores(kind: str) -> Callable[[], Arrays]:
    """Six metrics of torchmetrics, one by one."""
    truth, pred = _tensors(kind)
    wanted = _torchmetrics()

    def work() -> Arrays:
        found = {}
        for name, (metric, options) in wanted.items():
            made = metric(CLASSES, **options)
            made.update(pred, truth)
            found[name] = made.compute().numpy()
        return found

    return work


def plain_collection(kind: str) -> Callable[[], Arrays]:
    """The same six in a MetricCollection."""
    truth, pred = _tensors(kind)
    collection = importlib.import_module("torchmetrics").MetricCollection(
        {name: metric(CLASSES, **options) for name, (metric, options) in _torchmetrics().items()}
    )
    collection.update(pred, truth)  # finds which of them can share their counts

    def work() -> Arrays:
        collection.reset()
        collection.update(pred, truth)
        return {name: value.numpy() for name, value in collection.compute().items()}

    return work


def ours_scores(kind: str) -> Callable[[], Arrays]:
    """`confusion_matrix` and its scores."""
    from seglab.metrics import scores
    from seglab.metrics.confusion import confusion_matrix, iou, pixel_accuracy

    truth, pred = maps(kind)

    def work() -> Arrays:
        cm = confusion_matrix(truth, pred, CLASSES)
        return {
            "accuracy": np.array(pixel_accuracy(cm)), "precision": scores.precision(cm), "recall": scores.recall(cm),
            "specificity": scores.specificity(cm), "f1": scores.dice(cm), "iou": iou(cm),
        }  # fmt: skip

    return work


def plain_distances(kind: str) -> Callable[[], Arrays]:
    """Three functions of MONAI."""
    import torch

    metrics = importlib.import_module("monai.metrics")
    truth, pred = (torch.from_numpy(mask)[None, None] for mask in masks(kind))

    def work() -> Arrays:
        found = [
            metrics.compute_hausdorff_distance(pred, truth, include_background=True),
            metrics.compute_hausdorff_distance(pred, truth, include_background=True, percentile=95),
            metrics.compute_average_surface_distance(pred, truth, include_background=True, symmetric=True),
        ]
        return {"hausdorff, hd95, average": np.array([float(value) for value in found])}

    return work


def ours_distances(kind: str) -> Callable[[], Arrays]:
    """`surface_distances` and what follows from them."""
    from seglab.metrics.distances import average_of, hausdorff_of, surface_distances

    truth, pred = masks(kind)

    def work() -> Arrays:
        both = surface_distances(truth, pred)
        return {"hausdorff, hd95, average": np.array([hausdorff_of(both), hausdorff_of(both, 95), average_of(both)])}

    return work


def plain_hausdorff(kind: str) -> Callable[[], Arrays]:
    """SciPy's `directed_hausdorff`, both ways."""
    from scipy import ndimage
    from scipy.spatial.distance import directed_hausdorff

    truth, pred = masks(kind)

    def work() -> Arrays:
        a, b = (np.argwhere(mask & ~ndimage.binary_erosion(mask)) for mask in (truth, pred))
        return {"hausdorff": np.array(max(directed_hausdorff(a, b)[0], directed_hausdorff(b, a)[0]))}

    return work


def ours_hausdorff(kind: str) -> Callable[[], Arrays]:
    """`metrics.distances.hausdorff`."""
    from seglab.metrics.distances import hausdorff

    truth, pred = masks(kind)
    return lambda: {"hausdorff": np.array(hausdorff(truth, pred))}


def _tensors(kind: str) -> tuple[Any, Any]:
    import torch

    truth, pred = (torch.from_numpy(labels)[None] for labels in maps(kind))
    return truth, pred


def _torchmetrics() -> dict[str, tuple[Any, dict[str, str]]]:
    """Return class and options of the metrics that give our numbers, by our names."""
    theirs = importlib.import_module("torchmetrics.classification")
    each = {"average": "none"}
    return {
        "accuracy": (theirs.MulticlassAccuracy, {"average": "micro"}),
        "precision": (theirs.MulticlassPrecision, each),
        "recall": (theirs.MulticlassRecall, each),
        "specificity": (theirs.MulticlassSpecificity, each),
        "f1": (theirs.MulticlassF1Score, each),
        "iou": (theirs.MulticlassJaccardIndex, each),
    }


TASKS = (
    Task("scores", plain_scores, ours_scores, "torchmetrics", TOLERANCE, "regions", 50),
    Task("scores, collected", plain_collection, ours_scores, "torchmetrics", TOLERANCE, "regions"),
    Task("scores of noise", plain_scores, ours_scores, "torchmetrics", TOLERANCE, "noise"),
    Task("distances", plain_distances, ours_distances, "monai", TOLERANCE, "contours"),
    Task("Hausdorff", plain_hausdorff, ours_hausdorff, "scipy", TOLERANCE, "contours"),
)
