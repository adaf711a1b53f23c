"""Objects and segments as pictures: a colour for each one, near its class's, and lines between those that touch.

Conventions: pictures are RGB uint8 (H, W, 3); ids are whole numbers (H, W), 0 = nothing there; the colour of id n is
row n of a table, whose row 0 isn't shown.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seglab.draw import outlines
from seglab.types import Image, InstanceResult, Palette, PanopticResult, check_image

# How far the objects of one class go from its colour towards white (positive) or black, one after the other. The class
# can still be told, and neighbours in a list, which are often neighbours in the picture, differ most.
STEPS = (0.0, 0.5, -0.35, 0.25, -0.2, 0.65, -0.5, 0.38)


def shades(classes: Sequence[int], palette: Palette) -> NDArray[np.uint8]:
    """Return a colour for each of N objects, (N, 3) uint8: the first of a class has its colour, others shades of it.

    >>> shades([0, 0], Palette("demo", ("car",), ((0, 114, 178),), things=(0,))).tolist()
    [[0, 114, 178], [128, 184, 216]]
    """
    seen = dict.fromkeys(classes, 0)
    colors = np.empty((len(classes), 3), np.uint8)
    for n, k in enumerate(classes):
        step = STEPS[seen[k] % len(STEPS)]
        seen[k] += 1
        goal = 255.0 if step > 0 else 0.0
        colors[n] = np.rint(np.array(palette.colors[k]) * (1 - abs(step)) + goal * abs(step))
    return colors


def instance_colors(result: InstanceResult) -> NDArray[np.uint8]:
    """Return the table (N + 1, 3) of the colours of `result.ids()`."""
    return np.concatenate([np.zeros((1, 3), np.uint8), shades(result.classes.tolist(), result.palette)])


def panoptic_colors(result: PanopticResult) -> NDArray[np.uint8]:
    """Return the table of the colours of `result.segment_ids`: things in shades of their class's, stuff in its own."""
    table = np.zeros((max((segment.id for segment in result.segments), default=0) + 1, 3), np.uint8)
    things = [segment for segment in result.segments if segment.thing]
    for segment, color in zip(things, shades([t.label for t in things], result.palette), strict=True):
        table[segment.id] = color
    for segment in result.segments:
        if not segment.thing:
            table[segment.id] = result.palette.colors[segment.label]
    return table


def overlay_ids(image: Image, ids: NDArray[np.integer], colors: NDArray[np.uint8], opacity: float = 0.5) -> Image:
    """Blend the ids' colours over the photo, with a white line, one pixel wide, along each one's border.

    Args:
        image: (H, W, 3) uint8; shows where the id is 0.
        ids: (H, W), 0 to N.
        colors: (N + 1, 3) uint8.
        opacity: 0..1.

    Raises:
        ValueError: unequal sizes, an id without a colour, or an opacity out of its range.

    >>> overlay_ids(np.zeros((1, 2, 3), np.uint8), np.array([[0, 0]]), np.zeros((1, 3), np.uint8)).max()
    np.uint8(0)
    """
    check_image(image)
    if ids.shape != image.shape[:2] or ids.dtype.kind not in "iu":
        raise ValueError(
            f"Ids must be whole numbers of the picture's size {image.shape[:2]} (height, width); "
            f"got {ids.dtype} {ids.shape}."
        )
    if ids.size and (ids.min() < 0 or ids.max() >= len(colors)):
        raise ValueError(f"There are colours for ids up to {len(colors) - 1}; got ids {ids.min()} to {ids.max()}.")
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity is a share from 0 to 1; got {opacity}.")
    result = image.copy()
    inside = ids > 0
    share = np.uint16(round(255 * opacity))
    mixed = image[inside] * (np.uint16(255) - share) + colors[ids[inside]] * share + np.uint16(127)
    result[inside] = (mixed // np.uint16(255)).astype(np.uint8)
    result[outlines(ids)] = 255
    return result
