"""A part of a picture, enlarged, with boxes and maps of numbers laid over it in place: for looking at one object."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageDraw

from seglab import draw
from seglab.types import Image
from ui.texts import compare_inside as text

SHOWN = 480  # dots of the longer side
MARGIN = 1.2  # the cut-out's side in those of what it shows
DASH = 20  # dots from one dash to the next
LEAST = 16  # pixels of the cut-out's side: an object of 4 is seen with its surroundings
Window = tuple[int, int, int, int]  # x0 y0 x1 y1 in whole pixels of the picture
Box = NDArray[np.float32]  # (4,), the same, in fractions too


def window_around(boxes: NDArray[np.float32], size: tuple[int, int]) -> Window:
    """Return a square x0 y0 x1 y1 in whole pixels around the boxes (n, 4), with a margin; less where the picture ends.

    >>> window_around(np.float32([[10, 10, 30, 20]]), (100, 100))
    (8, 3, 32, 27)
    """
    low, high = boxes[:, :2].min(0), boxes[:, 2:].max(0)
    side = max(LEAST, int(np.ceil(MARGIN * (high - low).max())))
    starts, ends = [], []
    for middle, length in zip((low + high) / 2, (size[1], size[0]), strict=True):
        start = int(np.clip(round(float(middle) - side / 2), 0, max(0, length - side)))
        starts.append(start)
        ends.append(min(length, start + side))
    return starts[0], starts[1], ends[0], ends[1]


def shown_size(window: Window) -> tuple[int, int]:
    """Return height and width in dots at which a window is shown.

    >>> shown_size((0, 0, 20, 10))
    (240, 480)
    """
    w, h = window[2] - window[0], window[3] - window[1]
    return max(1, round(SHOWN * h / max(w, h))), max(1, round(SHOWN * w / max(w, h)))


def photo(image: Image, window: Window) -> Image:
    """Return the window of a picture (H, W, 3) at its shown size: every pixel a square, or averaged if there are more.

    >>> photo(np.zeros((40, 40, 3), np.uint8), (0, 0, 20, 10)).shape
    (240, 480, 3)
    """
    x0, y0, x1, y1 = window
    height, width = shown_size(window)
    return np.asarray(Pil.fromarray(image[y0:y1, x0:x1]).resize((width, height), Pil.Resampling.BOX))


def stretch(values: NDArray[np.float32], box: Box, window: Window) -> NDArray[np.float32]:
    """Return values (h, w), spread over `box`, as they lie in the window at its shown size; NaN outside the box.

    By the nearest: each number keeps its own rectangle.

    >>> stretch(np.float32([[1, 2]]), np.float32([0, 0, 2, 1]), (0, 0, 3, 1))[0, [0, 200, 400]].tolist()
    [1.0, 2.0, nan]
    """
    places, shown = [], shown_size(window)
    for axis, (n, dots) in enumerate(zip(values.shape[::-1], shown[::-1], strict=True)):
        low, high = float(box[axis]), float(box[axis + 2])
        at = window[axis] + (np.arange(dots) + 0.5) * ((window[axis + 2] - window[axis]) / dots)
        places.append(np.floor((at - low) * (n / max(high - low, 1e-6))).astype(np.int64))
    columns, rows = places
    out = np.full(shown, np.nan, np.float32)
    down, across = (rows >= 0) & (rows < values.shape[0]), (columns >= 0) & (columns < values.shape[1])
    out[np.ix_(down, across)] = values[np.ix_(rows[down], columns[across])]
    return out


def framed(picture: Image, box: Box, window: Window, color: tuple[int, int, int], *, dashed: bool = False) -> Image:
    """Return a window's picture with a box drawn on it, light on a dark line so that it is seen on everything.

    >>> black = np.zeros((480, 480, 3), np.uint8)
    >>> framed(black, np.float32([2, 2, 6, 6]), (0, 0, 9, 9), (9, 9, 9)).max()
    np.uint8(9)
    """
    canvas = Pil.fromarray(picture)
    pen = ImageDraw.Draw(canvas)
    scale = canvas.width / (window[2] - window[0])
    x0, y0, x1, y1 = ((box - np.array([*window[:2], *window[:2]])) * scale).tolist()
    x1, y1 = min(x1, canvas.width - 1), min(y1, canvas.height - 1)
    corners = ((x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0))
    for (ax, ay), (bx, by) in itertools.pairwise(corners):
        length = max(abs(bx - ax), abs(by - ay), 1.0)
        step, drawn = (DASH, 0.6 * DASH) if dashed else (length, length)
        for width, paint in ((7, (0, 0, 0)), (3, color)):
            for start in np.arange(0, length, step):
                a, b = start / length, min(1.0, (start + drawn) / length)
                pen.line([ax + (bx - ax) * a, ay + (by - ay) * a, ax + (bx - ax) * b, ay + (by - ay) * b], paint, width)
    return np.asarray(canvas)


def bar(threshold: float) -> str:
    """Return the colour scale of probabilities with a mark at the threshold, as HTML.

    >>> "left:25%" in bar(0.25)
    True
    """
    table = draw.heat_colors()
    stops = ",".join(f"rgb({r},{g},{b})" for r, g, b in table[np.linspace(0, 254, 9).astype(int)].tolist())
    alt, at = text.SCALE_ALT.format(threshold=threshold), text.SCALE_AT.format(threshold=threshold)
    shift = "translateX(-50%)" if 0.15 < threshold < 0.85 else "translateX(-100%)" if threshold > 0.5 else "none"
    mark = f"position:absolute;left:{100 * threshold:g}%"
    return (
        f'<div role="img" aria-label="{alt}" style="max-width:26rem;font-size:.8125rem">{text.SCALE}'
        f'<div style="position:relative;height:.9rem;border-radius:3px;background:linear-gradient(to right,{stops})">'
        f'<span style="{mark};top:-3px;bottom:-3px;border-left:3px solid #fff;outline:1px solid #000"></span></div>'
        f'<div style="display:flex;justify-content:space-between;position:relative"><span>0</span>'
        f'<span style="{mark};transform:{shift};white-space:nowrap">{at}</span><span>1</span></div></div>'
    )
