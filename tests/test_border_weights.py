"""U-Net's border weights: against the plain way (a distance transform per cell over the whole picture) and by hand."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import torch
from scipy import ndimage

from seglab.losses import border


def plain(ids, w0, sigma):
    """Eq. 2's border term, straight from its words."""
    distances = np.sort([ndimage.distance_transform_edt(ids != k) for k in np.unique(ids[ids > 0])], axis=0)
    if len(distances) < 2:
        return np.zeros(ids.shape)
    return np.where(ids > 0, 0, w0 * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2)))


def disks(h, w, n, seed, radius=(2, 7), dtype=np.uint16):
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:h, :w]
    ids = np.zeros((h, w), dtype)
    for k in range(1, n + 1):
        y, x, r = rng.integers(h), rng.integers(w), rng.integers(*radius)
        place = slice(max(0, y - r), y + r + 1), slice(max(0, x - r), x + r + 1)
        free = ((yy[place] - y) ** 2 + (xx[place] - x) ** 2 <= r * r) & (ids[place] == 0)
        ids[place][free] = k
    return ids


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("w0", "sigma"), [(10.0, 5.0), (3.0, 1.0), (25.0, 12.0)])
def test_equals_the_plain_way(seed, w0, sigma):
    ids = disks(70, 90, 3 + 5 * seed, seed)
    assert np.abs(border.border_term(ids, w0, sigma) - plain(ids, w0, sigma)).max() <= 1e-6


def test_the_cut_is_where_it_is_said_to_be():
    """Two cells 60 apart: sums of distances on the line are all 60, and beside it larger."""
    ids = np.zeros((1, 61), int)
    ids[0, 0], ids[0, 60] = 1, 2
    assert not border.border_term(ids, 10, 5).any()  # 10·exp(−72) is far below 1e-6
    assert border.border_term(ids, 10, 15)[0, 30] == pytest.approx(10 * math.exp(-(60**2) / 450))


def test_two_cells_by_hand():
    ids = np.zeros((5, 9), np.uint16)
    ids[1:4, 0:2], ids[1:4, 6:8] = 4, 9  # columns 2, 3, 4, 5 lie between them
    weights = border.border_weights(ids, w0=10, sigma=5, class_weights=(1, 2))
    # Middle row: d1 + d2 is 5 in all of the gap (1+4, 2+3, 3+2, 4+1); column 8 has 1 and 7.
    gap, beyond = 1 + 10 * math.exp(-25 / 50), 1 + 10 * math.exp(-64 / 50)
    assert weights[2].tolist() == pytest.approx([2, 2, gap, gap, gap, gap, 2, 2, beyond], rel=1e-6)
    # Row 0 column 3: (1, 2) off the left cell's corner and (1, 3) off the right one's.
    assert weights[0, 3] == pytest.approx(1 + 10 * math.exp(-((math.sqrt(5) + math.sqrt(10)) ** 2) / 50), rel=1e-6)
    assert weights.dtype == np.float32


def test_class_weights_balance():
    ids = disks(50, 60, 6, 1)
    weights = border.border_weights(ids, w0=0)
    assert weights[ids > 0].sum() == pytest.approx(weights[ids == 0].sum(), rel=1e-5)
    assert weights.mean() == pytest.approx(1, rel=1e-5)
    # A data set's weights come from all its pictures together.
    assert border.balance(np.concatenate([np.zeros(6, int), np.ones(2, int)])) == (8 / 12, 8 / 4)


@pytest.mark.parametrize("fill", [0, 1])
def test_no_cell_or_nothing_else(fill):
    weights = border.border_weights(np.full((6, 7), fill))
    assert np.array_equal(weights, np.ones((6, 7), np.float32))


def test_ids_may_be_large_scattered_and_of_any_integer_type():
    ids = disks(60, 60, 8, 3)
    want = border.border_term(ids)
    for dtype, factor in [(np.int64, 8000), (np.int32, 1000), (np.uint8, 30)]:
        assert np.array_equal(border.border_term(ids.astype(dtype) * dtype(factor)), want)
    without_background = np.array([[1, 1, 5]])
    assert not border.border_term(without_background).any()


def test_the_input_is_left_alone():
    ids = disks(40, 40, 5, 0)
    kept = ids.copy()
    border.border_weights(ids)
    border.separate(ids)
    assert np.array_equal(ids, kept)


def test_separate_cuts_only_where_cells_meet():
    ids = disks(80, 80, 40, 5, radius=(4, 9))
    gone = (ids > 0) & (border.separate(ids) == 0)
    near = np.zeros_like(gone)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            if (dy, dx) == (0, 0):
                continue
            moved = np.zeros_like(ids)
            moved[max(0, dy) : 80 + min(0, dy), max(0, dx) : 80 + min(0, dx)] = ids[
                max(0, -dy) : 80 + min(0, -dy), max(0, -dx) : 80 + min(0, -dx)
            ]
            near |= (ids > 0) & (moved > 0) & (moved != ids)
    assert near.any()
    assert np.array_equal(gone, near)


def test_what_is_separated_gets_the_border_term():
    ids = np.zeros((20, 20), np.uint16)
    ids[5:15, 2:10], ids[5:15, 10:18] = 1, 2
    assert not border.border_term(ids)[5:15, 9:11].any()
    assert border.border_term(border.separate(ids))[10, 9] == pytest.approx(10 * math.exp(-9 / 50))  # d = 1 and 2


def test_errors_say_what_is_wanted():
    with pytest.raises(ValueError, match=r"whole numbers \(H, W\).*float64 \(3, 3\)"):
        border.border_weights(np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"1 to 65535 for cells.*-1 to -1"):
        border.border_weights(np.full((3, 3), -1))
    with pytest.raises(ValueError, match="sigma=0"):
        border.border_weights(np.zeros((3, 3), int), sigma=0)
    with pytest.raises(ValueError, match=r"\(1, 2, 2\).*\(2, 2\)"):
        border.pixel_weighted_cross_entropy(
            torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, dtype=torch.long), torch.ones(2, 2)
        )


def test_cross_entropy_by_hand():
    logits = torch.tensor([[[[2.0, 0.0, 5.0]], [[0.0, 1.0, -5.0]]]], requires_grad=True)
    target = torch.tensor([[[0, 0, 255]]])
    weights = torch.tensor([[[3.0, 1.0, 100.0]]])
    loss = border.pixel_weighted_cross_entropy(logits, target, weights)
    want = (3 * math.log(1 + math.exp(-2)) + 1 * math.log(1 + math.exp(1))) / 4
    assert loss.item() == pytest.approx(want, rel=1e-6)
    loss.backward()
    assert logits.grad[..., 2].abs().sum() == 0
    # ∂E/∂z₁ at the first pixel is w/Σw · p₁
    assert logits.grad[0, 1, 0, 0].item() == pytest.approx(3 / 4 / (1 + math.exp(2)), rel=1e-5)


def test_cross_entropy_with_ones_is_the_plain_one():
    torch.manual_seed(0)
    logits, target = torch.randn(2, 3, 8, 9), torch.randint(0, 3, (2, 8, 9))
    target[0, :3] = 255
    loss = border.pixel_weighted_cross_entropy(logits, target, torch.ones(2, 8, 9))
    assert loss.item() == pytest.approx(torch.nn.functional.cross_entropy(logits, target, ignore_index=255).item())


@pytest.mark.parametrize("case", ["ignored", "weightless"])
def test_cross_entropy_of_nothing_is_zero(case):
    logits = torch.randn(1, 2, 4, 4, requires_grad=True)
    target = torch.full((1, 4, 4), 255 if case == "ignored" else 0)
    weights = torch.full((1, 4, 4), 1.0 if case == "ignored" else 0.0)
    loss = border.pixel_weighted_cross_entropy(logits, target, weights)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.abs().sum() == 0


def test_cross_entropy_of_large_half_precision_logits_is_finite():
    logits = torch.tensor([100.0, -100.0], dtype=torch.float16).reshape(1, 2, 1, 1)
    loss = border.pixel_weighted_cross_entropy(logits, torch.ones(1, 1, 1).long(), torch.ones(1, 1, 1))
    assert loss.item() == pytest.approx(200)


def test_many_cells_on_a_large_picture_are_quick():
    ids = disks(1040, 1388, 300, 0, radius=(8, 20))
    start = time.perf_counter()
    border.border_weights(ids)
    assert time.perf_counter() - start < 3  # 0.3 s on a free core; 300 plain transforms take half a minute
