"""Panoptic segmentation: a semantic map and instances fused into one answer per pixel, with every decision on record.

The heuristic of Kirillov et al., "Panoptic Segmentation" (CVPR 2019, arXiv 1801.00868, section 7), with the minimum
stuff area of "Panoptic Feature Pyramid Networks" (CVPR 2019, section 4):

1. Objects below the score threshold are dropped.
2. The others come one by one, the best score first, and take the pixels of their masks that nobody has taken yet. One
   of which a smaller share is left than the minimum visible share is dropped, and leaves its pixels to those after it.
3. Stuff takes the pixels that are left, by the semantic map; a class with fewer of them than the minimum is dropped.
4. All else is void (0): unsure pixels, and pixels of a thing's class in which no object was found.

Conventions: areas are in pixels; ids of segments count from 1 in the order in which they were kept, void is 0. The
class "background" is stuff like any other: in a truth whose background is void, what is wrongly found there would go
unpunished (see `metrics.panoptic`). What a sample's truth says in this form is `truth` (in `seglab.truths`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from seglab.metrics.matching import areas, pairs
from seglab.truths import instances_of, truth
from seglab.types import Crop, Ids, InstanceResult, Labels, Palette, PanopticResult, Segment, Step

__all__ = ["Labelled", "Overlap", "after", "claimants", "contested", "fuse", "instances_of", "joined", "truth"]

Overlap = Literal["score", "smaller"]
STUFF_AREA = 64


class Labelled(Protocol):
    """A class per pixel and what the classes are: a SemanticResult, or a Sample, whose truth is used then."""

    @property
    def labels(self) -> Labels: ...  # noqa: D102

    @property
    def palette(self) -> Palette: ...  # noqa: D102


def fuse(
    semantic: Labelled,
    instances: InstanceResult,
    *,
    score: float = 0.5,
    visible: float = 0.5,
    stuff_area: int = STUFF_AREA,
    things: Collection[int] | None = None,
    overlap: Overlap = "score",
    same: Mapping[str, str] | None = None,
) -> PanopticResult:
    """Fuse a semantic map (H, W) and instances of the same picture; see the module for the rules.

    score, visible: thresholds, 0..1; what reaches them is kept. stuff_area: pixels, ≥ 0 (COCO's tools take 64² on
    photos of 640×480, far too much for small pictures). things: the classes to be treated as things instead of the
    palette's own: a class left out is stuff then, its objects take no part; indices into the joined palette. overlap:
    who comes first, the better "score" or the "smaller" object. same: see `joined`.

    The result's palette is the joined one, with the things as they were treated. `steps` has one Step for each object,
    in the order of their turns, then one for each stuff class in the map, then one for each thing's class of which
    pixels are left without an object. A dropped candidate has won = 0 and segment = 0; what was in its way is in
    `lost_to`, most pixels first. ValueError for unequal sizes or values out of range.

    >>> from seglab.types import Sample
    >>> palette = Palette("demo", ("road", "car"), ((0, 0, 0), (9, 9, 9)), things=(1,))
    >>> picture = Sample(np.zeros((1, 4, 3), np.uint8), np.array([[0, 0, 1, 1]], np.uint8), palette, "demo")
    >>> car = InstanceResult(np.array([[1, 0, 3, 1]], np.float32), np.array([1]), np.array([0.9], np.float32),
    ...                      (Crop.of(np.ones((1, 2), bool), 0, 1),), (1, 4), palette)
    >>> result = fuse(picture, car, stuff_area=1)
    >>> result.segment_ids.tolist()
    [[2, 1, 1, 0]]
    >>> for step in result.steps:
    ...     print(palette.names[step.label], "|", step.reason)
    car | Kept: all of its 2 pixels were free.
    road | Cut: objects cover 1 of its 2 pixels, and things come before stuff.
    car | Dropped: car is a thing, and in 1 of its 2 pixels no object was kept; they are void.
    """
    if semantic.labels.shape != instances.size:
        raise ValueError(
            f"The semantic map is {semantic.labels.shape} and the instances are of a picture {instances.size} (height, "
            f"width); both must come from one picture."
        )
    if not (0 <= score <= 1 and 0 <= visible <= 1 and stuff_area >= 0):
        raise ValueError(
            f"score and visible are 0 to 1, stuff_area is at least 0; got {score}, {visible}, {stuff_area}."
        )
    if overlap not in ("score", "smaller"):
        raise ValueError(f"overlap is 'score' (the better comes first) or 'smaller'; got {overlap!r}.")
    palette, to = joined(semantic.palette, instances.palette, same)
    if things is not None:
        palette = replace(palette, things=tuple(sorted({int(k) for k in things})))
    board = _Board(np.zeros(instances.size, np.uint16), palette)
    sizes = areas(instances.crops)
    rank = -instances.scores if overlap == "score" else sizes
    for i in np.argsort(rank, kind="stable").tolist():
        label, its_score = to[int(instances.classes[i])], float(instances.scores[i])
        if instances.scores[i] < np.float32(score):
            reason = f"its score of {_down(its_score)} is below the {score:g} asked for"
        elif label not in palette.things:
            reason = f"{palette.names[label]} counts as stuff here, so that the semantic map says where it is"
        elif not sizes[i]:
            reason = "its mask has no pixels"
        else:
            board.place(i, label, its_score, instances.crops[i], visible, overlap)
            continue
        board.steps.append(Step("dropped", f"Dropped: {reason}.", label, i, 0, int(sizes[i]), 0))
    board.fill(semantic.labels, semantic.palette.ignore_index, stuff_area)
    return PanopticResult(board.ids.astype(np.int32), tuple(board.segments), palette, tuple(board.steps))


class _Board:
    """The map as it fills up, with the segments and steps so far. Two bytes a pixel, as in `Ids`: half the traffic."""

    def __init__(self, ids: Ids, palette: Palette) -> None:
        self.ids, self.palette = ids, palette
        self.segments: list[Segment] = []
        self.steps: list[Step] = []

    def place(self, i: int, label: int, score: float, crop: Crop, visible: float, overlap: Overlap) -> None:
        """Let an object take the free pixels of its mask, unless too few of them are left."""
        mask, below = crop.mask(), self.ids[crop.place]
        taken = mask & (below != 0)
        lost = int(np.count_nonzero(taken))
        pixels = int(np.count_nonzero(mask))
        lost_to: tuple[tuple[int, int], ...] = ()
        if lost:
            counts = np.bincount(below[taken])
            lost_to = _most_first(np.flatnonzero(counts), counts[counts > 0])
            mask ^= taken
        won = pixels - lost
        if won / pixels < visible or not won:
            owner, left = self._name(lost_to[0][0]), f"{_down(100 * won / pixels, 0)} %"
            reason = f"Dropped: {left} of it is still visible, less than the {100 * visible:g} % asked for"
            if not won:
                reason = "Dropped: nothing of it is visible any more"
            reason += f"; {owner} has most of the rest." if won else f"; {owner} has most of it."
            self.steps.append(Step("dropped", reason, label, i, 0, pixels, 0, lost_to))
            return
        number = self._keep(label, won, score, thing=True)
        np.copyto(below, np.uint16(number), where=mask)
        if lost:
            before = "objects with a better score" if overlap == "score" else "smaller objects"
            reason = f"Cut: {before} keep {lost} of its {pixels} pixels, most of them {self._name(lost_to[0][0])}."
        else:
            reason = f"Kept: all of its {pixels} pixels were free."
        self.steps.append(Step("cut" if lost else "kept", reason, label, i, number, pixels, won, lost_to))

    def fill(self, labels: Labels, ignore_index: int, stuff_area: int) -> None:
        """Let the stuff classes take what the objects left over, and record what of the things' classes did."""
        found_labels, owners, counts = pairs(labels, self.ids)
        number_of = np.zeros(256, np.uint16)
        classes = [k for k in np.unique(found_labels).tolist() if k != ignore_index]
        for k in sorted(classes, key=lambda k: k in self.palette.things):  # stable: stuff, then things
            own = found_labels == k
            pixels = int(counts[own].sum())
            covered = own & (owners > 0)
            lost_to = _most_first(owners[covered], counts[covered])
            lost = sum(n for _, n in lost_to)
            won, name = pixels - lost, self.palette.names[k]
            if k in self.palette.things:
                if not won:
                    continue
                reason = f"{name} is a thing, and in {won} of its {pixels} pixels no object was kept; they are void"
            elif not won:
                reason = f"objects cover all of its {pixels} pixels"
            elif won < stuff_area:
                reason = f"{won} of its pixels are left, fewer than the {stuff_area} asked for; they are void"
            else:
                number_of[k] = number = self._keep(k, won, 1.0, thing=False)
                reason = (
                    f"Cut: objects cover {lost} of its {pixels} pixels, and things come before stuff."
                    if lost
                    else f"Kept: no object covers any of its {pixels} pixels."
                )
                self.steps.append(Step("cut" if lost else "kept", reason, k, -1, number, pixels, won, lost_to))
                continue
            self.steps.append(Step("dropped", f"Dropped: {reason}.", k, -1, 0, pixels, 0, lost_to))
        np.copyto(self.ids, number_of.take(labels), where=self.ids == 0)

    def _keep(self, label: int, area: int, score: float, *, thing: bool) -> int:
        self.segments.append(Segment(len(self.segments) + 1, label, thing, area, score))
        return len(self.segments)

    def _name(self, number: int) -> str:
        return f"{self.palette.names[self.segments[number - 1].label]} {number}"


def joined(
    semantic: Palette, objects: Palette, same: Mapping[str, str] | None = None
) -> tuple[Palette, tuple[int, ...]]:
    """Return one palette for both, and for each class of `objects` its index there.

    The semantic classes stay as they are, with their indices and colours; then come the classes of `objects` that have
    no namesake among them (capitals don't matter), with theirs. A thing in either is a thing. `same` says which other
    names mean the same: `{"person": "Pedestrian", "truck": "Car"}`, name in `objects` to name in `semantic`. So the
    street's stuff is fused with COCO's things, and what is found can be scored against CamVid's truth.
    ValueError for an unknown name in `same`, or more than 255 classes.

    >>> street = Palette("street", ("Road", "Car"), ((0, 0, 0), (9, 9, 9)), things=(1,))
    >>> coco = Palette("COCO", ("person", "car"), ((1, 1, 1), (2, 2, 2)), things=(0, 1))
    >>> palette, to = joined(street, coco)
    >>> palette.names, palette.things, to
    (('Road', 'Car', 'person'), (1, 2), (2, 1))
    """
    if semantic == objects and not same:
        return semantic, tuple(range(len(semantic)))
    at = {name.casefold(): k for k, name in enumerate(semantic.names)}
    meant = {objects.index(theirs): semantic.index(ours) for theirs, ours in (same or {}).items()}
    names, colors, to = list(semantic.names), list(semantic.colors), []
    for k, name in enumerate(objects.names):
        place = meant.get(k, at.get(name.casefold()))
        if place is None:
            place = len(names)
            names.append(name)
            colors.append(objects.colors[k])
        to.append(place)
    things = tuple(sorted({*semantic.things, *(to[k] for k in objects.things)}))
    title = semantic.title if len(names) == len(semantic) else f"{semantic.title} + {objects.title}"
    return replace(semantic, title=title, names=tuple(names), colors=tuple(colors), things=things), tuple(to)


def contested(instances: InstanceResult, score: float = 0.0) -> NDArray[np.uint8]:
    """Return how many objects of at least that score claim each pixel: (H, W), at most 255; from 2 on it is contested.

    >>> one, two = (Crop.of(np.ones((1, 2), bool), 0, left) for left in (0, 1))
    >>> palette = Palette("demo", ("ball",), ((9, 9, 9),), things=(0,))
    >>> pair = InstanceResult(np.zeros((2, 4), np.float32), np.zeros(2, int), np.ones(2, np.float32), (one, two),
    ...                       (1, 4), palette)
    >>> contested(pair).tolist()
    [[1, 2, 1, 0]]
    """
    claims = np.zeros(instances.size, np.uint8)
    for crop, its_score in zip(instances.crops, instances.scores, strict=True):
        if its_score >= np.float32(score):
            part = claims[crop.place]
            part += crop.mask() & (part < 255)
    return claims


def claimants(
    result: PanopticResult, instances: InstanceResult, row: int, column: int, label: int | None = None
) -> tuple[Step, ...]:
    """Return the steps of all that want a pixel, in the order of their turns: who won it, and why.

    These are the objects whose masks hold it, and then the class that the semantic map gives it, `label`, if that is
    given: of stuff always, of a thing only where no object has the pixel, so that it is void. `instances` are those
    that `result` was fused from. Who has the pixel is the step with `segment` equal to
    `result.segment_ids[row, column]`. ValueError outside the picture.
    """
    if not (0 <= row < instances.size[0] and 0 <= column < instances.size[1]):
        raise ValueError(f"There is no pixel ({row}, {column}) in a picture of {instances.size} (height, width).")
    found = []
    for step in result.steps:
        if step.index >= 0:
            crop = instances.crops[step.index]
            y, x = row - crop.top, column - crop.left
            if 0 <= y < crop.height and 0 <= x < crop.width and crop.bits[y, x // 8] >> (7 - x % 8) & 1:
                found.append(step)
        elif step.label == label and (label not in result.palette.things or not result.segment_ids[row, column]):
            found.append(step)
    return tuple(found)


def after(result: PanopticResult, steps: int) -> NDArray[np.int32]:
    """Return the map (H, W) as it was after the first `steps` of its steps: nobody loses a pixel that is his."""
    there = np.zeros(max([0, *(segment.id for segment in result.segments)]) + 1, np.int32)
    kept = [step.segment for step in result.steps[:steps]]
    there[kept] = kept
    return there[result.segment_ids]


def _most_first(owners: NDArray[np.integer], counts: NDArray[np.integer]) -> tuple[tuple[int, int], ...]:
    order = np.argsort(-counts, kind="stable")
    return tuple(zip(owners[order].tolist(), counts[order].tolist(), strict=True))


def _down(value: float, digits: int = 2) -> str:
    """Write a number rounded down, so that what is below a threshold also reads as below it."""
    return f"{math.floor(value * 10**digits) / 10**digits:.{digits}f}"
