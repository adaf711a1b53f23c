"""What is explained: which class, and where. Each target says which of a network's scores are summed up to one number.

Conventions: k is a class's index in the palette; x and y are pixels of the picture, counted from 0 at the top left;
boxes are x0 y0 x1 y1 in pixels, from edge to edge, so that 0 0 1 1 is the first pixel. A region M is bool (H, W), of
the picture's size: y = Σ_{(i,j)∈M} z_ij of the class's logits z (Vinogradova et al. 2020, arXiv:2002.11434, eq. 1).

A mirrored picture has its region mirrored with it: `mirrored`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seglab.inside import origins
from seglab.instances import Detections
from seglab.runtime import Loaded
from seglab.types import Image, Labels, Palette

Mask = NDArray[np.bool_]  # (H, W)


@dataclass(frozen=True)
class Everywhere:
    """Class k over the whole picture."""

    k: int


@dataclass(frozen=True)
class Predicted:
    """Class k over the pixels where the network says k."""

    k: int


@dataclass(frozen=True)
class Box:
    """Class k over the pixels of a box, x0 ≤ x < x1 and y0 ≤ y < y1; what of it lies outside the picture is cut off."""

    k: int
    x0: int
    y0: int
    x1: int
    y1: int


@dataclass(frozen=True)
class Pixel:
    """Class k at one pixel: column x, row y."""

    k: int
    x: int
    y: int


@dataclass(frozen=True, eq=False)
class Painted:
    """Class k over a painted region, bool (H, W)."""

    k: int
    mask: Mask


@dataclass(frozen=True)
class Category:
    """A classifier's class k."""

    k: int


@dataclass(frozen=True)
class Instance:
    """One object of a detector, of class k: the score of its class, or its mask's logits where the mask is.

    box: x0 y0 x1 y1 in pixels. For "class" that of the proposal, from which the box head read the class; for "mask" the
    object's own. `of_detection` finds it.
    """

    k: int
    box: tuple[float, float, float, float]
    of: Literal["class", "mask"] = "class"


Target: TypeAlias = Everywhere | Predicted | Box | Pixel | Painted | Category | Instance
Regional: TypeAlias = Everywhere | Predicted | Box | Pixel | Painted


def of_detection(
    image: Image,
    loaded: Loaded,
    detections: Detections,
    i: int,
    of: Literal["class", "mask"] = "class",
    *,
    cancel: Callable[[], bool] | None = None,
) -> Instance:
    """Return object i of what `instances.detect` found as a target; its class score needs one pass of the network.

    Raises:
        ValueError: no such object, or its proposal isn't found (see `inside.origins`).

    """
    if not 0 <= i < len(detections):
        raise ValueError(f"There are {len(detections)} objects, counted from 0; got {i}.")
    boxes = detections.boxes if of == "mask" else origins(image, loaded, detections, cancel=cancel).proposals
    if np.isnan(boxes[i]).any():
        raise ValueError("This object's proposal isn't found: detect with the default options, or take its mask.")
    x0, y0, x1, y1 = (float(v) for v in boxes[i])
    return Instance(int(detections.classes[i]), (x0, y0, x1, y1), of)


def check(target: Target, palette: Palette, size: tuple[int, int]) -> None:
    """Raise ValueError for a class that isn't there, or a region without a pixel, before any network runs."""
    if not 0 <= target.k < len(palette):
        raise ValueError(f"k is a class of {palette.title}, 0 to {len(palette) - 1}; got {target.k}.")
    match target:
        case Box() | Pixel() | Painted():
            region(target, palette, size, lambda: np.empty(0, np.uint8))
        case Instance(box=(x0, y0, x1, y1)) if not (x0 < x1 and y0 < y1):
            raise ValueError(f"An object's box is x0 y0 x1 y1 with x0 < x1 and y0 < y1; got {target.box}.")


def region(target: Regional, palette: Palette, size: tuple[int, int], labels: Callable[[], Labels]) -> Mask:
    """Return the target's region, bool (H, W), never empty.

    Args:
        target: over which pixels.
        palette: names the class in messages.
        size: height and width of the picture.
        labels: gives what the network predicts, uint8 (H, W); asked only where that matters.

    Raises:
        ValueError: no pixel is in it.

    >>> from seglab.palettes import SCENES
    >>> region(Box(0, -5, 1, 1, 9), SCENES, (2, 2), lambda: np.zeros((2, 2), np.uint8)).tolist()
    [[False, False], [True, False]]

    """
    mask = np.zeros(size, bool)
    match target:
        case Everywhere():
            mask[:] = True
        case Predicted(k):
            mask = labels() == k
            if not mask.any():
                raise ValueError(
                    f"The network sees no {palette.names[k]} in this picture: choose a class it predicts, or ask for "
                    f"{palette.names[k]} over the whole picture, a box or a pixel."
                )
        case Box(_, x0, y0, x1, y1):
            mask[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)] = True
        case Pixel(_, x, y):
            if not (0 <= x < size[1] and 0 <= y < size[0]):
                raise ValueError(f"The pixel ({x}, {y}) lies outside the picture, which is {size[1]}×{size[0]}.")
            mask[y, x] = True
        case Painted(_, painted):
            if painted.shape != size or painted.dtype != np.bool_:
                raise ValueError(
                    f"A painted region is bool {size}, as the picture; got {painted.dtype} {painted.shape}."
                )
            mask = painted
    if not mask.any():
        raise ValueError("The region is empty, so there is no score to explain: paint or draw at least one pixel.")
    return mask


def mirrored(target: Instance, width: int) -> Instance:
    """Return the same object in the picture mirrored left to right, `width` pixels wide."""
    x0, y0, x1, y1 = target.box
    return replace(target, box=(width - x1, y0, width - x0, y1))


def sentence(target: Target, palette: Palette) -> str:
    """Return the target in words.

    >>> from seglab.palettes import SCENES
    >>> sentence(Pixel(SCENES.index("dog"), 3, 4), SCENES)
    'dog at the pixel (3, 4)'
    """
    name = palette.names[target.k]
    match target:
        case Everywhere():
            return f"{name} over the whole picture"
        case Predicted():
            return f"{name} where it is predicted"
        case Box(_, x0, y0, x1, y1):
            return f"{name} in the box ({x0}, {y0}) to ({x1}, {y1})"
        case Pixel(_, x, y):
            return f"{name} at the pixel ({x}, {y})"
        case Painted():
            return f"{name} in the painted region"
        case Category():
            return name
        case Instance():
            return f"the {target.of} of one object: {name}"
