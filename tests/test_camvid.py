"""CamVid's loader: on files made here, and on the real set where it is present."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from seglab.datasets import camvid


@pytest.fixture
def root(tmp_path):
    for split, stems in {"train": ["A_1", "A_2", "B_1"], "val": ["A_9"]}.items():
        (tmp_path / split).mkdir()
        (tmp_path / f"{split}annot").mkdir()
        for i, stem in enumerate(stems):
            Image.new("RGB", (8, 6), (i, 10, 20)).save(tmp_path / split / f"{stem}.png")
            labels = np.arange(48, dtype=np.uint8).reshape(6, 8) % 12
            Image.fromarray(labels).save(tmp_path / f"{split}annot" / f"{stem}.png")
    return tmp_path


def test_reads_pictures_and_truth(root):
    samples, held = camvid.load(root, "train+val")
    assert [s.key for s in samples] == ["A_1", "A_2", "B_1", "A_9"]
    assert held == []
    assert samples[1].image[0, 0].tolist() == [1, 10, 20]
    assert samples[0].labels[0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert samples[0].labels[1, 3] == 255  # 11 = unlabelled


def test_a_sequence_is_held_out(root):
    rest, held = camvid.load(root, "train", hold_out="A")
    assert [s.key for s in rest] == ["B_1"]
    assert [s.key for s in held] == ["A_1", "A_2"]
    with pytest.raises(ValueError, match="there are A, B"):
        camvid.load(root, "train", hold_out="C")


def test_errors_say_what_is_wanted(root):
    with pytest.raises(ValueError, match="splits train, val"):
        camvid.load(root, "test")
    with pytest.raises(ValueError, match="CamVid folder"):
        camvid.load(root / "nowhere", "train")
    Image.new("L", (8, 6), 77).save(root / "valannot" / "A_9.png")
    with pytest.raises(ValueError, match=r"A_9\.png doesn't fit .* value 77"):
        camvid.load(root, "val")
    (root / "valannot" / "A_9.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="can't be read"):
        camvid.load(root, "val")
    (root / "valannot" / "A_9.png").unlink()
    with pytest.raises(ValueError, match="no label file"):
        camvid.load(root, "val")


def test_the_real_set(data):
    val, _ = camvid.load(data / "camvid", "val")
    assert len(val) == 101
    assert {s.sequence for s in val} == {"0016E5"}
    assert all(s.image.shape == (360, 480, 3) for s in val)
