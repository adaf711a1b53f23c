"""The elastic deformation: nothing at 0, the same for one seed, picture and ids move alike, smooth, without folds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from seglab.elastic import elastic


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def ramps(h, w):
    """A picture whose values are the coordinates: what comes back tells where each pixel was taken from."""
    y, x = torch.meshgrid(torch.arange(h).float(), torch.arange(w).float(), indexing="ij")
    return torch.stack([y, x])


@pytest.mark.parametrize("size", [(64, 64), (37, 80), (1, 1), (1, 9)])
def test_zero_is_the_identity(size):
    image, ids = torch.rand(3, *size), torch.randint(0, 9, size)
    bent, moved = elastic(image, ids, rng(), sigma=0)
    torch.testing.assert_close(bent, image, atol=1e-5, rtol=0)
    assert torch.equal(moved, ids)


def test_same_seed_same_view_other_seed_another():
    image, ids = torch.rand(3, 64, 64), torch.randint(0, 9, (64, 64))
    first, again, other = (elastic(image, ids, rng(seed), sigma=4) for seed in (0, 0, 1))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[1], other[1])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_ids_stay_a_subset_and_keep_their_type(dtype):
    ids = torch.tensor([0, 3, 200])[torch.randint(0, 3, (64, 64), generator=rng())].to(dtype)
    moved = elastic(torch.rand(1, 64, 64), ids, rng(), sigma=5)[1]
    assert moved.dtype == dtype
    assert set(moved.unique().tolist()) <= {0, 3, 200}


def test_large_ids_survive():
    ids = torch.full((64, 64), 65535)
    assert elastic(torch.rand(1, 64, 64), ids, rng(), sigma=5)[1].unique().tolist() == [65535]


def test_picture_and_ids_move_alike():
    coordinates = ramps(200, 300)
    ids = (coordinates[0] * 300 + coordinates[1]).long()
    bent, moved = elastic(coordinates, ids, rng(3), sigma=10)
    assert (bent[0] - moved // 300).abs().max() <= 0.5 + 1e-3
    assert (bent[1] - moved % 300).abs().max() <= 0.5 + 1e-3


@pytest.mark.parametrize("seed", range(20))
def test_inside_and_without_folds(seed):
    bent = elastic(ramps(128, 160), torch.zeros(128, 160, dtype=torch.long), rng(seed), sigma=6)[0]
    assert bent.min() >= 0
    assert bent[0].max() <= 127
    assert bent[1].max() <= 159
    (yy, yx), (xy, xx) = ((torch.diff(c, dim=0)[:, 1:], torch.diff(c, dim=1)[1:]) for c in bent)
    assert (yy * xx - yx * xy).min() > 0  # the area of each pixel's image: a fold would turn it over


def test_displacements_have_the_standard_deviation_asked_for():
    """At the middle the displacement is the grid's middle one, N(0, sigma), and some pixels of drawing in."""
    picture, ids = ramps(257, 257), torch.zeros(257, 257).long()
    got = torch.stack([elastic(picture, ids, rng(seed), sigma=10.0)[0][:, 128, 128] for seed in range(60)])
    assert 8 < (got - 128).std() < 13


def test_a_cell_stays_one_piece():
    ids = torch.zeros(128, 128, dtype=torch.long)
    ids[0:30, 0:20], ids[100:128, 60:90] = 1, 2  # both at the edge: mirrored padding would show them twice
    for seed in range(20):
        moved = elastic(torch.rand(1, 128, 128), ids, rng(seed), sigma=8)[1].numpy()
        for k in (1, 2):
            assert ndimage.label(moved == k, np.ones((3, 3)))[1] == 1


def test_errors_say_what_is_wanted():
    image, ids = torch.rand(3, 64, 64), torch.zeros(64, 64).long()
    with pytest.raises(ValueError, match=r"sigma must be 0 to 5\.2 pixels for a picture of 64×64; got 10"):
        elastic(image, ids, rng(), sigma=10)
    with pytest.raises(ValueError, match="sigma must be 0 to"):
        elastic(image, ids, rng(), sigma=-1)
    with pytest.raises(ValueError, match=r"got torch.float32 \(3, 64, 64\) and torch.int64 \(64, 63\)"):
        elastic(image, ids[:, 1:], rng())
