from __future__ import annotations

import numpy as np
import pytest

from seglab import zoo
from ui import gallery


@pytest.mark.parametrize("key", gallery.GALLERY)
def test_each_picture_is_in_its_package_and_readable(key):
    image = gallery.load(key)
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert min(image.shape[:2]) >= 300
    assert not image.flags.writeable


def test_all_are_here_and_the_default_first():
    assert gallery.here() == list(gallery.GALLERY)
    assert gallery.here()[0] == gallery.DEFAULT


@pytest.mark.parametrize("picture", gallery.GALLERY.values(), ids=lambda picture: picture.key)
def test_credit_and_suitable_models_are_named(picture):
    assert picture.credit
    assert picture.licence
    assert picture.alt
    assert set(picture.suits) <= set(zoo.MODELS)


def test_the_default_suits_the_embedded_model():
    assert gallery.GALLERY[gallery.DEFAULT].suits[0] == zoo.DEFAULT


def test_a_missing_package_is_named():
    picture = gallery.Picture("x", "X", "no_such_package_here", "x.png", "c", "l", (), "a")
    with pytest.raises(FileNotFoundError, match="no_such_package_here"):
        _ = picture.path
