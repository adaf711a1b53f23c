"""`datasets.load` finds the data set that belongs to a model's classes, and says what is wrong otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from seglab import datasets
from seglab.datasets import scenes
from seglab.palettes import CAMVID, NUCLEI, SCENES, VOC


@pytest.fixture
def street(tmp_path):
    """One picture: a car of 10×10, a speck of car of 3×3, a pedestrian, road around them."""
    for name in ("val", "valannot"):
        (tmp_path / name).mkdir()
    labels = np.full((40, 60), CAMVID.index("Road"), np.uint8)
    labels[5:15, 5:15] = labels[30:33, 50:53] = CAMVID.index("Car")
    labels[5:25, 30:36] = CAMVID.index("Pedestrian")
    Image.fromarray(labels).save(tmp_path / "valannot" / "A_0.png")
    Image.new("RGB", (60, 40)).save(tmp_path / "val" / "A_0.png")
    return tmp_path


def test_scenes_need_no_folder_and_training_never_sees_the_test_seed():
    test, _ = datasets.load(SCENES, None, "test")
    train, val = (datasets.load(SCENES, None, split)[0] for split in ("train", "val"))
    assert (test.seed, len(test)) == (scenes.TEST_SEED, 500)
    assert len({test.seed, train.seed, val.seed}) == 3
    with pytest.raises(ValueError, match="train, val, test"):
        datasets.load(SCENES, None, "night")


def test_camvids_objects_are_components_without_specks(street):
    plain, _ = datasets.load(CAMVID, street, "val")
    assert plain[0].ids is None
    (sample,), _ = datasets.load(CAMVID, street, "val", objects=True)
    assert np.unique(sample.ids).tolist() == [0, 1, 2]
    assert (sample.ids[5:15, 5:15] == 1).all()
    assert (sample.ids[30:33, 50:53] == 0).all()


def test_what_there_is_not(street):
    with pytest.raises(ValueError, match="no data set labelled with the classes of PASCAL VOC"):
        datasets.load(VOC, street, "val")
    with pytest.raises(ValueError, match="say where their folder is"):
        datasets.load(NUCLEI, None, "test")
    with pytest.raises(ValueError, match="Only CamVid has sequences"):
        datasets.load(SCENES, None, "test", hold_out="A")
