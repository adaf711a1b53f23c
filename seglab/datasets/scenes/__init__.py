"""Scenes: streets drawn by code, with everything known about them.

Stuff: sky, building, road, pavement, tree, water; things: car, person, dog, ball, sign. A scene is a function of (seed,
index, parameters) alone: the same labels to the last pixel on every machine, the same picture but for rounding.

    from seglab.datasets import scenes

    train = scenes.training(seed=1, n=2000, parameters=scenes.Parameters(crowding=0.8))
    train[0].image, train[0].labels, train[0].ids       # a seglab.types.Sample, drawn when asked for (about 10 ms)
    scene = train.scene(0)                              # with boxes, depths, whole ("amodal") masks, panoptic truth

How it is made: `plan` decides what there is (`layout` where the things stand), `street`, `houses`, `cars`, `living` and
`props` draw it on a `canvas` that keeps picture and labels in step, `shading` and `shadows` paint light, sky and water.
Models trained on such scenes know nothing else: say so wherever they are shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from seglab.datasets.scenes.parameters import CLASSES, Parameters
from seglab.datasets.scenes.rendering import SIZE, Scene, render
from seglab.types import Sample

__all__ = ["CLASSES", "SIZE", "TEST_SEED", "Parameters", "Scene", "Scenes", "render", "test_set", "training"]

TEST_SEED = 20_250_500  # never trained on: `training` refuses it
TEST_SIZE = 500
DEFAULTS = Parameters()


@dataclass(frozen=True)
class Scenes(Sequence[Sample]):
    """The scenes 0..n−1 of a seed, each drawn when it is asked for; equal arguments give equal scenes.

    >>> some = Scenes(7, 100)
    >>> len(some), some[3].key
    (100, 'scenes-7-3')
    """

    seed: int
    n: int
    parameters: Parameters = DEFAULTS
    size: tuple[int, int] = SIZE

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"A set of scenes needs at least one; got n = {self.n}.")

    def __len__(self) -> int:
        return self.n

    def scene(self, index: int) -> Scene:
        """Return scene `index`, 0..n−1, with all its truth; IndexError where there is none."""
        if not 0 <= index < self.n:
            raise IndexError(f"There are the scenes 0 to {self.n - 1}; got {index}.")
        return render(self.seed, index, self.parameters, self.size)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self.n))]
        return self.scene(index + self.n if index < 0 else index).sample

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(self.n))


def training(seed: int, n: int, parameters: Parameters | None = None, size: tuple[int, int] = SIZE) -> Scenes:
    """Return n scenes to train on.

    Raises:
        ValueError: the test set's seed, or n < 1.

    >>> training(TEST_SEED, 10)
    Traceback (most recent call last):
    ValueError: The seed 20250500 is kept for the test set; train on any other.
    """
    if seed == TEST_SEED:
        raise ValueError(f"The seed {TEST_SEED} is kept for the test set; train on any other.")
    return Scenes(seed, n, parameters or DEFAULTS, size)


def test_set() -> Scenes:
    """Return the 500 test scenes, 128×128: 3 to 12 things each from 8 px on, a third of them or more overlapping.

    Scenes that differ in one thing (larger, thinner, ...) are `Scenes(TEST_SEED, n, Parameters(...))`.

    >>> len(test_set())
    500
    """
    return Scenes(TEST_SEED, TEST_SIZE)


test_set.__test__ = False  # type: ignore[attr-defined]  # pytest would take it for a test where it is imported
