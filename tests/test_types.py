"""The types refuse what would go wrong later, with a text that says what to do."""

from __future__ import annotations

import numpy as np
import pytest

from seglab.palettes import CAMVID, VOC
from seglab.types import Palette, Sample, SemanticResult, check_image


def test_palettes_hold_the_published_classes():
    assert len(VOC) == 21
    assert len(CAMVID) == 11
    # VOC's development kit: person is class 15, painted (192, 128, 128); car is 7, (128, 128, 128).
    assert VOC.names[15] == "person"
    assert VOC.colors[15] == (192, 128, 128)
    assert VOC.colors[7] == (128, 128, 128)
    assert len(set(CAMVID.colors)) == 11
    assert hash(CAMVID) != hash(VOC)


def test_camvid_colours_stay_apart_for_colour_blind_eyes():
    """Machado et al. 2009, severity 1: no two classes closer than 20 in sRGB for protan and deutan eyes."""
    protan = np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    )
    deutan = np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    )
    rgb = np.array(CAMVID.colors) / 255.0
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    for matrix in (protan, deutan):
        seen = (linear @ matrix.T).clip(0, 1)
        seen = 255 * np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
        distance = np.linalg.norm(seen[:, None] - seen[None], axis=-1) + 1e3 * np.eye(len(seen))
        i, j = np.unravel_index(distance.argmin(), distance.shape)
        assert distance.min() > 20, (CAMVID.names[i], CAMVID.names[j], distance.min())


def test_palette_refuses_what_cannot_be_told_apart():
    with pytest.raises(ValueError, match="as many colours as names"):
        Palette("x", ("a",), ())
    with pytest.raises(ValueError, match="same name"):
        Palette("x", ("a", "a"), ((0, 0, 0), (1, 1, 1)))
    with pytest.raises(ValueError, match="0 to 255"):
        Palette("x", ("a",), ((0, 0, 256),))
    with pytest.raises(ValueError, match="class indices"):
        Palette("x", ("a",), ((0, 0, 0),), things=(1,))
    with pytest.raises(ValueError, match="classes are Sky"):
        CAMVID.index("Dog")


def test_results_are_checked():
    labels = np.zeros((4, 6), np.uint8)
    result = SemanticResult(labels, np.zeros((11, 2, 3), np.float16), CAMVID)
    assert result.size == (4, 6)
    with pytest.raises(ValueError, match="value 12"):
        SemanticResult(labels + 12, result.logits, CAMVID)
    with pytest.raises(ValueError, match=r"\(11, h, w\)"):
        SemanticResult(labels, np.zeros((3, 2, 3), np.float16), CAMVID)
    with pytest.raises(ValueError, match="one size"):
        Sample(np.zeros((4, 5, 3), np.uint8), labels, CAMVID, "a_1")
    for bad in (np.zeros((4, 5), np.uint8), np.zeros((4, 5, 3)), "photo.jpg", np.zeros((0, 5, 3), np.uint8)):
        with pytest.raises(ValueError, match="image"):
            check_image(bad)
