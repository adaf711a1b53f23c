"""A scene from its seed: plan, draw, shade; and the truth that comes with it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seglab.datasets.scenes import shading
from seglab.datasets.scenes.canvas import Canvas
from seglab.datasets.scenes.cars import Car
from seglab.datasets.scenes.dice import Dice
from seglab.datasets.scenes.layout import Thing, crowded
from seglab.datasets.scenes.parameters import Parameters
from seglab.datasets.scenes.plan import BUILT, TREE, Plan, make_plan
from seglab.datasets.scenes.shadows import ground_shadows
from seglab.datasets.scenes.space import UNITS
from seglab.datasets.scenes.street import draw_railing, draw_street, draw_wires
from seglab.palettes import SCENES
from seglab.types import Crop, Ids, Sample

SIZE = (128, 128)
VISIBLE, SMALLEST = 12, 8  # px in all, and along its longer side, in a picture 128 high: a thing with less is left out
ATTEMPTS = 8


@dataclass(frozen=True)
class Scene:
    """A picture with all that is true of it. Thing i (from 0) has the id i + 1; the nearer lies on top of the farther.

    The panoptic truth is `seglab.truths.truth(scene.sample)`.

    sample: image, labels and ids; boxes (N, 4) float32 x0 y0 x1 y1 px around what can be seen (x1, y1: one past the
    last pixel); classes (N,) int64; depths (N,) float32 in m, falling; amodal: N masks of the whole things, also
    where others hide them, as far as they are in the picture.
    """

    sample: Sample
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    depths: NDArray[np.float32]
    amodal: tuple[Crop, ...]

    def __len__(self) -> int:
        return len(self.amodal)

    @property
    def ids(self) -> Ids:
        """The sample's instance ids (H, W): 0, or i + 1 for thing i."""
        if self.sample.ids is None:
            raise ValueError(f"{self.sample.key} has no instance ids; scenes come from `render`.")
        return self.sample.ids

    def overlaps(self) -> NDArray[np.int64]:
        """Return how many pixels the whole things i and j share, (N, N), with 0 on the diagonal."""
        n = len(self)
        shared = np.zeros((n, n), np.int64)
        for i, a in enumerate(self.amodal):
            for j, b in enumerate(self.amodal[:i]):
                top, left = max(a.top, b.top), max(a.left, b.left)
                bottom, right = min(a.top + a.height, b.top + b.height), min(a.left + a.width, b.left + b.width)
                if top < bottom and left < right:
                    both = [c.mask()[top - c.top : bottom - c.top, left - c.left : right - c.left] for c in (a, b)]
                    shared[i, j] = shared[j, i] = np.count_nonzero(both[0] & both[1])
        return shared


def render(seed: int, index: int = 0, parameters: Parameters | None = None, size: tuple[int, int] = SIZE) -> Scene:
    """Draw scene `index` of `seed`: the same numbers and size give the same scene.

    Args:
        seed: 0 or more.
        index: 0 or more.
        parameters: what to draw; None: the defaults.
        size: height and width in px, 32 to 1024 each. One shape at several sizes gives one scene as a rule: what is too
            small to be seen is left out, and if too few things remain at one size, another attempt is drawn there.

    Raises:
        ValueError: a negative seed or index, or a size out of range.

    >>> scene = render(7, 0)
    >>> scene.sample.image.shape, scene.sample.key
    ((128, 128, 3), 'scenes-7-0')
    >>> 3 <= len(scene) <= 12
    True
    """
    parameters = parameters or Parameters()
    if not (isinstance(seed, int) and isinstance(index, int) and seed >= 0 and index >= 0):
        raise ValueError(f"seed and index must be whole numbers, 0 or more; got {seed!r} and {index!r}.")
    if len(size) != 2 or not all(32 <= n <= 1024 for n in size):
        raise ValueError(f"size must be (height, width) in px, 32 to 1024 each; got {size}.")
    unit = size[0] / UNITS
    wanted = parameters.things[0]
    fewest = math.inf  # things that lack
    for attempt in range(ATTEMPTS):
        drawn = _draw_objects(make_plan(Dice(seed, index, attempt), parameters, size[1] / unit), size)
        n = len(drawn.amodal)
        lack = max(0, wanted - n) + max(0, math.ceil(crowded(n, parameters.crowding) * 2 / 3) - drawn.overlapping)
        if lack < fewest:
            best, fewest = drawn, lack
        if not lack:
            break
    return _finish(best, Dice(seed, index, ATTEMPTS), parameters, f"scenes-{seed}-{index}", f"{seed}")


@dataclass(frozen=True)
class _Drawn:
    """What stands in the street, drawn: the things that can be seen, their whole masks, how many overlap another."""

    plan: Plan
    canvas: Canvas
    amodal: list[Crop]
    overlapping: int


def _draw_objects(plan: Plan, size: tuple[int, int]) -> _Drawn:
    """Draw what stands in the street, far to near; things hardly seen are left out, and all is drawn again."""
    unit = size[0] / UNITS
    while True:
        canvas = Canvas(size)
        canvas.index = BUILT
        for edge in plan.railings:
            draw_railing(canvas, edge, plan.camera)
        for x, depths in plan.wires:
            draw_wires(canvas, x, depths, plan.camera)
        amodal: list[Crop] = []
        overlapping: set[int] = set()
        queue = sorted([(-tree.z, 0, n) for n, tree in enumerate(plan.trees)]
                       + [(-thing.z, 1, n) for n, thing in enumerate(plan.things)])  # fmt: skip
        for _, is_thing, n in queue:
            if is_thing:
                crop, farther = _draw_thing(canvas, plan, n, unit)
                amodal.append(crop)
                overlapping |= {n + 1, *farther} if farther else set()
            else:
                tree = plan.trees[n]
                canvas.index, k = tree.index, plan.camera.focal / tree.z
                tree.figure.draw(canvas, plan.light, *plan.camera.point(tree.x, 0, tree.z), k, tree.z)
        seen = np.bincount(canvas.centres().ravel(), minlength=256)[1 : len(amodal) + 1]
        long = np.array([max(crop.height, crop.width) for crop in amodal])
        kept = (seen >= max(1, round(VISIBLE * unit**2))) & (long >= round(SMALLEST * unit))
        if kept.all():
            return _Drawn(plan, canvas, amodal, len(overlapping))
        plan = replace(plan, things=[thing for thing, keep in zip(plan.things, kept, strict=True) if keep])


def _draw_thing(canvas: Canvas, plan: Plan, n: int, unit: float) -> tuple[Crop, list[int]]:
    """Draw thing n before all that is there; return its whole mask and which farther things it covers in part."""
    thing, canvas.index = plan.things[n], n + 1
    place = _place(thing, canvas.size, unit)
    under = canvas.centres()[place].copy()
    if isinstance(thing.body, Car):
        thing.body.draw(canvas, plan.camera, plan.light)
    else:
        thing.body.draw(canvas, plan.light, thing.x, thing.y, thing.k, thing.z)
    mask = canvas.centres()[place] == canvas.index
    return _crop(mask, place), [i for i in np.unique(under[mask]).tolist() if 0 < i <= n]


def _place(thing: Thing, size: tuple[int, int], unit: float) -> tuple[slice, slice]:
    """Return where in the picture a thing can be, in px."""
    x0, y0, x1, y1 = (v * unit for v in thing.box)
    rows = slice(max(0, math.floor(y0) - 1), max(0, min(size[0], math.ceil(y1) + 2)))
    return rows, slice(max(0, math.floor(x0) - 1), max(0, min(size[1], math.ceil(x1) + 2)))


def _crop(mask: NDArray[np.bool_], place: tuple[slice, slice]) -> Crop:
    """Cut a mask, which lies at `place` in the picture, at its first and last pixels."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return Crop.of(np.zeros((0, 0), bool), 0, 0)
    mask = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Crop.of(mask, place[0].start + int(rows[0]), place[1].start + int(columns[0]))


def _finish(drawn: _Drawn, dice: Dice, parameters: Parameters, key: str, sequence: str) -> Scene:
    """Draw what stands still behind, shade it all, and put picture and truth together."""
    plan, canvas, amodal = drawn.plan, drawn.canvas, drawn.amodal
    size, light, camera = canvas.size, plan.light, plan.camera
    unit = size[0] / UNITS
    still = Canvas(size)
    draw_street(still, plan.street, camera, light)
    colour, behind = still.flatten()
    sky = shading.draw_sky(plan.sky, size, camera, light, dice)
    colour[:, : sky.shape[1]] += sky * (1 - still.cover(sky.shape[1]))
    shadow = ground_shadows(plan, size)
    shading.shade_ground(colour, behind, shadow, camera, light, plan.sky, dice, parameters.context)
    before, index = canvas.flatten()
    shading.round_bodies(before, index, plan.things, light, unit)
    colour *= 1 - canvas.cover()
    colour += before
    sigma = dice.between(0.0, 0.5) * math.sqrt(unit)  # px: large pictures are sharper
    image = _expose(shading.soften(colour, sigma), dice, parameters)

    n = len(plan.things)
    classes = np.array([thing.label for thing in plan.things], np.int64)
    table = np.zeros(256, np.uint8)
    table[1 : n + 1], table[TREE], table[BUILT] = classes, SCENES.index("tree"), SCENES.index("building")
    labels = np.where(index > 0, table[index], np.where(behind > 0, behind - 1, 0)).astype(np.uint8)
    ids = np.where(index <= n, index, 0).astype(np.uint16)
    depths = np.array([thing.z for thing in plan.things], np.float32)
    sample = Sample(image, labels, SCENES, key, sequence, ids)
    return Scene(sample, _boxes(ids, amodal), classes, depths, tuple(amodal))


def _expose(colour: NDArray[np.float32], dice: Dice, parameters: Parameters) -> NDArray[np.uint8]:
    """Turn colours into a photo's bytes: contrast, the camera's noise, rounding."""
    if parameters.contrast < 1:
        mean = np.float32(colour.mean(dtype=np.float64))
        colour = mean + (colour - mean) * np.float32(parameters.contrast)
    if parameters.noise:
        colour = colour + dice.grain(*colour.shape) * np.float32(255 * parameters.noise)
    return np.ascontiguousarray(np.clip(colour + np.float32(0.5), 0, 255).astype(np.uint8).transpose(1, 2, 0))


def _boxes(ids: NDArray[np.uint16], amodal: list[Crop]) -> NDArray[np.float32]:
    """Return the boxes of what can be seen; each lies within the whole thing's crop."""
    boxes = np.empty((len(amodal), 4), np.float32)
    for i, crop in enumerate(amodal):
        seen = ids[crop.place] == i + 1
        rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        boxes[i] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
        boxes[i] += crop.left, crop.top, crop.left, crop.top
    return boxes
