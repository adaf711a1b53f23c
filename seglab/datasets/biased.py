"""Streets with one thing in each, a dog or a car, where the background gives the class away as often as is wanted.

A dog's own street is a park, a car's own has houses on either side (`scenes.plan.HOME`). With the degree b a picture
shows its class in its own street with probability b, and in the other one's otherwise: at b = 1 background and class
are the same, at ½ they have nothing to do with each other. Whatever b is, half of the pictures are dogs.

A picture is a function of (seed, index, class, street) alone. Why this is a way to see what a network goes by: Sagawa
et al. 2020, "Distributionally Robust Neural Networks", arXiv:1911.08731, section 3 (birds on land and on water).

Conventions: images (n, H, W, 3) uint8; classes and streets (n,) int64, 0 dog or its park, 1 car or its houses; masks
(n, H, W) bool, where the thing is. A counter-example is a picture whose street is the other class's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from seglab.datasets import scenes
from seglab.datasets.scenes.dice import Dice
from seglab.datasets.scenes.plan import HOME, make_plan
from seglab.datasets.scenes.space import UNITS
from seglab.types import Image, Palette

CLASSES = ("dog", "car")
PALETTE = Palette("Dog or car", CLASSES, ((238, 136, 102), (0, 114, 178)), things=(0, 1))
SIDE = 64
EXTENT = (44.0, 84.0)  # of the thing, in px of a picture 128 high


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures with their classes, streets and masks; see the module's conventions."""

    images: Image
    classes: NDArray[np.int64]
    streets: NDArray[np.int64]
    masks: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def counter(self) -> NDArray[np.bool_]:
        """Which ones are counter-examples, (n,)."""
        return self.classes != self.streets

    @property
    def nbytes(self) -> int:
        """What they take."""
        return self.images.nbytes + self.classes.nbytes + self.streets.nbytes + self.masks.nbytes


def parameters(k: int, own: bool) -> scenes.Parameters:
    """Return what is drawn: one thing of class k, in its own street, or in one by chance."""
    return scenes.Parameters((1, 1), scale=EXTENT, crowding=0.0, thin=0.0, bias=float(own), classes=(CLASSES[k],))


def pictures(seed: int, k: int, street: int, side: int = SIDE) -> Iterator[tuple[Image, NDArray[np.bool_]]]:
    """Yield pictures of class k in a street, without end, each with its mask; the same ones for the same numbers.

    The other's street is found among those by chance: a street is laid out in no time, and drawn only if it fits.

    Raises:
        ValueError: a class or street that isn't 0 or 1.

    >>> image, mask = next(pictures(3, 0, 1))  # a dog between houses
    >>> image.shape, bool(0.02 < mask.mean() < 0.5)
    ((64, 64, 3), True)
    """
    if k not in (0, 1) or street not in (0, 1):
        raise ValueError(f"Class and street are 0 or 1; got {k} and {street}.")
    how = parameters(k, k == street)
    for index in count():
        if make_plan(Dice(seed, index, 0), how, UNITS).street.sides != HOME[CLASSES[street]]:
            continue
        sample = scenes.render(seed, index, how, (side, side)).sample
        assert sample.ids is not None
        if sample.ids.any():  # else the thing found no room
            yield sample.image, sample.ids > 0


def draw(seed: int, n: int, side: int = SIDE) -> Iterator[Pictures | None]:
    """Draw n pictures of each class in each street: yield None after each of the 4·n, and at last all of them.

    Their order: dogs in the park, dogs between houses, cars in the park, cars between houses.

    Raises:
        ValueError: n below 1.

    >>> *_, found = draw(3, 2)
    >>> found.classes.tolist(), found.counter.tolist()
    ([0, 0, 0, 0, 1, 1, 1, 1], [False, False, True, True, True, True, False, False])
    """
    if n < 1:
        raise ValueError(f"At least one picture of each kind is needed; got n = {n}.")
    images, masks = [], []
    for k, street in ((0, 0), (0, 1), (1, 0), (1, 1)):
        for _, (image, mask) in zip(range(n), pictures(seed, k, street, side), strict=False):
            images.append(image)
            masks.append(mask)
            yield None
    each = np.repeat(np.arange(4), n)
    yield Pictures(np.stack(images), each // 2, each % 2, np.stack(masks))


def chosen(found: Pictures, degree: float, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the indices of n pictures, by chance: half of each class, `degree` of them in their own street.

    Args:
        found: what `draw` gave.
        degree: b, 0..1.
        n: how many, with repeats.
        rng: the chance.

    Raises:
        ValueError: a degree out of its range.

    >>> *_, found = draw(3, 2)
    >>> bool(found.counter[chosen(found, 1.0, 50, np.random.default_rng(0))].any())
    False
    """
    if not 0 <= degree <= 1:
        raise ValueError(f"The degree is a share, 0 to 1; got {degree}.")
    k = rng.integers(0, 2, n)
    street = np.where(rng.random(n) < degree, k, 1 - k)
    return (2 * k + street) * (len(found) // 4) + rng.integers(0, len(found) // 4, n)
