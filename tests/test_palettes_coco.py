"""COCO's classes: the names are those of torchvision's weights, the colours can be told apart."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import deltaE_cie76, xyz2lab
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_V2_Weights, MaskRCNN_ResNet50_FPN_Weights

from seglab.palettes_coco import COCO, COCO_IDS, index_of

# Viénot, Brettel & Mollon 1999 in linear sRGB, to four digits: what remains of a colour without L cones, without M.
PROTANOPE = np.array([[0.1124, 0.8876, 0], [0.1124, 0.8876, 0], [0.0040, -0.0040, 1]])
DEUTERANOPE = np.array([[0.2927, 0.7073, 0], [0.2927, 0.7073, 0], [-0.0223, 0.0223, 1]])
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
COMMON = (
    "person", "car", "chair", "book", "bottle", "dog", "cat", "cup", "dining table", "traffic light", "bowl", "handbag",
    "bird", "boat", "truck", "bench", "umbrella", "cow", "banana", "carrot", "motorcycle", "backpack", "sheep",
    "potted plant", "bicycle", "bus", "train", "horse",
)  # fmt: skip


@pytest.mark.parametrize("weights", [MaskRCNN_ResNet50_FPN_Weights, MaskRCNN_ResNet50_FPN_V2_Weights])
def test_names_and_numbers_are_those_of_the_weights(weights):
    categories = weights.COCO_V1.meta["categories"]
    assert [categories[i] for i in COCO_IDS] == list(COCO.names)
    assert {i for i, name in enumerate(categories) if name not in ("N/A", "__background__")} == set(COCO_IDS)
    assert COCO.things == tuple(range(80))


def test_numbers_lead_to_classes_and_gaps_are_refused():
    assert [index_of(i) for i in COCO_IDS] == list(range(80))
    for number in (0, 12, 91):
        with pytest.raises(ValueError, match="numbered 1 to 90"):
            index_of(number)


def differences(names: tuple[str, ...]) -> float:
    """Smallest CIELAB difference between two of the classes to any of the three eyes."""
    rgb = np.array([COCO.colors[COCO.index(name)] for name in names]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    smallest = np.inf
    for eye in (np.eye(3), PROTANOPE, DEUTERANOPE):
        lab = xyz2lab((linear @ eye.T).clip(0, 1) @ XYZ.T)
        apart = deltaE_cie76(lab[:, None], lab[None])
        smallest = min(smallest, apart[~np.eye(len(names), dtype=bool)].min())
    return smallest


def test_colors_differ_to_every_eye_as_much_as_is_claimed():
    assert differences(COCO.names) >= 7.8
    assert differences(COMMON) >= 16


def test_what_cocos_things_are_called_elsewhere():
    from seglab.palettes import CAMVID, VOC
    from seglab.palettes_coco import same
    from seglab.panoptic import joined

    palette, to = joined(VOC, COCO, same(VOC, COCO))
    assert {palette.names[k] for k in to} >= set(VOC.names) - {"background"}  # each of VOC's things is one of COCO's
    assert len(palette) == len(VOC) + 60
    palette, to = joined(CAMVID, COCO, same(CAMVID, COCO))
    named = {COCO.names[k]: palette.names[place] for k, place in enumerate(to)}
    assert [named[n] for n in ("car", "bus", "person", "bicycle", "dog")] == [
        "Car",
        "Car",
        "Pedestrian",
        "Bicyclist",
        "dog",
    ]
    assert same(COCO, VOC) == {}
