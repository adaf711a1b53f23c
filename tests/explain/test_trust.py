"""Checks of maps: on networks where it is known which pixels count, and against the published imputation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pytorch_grad_cam.metrics.road import NoisyLinearImputer
from torch import nn

from seglab import runtime, zoo
from seglab.explain import Everywhere, Pixel, Predicted, deletion, explain, insertion, road
from seglab.explain.impute import noisy_linear
from seglab.explain.passes import network_input
from seglab.explain.trust import Curve, blurred
from seglab.explain.truth import energy_in_mask, pointing_game, share_outside
from seglab.runtime import Cancelled
from seglab.types import Palette

PALETTE = Palette("test", ("other", "red"), ((0, 0, 0), (1, 1, 1)))
PLAIN = zoo.Preprocess(0, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


class Red(nn.Module):
    """Says "red" everywhere, the surer the more of the picture is a chequered pattern of red, one pixel fine."""

    def __init__(self):
        super().__init__()
        self.chequers = nn.Parameter(torch.tensor([[1.0, -1.0], [-1.0, 1.0]])[None, None])

    def forward(self, x):
        found = torch.relu(torch.conv2d(x[:, :1] - x[:, 1:2], self.chequers) - 1)
        red = 200 * found.mean((2, 3), keepdim=True).expand(-1, -1, *x.shape[2:])
        return torch.cat([torch.full_like(red, 3), red], 1)


@pytest.fixture(scope="module")
def loaded():
    return runtime.ready("red", Red(), PALETTE, PLAIN, "0")


@pytest.fixture(scope="module")
def image():
    """Grey noise with a chequered square of 16 of 64 px a side: a sixteenth of the picture."""
    picture = np.repeat(np.random.default_rng(0).integers(90, 160, (64, 64, 1), np.uint8), 3, 2)
    y, x = np.mgrid[24:40, 8:24]
    picture[24:40, 8:24] = np.where(((y + x) % 2)[..., None], (255, 0, 0), (0, 0, 0))
    return picture


RIGHT = np.zeros((64, 64), np.float32)
RIGHT[24:40, 8:24] = 1
WRONG = 1 - RIGHT


def probability(loaded, x):
    with torch.no_grad():
        return float(loaded.net(x).softmax(1)[:, 1].mean())


def test_deletion_and_insertion_tell_the_right_map_from_the_wrong_one(loaded, image):
    down, up = deletion(image, loaded, Everywhere(1), RIGHT), insertion(image, loaded, Everywhere(1), RIGHT)
    assert len(down.share) == 21
    assert down.area < deletion(image, loaded, Everywhere(1), WRONG).area - 0.3
    assert up.area > insertion(image, loaded, Everywhere(1), WRONG).area + 0.3
    x = network_input(image, loaded)
    assert down.probability[0] == pytest.approx(probability(loaded, x), abs=1e-5)
    assert up.probability[-1] == pytest.approx(probability(loaded, x), abs=1e-5)
    assert down.probability[-1] == pytest.approx(
        probability(loaded, x.mean((2, 3), keepdim=True).expand_as(x)), abs=1e-5
    )
    assert up.probability[0] == pytest.approx(probability(loaded, blurred(x)), abs=1e-5)


def test_a_curve_by_hand(loaded, image):
    """With steps of a sixteenth, the right map takes exactly the square out in the first."""
    found = deletion(image, loaded, Everywhere(1), RIGHT, steps=16)
    x = network_input(image, loaded)
    without = torch.where(torch.from_numpy(RIGHT > 0), x.mean((2, 3), keepdim=True), x)
    assert found.probability[1] == pytest.approx(probability(loaded, without), abs=1e-5)
    p = found.probability
    assert found.area == pytest.approx((p[0] / 2 + p[1:-1].sum() + p[-1] / 2) / 16)
    assert Curve(np.array([0, 1]), np.array([0.2, 0.4])).area == pytest.approx(0.3)


def test_the_region_stays_that_of_the_whole_picture(loaded, image):
    """A class's predicted region is not asked anew of a picture with parts missing."""
    found = deletion(image, loaded, Predicted(1), RIGHT)
    assert found.probability[-1] < 0.5 < found.probability[0]


def test_road_tells_the_right_map_from_the_wrong_one(loaded, image):
    right, wrong = (road(image, loaded, Everywhere(1), heat, shares=(0.0625, 0.5)) for heat in (RIGHT, WRONG))
    assert right.score > 0.2
    assert wrong.score < -right.score / 2
    assert right.hottest.share.tolist() == [0, 0.0625, 0.5]
    assert right.hottest.probability[0] == right.coldest.probability[0]
    assert right.score == pytest.approx(((right.coldest.probability - right.hottest.probability)[1:] / 2).mean())


@pytest.mark.parametrize("check", [deletion, insertion])
def test_pixels_of_equal_heat_have_no_order_of_their_own(loaded, image, check):
    """A map that is 0 on the lower half says the same of a picture upside down."""
    heat = np.zeros((64, 64), np.float32)
    heat[:8, 30:60] = 1  # not on the square, which is among the equal ones
    upright = check(image, loaded, Everywhere(1), heat)
    turned = check(np.ascontiguousarray(image[::-1]), loaded, Everywhere(1), np.ascontiguousarray(heat[::-1]))
    assert upright.area == pytest.approx(turned.area, abs=0.04)
    a, b = (road(image[::step].copy(), loaded, Everywhere(1), heat[::step].copy()).score for step in (1, -1))
    assert a == pytest.approx(b, abs=0.08)


def test_imputation_equals_the_published_one():
    rng = np.random.default_rng(0)
    picture = rng.random((3, 13, 11), np.float32)
    for share in (0.1, 0.5, 0.9):
        keep = rng.random((13, 11)) > share
        keep[0, 0] = False  # at a border some neighbours are missing
        keep[5, 5] = True
        theirs = NoisyLinearImputer(noise=0)(torch.from_numpy(picture), torch.from_numpy(keep.astype(np.float32)))
        ours = noisy_linear(picture, keep, noise=0)
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
        np.testing.assert_array_equal(ours[:, keep], picture[:, keep])


def test_imputation_is_harmonic_and_noisy():
    """A plane is the mean of its neighbours: inside, what is missing comes back exactly; noise has its deviation."""
    y, x = np.mgrid[:40, :40].astype(np.float32)
    plane = (2 * x - y)[None]
    keep = np.random.default_rng(0).random((40, 40)) > 0.7
    keep[[0, -1]] = keep[:, [0, -1]] = True
    np.testing.assert_allclose(noisy_linear(plane, keep, noise=0), plane, atol=1e-3)
    noise = (noisy_linear(plane, keep, noise=0.5) - plane)[:, ~keep]
    assert noise.std() == pytest.approx(0.5, rel=0.1)
    np.testing.assert_array_equal(noisy_linear(plane, keep, seed=1), noisy_linear(plane, keep, seed=1))
    np.testing.assert_array_equal(noisy_linear(plane, np.ones((40, 40), bool)), plane)


def test_what_cannot_be_is_said(loaded, image):
    with pytest.raises(ValueError, match="same everywhere"):
        deletion(image, loaded, Everywhere(1), np.ones((64, 64), np.float32))
    with pytest.raises(ValueError, match=r"picture's size, \(64, 64\); got \(2, 2\)"):
        insertion(image, loaded, Everywhere(1), np.eye(2, dtype=np.float32))
    with pytest.raises(ValueError, match="steps"):
        deletion(image, loaded, Everywhere(1), RIGHT, steps=0)
    for shares in ((), (0.5, 0.5), (0.0, 0.5), (0.5, 1.0)):
        with pytest.raises(ValueError, match="shares must increase"):
            road(image, loaded, Everywhere(1), RIGHT, shares=shares)
    with pytest.raises(ValueError, match="At least one pixel"):
        noisy_linear(np.zeros((3, 4, 4), np.float32), np.zeros((4, 4), bool))
    with pytest.raises(ValueError, match=r"\(3, 4, 4\), \(4, 5\)"):
        noisy_linear(np.zeros((3, 4, 4), np.float32), np.zeros((4, 5), bool))


@pytest.mark.parametrize("check", [deletion, insertion, road])
def test_checks_count_and_can_be_cancelled(loaded, image, check):
    said = []
    check(image, loaded, Everywhere(1), RIGHT, progress=lambda *n: said.append(n))
    assert said[-1][0] == said[-1][1] == len(said)
    with pytest.raises(Cancelled):
        check(image, loaded, Everywhere(1), RIGHT, cancel=lambda: True)


def test_checks_of_a_real_map():
    picture = np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)
    heat = explain(picture, "scenes", Pixel(2, 40, 40), short_side=0).heat(relu=False)
    found = deletion(picture, "scenes", Pixel(2, 40, 40), heat, steps=4)
    assert ((found.probability >= 0) & (found.probability <= 1)).all()


# --- against the truth ---


def test_pointing_game_and_energy_by_hand():
    heat = np.zeros((20, 30), np.float32)
    heat[4, 6], heat[10, 20] = 3, 1
    mask = np.zeros((20, 30), bool)
    mask[10:12, 15:25] = True
    assert energy_in_mask(heat, mask) == 0.25
    assert share_outside(heat, mask) == 0.75
    assert not pointing_game(heat, mask, tolerance=10)
    # From (4, 6) to the mask's corner (10, 15): √(6² + 9²) = 10.8 px
    assert pointing_game(heat, mask, tolerance=11)
    assert pointing_game(heat * mask, mask, tolerance=0)


def test_what_has_no_truth_is_said():
    heat, mask = np.eye(3, dtype=np.float32), np.eye(3, dtype=bool)
    for wrong, said in (
        ((heat, np.zeros((3, 3), bool)), "mask is empty"), ((heat * 0, mask), "no heat"),
        ((-heat, mask), "0 or more"), ((heat, mask[:2]), "of one size"), ((heat, mask.astype(int)), "bool"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            energy_in_mask(*wrong)
        with pytest.raises(ValueError, match=said):
            pointing_game(*wrong)
    with pytest.raises(ValueError, match="tolerance"):
        pointing_game(heat, mask, tolerance=-1)
