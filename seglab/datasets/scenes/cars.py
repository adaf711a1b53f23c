"""Cars: a side profile, drawn out to the width of a car, turned, and seen in true perspective.

Local axes: x to the car's right, y up, z ahead, in metres; the middle of the car stands on the ground at (0, 0, 0).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from seglab.datasets.scenes.canvas import Canvas
from seglab.datasets.scenes.dice import Dice
from seglab.datasets.scenes.space import RGB, Camera, Light, mix, scaled

Point = tuple[float, float, float]
Flat = tuple[list[float], RGB]  # a polygon in units and its colour

PAINT = (
    (190, 30, 35), (30, 70, 150), (235, 235, 232), (180, 184, 190), (45, 48, 54), (225, 165, 30), (40, 110, 80),
    (120, 135, 150), (95, 25, 40), (80, 150, 200), (215, 205, 180),
)  # fmt: skip
GLASS: RGB = (58, 74, 92)
TYRE: RGB = (26, 26, 28)

# (z, y) from the lower rear edge over the roof to the lower front edge; the strips between them, by their index
PROFILES = {
    "saloon": ((-2.15, 0.28), (-2.2, 0.80), (-1.45, 0.92), (-0.85, 1.42), (0.25, 1.45), (0.95, 0.95), (2.05, 0.80),
               (2.15, 0.28)),
    "hatchback": ((-1.85, 0.28), (-1.95, 0.85), (-1.85, 0.95), (-1.35, 1.46), (0.15, 1.52), (0.95, 0.98), (1.8, 0.82),
                  (1.9, 0.28)),
    "estate": ((-2.25, 0.28), (-2.3, 0.85), (-2.25, 0.95), (-1.95, 1.48), (0.2, 1.52), (0.9, 0.98), (2.05, 0.82),
               (2.15, 0.28)),
    "van": ((-2.2, 0.30), (-2.25, 1.05), (-2.24, 1.10), (-2.15, 1.95), (1.0, 1.98), (1.65, 1.20), (2.1, 1.0),
            (2.2, 0.30)),
}  # fmt: skip
REAR, REAR_WINDOW, WINDSCREEN, FRONT = 0, 2, 4, 6
WHEEL = 0.33


@dataclass(frozen=True)
class Car:
    """A car at (x, z) m from the camera, turned by yaw (0: drives away, π: comes, π/2: to the right), `size` times."""

    profile: str
    paint: RGB
    x: float
    z: float
    yaw: float
    size: float = 1.0

    @property
    def across(self) -> bool:
        """Whether it stands across the street: its side is seen."""
        return abs(math.sin(self.yaw)) > 0.5

    @property
    def half(self) -> tuple[float, float, float]:
        """Half its width, its height and half its length, in m."""
        outline = PROFILES[self.profile]
        return 0.88 * self.size, max(y for _, y in outline) * self.size, max(z for z, _ in outline) * 1.03 * self.size

    def at(self, x: float, y: float, z: float) -> Point:
        """Return a point of the car, in local axes, in the world."""
        cos, sin, s = math.cos(self.yaw), math.sin(self.yaw), self.size
        return self.x + (x * cos + z * sin) * s, y * s, self.z + (z * cos - x * sin) * s

    def box(self, camera: Camera) -> tuple[float, float, float, float]:
        """Return the box x0, y0, x1, y1 in units that holds it in the picture."""
        (w, h, length), s = self.half, self.size
        corners = [camera.point(*self.at(x / s, y, z / s)) for x in (-w, w) for y in (0.0, h / s) for z in
                   (-length, length)]  # fmt: skip
        xs, ys = zip(*corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def draw(self, canvas: Canvas, camera: Camera, light: Light) -> None:
        """Draw it: tyres, then the faces towards the camera, what is farther away first, then wheels and windows."""
        for points, rgb in _polygons(self, camera, light):
            canvas.polygon(points, light.tone(rgb, self.z))


def car(dice: Dice) -> Car:
    """Make a car that drives along the street or across it; the caller places it."""
    across = dice.chance(0.3)
    yaw = dice.pick((-0.5, 0.5) if across else (0.0, 1.0)) * math.pi + dice.between(-0.12, 0.12)
    return Car(dice.pick(tuple(PROFILES)), dice.pick(PAINT), 0.0, 10.0, yaw)


def _polygons(car: Car, camera: Camera, light: Light) -> list[Flat]:
    outline = PROFILES[car.profile]

    def flat(points: list[Point]) -> list[float]:
        return camera.quad(tuple(car.at(*p) for p in points))

    found: list[Flat] = []
    for z in _axles(car):
        for side in (-1, 1):
            inner, outer = side * 0.60, side * 0.84
            found.append((flat([(inner, 0, z), (outer, 0, z), (outer, 0.5, z), (inner, 0.5, z)]), TYRE))
    strips = []
    for i, ((z0, y0), (z1, y1)) in enumerate(pairwise(outline)):
        w0, w1 = _half_width(car, y0), _half_width(car, y1)
        points = [(-w0, y0, z0), (w0, y0, z0), (w1, y1, z1), (-w1, y1, z1)]
        length = math.hypot(z1 - z0, y1 - y0)
        normal = (0.0, (z1 - z0) / length, -(y1 - y0) / length)
        if _towards(car, camera, points[0], normal) > 0:
            strips.append((-car.at(0, (y0 + y1) / 2, (z0 + z1) / 2)[2], i, points, _bright(car, light, normal)))
    for _, i, points, brightness in sorted(strips):
        found.append((flat(points), scaled(car.paint, brightness)))
        found += [(flat(_on(points, *where)), scaled(rgb, brightness)) for where, rgb in _details(car, i)]
    for side in (-1, 1):
        if _towards(car, camera, (side * 0.86, 0.5, 0.0), (side, 0.0, 0.0)) > 0:
            found += _side(car, side, flat, _bright(car, light, (side, 0.0, 0.0)))
    return found


def _details(car: Car, strip: int) -> list[tuple[tuple[float, float, float, float], RGB]]:
    """What lies on a strip: (across from, to, along from, to), each −1..1 and 0..1, and colour."""
    if strip == REAR:
        red: RGB = (225, 30, 30)
        return [((-1, 1, 0, 0.25), scaled(car.paint, 0.45)), ((-0.97, -0.62, 0.62, 0.92), red),
                ((0.62, 0.97, 0.62, 0.92), red), ((-0.28, 0.28, 0.38, 0.58), (240, 240, 225))]  # fmt: skip
    if strip == FRONT:
        lamp: RGB = (255, 250, 215)
        return [((-0.6, 0.6, 0.2, 0.45), (35, 36, 40)), ((-1, 1, 0.75, 1), scaled(car.paint, 0.45)),
                ((-0.95, -0.62, 0.12, 0.42), lamp), ((0.62, 0.95, 0.12, 0.42), lamp),
                ((-0.28, 0.28, 0.55, 0.73), (240, 240, 225))]  # fmt: skip
    if strip in (REAR_WINDOW, WINDSCREEN):
        low, high = (0.08, 0.55) if strip == REAR_WINDOW else (0.45, 0.92)
        return [
            ((-0.88, 0.88, 0.08, 0.92), GLASS),
            ((-0.85, 0.85, 1 - high, 1 - low), mix(GLASS, (190, 210, 230), 0.3)),
        ]
    return []


def _on(strip: list[Point], u0: float, u1: float, v0: float, v1: float) -> list[Point]:
    """Return the part of a strip from u0 to u1 across (−1..1) and v0 to v1 along it (0..1)."""
    (_, ya, za), (wa, _, _), (wb, yb, zb), _ = strip
    found = []
    for u, v in ((u0, v0), (u1, v0), (u1, v1), (u0, v1)):
        found.append((u * (wa + (wb - wa) * v), ya + (yb - ya) * v, za + (zb - za) * v))
    return found


def _side(car: Car, side: int, flat: Callable[[list[Point]], list[float]], brightness: float) -> list[Flat]:
    """Return one side: body, cabin, windows with their pillar, wheels."""
    outline = PROFILES[car.profile]
    paint = scaled(car.paint, brightness)

    def plane(points: list[tuple[float, float]], out: float = 0.0) -> list[float]:
        return flat([(side * (_half_width(car, y) + out), y, z) for z, y in points])

    found = [(plane(list(outline)), paint)]
    found.append((plane([outline[0], (outline[0][0], 0.42), (outline[-1][0], 0.42), outline[-1]]), scaled(paint, 0.7)))
    cabin = [(z, y) for z, y in outline[2:6]]
    cz, cy = math.fsum(z for z, _ in cabin) / 4, math.fsum(y for _, y in cabin) / 4 + 0.02
    glass = [(cz + 0.84 * (z - cz), cy + 0.72 * (y - cy)) for z, y in cabin]
    if car.profile == "van":  # windows in front alone
        glass = [(0.2, 1.25), (0.2, 1.8), (0.95, 1.8), (1.4, 1.25)]
    found.append((plane(glass), scaled(GLASS, min(1.0, brightness))))
    low, high = glass[0][1], max(y for _, y in glass)
    found.append((plane([(cz - 0.05, low), (cz - 0.05, high), (cz + 0.05, high), (cz + 0.05, low)]), paint))
    for z in _axles(car):
        for r, rgb in ((WHEEL + 0.06, scaled(paint, 0.35)), (WHEEL, TYRE), (0.19, (165, 168, 172))):
            ring = [(z + r * math.cos(a * math.pi / 6), WHEEL + r * math.sin(a * math.pi / 6)) for a in range(12)]
            found.append((plane([(z, max(0.0, y)) for z, y in ring], 0.01), rgb))
    return found


def _half_width(car: Car, y: float) -> float:
    """Return half the width at height y, in m: the cabin narrows upwards."""
    return 0.86 - 0.22 * max(0.0, y - (1.15 if car.profile == "van" else 1.0))


def _axles(car: Car) -> tuple[float, float]:
    outline = PROFILES[car.profile]
    return 0.62 * outline[0][0], 0.62 * outline[-1][0]


def _towards(car: Car, camera: Camera, point: Point, normal: Point) -> float:
    """Return a number that is positive where the face with this point and normal (local) looks at the camera."""
    x, y, z = car.at(*point)
    nx, ny, nz = _turned(car, normal)
    return -x * nx + (camera.height - y) * ny - z * nz


def _turned(car: Car, n: Point) -> Point:
    cos, sin = math.cos(car.yaw), math.sin(car.yaw)
    return n[0] * cos + n[2] * sin, n[1], n[2] * cos - n[0] * sin


def _bright(car: Car, light: Light, normal: Point) -> float:
    return light.on(*_turned(car, normal))
