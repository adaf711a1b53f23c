"""What a sample's truth says, in the form of results, to be compared with what was found: panoptic map, instances."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from seglab.metrics.matching import boxes, pairs
from seglab.types import Crop, InstanceResult, PanopticResult, Sample, Segment


def truth(sample: Sample, things: Collection[int] | None = None) -> PanopticResult:
    """Return a sample's true panoptic map: things by their ids (kept as they are), stuff by class, from the next id on.

    `things`: the classes to be treated as things instead of the palette's own, as in `fuse`. Void are the unlabelled
    pixels, and those of a thing's class without an id. ValueError where there are no ids, or an id has two classes.

    >>> from seglab.types import Palette
    >>> palette = Palette("demo", ("road", "car"), ((0, 0, 0), (9, 9, 9)), things=(1,))
    >>> labels, ids = np.array([[0, 1, 1, 255]], np.uint8), np.array([[0, 7, 7, 0]], np.uint16)
    >>> truth(Sample(np.zeros((1, 4, 3), np.uint8), labels, palette, "demo", ids=ids)).segment_ids.tolist()
    [[8, 7, 7, 0]]
    """
    if sample.ids is None:
        raise ValueError(f"{sample.key} has classes only; a panoptic truth needs ids of its things (Sample.ids).")
    palette = sample.palette
    if things is not None:
        palette = replace(palette, things=tuple(sorted({int(k) for k in things})))
    is_thing, is_known = np.isin(np.arange(256), palette.things), np.arange(256) != palette.ignore_index
    labels, ids, counts = pairs(sample.labels, sample.ids)
    own = is_thing[labels] & (ids > 0)
    names, twice = np.unique_counts(ids[own])
    if (twice > 1).any():
        raise ValueError(
            f"{sample.key}: thing {int(names[twice > 1][0])} has pixels of several classes; it may have one."
        )
    segments = [Segment(*row) for row in zip(ids[own].tolist(), labels[own].tolist(), [True] * len(names),
                                             counts[own].tolist(), strict=True)]  # fmt: skip
    segments.sort(key=lambda segment: segment.id)
    number_of, last = np.zeros(256, np.int32), int(names.max(initial=0))
    stuff = ~is_thing[labels] & is_known[labels]
    for n, k in enumerate(np.unique(labels[stuff]).tolist(), last + 1):
        number_of[k] = n
        segments.append(Segment(n, k, False, int(counts[labels == k].sum())))
    segment_ids = np.where(is_thing[sample.labels], sample.ids, number_of[sample.labels])
    return PanopticResult(segment_ids.astype(np.int32, copy=False), tuple(segments), palette)


def instances_of(result: PanopticResult) -> InstanceResult:
    """Return the things of a panoptic map as instances in the list's order: of `truth(sample)`, what AP compares with.

    >>> from seglab.types import Palette
    >>> palette = Palette("demo", ("road", "car"), ((0, 0, 0), (9, 9, 9)), things=(1,))
    >>> segments = (Segment(1, 1, True, 2), Segment(2, 0, False, 1))
    >>> instances_of(PanopticResult(np.array([[2, 1, 1]], np.int32), segments, palette)).boxes.tolist()
    [[1.0, 0.0, 3.0, 1.0]]
    """
    ids, found = boxes(result.segment_ids)
    box_of = dict(zip(ids.tolist(), found.tolist(), strict=True))
    chosen = [segment for segment in result.segments if segment.thing]
    crops = []
    for segment in chosen:
        top, left, bottom, right = box_of[segment.id]
        crops.append(Crop.of(result.segment_ids[top:bottom, left:right] == segment.id, top, left))
    return InstanceResult(
        np.array([(c.left, c.top, c.left + c.width, c.top + c.height) for c in crops], np.float32).reshape(-1, 4),
        np.array([segment.label for segment in chosen], np.int64),
        np.array([segment.score for segment in chosen], np.float32),
        tuple(crops),
        (result.segment_ids.shape[0], result.segment_ids.shape[1]),
        result.palette,
    )
