"""Scenes along three axes, on which architectures are compared: size of things, thinness, classes told by context.

**Training**: a fixed set, seed SEED, in which each axis takes its values in turn, so that every combination occurs as
often; a network that fails on an axis hasn't lacked examples of it. **Tests**: the 500 scenes of the usual test set,
and for each axis scenes of the test seed in which nothing else differs from it:

- "8-16" … "64-128": all things have their longer side, seen whole, in that range of pixels;
- "thin": thin = 1, lamp posts, wires, railings, bare trees;
- "context": context = 1, pavement has the road's surface, water the sky's colours, balls carry the faces of signs.

Scenes are 128×128; no test scene is ever trained on (another seed).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from seglab.datasets import volumes
from seglab.datasets.scenes import TEST_SEED, TEST_SIZE, Parameters, Scenes, render
from seglab.datasets.volumes import Volumes
from seglab.palettes import SCENES
from seglab.types import Sample

SEED = 3
TRAINING = 4000  # scenes
PER_AXIS = 200  # test scenes of each split but "test"
# In turn, by a scene's number: 5, 4 and 3 have no common divisor, so that after 60 scenes all combinations were there.
SCALES = ((8.0, 128.0), (8.0, 16.0), (16.0, 32.0), (32.0, 64.0), (64.0, 128.0))
THIN = (0.3, 1.0, 0.3, 0.6)
CONTEXT = (0.0, 0.0, 1.0)

SPLITS: dict[str, Parameters] = {
    "test": Parameters(),
    **{f"{low:g}-{high:g}": Parameters(scale=(low, high)) for low, high in SCALES[1:]},
    "thin": Parameters(thin=1.0),
    "context": Parameters(context=1.0),
}
SIZES = tuple(SPLITS)[1:5]
# The classes that context = 1 makes look alike, in pairs: road and pavement, sky and water, ball and sign.
ALIKE = ("road", "pavement", "sky", "water", "ball", "sign")
VOLUMES, TEST_VOLUMES = 200, 60


def parameters(index: int) -> Parameters:
    """Return what is drawn in training scene `index`.

    >>> parameters(0) == Parameters(), parameters(6).scale, parameters(1).thin, parameters(2).context
    (True, (8.0, 16.0), 1.0, 1.0)
    """
    return Parameters(
        scale=SCALES[index % len(SCALES)], thin=THIN[index % len(THIN)], context=CONTEXT[index % len(CONTEXT)]
    )


def training(n: int = TRAINING) -> list[Sample]:
    """Draw the first n scenes of the training set, without their instance ids; about 10 ms each."""
    return [replace(render(SEED, i, parameters(i)).sample, ids=None, key=f"axes-{SEED}-{i}") for i in range(n)]


def unseen(split: str, n: int | None = None) -> list[Sample]:
    """Draw a test split (its first n scenes), without their instance ids. ValueError names the splits there are.

    >>> [sample.key for sample in unseen("thin", 2)]
    ['scenes-20250500-0', 'scenes-20250500-1']
    """
    if split not in SPLITS:
        raise ValueError(f"No split {split!r}; there are {', '.join(SPLITS)}.")
    drawn = Scenes(TEST_SEED, TEST_SIZE if split == "test" else PER_AXIS, SPLITS[split])
    return [replace(sample, ids=None) for sample in islice(drawn, n)]


def training_volumes() -> Volumes:
    """Return V-Net's training set, drawn when asked for."""
    return Volumes(SEED, VOLUMES)


def unseen_volumes() -> Volumes:
    """Return the volumes it is measured on; there are no axes."""
    return Volumes(volumes.TEST_SEED, TEST_VOLUMES)


def arrays(samples: Sequence[Sample]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return all pictures (N, H, W, 3) and labels (N, H, W) in one array each, to be kept in files."""
    return np.stack([s.image for s in samples]), np.stack([s.labels for s in samples])


def samples(images: NDArray[np.uint8], labels: NDArray[np.uint8], name: str) -> list[Sample]:
    """Return the samples of such arrays, which may lie in files: nothing is copied.

    >>> drawn = training(2)
    >>> again = samples(*arrays(drawn), "axes")
    >>> again[1].key, bool((again[1].image == drawn[1].image).all())
    ('axes-1', True)
    """
    pairs = zip(images, labels, strict=True)
    return [Sample(image, truth, SCENES, f"{name}-{i}") for i, (image, truth) in enumerate(pairs)]
