from __future__ import annotations

import time
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from seglab.descend import descend, draw
from seglab.losses import balanced_bce, bce, dice, focal


def square(n: int, side: int = 64) -> np.ndarray:
    """A mask (side, side) with n pixels of foreground, as square as can be."""
    mask = np.zeros((side, side), np.uint8)
    high = round(n**0.5)
    mask[20 : 20 + high, 30 : 30 + n // high] = 1
    assert mask.sum() == n
    return mask


SMALL = square(12)


def last(losses, mask=SMALL, seed=0, **arguments):
    *_, steps = descend(draw(mask, seed=seed), mask, losses, seed=seed, **arguments)
    return steps


def test_one_step_equals_torchs_own_layers_and_sgd():
    picture, y = draw(SMALL), torch.from_numpy(SMALL)
    first, second, third = descend(picture, SMALL, {"a": bce}, start=0.2, learning_rate=0.7, steps=2)
    rng = torch.Generator().manual_seed(0)
    w1 = torch.empty(8, 1, 3, 3).uniform_(-1 / 3, 1 / 3, generator=rng)
    b1 = torch.empty(8).uniform_(-1 / 3, 1 / 3, generator=rng)
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 1, 3, padding=1))
    with torch.no_grad():
        net[0].weight.copy_(w1)
        net[0].bias.copy_(b1)
        net[2].weight.zero_()
        net[2].bias.fill_(torch.tensor(0.2).logit())
    sgd = torch.optim.SGD(net.parameters(), lr=0.7)
    x = torch.from_numpy((picture - picture.mean()) / picture.std())[None, None]
    for step in (first, second, third):
        at = step["a"]
        z = net(x)[0, 0]
        loss = F.binary_cross_entropy_with_logits(z, y.float())
        sgd.zero_grad()
        loss.backward()
        torch.testing.assert_close(torch.from_numpy(at.probs), z.detach().sigmoid(), atol=1e-5, rtol=0)
        assert at.value == pytest.approx(loss.item(), abs=1e-5)
        assert at.bias == pytest.approx(net[2].bias.item(), abs=1e-5)
        # The bias's gradient, split into foreground's and background's pull.
        assert at.foreground + at.background == pytest.approx(net[2].bias.grad.item(), abs=1e-4)
        sgd.step()
    assert (first["a"].step, third["a"].step) == (0, 2)


def test_the_first_pulls_of_bce_are_those_by_hand():
    at = next(descend(draw(SMALL), SMALL, {"a": bce}, start=0.1))["a"]
    assert np.allclose(at.probs, 0.1)
    assert at.foreground == pytest.approx(12 * (0.1 - 1) / 4096, rel=1e-4)
    assert at.background == pytest.approx(4084 * 0.1 / 4096, rel=1e-4)
    assert at.empty == 1
    assert at.left is None


def test_a_small_object_bce_stays_at_all_background_long_after_the_others_left():
    focal75 = partial(focal, alpha=0.75)
    for seed in range(2):
        losses = {"bce": bce, "dice": dice, "balanced": balanced_bce, "focal": focal75}
        at = last(losses, steps=100, seed=seed)
        assert at["bce"].left is None
        assert at["bce"].empty == 101
        assert at["bce"].probs.max() < 0.5
        for name, most in {"dice": 40, "balanced": 90, "focal": 100}.items():
            assert at[name].left is not None, name
            assert at[name].left <= most, name
        assert at["dice"].left < at["balanced"].left < at["focal"].left
        found = at["dice"].probs > 0.5
        assert (found & (SMALL == 1)).sum() / (found | (SMALL == 1)).sum() > 0.8


def test_a_larger_object_lets_bce_leave_soon():
    at = last({"bce": bce}, mask=square(100), steps=30)
    assert at["bce"].left <= 20


def test_dice_with_a_large_step_leaves_and_falls_back():
    at = last({"dice": dice}, steps=40, learning_rate=2.0)["dice"]
    assert at.left <= 8
    assert at.empty > at.left + 10  # empty again, after it had left


def test_same_arguments_give_the_same_bits_and_torchs_generator_is_left_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, two = (last({"a": dice, "b": bce}, steps=20) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert one["a"].probs.tobytes() == two["a"].probs.tobytes()
    alone = last({"b": bce}, steps=20)["b"]
    assert alone.probs.tobytes() == one["b"].probs.tobytes()
    assert last({"b": bce}, steps=20, seed=1)["b"].bias != alone.bias


def test_a_huge_learning_rate_is_told_not_raised():
    def steep(z, y):
        return (z**3).sum()

    at = last({"steep": steep, "bce": bce}, steps=30, learning_rate=1e6)
    assert at["steep"].diverged
    assert np.isfinite(at["steep"].probs).all()
    assert last({"bce": bce}, steps=3)["bce"].diverged is False


@pytest.mark.parametrize("value", [0, 1, 255])
def test_masks_of_one_value_and_of_one_pixel(value):
    mask = np.full((9, 7), value, np.uint8)
    at = last({"bce": bce, "dice": dice}, mask=mask, steps=3)
    for step in at.values():
        assert np.isfinite([step.value, step.foreground, step.background, step.bias]).all()
        assert step.probs.shape == (9, 7)
    mask[0, 0] = 1
    assert np.isfinite(last({"bce": bce}, mask=mask, steps=3)["bce"].value)


def test_ignored_pixels_pull_at_nothing():
    mask = SMALL.copy()
    mask[:10] = 255
    at = next(descend(draw(SMALL), mask, {"a": bce}))["a"]
    n = (mask != 255).sum()
    assert at.foreground + at.background == pytest.approx((12 * -0.9 + (n - 12) * 0.1) / n, rel=1e-4)


def test_pictures_of_three_kinds():
    grey = np.random.default_rng(0).integers(0, 256, (10, 12)).astype(np.uint8)
    mask = (grey > 200).astype(np.uint8)
    rgb = np.repeat(grey[:, :, None], 3, 2)
    a = last_of(rgb, mask)
    b = last_of(rgb.transpose(2, 0, 1).astype(float) * 7 + 3, mask)  # channels first; standardised, so scale is nothing
    assert np.allclose(a.probs, b.probs, atol=1e-6)
    assert last_of(np.zeros((10, 12)), mask).probs.shape == (10, 12)  # a channel of one value


def last_of(picture, mask):
    *_, step = descend(picture, mask, {"a": bce}, steps=2)
    return step["a"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"start": 0.0}, "start is a probability"),
        ({"start": 1.0}, "start is a probability"),
        ({"learning_rate": 0.0}, "learning rate"),
        ({"learning_rate": float("nan")}, "learning rate"),
        ({"steps": -1}, "steps"),
        ({"picture": np.zeros((3, 4))}, "of the truth's size"),
        ({"picture": np.full((64, 64), np.nan)}, "NaN"),
        ({"target": np.zeros((2000, 2000), np.uint8)}, "Make it smaller"),
        ({"target": np.zeros((4,), np.uint8)}, r"\(H, W\)"),
        ({"target": np.full((64, 64), 7, np.uint8)}, "The truth holds 7"),
    ],
)
def test_what_cannot_be_is_said(arguments, says):
    call = {"picture": draw(SMALL), "target": SMALL, "losses": {"a": bce}} | arguments
    with pytest.raises(ValueError, match=says):
        list(descend(**call))


def test_fifty_steps_of_three_losses_take_well_below_a_second_of_one_core():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    losses = {"bce": bce, "dice": dice, "focal": focal}
    began = time.process_time()  # of the processor, so that a busy machine doesn't count
    list(descend(draw(SMALL), SMALL, losses, steps=50))
    torch.set_num_threads(threads)
    assert time.process_time() - began < 1.0


def test_the_drawn_picture_has_the_contrast_and_the_noise_asked_for():
    mask = square(100)
    picture = draw(mask, contrast=2.0, noise=0.5, seed=3)
    assert picture[mask == 1].mean() == pytest.approx(2.0, abs=0.15)
    assert picture[mask == 0].std() == pytest.approx(0.5, rel=0.05)
    assert (picture == draw(mask, contrast=2.0, noise=0.5, seed=3)).all()
