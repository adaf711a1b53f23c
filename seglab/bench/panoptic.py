"""`bench panoptic`: our panoptic quality against torchmetrics', our average precision against pycocotools'.

Every row is a task with two sides in processes of their own (see `seglab.bench.sides`), which get the same drawn scenes
in the form that each takes: before the clock starts, torchmetrics has its tensors of (class, instance) and pycocotools
its run-length-encoded masks and index. pycocotools is asked for no more than ours gives: all sizes of object, 100
detections. What both return is compared: PQ, SQ and RQ of each class; precision at each threshold, recall and class.
Both packages are what `requirements-dev.txt` lists; without one, its row says so.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seglab.bench import against
from seglab.bench.against import Arrays, Task
from seglab.types import Crop, InstanceResult, Palette, PanopticResult, Segment

SIZE = (1080, 1920)  # of the panoptic map, with 8 stuff and 42 thing segments
PICTURES, PICTURE_SIZE, OBJECTS = 20, (480, 640), 20
STUFF, THINGS = 8, 3
TOLERANCE = 1e-6


def add(parsers: Any) -> None:
    """Add the arguments of `bench panoptic`."""
    note = (
        f"PQ: {SIZE[1]}×{SIZE[0]}, 50 segments; AP: {PICTURES} pictures of {PICTURE_SIZE[1]}×{PICTURE_SIZE[0]} with "
        f"{OBJECTS} objects each"
    )
    against.add(parsers, "panoptic", "panoptic quality and average precision", TASKS, note)


def scene(seed: int) -> PanopticResult:
    """Return a drawn panoptic map: eight bands of stuff with wavy borders, and 42 ellipses of three classes on them."""
    h, w = SIZE
    dice = np.random.default_rng(seed)
    y, x = np.ogrid[:h, :w]
    wave = 0.04 * h * np.sin(x / 97 + 0.2 * seed) + 0.02 * h * np.sin(x / 31)
    ids = (1 + ((y + wave) * STUFF // h).clip(0, STUFF - 1)).astype(np.int32)
    labels = list(range(STUFF))
    for n in range(STUFF, 50):
        # A grid keeps every ellipse visible; the seed moves it a little and now and then changes its class.
        row, column = divmod(n - STUFF, 7)
        top = (row + 0.5 + 0.1 * dice.standard_normal()) * h / 6
        left = (column + 0.5 + 0.1 * dice.standard_normal()) * w / 7
        ids[((y - top) / (0.09 * h)) ** 2 + ((x - left) / (0.06 * w)) ** 2 < 1] = n + 1
        labels.append(STUFF + (n + (dice.random() < 0.1)) % THINGS)
    area = np.bincount(ids.ravel(), minlength=51)
    segments = tuple(Segment(n + 1, label, n >= STUFF, int(area[n + 1])) for n, label in enumerate(labels))
    return PanopticResult(ids, segments, _palette())


def pictures(seed: int = 0) -> list[tuple[InstanceResult, InstanceResult, frozenset[int]]]:
    """Return drawn pictures: what was found (moved a little, some missing, some wrong), the truth, and its crowds."""
    dice = np.random.default_rng(seed)
    found = []
    for _ in range(PICTURES):
        place = dice.uniform((0, 0, 12, 12), (*PICTURE_SIZE, 90, 90), (OBJECTS, 4))
        classes = dice.integers(0, THINGS, OBJECTS)
        kept = dice.random(OBJECTS) < 0.8
        moved = place[kept] + dice.normal(0, 3, (int(kept.sum()), 4))
        wrong = dice.uniform((0, 0, 12, 12), (*PICTURE_SIZE, 90, 90), (OBJECTS // 4, 4))
        guesses = np.concatenate([classes[kept], dice.integers(0, THINGS, len(wrong))])
        scores = np.sort(dice.random(len(guesses)))[::-1].astype(np.float32)
        pred = _ellipses(np.concatenate([moved, wrong]), guesses, scores)
        found.append((pred, _ellipses(place, classes, np.ones(OBJECTS, np.float32)), frozenset({0})))
    return found


def plain_quality(_: Any) -> Callable[[], Arrays]:
    """`panoptic_quality` of torchmetrics, for each class."""
    import torch

    theirs = importlib.import_module("torchmetrics.functional.detection").panoptic_quality
    pred, truth = (torch.from_numpy(_two_channels(scene(seed)))[None] for seed in (0, 1))
    things, stuff = set(range(STUFF, STUFF + THINGS)), set(range(STUFF))

    def work() -> Arrays:
        scores = theirs(pred, truth, things, stuff, return_sq_and_rq=True, return_per_class=True).numpy()
        return {"pq sq rq": np.concatenate([scores[THINGS:], scores[:THINGS]])}  # it puts the things first

    return work


def ours_quality(_: Any) -> Callable[[], Arrays]:
    """`metrics.panoptic.panoptic_quality`."""
    from seglab.metrics.panoptic import panoptic_quality

    pred, truth = scene(0), scene(1)

    def work() -> Arrays:
        sums = panoptic_quality(pred, truth).sums
        return {"pq sq rq": np.stack([sums.pq, sums.sq, sums.rq], 1)}

    return work


def plain_precision(_: Any) -> Callable[[], Arrays]:
    """COCOeval of pycocotools."""
    coco, evaluation, mask = (importlib.import_module(f"pycocotools.{name}") for name in ("coco", "cocoeval", "mask"))

    def listed(found: InstanceResult, image: int, crowd: frozenset[int]) -> list[dict[str, Any]]:
        codes = [mask.encode(np.asfortranarray(found.mask(i).view(np.uint8))) for i in range(len(found))]
        return [
            {"image_id": image, "category_id": int(found.classes[i]) + 1, "segmentation": code, "iscrowd": i in crowd,
             "area": float(mask.area(code)), "bbox": mask.toBbox(code).tolist(), "score": float(found.scores[i])}
            for i, code in enumerate(codes)
        ]  # fmt: skip

    def index(lists: list[list[dict[str, Any]]]) -> Any:
        made = coco.COCO()
        made.dataset = {
            "images": [{"id": n, "height": PICTURE_SIZE[0], "width": PICTURE_SIZE[1]} for n in range(len(lists))],
            "categories": [{"id": k + 1} for k in range(THINGS)],
            "annotations": [entry | {"id": n} for n, entry in enumerate(chain.from_iterable(lists), 1)],
        }
        made.createIndex()
        return made

    given = pictures()
    with contextlib.redirect_stdout(io.StringIO()):
        truth = index([listed(t, n, crowd) for n, (_, t, crowd) in enumerate(given)])
        pred = index([listed(p, n, frozenset()) for n, (p, _, _) in enumerate(given)])

    def work() -> Arrays:
        with contextlib.redirect_stdout(io.StringIO()):
            made = evaluation.COCOeval(truth, pred, "segm")
            made.params.areaRng, made.params.areaRngLbl, made.params.maxDets = [[0, 1e10]], ["all"], [100]
            made.evaluate()
            made.accumulate()
        precision = made.eval["precision"][..., 0, 0]
        return {"precision": np.where(precision < 0, np.nan, precision)}

    return work


def ours_precision(_: Any) -> Callable[[], Arrays]:
    """`metrics.average_precision`."""
    from seglab.metrics.average_precision import average_precision, detections

    given = pictures()
    return lambda: {"precision": average_precision([detections(*picture) for picture in given]).precision}


def _palette(stuff: int = STUFF) -> Palette:
    n = stuff + THINGS
    colors = tuple((20 * k, 20 * k, 20 * k) for k in range(n))
    return Palette("bench", tuple(f"class {k}" for k in range(n)), colors, tuple(range(stuff, n)))


def _two_channels(result: PanopticResult) -> NDArray[np.int64]:
    """Return class and instance of each pixel, (H, W, 2), as torchmetrics wants them; stuff has instance 0."""
    of = np.zeros((51, 2), np.int64)
    for segment in result.segments:
        of[segment.id] = segment.label, segment.id * segment.thing
    return of[result.segment_ids]


def _ellipses(place: NDArray[np.float64], classes: NDArray[np.int64], scores: NDArray[np.float32]) -> InstanceResult:
    """Return ellipses (middle row, middle column, height, width) in a picture as instances."""
    crops = []
    for y, x, height, width in place.tolist():
        rows, columns = (
            np.arange(max(0, int(middle - size / 2)), min(end, max(1, int(middle + size / 2) + 1)))
            for middle, size, end in ((y, height, PICTURE_SIZE[0]), (x, width, PICTURE_SIZE[1]))
        )
        inside = ((rows[:, None] - y) / (height / 2)) ** 2 + ((columns - x) / (width / 2)) ** 2 < 1
        crops.append(Crop.of(inside, int(rows[0]), int(columns[0])))
    boxes = np.array([(c.left, c.top, c.left + c.width, c.top + c.height) for c in crops], np.float32)
    return InstanceResult(boxes, classes, scores, tuple(crops), PICTURE_SIZE, _palette(0))


TASKS = (
    Task("panoptic quality", plain_quality, ours_quality, "torchmetrics", TOLERANCE, wanted=100),
    Task("average precision", plain_precision, ours_precision, "pycocotools", TOLERANCE),
)
