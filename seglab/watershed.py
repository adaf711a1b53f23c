"""From a probability per pixel to objects: seeded watershed, and connected components as the baseline.

Conventions: probability (H, W), floating, 0..1, of being an object; a mask of bools does as well. Pixels are neighbours
at sides and corners. An object's score is the mean probability in it, its box reaches to its outermost pixels' edges.

A net trained with border weights (`seglab.losses.border`) answers with gaps between what touches: each island of
confident pixels is a seed, grown over the less confident ones. Thresholds and MIN_SEED were chosen on a quarter of the
grey training pictures of nuclei, by nets that had learnt from the others, never on the fifth that is kept aside.
Source: Beucher & Lantuéjoul 1979 (watershed).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from seglab.palettes import NUCLEI
from seglab.types import Crop, Ids, InstanceResult, Labels, Palette

NEIGHBOURS = np.ones((3, 3), bool)
MIN_SEED = 12  # pixels: smaller islands of confidence are mottles of a nucleus
ROUNDING = 1e-3  # a softmax in half precision may pass 0 and 1 by a little
MAX_IDS = 2**16 - 1  # ids are uint16


def split(
    probability: NDArray,
    *,
    threshold: float = 0.3,
    confident: float = 0.7,
    min_area: int = 10,
    palette: Palette = NUCLEI,
) -> InstanceResult:
    """Find objects by seeded watershed: seeds where the net is confident, grown while it says more than `threshold`.

    Objects never overlap. Where two meet, the border runs along the least probable pixels between them. An area that
    is nowhere confident is no object.

    Args:
        probability: (H, W), 0..1, of being an object; the palette's one thing.
        threshold: an object's pixels are more probable than this.
        confident: its seed's pixels are more probable than this; `threshold` or more.
        min_area: objects of fewer pixels are dropped.
        palette: has exactly one thing; all objects are of that class.

    Raises:
        ValueError: the probabilities aren't (H, W) within 0..1, the thresholds don't fit, or the palette doesn't have
            one thing.

    >>> two = np.array([[0.9, 0.9, 0.9, 0.5, 0.9, 0.9, 0.9]] * 4)
    >>> [len(split(two, confident=high)) for high in (0.7, 0.4)]
    [2, 1]
    """
    probability = _checked(probability)
    if not 0 <= threshold <= confident <= 1:
        raise ValueError(f"Wanted 0 ≤ threshold ≤ confident ≤ 1; got threshold {threshold}, confident {confident}.")
    found = seeds(probability, confident=confident)
    if threshold < confident:
        found = watershed(-probability, found, NEIGHBOURS, mask=probability > threshold)
    return _result(found, probability, min_area, palette)


def components(
    probability: NDArray, *, threshold: float = 0.5, min_area: int = 10, palette: Palette = NUCLEI
) -> InstanceResult:
    """Take each connected component above `threshold` as one object: the baseline, which merges what touches.

    Arguments and errors as in `split`.

    >>> len(components(np.array([[0.9, 0.9, 0.1, 0.8]]), min_area=1))
    2
    """
    probability = _checked(probability)
    found, _ = ndimage.label(probability > threshold, NEIGHBOURS)
    return _result(found, probability, min_area, palette)


def components_of(labels: Labels, palette: Palette, min_area: int = 1) -> Ids:
    """Number the connected components of each thing class in a semantic truth: ids (H, W) uint16, 0 = no thing.

    **An approximation of an instance truth.** Things of one class that touch or cover each other become one, and a
    thing that something in front of it cuts in two becomes two. Say so wherever its numbers are shown. CamVid has no
    other instances of cars, pedestrians and bicyclists.

    Args:
        labels: (H, W) uint8, classes of the palette or its ignore index.
        palette: says which classes are things.
        min_area: specks of fewer pixels get id 0.

    Raises:
        ValueError: there are more than 65535 components; raise min_area.

    >>> demo = Palette("demo", ("road", "car", "dog"), ((0, 0, 0), (9, 9, 9), (5, 5, 5)), things=(1, 2))
    >>> components_of(np.array([[1, 2, 0, 1], [1, 2, 0, 0]], np.uint8), demo).tolist()
    [[1, 3, 0, 2], [1, 3, 0, 0]]
    """
    ids, count = np.zeros(labels.shape, np.int64), 0
    for k in palette.things:
        found, _ = ndimage.label(labels == k, NEIGHBOURS)
        found = _drop_small(found, min_area)
        ids[found > 0] = found[found > 0] + count
        count += int(found.max(initial=0))
    if count > MAX_IDS:
        raise ValueError(f"{count} components, but ids reach to {MAX_IDS}; raise min_area ({min_area} pixels).")
    return ids.astype(np.uint16)


def seeds(probability: NDArray, *, confident: float = 0.7) -> NDArray[np.int32]:
    """Return the seeds that `split` starts from: (H, W) int32, 1, 2, … per seed, 0 elsewhere.

    >>> seeds(np.array([[1.0] * 6 + [0.0] + [0.8] * 6] * 2))[0].tolist()
    [1, 1, 1, 1, 1, 1, 0, 2, 2, 2, 2, 2, 2]
    """
    found, _ = ndimage.label(probability > confident, NEIGHBOURS)
    return _drop_small(found, MIN_SEED)


def _drop_small(ids: NDArray[np.int32], min_area: int) -> NDArray[np.int32]:
    """Number the ids with at least `min_area` pixels anew, 1, 2, …, and set the others to 0."""
    keep = np.bincount(ids.ravel()) >= max(1, min_area)
    keep[0] = False
    return (np.cumsum(keep) * keep).astype(np.int32)[ids]


def _result(ids: NDArray[np.int32], probability: NDArray, min_area: int, palette: Palette) -> InstanceResult:
    if len(palette.things) != 1:
        raise ValueError(f"Objects from one probability need a palette with one thing; got {palette.title}.")
    ids = _drop_small(ids, min_area)
    if ids.max(initial=0) > MAX_IDS:
        raise ValueError(f"{ids.max()} objects, but ids reach to {MAX_IDS}; raise min_area or the threshold.")
    scores = np.bincount(ids.ravel(), probability.ravel()) / np.maximum(1, np.bincount(ids.ravel()))
    places = ndimage.find_objects(ids)
    order = np.argsort(-scores[1:], kind="stable")
    crops = [Crop.of(ids[places[i]] == i + 1, places[i][0].start, places[i][1].start) for i in order]
    boxes = [(c.left, c.top, c.left + c.width, c.top + c.height) for c in crops]
    return InstanceResult(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(crops), palette.things[0], np.int64),
        scores[1:][order].astype(np.float32),
        tuple(crops),
        (ids.shape[0], ids.shape[1]),
        palette,
    )


def _checked(probability: NDArray) -> NDArray[np.float32]:
    if probability.ndim != 2 or probability.size == 0 or probability.dtype.kind not in "bf":
        raise ValueError(
            f"Wanted one probability per pixel, floating (H, W), or a mask of bools; "
            f"got {probability.dtype} {probability.shape}."
        )
    low, high = float(probability.min()), float(probability.max())
    if not -ROUNDING <= low <= high <= 1 + ROUNDING:  # NaN fails this too
        raise ValueError(f"Probabilities lie within 0..1; got {low:.3g} to {high:.3g}. Take softmax or sigmoid first.")
    return probability.astype(np.float32).clip(0, 1)
