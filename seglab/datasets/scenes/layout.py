"""Where the things of a scene stand: their number, classes, sizes and how they crowd."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from seglab.datasets.scenes import living, props
from seglab.datasets.scenes.cars import Car, car
from seglab.datasets.scenes.dice import Dice
from seglab.datasets.scenes.figure import Figure
from seglab.datasets.scenes.parameters import Parameters
from seglab.datasets.scenes.space import UNITS, Camera
from seglab.datasets.scenes.street import Street
from seglab.palettes import SCENES

Box = tuple[float, float, float, float]

FARTHEST = 4.0  # units to the metre: where the farthest things stand
TRIES = 12
HIDDEN = 0.65  # a thing whose box is covered by more than this is placed anew
APART = 1.5  # units between things that shall not touch
DEEP = {"person": 0.35, "dog": 0.35, "ball": 0.4, "sign": 0.15}  # m of ground they take, along the street


@dataclass(frozen=True)
class Thing:
    """A thing in its place: class, foot (x, y) in units, k units to the metre, depth z m, and its box in units."""

    label: int
    body: Figure | Car
    x: float
    y: float
    k: float
    z: float
    box: Box
    deep: float  # m of ground it takes along the street

    def cores(self) -> list[Box]:
        """Return boxes in units that are filled to the last pixel, or nearly."""
        if isinstance(self.body, Car):
            x0, y0, x1, y1 = self.box
            w, h = (x1 - x0) / 8, (y1 - y0) / 4
            return [(x0 + w, y0 + h, x1 - w, y1 - h)]
        return [(self.x + x0 * self.k, self.y - y1 * self.k, self.x + x1 * self.k, self.y - y0 * self.k)
                for x0, y0, x1, y1 in self.body.cores]  # fmt: skip

    @property
    def name(self) -> str:
        """Its class's name."""
        return SCENES.names[self.label]


def place(dice: Dice, camera: Camera, street: Street, parameters: Parameters, only: str | None) -> list[Thing]:
    """Place the things of a scene, the farthest first; `only` makes them all of one class.

    First come groups of two or more, whose members overlap one of their group, then those that stand apart.
    """
    n = dice.whole(*parameters.things)
    wanted = crowded(n, parameters.crowding)
    crowd = _Crowd(dice, camera, street, parameters, only)
    left = wanted
    while left > 0:
        size = left if left <= 3 else 2 + int(dice.chance(0.4))
        crowd.group(size)
        left -= size
    for _ in range(n - len(crowd.things)):
        if crowd.overlapping < wanted and crowd.things:  # some found no place in their group
            crowd.add(dice.pick(crowd.groups))
        else:
            crowd.group(1)
    return sorted(crowd.things, key=lambda thing: -thing.z)


def crowded(n: int, crowding: float) -> int:
    """Return how many of n things shall overlap another: never one alone.

    >>> [crowded(n, 0.5) for n in (0, 1, 2, 3, 12)]
    [0, 0, 2, 2, 6]
    """
    wanted = math.ceil(crowding * n - 1e-9)
    return 0 if n < 2 or wanted == 0 else max(2, wanted)


@dataclass(frozen=True)
class _What:
    """What a thing will be, before it has a place: its drawing, its box and longer side in m, its size's factor."""

    name: str
    body: Figure | Car
    box: Box
    long: float
    factor: float

    @property
    def deep(self) -> float:
        """Metres of ground it takes along the street, before its size's factor."""
        if isinstance(self.body, Car):
            return 2 * (self.body.half[0] if self.body.across else self.body.half[2])
        return DEEP[self.name]


class _Crowd:
    def __init__(self, dice: Dice, camera: Camera, street: Street, parameters: Parameters, only: str | None) -> None:
        self.dice, self.camera, self.street, self.parameters, self.only = dice, camera, street, parameters, only
        self.things: list[Thing] = []
        self.groups: list[list[Thing]] = []
        low, high = parameters.scale  # with a margin: drawn, a thing may come out a pixel larger or smaller
        self._span = (low + 1.2, max(low + 1.2, high - 1.2))

    @property
    def overlapping(self) -> int:
        """How many things overlap another one of their group."""
        return sum(len(group) for group in self.groups if len(group) > 1)

    def group(self, size: int) -> None:
        """Add `size` things: a single one apart from all others, of more each but the first beside one of its group."""
        group: list[Thing] = []
        if self.add(group, apart=size == 1):
            self.groups.append(group)
            while len(group) < size and self.add(group):
                pass

    def add(self, group: list[Thing], apart: bool = False) -> bool:
        """Add a thing to a group, beside one of it if there is any; return whether there was room."""
        for attempt in range(2 * TRIES):
            if attempt in (0, TRIES):  # where one can't stand another may
                what = self._what()
            if group:
                other = self.dice.pick(group)
                thing = self._beside(what, other)
                if thing and not _meet(thing, other):
                    continue
            else:
                thing = self._anywhere(what, attempt % TRIES / TRIES)
            if thing and self._fits(thing, apart):
                group.append(thing)
                self.things.append(thing)
                return True
        return False

    def _what(self) -> _What:
        """Draw a class and what it looks like."""
        dice, p = self.dice, self.parameters
        name = self.only or dice.pick(p.classes, p.weights())
        if name == "car":
            body = car(dice)
            half = body.half
            return _What(name, body, (-half[0], 0, half[0], half[1]), 2 * (half[2] if body.across else half[0]), p.size)
        figure = {
            "person": lambda: living.person(dice), "dog": lambda: living.dog(dice),
            "ball": lambda: props.ball(dice, p.context), "sign": lambda: props.sign(dice, p.thin, p.context),
        }[name]()  # fmt: skip
        box = figure.box()
        variety = dice.between(0.9, 1.08) * (0.65 if name == "person" and dice.chance(0.15) else 1.0)
        return _What(name, figure, box, max(box[2] - box[0], box[3] - box[1]), variety * p.size)

    def _anywhere(self, what: _What, pressure: float) -> Thing | None:
        """Make a thing anywhere; pressure 0..1 makes it smaller, for where there is little room."""
        long, factor = what.long, what.factor
        low, high = self._span
        nearest = (UNITS - 2 - self.camera.horizon) / self.camera.height
        least, most = max(low, long * factor * FARTHEST), min(high, long * factor * nearest)
        if least <= most:
            wanted = self.dice.ratio(least, least + (most - least) * (1 - pressure))
            k = wanted / (long * factor)
        else:  # natural sizes don't reach the range: it grows or shrinks in the world
            wanted, k = (self.dice.ratio(low, min(high, 1.5 * low)), nearest * 0.9) if low > most else (high, FARTHEST)
            factor = wanted / (long * k)
        return self._stand(what, k, factor, None, pressure < 0.7)

    def _beside(self, what: _What, other: Thing) -> Thing | None:
        """Make a thing that overlaps another, a little nearer or farther than it."""
        long, factor = what.long, what.factor
        deep = what.deep * factor
        gap = (deep + other.deep) / 2 + self.dice.between(0.02, 0.4)
        z = other.z + gap * self.dice.pick((-1, 1))
        if z <= 1:
            return None
        k = self.camera.focal / z
        low, high = self._span
        if self.camera.horizon + self.camera.height * k > UNITS + 2 or k < FARTHEST * 0.8:
            return None
        factor = min(max(factor, low / (long * k)), high / (long * k))
        return self._stand(what, k, factor, other, True)

    def _stand(self, what: _What, k: float, factor: float, other: Thing | None, strict: bool) -> Thing | None:
        """Put it on the ground where k units are a metre, in its lane or beside another thing."""
        name, body = what.name, what.body
        z = self.camera.focal / k
        if isinstance(body, Car):
            return self._drive(what, body, z, factor, other)
        k *= factor  # of the drawing; its depth stays
        x0, y0, x1, y1 = (v * k for v in what.box)
        core = self.dice.pick(body.cores)
        x = self._across(self._lane(name), z, (core[2] - core[0]) * k if other else x1 - x0, other)
        left, right = self.street.road
        if name == "sign" and strict and left < (x - self.camera.vanish) * z / self.camera.focal < right:
            return None  # signs don't stand on the road
        y = self.camera.point(0, 0, z)[1]
        box = (x + x0, y - y1, x + x1, y - y0)
        return Thing(SCENES.index(name), body, x, y, k, z, box, DEEP[name] * factor)

    def _drive(self, what: _What, body: Car, z: float, factor: float, other: Thing | None) -> Thing | None:
        """Put a car on the road; what it looks like depends on where it is, so its size is found in a few rounds."""
        low, high = self._span
        for _ in range(4):
            z = max(z, self.camera.depth(UNITS) + what.deep * factor / 2)
            k = self.camera.focal / z
            width = what.long * factor * k
            lane = (self.street.road[0] + 1.0, self.street.road[1] - 1.0)
            x = self._across(lane, z, 0.75 * width if other else width, other)
            body = replace(body, x=(x - self.camera.vanish) / k, z=z, size=factor)
            box = body.box(self.camera)
            long = max(box[2] - box[0], box[3] - box[1])
            if low <= long <= high:
                x, y = self.camera.point(body.x, 0, z)
                return Thing(SCENES.index("car"), body, x, y, k, z, box, what.deep * factor)
            factor *= (low * 1.05 if long < low else high * 0.95) / long
        return None

    def _lane(self, name: str) -> tuple[float, float]:
        """Return where on the street a class walks or stands, X from, to in m."""
        left = self.dice.chance(0.5)
        edge, kerb = (self.street.edge[0], self.street.road[0]) if left else (self.street.edge[1], self.street.road[1])
        if name == "sign":
            return (kerb - 0.9, kerb - 0.3) if left else (kerb + 0.3, kerb + 0.9)
        if name == "person" and self.dice.chance(0.6):
            return (edge + 0.4, kerb) if left else (kerb, edge - 0.4)
        return self.street.edge[0] + 0.4, self.street.edge[1] - 0.4

    def _across(self, lane: tuple[float, float], z: float, width: float, other: Thing | None) -> float:
        """Return x in units: beside the other thing, or in the lane as far as that is in the picture."""
        if other:  # from half behind it to just touching it
            core = self.dice.pick(other.cores())
            reach = max(0.0, (core[2] - core[0] + width) / 2 - 0.6)
            return (core[0] + core[2]) / 2 + self.dice.pick((-1, 1)) * reach * self.dice.between(0.25, 1.0)
        margin = min((0.5 if width < 24 else 0.35) * width, self.camera.width / 2)  # small things aren't cut
        low, high = margin, self.camera.width - margin
        lane_low, lane_high = (self.camera.point(x, 0, z)[0] for x in lane)
        if max(low, lane_low) < min(high, lane_high):
            low, high = max(low, lane_low), min(high, lane_high)
        return self.dice.between(low, high)

    def _fits(self, thing: Thing, apart: bool) -> bool:
        """Whether it is in the picture, hides nothing nor is hidden, and keeps apart from all others if it shall."""
        picture = (0.0, 0.0, self.camera.width, UNITS)
        seen = _common(thing.box, picture)
        if _area(seen) < 0.5 * _area(thing.box) or max(seen[2] - seen[0], seen[3] - seen[1]) < self._span[0]:
            return False
        for other in self.things:
            far = thing if thing.z > other.z else other
            common = _area(_common(thing.box, other.box, APART if apart else 0.0))
            if common > (0.0 if apart else HIDDEN * _area(_common(far.box, picture))):
                return False
        return True


def _meet(a: Thing, b: Thing) -> bool:
    """Whether two things overlap for sure: their cores do, by half a unit each way."""
    return any(min(p[2], q[2]) - max(p[0], q[0]) > 0.5 and min(p[3], q[3]) - max(p[1], q[1]) > 0.5
               for p in a.cores() for q in b.cores())  # fmt: skip


def _common(a: Box, b: Box, margin: float = 0.0) -> Box:
    """Return where two boxes overlap, the first made larger by margin; its area is 0 where they don't."""
    return max(a[0] - margin, b[0]), max(a[1] - margin, b[1]), min(a[2] + margin, b[2]), min(a[3] + margin, b[3])


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
