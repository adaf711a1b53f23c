"""Shadows on the ground, all from one sun: of houses, trees and things; and the dark where things touch the ground."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PIL
from PIL import ImageDraw

from seglab.datasets.scenes.cars import Car
from seglab.datasets.scenes.layout import Thing
from seglab.datasets.scenes.plan import Plan
from seglab.datasets.scenes.shading import soften
from seglab.datasets.scenes.space import UNITS

CROWN = 3.2  # m: height of a tree's crown
CONTACT = 235  # of 255


def ground_shadows(plan: Plan, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return how much of the sun each pixel of the ground lacks, 0..1, as a map (H, W)."""
    ground = _Ground(plan, size)
    dx, dz = plan.light.shadow()
    for i, side in enumerate((-1, 1)):
        if plan.street.sides[i] == "houses" and dx * side < 0:
            for house in plan.street.houses[i]:
                if house.z1 > 0.5:
                    edge, x, z = plan.street.edge[i], plan.street.edge[i] + dx * house.height, dz * house.height
                    ground.polygon((edge, house.z0), (edge, house.z1), (x, house.z1 + z), (x, house.z0 + z))
    for tree in plan.trees:
        ground.sweep(tree.x, tree.z, CROWN, 0.1, 0.1)
        if tree.crown:
            for across, along in ((0, 0), (-0.8, 0.3), (0.7, -0.5), (0.3, 0.9)):
                x, z = tree.x + dx * CROWN + across * tree.crown, tree.z + dz * CROWN + along * tree.crown
                ground.disc(x, z, 0.75 * tree.crown)
    for thing in plan.things:
        if isinstance(thing.body, Car):
            _car(ground, thing.body, dx, dz)
        else:
            _upright(ground, thing, plan, dx, dz)
    for thing in plan.things:
        if not isinstance(thing.body, Car):
            ground.touch(thing)
    return soften(ground.pixels * np.float32(1 / 255), 0.5 * ground.unit)


class _Ground:
    """A drawing of the ground's shadows, in whole pixels: they are blurred later."""

    def __init__(self, plan: Plan, size: tuple[int, int]) -> None:
        self.camera, self.light, self.unit = plan.camera, plan.light, size[0] / UNITS
        self.pixels = np.zeros(size, np.uint8)
        image = PIL.frombuffer("L", size[::-1], self.pixels, "raw", "L", 0, 1)
        image.readonly = 0  # draws into our array
        self._pen = ImageDraw.Draw(image)
        self._near = self.camera.depth(UNITS) * 0.5  # m: nearer than what is seen
        self._dark = round(255 * min(1.0, self.light.strength * 1.8))

    def polygon(self, *corners: tuple[float, float]) -> None:
        """Fill a polygon of the ground: (X, Z) in m."""
        points = self.camera.quad(tuple((x, 0.0, max(self._near, z)) for x, z in corners))
        self._pen.polygon([int(v * self.unit) for v in points], self._dark)

    def sweep(self, x: float, z: float, height: float, low: float, high: float) -> None:
        """Fill the shadow of something upright at (x, z), `low` m wide to either side below and `high` above."""
        dx, dz = self.light.shadow()
        length = math.hypot(dx, dz)
        ax, az = -dz / length, dx / length  # across the shadow
        x1, z1 = x + dx * height, z + dz * height
        self.polygon((x - ax * low, z - az * low), (x + ax * low, z + az * low),
                     (x1 + ax * high, z1 + az * high), (x1 - ax * high, z1 - az * high))  # fmt: skip

    def disc(self, x: float, z: float, r: float) -> None:
        """Fill a disc of radius r m on the ground."""
        if z < self._near + r:
            return
        k = self.camera.focal / z
        px, py = self.camera.point(x, 0, z)
        ry = max(0.4, r * k * k * self.camera.height / self.camera.focal)
        self._pen.ellipse([int(v * self.unit) for v in (px - r * k, py - ry, px + r * k, py + ry)], self._dark)

    def touch(self, thing: Thing) -> None:
        """Darken where a thing stands, sun or not."""
        rx = 0.42 * (thing.box[2] - thing.box[0]) * (0.3 if thing.name == "sign" else 1)
        x, y, ry = thing.x, thing.y, max(0.5, 0.22 * rx)
        self._pen.ellipse([int(v * self.unit) for v in (x - rx, y - ry, x + rx, y + ry)], CONTACT)


def _upright(ground: _Ground, thing: Thing, plan: Plan, dx: float, dz: float) -> None:
    metres = thing.z / plan.camera.focal  # per unit
    x, z = (thing.x - plan.camera.vanish) * metres, thing.z
    tall, wide = (thing.box[3] - thing.box[1]) * metres, (thing.box[2] - thing.box[0]) * metres
    if thing.name == "ball":
        r = tall / 2
        ground.sweep(x, z, r, 0.8 * r, r)
        ground.disc(x + dx * r, z + dz * r, r)
    elif thing.name == "sign":
        ground.sweep(x, z, tall, 0.06, 0.06)
        ground.disc(x + dx * tall * 0.85, z + dz * tall * 0.85, 0.3)
    else:
        ground.sweep(x, z, tall, 0.3 * wide, 0.2 * wide)


def _car(ground: _Ground, body: Car, dx: float, dz: float) -> None:
    w, height, length = (v / body.size for v in body.half)
    low = [
        (x, z) for x, _, z in (body.at(x, 0, z) for x, z in ((-w, -length), (w, -length), (w, length), (-w, length)))
    ]
    tall = height * body.size * 0.85
    high = [(x + dx * tall, z + dz * tall) for x, z in low]
    for i in range(4):  # the sides' shadows, then the roof's
        j = (i + 1) % 4
        ground.polygon(low[i], low[j], high[j], high[i])
    ground.polygon(*high)
    ground.polygon(*low)
