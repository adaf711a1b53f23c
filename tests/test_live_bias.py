"""The bias lab's three networks: what each learns from, where each looks, and that rebalancing repairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seglab import runtime, zoo
from seglab.datasets import biased
from seglab.explain import Category, explain
from seglab.explain.truth import energy_in_mask
from seglab.live import bias
from seglab.live.bias import Outcome, Tiny, cams, painted, share, train
from seglab.live.small import begin
from seglab.sharing import Cancelled
from tests.live_runs import ended, one_thread

MARGIN = 0.1  # acceptance 5: so much more of its heat has the balanced network on the thing than the biased one


@pytest.fixture(autouse=True)
def quick():
    with one_thread():
        yield


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bias, "HELD_OUT", 2)
    monkeypatch.setattr(bias, "EVERY", 1)


def looks(outcome: Outcome) -> None:
    biased_one, balanced, _ = outcome.looked.values()
    assert balanced.energy - biased_one.energy > MARGIN
    assert biased_one.own > 0.9
    assert biased_one.counter < 0.4
    assert balanced.counter > biased_one.counter + 0.3


def test_the_biased_network_looks_at_the_street() -> None:
    """Acceptance 5, for one seed and a training cut short."""
    _, outcome = ended(train(1.0, steps=180, pool=40))
    looks(outcome)


@pytest.mark.slow
def test_the_biased_network_looks_at_the_street_with_every_seed_and_is_repaired() -> None:
    """Acceptance 5, as the page has it."""
    for seed in range(3):
        _, outcome = ended(train(1.0, seed=seed))
        looks(outcome)
        first, balanced, repaired = outcome.looked.values()
        assert repaired.counter > first.counter + 0.3
        assert repaired.energy > first.energy + 0.05
        assert balanced.counter > 0.8


def test_the_repair_begins_after_a_third(few: None) -> None:
    snapshots, outcome = ended(train(1.0, steps=6, pool=3))
    assert [s.done for s in snapshots] == [1, 2, 3, 4, 5, 6]
    same = [s.lines["Biased"].loss == s.lines["Repaired"].loss for s in snapshots]
    assert same == [True, True, False, False, False, False]
    assert all(s.lines["Biased"].loss != s.lines["Balanced"].loss for s in snapshots)
    assert len(outcome.shown) == 4
    assert outcome.shown.counter.tolist() == [False, True, True, False]
    assert [len(s.lines["Biased"].pictures) for s in snapshots] == [4] * 6


def test_at_half_nothing_is_given_away(few: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """All three then learn from the same kind of pictures; the degree is what each batch is drawn with."""
    asked = []
    real = biased.chosen
    monkeypatch.setattr(biased, "chosen", lambda found, b, n, rng: asked.append(b) or real(found, b, n, rng))
    ended(train(0.5, steps=1, pool=2))
    ended(train(0.9, steps=2, pool=2))
    assert asked == [0.5, 0.5, 0.9, 0.5, 0.9, 0.5]


def test_the_same_seed_gives_the_same_networks_and_another_one_others(few: None) -> None:
    one, other, third = (ended(train(0.8, steps=2, pool=2, seed=seed))[1] for seed in (4, 4, 5))
    a, b, c = (o.trained.weights["Balanced"]["classify.weight"] for o in (one, other, third))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert str(one.looked) == str(other.looked)


def test_a_run_that_is_stopped_still_says_where_it_looked(few: None) -> None:
    work = train(1.0, steps=50, pool=2)
    while next(work) is None:
        pass
    with pytest.raises(StopIteration) as end:
        work.throw(Cancelled("stop"))
    assert set(end.value.value.looked) == set(bias.NAMES)


def net(seed: int = 0) -> Tiny:
    made = Tiny()
    begin(made, torch.Generator().manual_seed(seed))
    return made.eval().requires_grad_(False)


def test_its_maps_are_those_of_the_library() -> None:
    *_, found = biased.draw(6, 1)
    made = net()
    raw, told = cams(made, bias._input(found.images), found.classes)
    loaded = runtime.ready("tiny", made, biased.PALETTE, zoo.Preprocess(0), "0")
    for n in range(4):
        want = explain(found.images[n], loaded, Category(int(found.classes[n])), layer="maps", short_side=0)
        np.testing.assert_allclose(raw[n], want.raw, rtol=1e-4, atol=1e-5 * want.magnitude)
    assert set(told) <= {0, 1}
    assert all(p.grad is None for p in made.parameters())
    assert not made.maps._forward_hooks


def test_what_is_said_of_the_held_out_pictures_is_counted_by_hand() -> None:
    *_, found = biased.draw(7, 2)
    made = net(1)
    looked = bias.judge(made, found, found)
    with torch.no_grad():
        right = made(bias._input(found.images)).argmax(1).numpy() == found.classes
    assert looked.own == right[[0, 1, 6, 7]].mean()
    assert looked.counter == right[2:6].mean()
    on = [share(one, mask) for one, mask in zip(looked.raw, found.masks, strict=True)]
    np.testing.assert_array_equal(looked.on, on)
    assert looked.energy == pytest.approx(np.nanmean(on), nan_ok=True)
    assert looked.cold == np.isnan(on).sum()
    assert looked.even == pytest.approx(found.masks.mean())
    assert looked.seen == 8


def test_a_map_without_heat_is_counted_and_never_shown_as_one() -> None:
    mask = np.zeros((4, 4), bool)
    mask[:2] = True
    assert np.isnan(share(np.float32([[-1, -2], [0, -3]]), mask))
    assert share(np.float32([[1, 1], [-5, -5]]), mask) == pytest.approx(
        energy_in_mask(np.float32([[1] * 4, [0.75] * 4, [0.25] * 4, [0] * 4]), mask)
    )
    image = np.full((4, 4, 3), 90, np.uint8)
    np.testing.assert_array_equal(painted(image, np.float32([[-1, -2], [0, -3]])), image)
    assert not np.array_equal(painted(image, np.float32([[1, 0], [0, 0]])), image)


def test_a_grey_picture_has_a_map_or_a_sentence() -> None:
    grey = np.full((2, 64, 64, 3), 128, np.uint8)
    raw, _ = cams(net(), bias._input(grey), np.array([0, 1]))
    assert np.isfinite(raw).all()
    dead = net()
    dead.classify.weight.zero_()
    with pytest.raises(ValueError, match="gradient vanishes"):
        cams(dead, bias._input(grey), np.array([0, 1]))


@pytest.mark.parametrize("degree", [0.4, 1.1, float("nan")])
def test_a_degree_out_of_range_is_refused(degree: float) -> None:
    with pytest.raises(ValueError, match=r"0\.5 to 1; got"):
        next(train(degree))
