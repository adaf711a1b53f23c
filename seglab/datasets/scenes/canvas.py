"""A drawing of filled shapes whose picture is smooth and whose labels are exact, drawn once.

Each pixel is FINE × FINE sub-pixels of R, G, B and an *index*, which says what was drawn there last. The colours are
averaged; the index is read at the pixel's centre. Thus a label never is a mixture, and it agrees with the picture.
Shapes are rounded to whole sub-pixels and filled by Pillow in whole numbers: the same labels on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PIL
from PIL import ImageDraw

from seglab.datasets.scenes.space import RGB, UNITS

FINE = 3  # odd, so that a pixel has a sub-pixel at its centre


class Canvas:
    """An empty drawing for a picture of `size` (height, width) in px; shapes are given in units.

    >>> canvas = Canvas((128, 128))
    >>> canvas.index = 7
    >>> canvas.polygon([2, 2, 4, 2, 4, 4, 2, 4], (90, 90, 90))
    >>> colour, index = canvas.flatten()
    >>> colour[:, 3, 3].tolist(), int(index[3, 3]), int(index[0, 0])
    ([90.0, 90.0, 90.0], 7, 0)
    """

    def __init__(self, size: tuple[int, int]) -> None:
        h, w = size[0] * FINE, size[1] * FINE
        self.size = size
        self.fine = np.zeros((h, w, 4), np.uint8)
        self.zoom = h / UNITS
        self.index = 0
        image = PIL.frombuffer("RGBA", (w, h), self.fine, "raw", "RGBA", 0, 1)
        image.readonly = 0  # Pillow then draws into our array: to copy it out takes longer than to draw
        self.pen = ImageDraw.Draw(image)

    def polygon(self, points: Sequence[float], rgb: RGB) -> None:
        """Fill the polygon x0, y0, x1, y1, ..."""
        zoom = self.zoom
        self.pen.polygon([int(v * zoom) for v in points], (*rgb, self.index))

    def ellipse(self, x: float, y: float, rx: float, ry: float, rgb: RGB) -> None:
        """Fill the upright ellipse around (x, y)."""
        zoom = self.zoom
        box = (int((x - rx) * zoom), int((y - ry) * zoom), int((x + rx) * zoom), int((y + ry) * zoom))
        self.pen.ellipse(box, (*rgb, self.index))

    def line(self, points: Sequence[float], width: float, rgb: RGB) -> None:
        """Draw a line of `width` units, but never thinner than a pixel: its label would fall to pieces."""
        zoom = self.zoom
        self.pen.line([int(v * zoom) for v in points], (*rgb, self.index), max(FINE, round(width * zoom)))

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, rgb: RGB) -> None:
        """Fill an upright rectangle, x0 ≤ x1 and y0 ≤ y1."""
        zoom = self.zoom
        self.pen.rectangle((int(x0 * zoom), int(y0 * zoom), int(x1 * zoom), int(y1 * zoom)), (*rgb, self.index))

    def centres(self) -> NDArray[np.uint8]:
        """Return the index at each pixel's centre (H, W), a view."""
        return self.fine[FINE // 2 :: FINE, FINE // 2 :: FINE, 3]

    def flatten(self) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return the mean colours (3, H, W), 0..255, where nothing was drawn counting as black, and the indices."""
        return self._mean(), self.centres()

    def cover(self, rows: int | None = None) -> NDArray[np.float32]:
        """Return the share (H, W), 0..1, of each pixel that was drawn on; `rows`: of the upper ones alone."""
        h, w = rows or self.size[0], self.size[1]
        drawn = (self.fine[: h * FINE, :, 3] != 0).view(np.uint8).reshape(h, FINE, w * FINE)
        total = drawn[:, 0] + drawn[:, 1] + drawn[:, 2]
        return (total[:, 0::FINE] + total[:, 1::FINE] + total[:, 2::FINE]) * np.float32(1 / FINE**2)

    def _mean(self) -> NDArray[np.float32]:
        """Average FINE × FINE sub-pixels: rows first, then columns with the four channels in one 64-bit number."""
        h, w = self.size
        rows = self.fine.reshape(h, FINE, -1)
        total = np.add(rows[:, 0], rows[:, 1], dtype=np.uint16)
        total += rows[:, 2]
        packed = total.view(np.uint64)  # 9 · 255 < 2¹⁶: no channel runs over into the next
        packed = packed[:, 0::FINE] + packed[:, 1::FINE] + packed[:, 2::FINE]
        channels = packed.view(np.uint16).reshape(h, w, 4)
        colour = np.empty((3, h, w), np.float32)  # planes, each in one piece: what follows is twice as fast
        for c in range(3):
            np.multiply(channels[..., c], np.float32(1 / FINE**2), out=colour[c])
        return colour
