"""What goes wrong with a prediction: against np.roll, scikit-image and counts; nothing random but by seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import filters, morphology

from seglab import perturb

Y, X = np.ogrid[:40, :50]
MASK = (Y - 18) ** 2 + (X - 24) ** 2 < 120
PROBS = np.clip(1.2 - np.hypot(Y - 18, X - 24) / 15, 0, 1).astype(np.float32)
ALL = {
    "shift": lambda p: perturb.shift(p, 3, -2), "dilate": lambda p: perturb.dilate(p, 2),
    "erode": lambda p: perturb.erode(p, 2), "holes": lambda p: perturb.holes(p, 4, 2.5, 1),
    "salt_and_pepper": lambda p: perturb.salt_and_pepper(p, 0.2, 1), "blur": lambda p: perturb.blur(p, 1.5),
    "confidence": lambda p: perturb.confidence(p, -0.3),
}  # fmt: skip
NOTHING = {
    "shift": lambda p: perturb.shift(p), "dilate": lambda p: perturb.dilate(p, 0),
    "erode": lambda p: perturb.erode(p, 0), "holes": lambda p: perturb.holes(p, 0, 3),
    "salt_and_pepper": lambda p: perturb.salt_and_pepper(p, 0), "blur": lambda p: perturb.blur(p, 0),
    "confidence": lambda p: perturb.confidence(p, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("source", [MASK, MASK.astype(np.uint8), PROBS, PROBS.astype(np.float64)], ids=list("bufd"))
def test_pure_float32_in_0_1_and_the_same_again(name, source):
    source, before = source.copy(), source.copy()
    source.setflags(write=False)
    once, again = ALL[name](source), ALL[name](source)
    np.testing.assert_array_equal(source, before)
    np.testing.assert_array_equal(once, again)
    assert (once.dtype, once.shape) == (np.float32, source.shape)
    assert once.min() >= 0
    assert once.max() <= 1
    assert once.flags.writeable
    assert (once != source).any()
    if source.dtype != PROBS.dtype and source.dtype != np.float64 and name not in ("blur", "confidence"):
        assert set(np.unique(once)) <= {0, 1}


@pytest.mark.parametrize("name", NOTHING)
@pytest.mark.parametrize("source", [MASK, PROBS, np.zeros((3, 4)), np.ones((1, 1))])
def test_nothing_can_be_done(name, source):
    done = NOTHING[name](source)
    np.testing.assert_array_equal(done, source.astype(np.float32))
    assert not np.shares_memory(done, source)


@pytest.mark.parametrize("name", ALL)
def test_empty_full_and_one_pixel_masks(name):
    for value in (0, 1):
        for shape in ((12, 9), (1, 1)):
            done = ALL[name](np.full(shape, value, bool))
            assert done.shape == shape
            assert np.isfinite(done).all()
    assert not ALL["holes"](np.zeros((5, 5), bool)).any()


@given(st.integers(-60, 60), st.integers(-60, 60))
def test_shift_is_roll_with_nothing_coming_in(down, right):
    room = np.pad(PROBS, 60)
    expected = np.roll(room, (down, right), (0, 1))[60:-60, 60:-60]
    np.testing.assert_array_equal(perturb.shift(PROBS, down, right), expected)


@pytest.mark.parametrize("pixels", [1, 2, 5])
def test_growing_and_shrinking_are_grey_morphology(pixels):
    square = np.ones((2 * pixels + 1,) * 2)
    np.testing.assert_array_equal(perturb.dilate(PROBS, pixels), morphology.dilation(PROBS, square))
    np.testing.assert_array_equal(perturb.erode(PROBS, pixels), morphology.erosion(PROBS, square))
    touching = np.ones((20, 20), bool)
    touching[:, 12:] = False
    assert perturb.erode(touching, pixels).sum() == 20 * (12 - pixels)  # not from the frame


def test_holes_are_discs_within_the_object():
    one = perturb.holes(MASK, 1, 2, seed=5)
    gone = MASK & (one == 0)
    middle = np.argwhere(gone).mean(0)
    if gone.sum() == 13:  # a whole disc of radius 2
        assert np.allclose(middle, middle.round())
    assert 1 <= gone.sum() <= 13
    counts = [MASK.sum() - perturb.holes(MASK, n, 1.5, seed=0).sum() for n in (1, 3, 30)]
    assert counts == sorted(counts)
    assert counts[-1] > 60
    assert not (perturb.holes(MASK, 5, 3) > MASK).any()
    assert (perturb.holes(MASK, 5, 3, seed=1) != perturb.holes(MASK, 5, 3, seed=2)).any()
    assert perturb.holes(np.ones((9, 9)), 1, 0).sum() == 80


def test_salt_and_pepper_hit_their_share():
    noisy = perturb.salt_and_pepper(np.full((400, 400), 0.5), 0.3)
    assert (noisy == 0).mean() == pytest.approx(0.15, abs=0.01)
    assert (noisy == 1).mean() == pytest.approx(0.15, abs=0.01)
    assert (noisy == 0.5).mean() == pytest.approx(0.7, abs=0.01)
    assert (perturb.salt_and_pepper(MASK, 0.3, 1) != perturb.salt_and_pepper(MASK, 0.3, 2)).any()
    assert set(np.unique(perturb.salt_and_pepper(PROBS, 1))) == {0, 1}


@pytest.mark.parametrize("sigma", [0.5, 2, 7])
def test_blur_is_a_gaussian(sigma):
    expected = filters.gaussian(PROBS, sigma, mode="nearest", preserve_range=True)
    np.testing.assert_allclose(perturb.blur(PROBS, sigma), expected, atol=1e-6)


def test_confidence_changes_no_side():
    for amount in np.linspace(-0.99, 1, 9):
        pulled = perturb.confidence(PROBS, amount)
        np.testing.assert_array_equal(pulled > 0.5, PROBS > 0.5)
        np.testing.assert_array_equal(pulled < 0.5, PROBS < 0.5)
        step = np.abs(pulled - 0.5) - np.abs(PROBS - 0.5)
        assert (step <= 1e-7).all() if amount < 0 else (step >= -1e-7).all()
    assert (perturb.confidence(PROBS, -1) == 0.5).all()
    np.testing.assert_array_equal(perturb.confidence(PROBS, 1), np.where(PROBS == 0.5, 0.5, PROBS > 0.5))
    np.testing.assert_allclose(perturb.confidence(MASK, -0.2), np.where(MASK, 0.9, 0.1))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("probs", "says"),
    [(np.zeros(4), "one map"), (np.zeros((1, 2, 2)), "one map"), (np.zeros((0, 2)), "at least a pixel"),
     (np.full((2, 2), np.nan), "values in 0..1"), (np.array([[-4.0, 3.0]]), "take a sigmoid"),
     (np.array([[0, 255]]), "got 0.0 to 255.0")],
)  # fmt: skip
def test_wrong_maps_are_explained(name, probs, says):
    with pytest.raises(ValueError, match=says):
        ALL[name](probs)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: perturb.dilate(MASK, -1), "whole, 0 or more; got -1"),
        (lambda: perturb.erode(MASK, 1.5), "whole, 0 or more; got 1.5"),
        (lambda: perturb.shift(MASK, 0.5), "whole, 0 or more; got 0.5"),
        (lambda: perturb.holes(MASK, -1, 2), "whole, 0 or more; got -1"),
        (lambda: perturb.holes(MASK, 1, float("nan")), "radius"),
        (lambda: perturb.salt_and_pepper(MASK, 1.1), "0 to 1; got 1.1"),
        (lambda: perturb.salt_and_pepper(MASK, float("nan")), "0 to 1; got nan"),
        (lambda: perturb.blur(MASK, -1), "sigma"),
        (lambda: perturb.blur(MASK, float("inf")), "sigma"),
        (lambda: perturb.confidence(MASK, 1.5), "-1 to 1; got 1.5"),
    ],
)
def test_wrong_amounts_are_explained(call, says):
    with pytest.raises(ValueError, match=says):
        call()
