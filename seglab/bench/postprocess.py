"""`bench postprocess`: what comes after the network, against what a user would write in its place.

Every row is a task with two sides in processes of their own (see `seglab.bench.sides`). **plain** is torch, torchvision
or scikit-learn used as their documentation shows; **ours** is what the pages and commands call. Both get the same
float16 logits, made float32 before the clock starts where plain needs it, and a 1920×1080 picture of noise.

The logits are smooth random fields of a fixed seed: regions with borders, as networks give them. 21×65×65 is what FCN
and DeepLabV3 give for 520 px, 11×180×240 what `street-fast` gives. Labels and counts are compared for equality, entropy
(0..1) and pictures (0..255) by their largest difference. `draw_segmentation_masks` leaves rounding down to the cast
to bytes: its values may differ from ours by one.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from seglab.bench.sides import Side, SideError, Timing, alternate, equal_share, speedup
from seglab.machine import threads

SIZE = (1080, 1920)
SHAPES = {"21×65×65": (21, 65, 65), "11×180×240": (11, 180, 240)}
ARRAYS = dict[str, np.ndarray]


@dataclass(frozen=True)
class Task:
    """One row: a name, the functions of both sides, wanted speed-up (None: only shown), most that values may differ."""

    name: str
    function: str
    wanted: float | None = None
    tolerance: float = 0.0


TASKS = (
    Task("labels", "labels", 8),
    Task("labels and entropy", "labels_and_entropy", 4, 1e-4),
    Task("overlay", "overlay", 30, 1),
    Task("confusion matrix", "confusion"),
)


@dataclass(frozen=True)
class Row:
    """Medians in ms, how many times as fast ours is, share of equal values, their largest difference.

    met: whether it is as fast and as right as wanted; None where nothing is asked for.
    """

    task: str
    logits: str
    plain_ms: float
    ours_ms: float
    ours_low_ms: float
    ours_high_ms: float
    speedup: float
    wanted: float | None
    equal: float
    largest_difference: float
    met: bool | None


def add(parsers: Any) -> None:
    """Add the arguments of `bench postprocess`."""
    from seglab.cli.common import positive

    parser = parsers.add_parser(
        "postprocess",
        help="labels, entropy, overlays: what comes after the network",
    )
    parser.add_argument("--json", action="store_true", help="print figures as JSON, not as a table")
    parser.add_argument("--repeats", type=positive, default=15, metavar="N", help="timed runs (default: %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print; return the exit status."""
    from seglab.cli.common import Failure

    try:
        rows = [measure(task, shape, args.repeats) for shape in SHAPES for task in TASKS]
    except SideError as error:
        raise Failure(str(error)) from error
    if args.json:
        print(json.dumps({"threads": threads(), "rows": [asdict(row) for row in rows]}, indent=1))
    else:
        print(table(rows))
    return 0


def measure(task: Task, shape: str, repeats: int) -> Row:
    """Run both sides of a task in turns and compare what they return."""
    plain, ours = alternate(
        [Side(side, f"{__name__}:{side}_{task.function}", SHAPES[shape], plain=side == "plain")
         for side in ("plain", "ours")],
        repeats,
    )  # fmt: skip
    return row(task, shape, plain, ours)


def row(task: Task, shape: str, plain: Timing, ours: Timing) -> Row:
    """Compare two timings: what must be equal (integers that aren't pictures) and what may differ."""
    theirs, got = (t.output if isinstance(t.output, dict) else {"": t.output} for t in (plain, ours))
    equal = equal_share(theirs, got)
    difference = max(float(np.abs(theirs[k].astype(np.float64) - got[k]).max()) for k in theirs)
    same = all(np.array_equal(theirs[k], got[k]) for k in theirs if k not in ("entropy", "picture"))
    factor = speedup(plain, ours)
    met = None if task.wanted is None else factor >= task.wanted and same and difference <= task.tolerance
    return Row(task.name, shape, plain.median_ms, ours.median_ms, ours.low_ms, ours.high_ms, factor, task.wanted, equal,
               difference, met)  # fmt: skip


def table(rows: list[Row]) -> str:
    """Return the rows as text."""
    lines = [f"{'logits':<12}{'task':<20}{'plain ms':>10}{'ours ms':>9}{'faster':>8}{'wanted':>8}{'equal':>11}"
             f"{'largest diff.':>15}"]  # fmt: skip
    for r in rows:
        wanted = "" if r.wanted is None else f"{r.wanted:g}×"
        lines.append(
            f"{r.logits:<12}{r.task:<20}{r.plain_ms:>10.1f}{r.ours_ms:>9.1f}{f'{r.speedup:.1f}×':>8}{wanted:>8}"
            f"{r.equal:>11.4%}{r.largest_difference:>15.2g}" + ("  falls short" if r.met is False else "")
        )
    lines.append(f"{threads()} threads; logits → {SIZE[1]}×{SIZE[0]}; medians; each side in a process of its own.")
    return "\n".join(lines)


def fields(shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """Return smooth random logits (K, h, w) float16, each pixel's largest 0: regions with borders, as networks give."""
    import torch
    import torch.nn.functional as F

    k, h, w = shape
    dice = torch.Generator().manual_seed(seed)
    z = torch.zeros(shape)
    for cell, share in ((16, 6.0), (8, 4.0), (2, 1.5)):  # large shapes, smaller ones, and rough edges
        coarse = torch.randn(1, k, max(2, h // cell), max(2, w // cell), generator=dice)
        z += share * F.interpolate(coarse, (h, w), mode="bicubic", align_corners=False)[0]
    return np.asarray((z - z.amax(0)).half().numpy())


def plain_labels(shape: tuple[int, int, int]) -> Callable[[], ARRAYS]:
    """Up-sample, argmax."""
    import torch
    import torch.nn.functional as F

    logits = torch.from_numpy(fields(shape)).float()

    def work() -> ARRAYS:
        up = F.interpolate(logits[None], SIZE, mode="bilinear", align_corners=False)
        return {"labels": up.argmax(1)[0].numpy()}

    return work


def ours_labels(shape: tuple[int, int, int]) -> Callable[[], ARRAYS]:
    """`maps.labels`."""
    from seglab import maps

    logits = fields(shape)
    return lambda: {"labels": maps.labels(logits, SIZE)}


def plain_labels_and_entropy(shape: tuple[int, int, int]) -> Callable[[], ARRAYS]:
    """Up-sample, softmax, argmax, −Σ p log p; over log K, as ours is."""
    import torch
    import torch.nn.functional as F

    logits = torch.from_numpy(fields(shape)).float()

    def work() -> ARRAYS:
        p = F.interpolate(logits[None], SIZE, mode="bilinear", align_corners=False).softmax(1)
        entropy = -(p * p.log()).sum(1) / math.log(shape[0])
        return {"labels": p.argmax(1)[0].numpy(), "entropy": entropy[0].numpy()}

    return work


def ours_labels_and_entropy(shape: tuple[int, int, int]) -> Callable[[], ARRAYS]:
    """`maps.labels` and `maps.entropy`, as the Segment page calls them."""
    from seglab import maps

    logits = fields(shape)
    return lambda: {"labels": maps.labels(logits, SIZE), "entropy": maps.entropy(logits, SIZE)}


def _picture(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, Any]:
    """Return (photo, labels, palette)."""
    from seglab import maps
    from seglab.palettes import CAMVID, VOC

    photo = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    return photo, maps.labels(fields(shape), SIZE), VOC if shape[0] == len(VOC) else CAMVID


def plain_overlay(shape: tuple[int, int, int]) -> Callable[[], ARRAYS]:
    """`draw_segmentation_masks` alone: the boolean masks that it takes, one for each class that is there, are made."""
    import torch
    from torchvision.utils import draw_segmentation_masks

    array, found, palette = _picture(shape)
    photo, labels = torch.from_numpy(array).permute(2, 0, 1).contiguous(), torch.from_numpy(found)

    present = labels.unique()
    masks, colors = labels == present[:, None, None], [palette.colors[k] for k in present]

    def work() -> ARRAYS:
        painted = draw_segmentation_masks(photo, masks, alpha=0.5, colors=colors)
        return {"picture": painted.permute(1, 2, 0).numpy()}

    return work


def ours_overlay(shape: tuple[int, int, int]) -> Callable[[], ARRAYS]:
    """`draw.overlay`."""
    from seglab import draw

    photo, labels, palette = _picture(shape)
    return lambda: {"picture": draw.overlay(photo, labels, palette, 0.5)}


def _truth(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return (truth, prediction): other fields that agree here and there, and a labelled part of the picture."""
    from seglab import maps

    truth = maps.labels(fields(shape, 1), SIZE)
    truth[:100] = 255
    return truth, maps.labels(fields(shape), SIZE)


def plain_confusion(shape: tuple[int, int, int]) -> Callable[[], ARRAYS]:
    """scikit-learn's `confusion_matrix` of the labelled pixels."""
    from sklearn.metrics import confusion_matrix

    truth, pred = _truth(shape)

    def work() -> ARRAYS:
        known = truth != 255
        return {"matrix": confusion_matrix(truth[known], pred[known], labels=range(shape[0]))}

    return work


def ours_confusion(shape: tuple[int, int, int]) -> Callable[[], ARRAYS]:
    """`metrics.confusion_matrix` without its last column, "unsure"."""
    from seglab.metrics.confusion import confusion_matrix

    truth, pred = _truth(shape)
    return lambda: {"matrix": confusion_matrix(truth, pred, shape[0])[:, :-1]}
