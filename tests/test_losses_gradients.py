"""Gradient maps, curves, surfaces and shares: against closed forms, finite differences and the plain losses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seglab.losses import gradients
from seglab.losses.catalogue import LOSSES, find

KEYS = [loss.key for loss in LOSSES]


def picture(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = (rng.random((6, 7)) < 0.3).astype(np.uint8)
    y[0, :2] = 1, 0
    return rng.normal(0, 2, (6, 7)), y


@pytest.mark.parametrize("key", KEYS)
def test_gradient_equals_finite_differences(key):
    z, y = picture()
    y[2, 3:] = 255
    kept, truth = z.copy(), torch.from_numpy(y)
    found = gradients.gradient(key, z, y)
    assert np.array_equal(z, kept)
    value = lambda z: find(key).function(torch.from_numpy(z), truth).item()  # noqa: E731
    assert found.value == pytest.approx(value(z), rel=1e-12)
    assert found.map.shape == z.shape
    for at in [(0, 0), (0, 1), (2, 5), (5, 6)]:
        step = np.zeros_like(z)
        step[at] = 1e-5
        assert found.map[at] == pytest.approx((value(z + step) - value(z - step)) / 2e-5, abs=1e-7)
    if found.terms is not None:
        assert found.terms.sum() / (y != 255).sum() == pytest.approx(found.value)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("epsilon", [0.0, 1.0])
def test_vnet_gradient_in_closed_form(seed, epsilon):
    z, y = picture(seed)
    p = 1 / (1 + np.exp(-z))
    squares = (p**2).sum() + (y**2).sum()
    if epsilon == 0:  # the lecture's formula, pixel by pixel
        lecture = [
            2 * (g * squares - 2 * pj * (p * y).sum()) / squares**2 for pj, g in zip(p.flat, y.flat, strict=True)
        ]
        np.testing.assert_allclose(gradients.vnet_dice_gradient(p, y).ravel(), lecture)
    by_autograd = gradients.gradient("dice_squared", z, y, epsilon=epsilon).map
    np.testing.assert_allclose(-gradients.vnet_dice_gradient(p, y, epsilon) * p * (1 - p), by_autograd, atol=1e-15)


def test_vnet_gradient_by_hand():
    # One pixel found by half, one falsely by half: Σp² + Σg² = 1.5, Σpg = 0.5.
    found = gradients.vnet_dice_gradient([0.5, 0.5], [1, 0])
    assert found.tolist() == pytest.approx([2 * (1.5 - 0.5) / 2.25, 2 * (0 - 0.5) / 2.25])


def test_bce_drowns_a_small_object_and_dice_does_not():
    z = np.full((20, 20), -1.0)
    y = np.zeros((20, 20), bool)
    y[5:7, 5:7] = True  # 1 % of the pixels, and nothing found of them
    p = 1 / (1 + np.exp(1.0))
    bce = gradients.shares(gradients.gradient("bce", z, y), y)
    on, off = 4 * (1 - p), 396 * p
    assert bce.pixels == 0.01
    assert bce.gradient == pytest.approx(on / (on + off))
    assert bce.loss == pytest.approx(4 * np.log(p) / (4 * np.log(p) + 396 * np.log(1 - p)))
    assert (bce.foreground, bce.background) == pytest.approx((-on / 400, off / 400))
    dice = gradients.shares(gradients.gradient("dice", z, y), y)
    assert np.isnan(dice.loss)
    focal = gradients.shares(gradients.gradient("focal", z, y, alpha=0.5), y)
    assert bce.gradient < focal.gradient
    assert bce.gradient < dice.gradient
    assert gradients.shares(gradients.gradient("balanced_bce", z, y), y).pixels == 0.01
    nothing = gradients.shares(gradients.gradient("boundary", z, y * 0), y * 0)
    assert nothing.pixels == 0
    assert np.isnan([nothing.loss, nothing.gradient]).all()
    with pytest.raises(ValueError, match="one picture"):
        gradients.shares(gradients.gradient("bce", z, y), y[:4])


def test_curves():
    p = np.linspace(0.01, 0.99, 99)
    bce = gradients.curve("bce", p, 1)
    np.testing.assert_allclose(bce.loss, -np.log(p))
    np.testing.assert_allclose(bce.slope, p - 1)
    np.testing.assert_allclose(gradients.curve("bce", p, 0).slope, p, atol=1e-15)
    np.testing.assert_allclose(gradients.curve("weighted_bce", p, 1, beta=5).loss, -5 * np.log(p))
    focal = gradients.curve("focal", p, 1, gamma=2, alpha=0.25)
    np.testing.assert_allclose(focal.loss, -0.25 * (1 - p) ** 2 * np.log(p))
    slope = 0.25 * (2 * (1 - p) * np.log(p) - (1 - p) ** 2 / p) * p * (1 - p)
    np.testing.assert_allclose(focal.slope, slope, rtol=1e-9)
    np.testing.assert_allclose(gradients.curve("balanced_bce", p, 0, beta=0.9).loss, -0.1 * np.log(1 - p))
    np.testing.assert_allclose(gradients.curve("dice", p, 1, epsilon=0).loss, 1 - 2 * p / (p + 1))
    for wrong in ([0.0, 0.5], [0.5, 1.0], [np.nan], 0.5):
        with pytest.raises(ValueError, match="above 0 and below 1"):
            gradients.curve("bce", wrong, 1)


@pytest.mark.parametrize("key", [loss.key for loss in LOSSES if loss.of_counts])
def test_surface_equals_the_loss_of_such_masks(key):
    y = np.zeros(30)
    y[:10] = 1
    fp, fn = [0, 5, 20], [0, 3, 10]
    found = gradients.surface(key, 10, 30, fp, fn)
    assert found.shape == (3, 3)
    for i, miss in enumerate(fn):
        for j, alarm in enumerate(fp):
            pred = y.copy()
            pred[:miss], pred[10 : 10 + alarm] = 0, 1
            want = gradients.gradient(key, [pred * 80 - 40], [y]).value
            assert found[i, j] == pytest.approx(want, abs=1e-9)


def test_surface_by_hand_and_its_limits():
    dice = gradients.surface("dice", 5, 100, [0, 5], [0, 5], epsilon=0)
    assert dice.tolist() == pytest.approx(np.array([[0, 1 - 10 / 15], [1, 1]]))
    jaccard = 1 - gradients.surface("jaccard", 5, 100, range(96), range(6), epsilon=0)
    dice = 1 - gradients.surface("dice", 5, 100, range(96), range(6), epsilon=0)
    np.testing.assert_allclose(dice, 2 * jaccard / (1 + jaccard))
    with pytest.raises(ValueError, match="isn't a function of TP, FP and FN"):
        gradients.surface("bce", 5, 100, [0], [0])
    for fp, fn in (([96], [0]), ([0], [6]), ([-1], [0]), (0, [0])):
        with pytest.raises(ValueError, match="must be a list of counts"):
            gradients.surface("dice", 5, 100, fp, fn)


def test_logits():
    p = np.array([0, 0.2, 0.9, 1])
    np.testing.assert_allclose(1 / (1 + np.exp(-gradients.logits(p))), [np.exp(-30), 0.2, 0.9, 1], rtol=1e-12)
    assert gradients.logits(p == 1, most=5).tolist() == [-5, -5, -5, 5]
    both_empty = gradients.logits(np.zeros((256, 256)))
    for key in ("dice", "dice_squared", "jaccard", "tversky"):
        assert gradients.gradient(key, both_empty, np.zeros((256, 256))).value < 1e-3
    for wrong in ([1.5], [-0.1], [np.nan]):
        with pytest.raises(ValueError, match="0 to 1"):
            gradients.logits(wrong)


def test_errors_are_the_losses_own():
    z, y = picture()
    with pytest.raises(ValueError, match="No loss 'nix'"):
        gradients.gradient("nix", z, y)
    with pytest.raises(ValueError, match="one shape"):
        gradients.gradient("bce", z, y[:3])
    with pytest.raises(ValueError, match=r"is \(H, W\)"):
        gradients.gradient("bce", z[None], y[None])
    with pytest.raises(ValueError, match="gamma is -1"):
        gradients.gradient("focal", z, y, gamma=-1)


@pytest.mark.parametrize("positive", [1, 4, 20])
def test_where_one_bias_is_pushed(positive):
    """Of N pixels with one p, BCE goes up to P/N and no further; Dice goes up as long as ε < 2P²/(N − 2P)."""
    n = 400
    y = np.zeros((20, 20))
    y.flat[:positive] = 1

    def push(key: str, p: float, **parameters: float) -> float:
        sums = gradients.shares(gradients.gradient(key, gradients.logits(np.full((20, 20), p)), y, **parameters), y)
        return sums.foreground + sums.background

    share, limit = positive / n, 2 * positive**2 / (n - 2 * positive)
    assert push("bce", 0.9 * share) < 0 < push("bce", 1.1 * share)
    for p in (0.01, 0.3, 0.9):
        assert push("dice", p) < 0
        assert push("dice", p, epsilon=0.9 * limit) < 0 < push("dice", p, epsilon=1.1 * limit)
