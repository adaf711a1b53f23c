"""The loader of the nuclei, on files made here and on the real set where it is present; and their U-Net."""

from __future__ import annotations

import csv
import hashlib

import numpy as np
import pytest
import torch
from PIL import Image

from seglab.datasets import nuclei
from seglab.nets.unet import nuclei_unet

IDS = [f"{n:04x}" for n in range(40)]


@pytest.fixture
def root(tmp_path):
    """40 pictures of 6×8, every fourth of them in colour, with the two nuclei 3 and 300."""
    for folder in ("images", "instances"):
        (tmp_path / folder).mkdir()
    ids = np.zeros((6, 8), np.uint16)
    ids[1:3, 1:4], ids[4:6, 5:8] = 3, 300
    for n, key in enumerate(IDS):
        Image.new("RGB" if n % 4 == 0 else "L", (8, 6), (n, 10, 20) if n % 4 == 0 else n).save(
            tmp_path / "images" / f"{key}.png"
        )
        Image.fromarray(ids).save(tmp_path / "instances" / f"{key}.png")
    write(tmp_path, [(key, 6, 8, "colour" if n % 4 == 0 else "gray", 10.0, 2) for n, key in enumerate(IDS)])
    return tmp_path


def write(root, rows, header=("id", "height", "width", "kind", "mean", "nuclei")):
    with (root / "index.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def test_reads_pictures_and_truth(root):
    samples = nuclei.load(root, "train+test", grey=None)
    assert [s.key for s in samples] == IDS
    sample = samples[5]
    assert sample.image[0, 0].tolist() == [5, 5, 5]
    assert sample.ids.dtype == np.uint16
    assert np.unique(sample.ids).tolist() == [0, 3, 300]
    assert np.array_equal(sample.labels, sample.ids > 0)
    assert sample.labels.dtype == np.uint8
    assert sample.palette.things == (1,)
    assert sample.palette.background == 0
    assert samples[4].image[0, 0].tolist() == [4, 10, 20]


def test_kinds(root):
    assert [s.key for s in nuclei.load(root, "train+test", grey=False)] == IDS[::4]
    grey = nuclei.load(root, "train+test")
    assert len(grey) == 30
    assert {s.sequence for s in grey} == {"grey"}


def test_the_split_is_by_hash_alone(root):
    """The rule written out again, and the same answer whatever else the folder holds."""
    by_hand = [k for k in IDS if int(hashlib.blake2b(k.encode(), digest_size=8).hexdigest(), 16) % 5 == 0]
    test = [s.key for s in nuclei.load(root, "test", grey=None)]
    assert test == by_hand
    assert len(test) > 0
    train = [s.key for s in nuclei.load(root, "train", grey=None)]
    assert sorted(train + test) == IDS
    write(root, [(key, 6, 8, "gray", 10.0, 2) for key in test[:1]])
    assert [s.key for s in nuclei.load(root, "test")] == test[:1]


def test_the_split_never_changes():
    assert [k for k in IDS[:16] if nuclei.split_of(k) == "test"] == ["0004", "000d"]


def test_limit_takes_a_fixed_part(root):
    ten, four = ([s.key for s in nuclei.load(root, limit=n)] for n in (10, 4))
    assert len(ten) == 10
    assert ten == sorted(ten)
    assert set(four) < set(ten)
    assert ten != [s.key for s in nuclei.load(root)][:10]
    assert len(nuclei.load(root, limit=1000)) == len(nuclei.load(root))


def test_found_from_the_parent(root, tmp_path_factory):
    parent = tmp_path_factory.mktemp("data")
    root.rename(parent / "dsb2018")
    assert len(nuclei.load(parent, "train+test")) == 30


def test_errors_say_what_is_wanted(root):
    with pytest.raises(ValueError, match="no split 'val' of the nuclei; there are train, test"):
        nuclei.load(root, "val")
    with pytest.raises(ValueError, match="Is this the nuclei folder"):
        nuclei.load(root / "nowhere")
    with pytest.raises(ValueError, match="limit is a number of pictures, 1 or more; got 0"):
        nuclei.load(root, limit=0)
    train = next(k for k in IDS if nuclei.split_of(k) == "train")
    for row, message in [
        ((train, 6, 8, "x-ray", 0, 2), "of the kind 'x-ray'; wanted gray or colour"),
        ((train, 7, 8, "gray", 0, 2), "doesn't fit index.csv.*are 6, 8, 2, listed are 7, 8, 2"),
        ((train, 6, 8, "gray", 0, 3), "listed are 6, 8, 3"),
        (("f00d", 6, 8, "gray", 0, 2), r"file is missing; wanted .*f00d\.png"),
        ((train, 6, 8, "colour", 0, 2), "lists no grey picture of the split 'train'"),
    ]:
        write(root, [row])
        with pytest.raises(ValueError, match=message):
            nuclei.load(root, nuclei.split_of(row[0]))
    write(root, [(train, 6, 8, "gray")], header=("id", "height", "width", "kind"))
    with pytest.raises(ValueError, match="lacks the column 'nuclei'"):
        nuclei.load(root)


def test_damaged_files(root):
    train = next(k for k in IDS[1:] if nuclei.split_of(k) == "train")
    write(root, [(train, 6, 8, "gray", 0, 2)])
    Image.new("L", (9, 6)).save(root / "images" / f"{train}.png")
    with pytest.raises(ValueError, match=r"doesn't fit .*image is \(6, 9\) and labels are \(6, 8\)"):
        nuclei.load(root)
    Image.new("L", (8, 6)).save(root / "instances" / f"{train}.png")
    with pytest.raises(ValueError, match="16-bit channel of instance ids; got uint8"):
        nuclei.load(root)
    (root / "instances" / f"{train}.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="can't be read"):
        nuclei.load(root)


def test_the_real_set(data):
    if not (data / "dsb2018").is_dir():
        pytest.skip("the nuclei are not here")
    test = nuclei.load(data, "test")
    assert len(test) == 105
    assert all(nuclei.split_of(s.key) == "test" and s.ids.max() > 0 for s in test)
    thirty = nuclei.load(data / "dsb2018", "train", limit=30)
    assert len(thirty) == 30
    assert not {s.key for s in thirty} & {s.key for s in test}


def test_the_unet_for_nuclei_is_small_enough_to_embed():
    net = nuclei_unet().eval()
    count = sum(p.numel() for p in net.parameters())
    assert count == 1_942_594
    assert 2 * sum(t.numel() for t in net.state_dict().values()) < 6e6  # bytes, in half precision
    with torch.no_grad():
        assert net(torch.randn(1, 3, 70, 83)).shape == (1, 2, 70, 83)
