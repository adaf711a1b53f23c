"""What can be moved in a scene, with ranges that are checked."""

from __future__ import annotations

from dataclasses import dataclass

CLASSES = ("car", "person", "sign", "dog", "ball")  # of things; the commonest first where classes are imbalanced
MOST_THINGS = 50


@dataclass(frozen=True)
class Parameters:
    """All that a student can move; the defaults are those of `training` and of the test set.

    Args:
        things: fewest and most things, 0..50. Fewer come out where so many don't fit: about 25 do with the other
            defaults, fewer if they are large or stand apart, up to 45 where all are crowded.
        size: of the things in the world, as a factor, 0.5..2: everything but the things stays as it is.
        scale: smallest and largest extent of a thing (the longer side of its box, seen whole) in pixels of a picture
            128 high, 8..128: small ones stand farther away. A thing that can't get so large or small by its place
            grows or shrinks in the world.
        crowding: share of the things that touch or overlap another one, 0 (all apart) .. 1 (all).
        thin: thin structures, 0..1: lamp posts, overhead wires, railings (labelled building: they are built), bare
            trees (tree) and thinner posts of signs. 0: none.
        contrast: 1 as drawn, down to 0.1, nearly grey.
        noise: standard deviation of the camera's noise as a share of white, 0..0.3.
        imbalance: 0: all classes of things as likely; 1: the first of `classes` 100 times as likely as the last. (Which
            a picture has no room for gives way to another: on a crowded road, a car.)
        context: 0..1, how far classes share their looks so that only their place tells them apart: pavement has the
            road's surface, water the sky's colours, balls carry the faces of signs.
        bias: share of scenes, 0..1, in which the street gives the class away: all things are of one class, and the
            street is the one that goes with it (see `plan.HOME`). In the other scenes street and things are
            independent.
        classes: which things there are.

    Raises:
        ValueError: a value outside its range.

    >>> Parameters(things=(1, 1), classes=("dog", "car"), bias=0.9).things
    (1, 1)
    >>> Parameters(noise=2)
    Traceback (most recent call last):
    ValueError: noise must be 0 to 0.3; got 2.
    """

    things: tuple[int, int] = (3, 12)
    size: float = 1.0
    scale: tuple[float, float] = (8.0, 128.0)
    crowding: float = 0.5
    thin: float = 0.3
    contrast: float = 1.0
    noise: float = 0.02
    imbalance: float = 0.0
    context: float = 0.0
    bias: float = 0.0
    classes: tuple[str, ...] = CLASSES

    def __post_init__(self) -> None:
        _span("things", self.things, 0, MOST_THINGS)
        _span("scale", self.scale, 8, 128)
        if not all(isinstance(n, int) for n in self.things):
            raise ValueError(f"things must be two whole numbers; got {self.things}.")
        for name, low, high in (
            ("size", 0.5, 2), ("crowding", 0, 1), ("thin", 0, 1), ("contrast", 0.1, 1), ("noise", 0, 0.3),
            ("imbalance", 0, 1), ("context", 0, 1), ("bias", 0, 1),
        ):  # fmt: skip
            value = getattr(self, name)
            if not low <= value <= high:  # NaN isn't, either
                raise ValueError(f"{name} must be {low} to {high}; got {value}.")
        unknown = [name for name in self.classes if name not in CLASSES]
        if unknown or not self.classes or len(set(self.classes)) != len(self.classes):
            raise ValueError(f"classes must be different ones of {', '.join(CLASSES)}; got {self.classes}.")

    def weights(self) -> list[float]:
        """Return how likely each of `classes` is, up to a factor: a geometric row from 1 to 1/100^imbalance.

        >>> [round(w, 2) for w in Parameters(imbalance=1, classes=("car", "dog", "ball")).weights()]
        [1.0, 0.1, 0.01]
        """
        steps = max(1, len(self.classes) - 1)
        return [100 ** (-self.imbalance * i / steps) for i in range(len(self.classes))]


def _span(name: str, span: tuple[float, float], low: float, high: float) -> None:
    if len(span) != 2 or not low <= span[0] <= span[1] <= high:
        raise ValueError(f"{name} must be (smallest, largest), each {low} to {high}; got {span}.")
