"""Where things are and how light falls: a pinhole camera over a flat street, and the sun.

World: X to the right, Y up, Z away from the camera, in metres; the ground is Y = 0. Pictures are measured in *units*,
1/128 of their height, so that a scene is the same at every size: x to the right, y down from the upper edge.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

UNITS = 128.0  # height of every picture in units
RGB = tuple[int, int, int]  # 0..255


@dataclass(frozen=True)
class Camera:
    """A level pinhole camera: picture width, horizon and vanishing point in units, focal length in units, height in m.

    >>> camera = Camera(width=128, horizon=50, vanish=64, focal=100, height=2.0)
    >>> camera.point(1.0, 0.0, 10.0)  # a metre to the right, ten away: k = 10 units a metre
    (74.0, 70.0)
    """

    width: float
    horizon: float
    vanish: float
    focal: float
    height: float

    def point(self, x: float, y: float, z: float) -> tuple[float, float]:
        """Project a point of the world (z > 0) to the picture, in units."""
        k = self.focal / z
        return self.vanish + x * k, self.horizon + (self.height - y) * k

    def depth(self, y: float) -> float:
        """Return the distance Z in m of the ground seen at height y of the picture (below the horizon), in units."""
        return self.focal * self.height / (y - self.horizon)

    def quad(self, corners: tuple[tuple[float, float, float], ...]) -> list[float]:
        """Project a polygon of the world: x0, y0, x1, y1, ... in units."""
        return [value for corner in corners for value in self.point(*corner)]


@dataclass(frozen=True)
class Light:
    """The sun and the air: unit vector to the sun, its share of the light, and the haze's colour and reach in m."""

    sun: tuple[float, float, float]
    strength: float
    tint: tuple[float, float, float]
    haze: tuple[float, float, float]
    reach: float

    def on(self, nx: float, ny: float, nz: float) -> float:
        """Return the brightness of a face with unit normal (nx, ny, nz): sky light and Lambert's cosine of the sun."""
        x, y, z = self.sun
        return 0.72 + 0.10 * ny + self.strength * (max(0.0, nx * x + ny * y + nz * z) - 0.30)

    def shadow(self) -> tuple[float, float]:
        """Return how far (X, Z) the shadow of a point falls on the ground, in m per m of its height."""
        x, y, z = self.sun
        return -x / y, -z / y

    def fog(self, z: float) -> float:
        """Return the share of haze, 0..1, in what is seen at distance z."""
        return 1.0 - math.exp(-z / self.reach)

    def at(self, z: float, brightness: float = 1.0) -> Callable[[RGB], RGB]:
        """Return what turns a colour into how it looks at distance z under the given brightness."""
        fog = self.fog(z)
        (r, g, b), (hr, hg, hb) = (c * brightness * (1 - fog) for c in self.tint), (c * fog for c in self.haze)

        def tone(rgb: RGB) -> RGB:
            red, green, blue = int(rgb[0] * r + hr), int(rgb[1] * g + hg), int(rgb[2] * b + hb)
            return (red if red < 255 else 255, green if green < 255 else 255, blue if blue < 255 else 255)

        return tone

    def tone(self, rgb: RGB, z: float, brightness: float = 1.0) -> RGB:
        """Return a colour as it looks at distance z under the given brightness.

        >>> light = Light((0, 1, 0), 0.5, (1, 1, 1), haze=(200, 200, 200), reach=1.0)
        >>> light.tone((40, 80, 120), 0, 0.5), light.tone((40, 80, 120), 50)  # near; lost in the haze
        ((20, 40, 60), (200, 200, 200))
        """
        return self.at(z, brightness)(rgb)


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """Return the colour between a (share 0) and b (share 1).

    >>> mix((0, 0, 0), (200, 100, 50), 0.5)
    (100, 50, 25)
    """
    return int(a[0] + (b[0] - a[0]) * share), int(a[1] + (b[1] - a[1]) * share), int(a[2] + (b[2] - a[2]) * share)


def scaled(rgb: RGB, factor: float) -> RGB:
    """Return a colour made lighter (factor > 1) or darker."""
    return min(255, int(rgb[0] * factor)), min(255, int(rgb[1] * factor)), min(255, int(rgb[2] * factor))
