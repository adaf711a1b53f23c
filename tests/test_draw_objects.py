"""Colours for objects: of their class, unlike their neighbours', and laid over the photo as computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from seglab import draw_objects
from seglab.types import Crop, InstanceResult, Palette, PanopticResult, Segment

PALETTE = Palette("demo", ("road", "car", "dog"), ((90, 90, 90), (0, 114, 178), (238, 136, 102)), things=(1, 2))


def lab(rgb: np.ndarray) -> np.ndarray:
    from skimage.color import rgb2lab

    return rgb2lab(np.asarray(rgb, np.uint8)[None] / 255)[0]


def test_neighbours_in_the_list_can_be_told_apart_and_the_class_comes_first():
    colors = draw_objects.shades([1] * 20, PALETTE)
    assert colors[0].tolist() == [0, 114, 178]
    steps = np.linalg.norm(np.diff(lab(colors), axis=0), axis=1)
    assert steps.min() > 10  # 2.3 can just be noticed
    both = draw_objects.shades([1, 2, 1], PALETTE)
    assert both[1].tolist() == [238, 136, 102]  # another class doesn't count
    assert both[2].tolist() == colors[1].tolist()


def test_panoptic_things_are_shaded_and_stuff_is_not():
    ids = np.array([[1, 2, 3]], np.int32)
    segments = (Segment(1, 1, True, 1), Segment(2, 1, True, 1), Segment(3, 0, False, 1))
    table = draw_objects.panoptic_colors(PanopticResult(ids, segments, PALETTE))
    assert table.shape == (4, 3)
    assert table[1].tolist() == [0, 114, 178]
    assert table[2].tolist() == [128, 184, 216]
    assert table[3].tolist() == [90, 90, 90]


def test_instance_colors_belong_to_ids():
    crops = tuple(Crop.of(np.ones((1, 1), bool), 0, left) for left in (0, 2))
    boxes = np.array([[0, 0, 1, 1], [2, 0, 3, 1]], np.float32)
    found = InstanceResult(boxes, np.array([2, 1]), np.float32([0.9, 0.8]), crops, (1, 3), PALETTE)
    table = draw_objects.instance_colors(found)
    assert table[found.ids()].tolist() == [[[238, 136, 102], [0, 0, 0], [0, 114, 178]]]


def test_overlay_by_hand():
    image = np.full((2, 4, 3), 100, np.uint8)
    ids = np.array([[0, 1, 1, 300]] * 2)
    colors = np.zeros((301, 3), np.uint8)
    colors[1], colors[300] = (200, 0, 50), (255, 255, 255)
    out = draw_objects.overlay_ids(image, ids, colors, 0.2)  # 51/255
    assert out[0].tolist() == [[255] * 3, [120, 80, 90], [255] * 3, [131] * 3]  # lines where the right one differs
    assert (image == 100).all()
    assert (draw_objects.overlay_ids(image, ids * 0, colors) == image).all()


@pytest.mark.parametrize(
    ("ids", "opacity", "says"),
    [
        (np.zeros((2, 3), int), 0.5, r"\(2, 4\)"),
        (np.full((2, 4), 2), 0.5, "up to 1"),
        (np.full((2, 4), -1), 0.5, "up to 1"),
        (np.zeros((2, 4), int), 1.5, "1.5"),
    ],
)
def test_what_cannot_be_drawn_is_refused(ids, opacity, says):
    with pytest.raises(ValueError, match=says):
        draw_objects.overlay_ids(np.zeros((2, 4, 3), np.uint8), ids, np.zeros((2, 3), np.uint8), opacity)
