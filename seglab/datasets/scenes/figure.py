"""A flat drawing that stands upright in the street, facing the camera: persons, dogs, balls, signs, trees, lamps."""

from __future__ import annotations

import math
from collections.abc import Sequence

from seglab.datasets.scenes.canvas import FINE, Canvas
from seglab.datasets.scenes.space import RGB, Light

Part = tuple[str, list[float], RGB]  # "polygon", "ellipse" (x, y, rx, ry) or "line" (x, y, x, y, width), and its colour


class Figure:
    """Shapes in metres, x to the right, y up, (0, 0) where it stands; what is added later lies on top.

    >>> figure = Figure()
    >>> figure.ellipse(0, 1, 0.5, 1, (9, 9, 9))
    >>> figure.box()
    (-0.5, 0, 0.5, 2)
    """

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.cores: list[tuple[float, float, float, float]] = []  # boxes x0, y0, x1, y1 in m that it surely fills

    def polygon(self, points: Sequence[float], rgb: RGB) -> None:
        """Add a filled polygon x0, y0, x1, y1, ..."""
        self.parts.append(("polygon", list(points), rgb))

    def ellipse(self, x: float, y: float, rx: float, ry: float, rgb: RGB) -> None:
        """Add a filled ellipse around (x, y)."""
        self.parts.append(("ellipse", [x, y, rx, ry], rgb))

    def line(self, x0: float, y0: float, x1: float, y1: float, width: float, rgb: RGB) -> None:
        """Add a line that is never thinner than a pixel, however far away: wires, posts, twigs."""
        self.parts.append(("line", [x0, y0, x1, y1, width], rgb))

    def limb(self, a: Sequence[float], b: Sequence[float], ra: float, rb: float, rgb: RGB) -> None:
        """Add a limb from a to b (x, y, ...) with round ends of radius ra and rb."""
        dx, dy = b[0] - a[0], b[1] - a[1]
        length = math.hypot(dx, dy)
        if length > 1e-6:
            nx, ny = -dy / length, dx / length
            self.polygon(
                (a[0] + nx * ra, a[1] + ny * ra, b[0] + nx * rb, b[1] + ny * rb,
                 b[0] - nx * rb, b[1] - ny * rb, a[0] - nx * ra, a[1] - ny * ra), rgb,
            )  # fmt: skip
        self.ellipse(a[0], a[1], ra, ra, rgb)
        self.ellipse(b[0], b[1], rb, rb, rgb)

    def box(self) -> tuple[float, float, float, float]:
        """Return its extent: x0, y0, x1, y1 in metres, y up."""
        x0, y0, x1, y1 = math.inf, math.inf, -math.inf, -math.inf
        for kind, c, _ in self.parts:
            if kind == "polygon":
                left, right, low, high = min(c[::2]), max(c[::2]), min(c[1::2]), max(c[1::2])
            elif kind == "ellipse":
                left, right, low, high = c[0] - c[2], c[0] + c[2], c[1] - c[3], c[1] + c[3]
            else:
                r = c[4] / 2
                left, right = min(c[0], c[2]) - r, max(c[0], c[2]) + r
                low, high = min(c[1], c[3]), max(c[1], c[3])
            x0, y0, x1, y1 = min(x0, left), min(y0, low), max(x1, right), max(y1, high)
        return x0, y0, x1, y1

    def draw(self, canvas: Canvas, light: Light, x: float, y: float, k: float, z: float) -> None:
        """Draw it with its foot at (x, y) units, k units to the metre, z metres away."""
        pen, index, zoom, tone = canvas.pen, canvas.index, canvas.zoom, light.at(z)  # a scene has a thousand parts:
        x, y, k = x * zoom, y * zoom, k * zoom  # what can be done once isn't done for each
        for kind, c, rgb in self.parts:
            ink = (*tone(rgb), index)
            if kind == "ellipse":
                cx, cy, rx, ry = x + c[0] * k, y - c[1] * k, c[2] * k, c[3] * k
                if rx < 0.5 and ry < 0.5:
                    continue  # less than a sub-pixel
                pen.ellipse((int(cx - rx), int(cy - ry), int(cx + rx), int(cy + ry)), ink)
            else:
                points = [int(x + v * k) if i % 2 == 0 else int(y - v * k) for i, v in enumerate(c)]
                if kind == "polygon":
                    pen.polygon(points, ink)
                else:
                    pen.line(points[:4], ink, max(FINE, round(c[4] * k)))
