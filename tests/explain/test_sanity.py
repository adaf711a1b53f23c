"""Cascading randomisation: maps that depend on weights change, maps that don't stay, and the model is left alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from seglab import runtime, zoo
from seglab.bench import engines
from seglab.explain import Everywhere, explain, randomisation
from seglab.explain.sanity import likeness, redraw
from seglab.runtime import Cancelled
from seglab.types import Palette

PALETTE = Palette("test", ("a", "b", "c"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))


@pytest.fixture(scope="module")
def image():
    return np.ascontiguousarray(engines.photo("flower.jpg")[100:196, 200:296])


def test_from_the_output_down_layer_by_layer(image):
    said = []
    found = randomisation(image, "street-fast", Everywhere(1), progress=lambda *n: said.append(n))
    assert found.layers[0] == "classify"
    assert found.layers[-1] == "stem.0"
    assert found.layers.index("context.fuse") < found.layers.index("stage16.1") < found.layers.index("stage4.0")
    assert len(found.layers) == len(found.correlation) == len(found.raw) - 1 == len(set(found.layers))
    assert np.abs(found.correlation[-1]) < 0.7  # hardly anything of a trained map survives new weights everywhere
    assert said[-1][0] == said[-1][1] == len(said)
    first, last = found.raw[0].ravel(), found.raw[-1].ravel()
    assert found.correlation[-1] == pytest.approx(stats.spearmanr(first, last).statistic)
    assert not np.array_equal(first, last)


def test_the_shared_model_and_the_hooks_copy_keep_their_weights(image):
    loaded = runtime.model("street-fast")
    before = {n: t.clone() for n, t in loaded.net.state_dict().items()}
    true = explain(image, loaded, Everywhere(1), short_side=0)
    randomisation(image, loaded, Everywhere(1))
    assert all(torch.equal(t, before[n]) for n, t in loaded.net.state_dict().items())
    np.testing.assert_array_equal(explain(image, loaded, Everywhere(1), short_side=0).raw, true.raw)


def test_a_map_that_asks_no_score_survives_until_its_own_layer(image):
    found = randomisation(image, "street-fast", Everywhere(1), method="eigencam", layer="stage8")
    above = found.layers.index("stage8.1")
    assert found.correlation[:above] == pytest.approx(np.ones(above))
    assert found.correlation[above] < 0.999


def test_it_is_repeatable_and_the_seed_matters(image):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 5), nn.ReLU(), nn.Conv2d(8, 3, 3))
    loaded = runtime.ready("net", net, PALETTE, zoo.Preprocess(0), "0")
    one, two, three = (randomisation(image, loaded, Everywhere(0), layer="1", seed=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(one.correlation, two.correlation)
    assert not np.array_equal(one.correlation, three.correlation)
    assert one.layers == ("2", "0")


def test_a_gradient_that_vanishes_on_the_way_is_no_error():
    """Channel 0 is above 0 everywhere, channel 1 is 0: drawn anew, a weight below 0 shuts the ReLU in every place."""
    net = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Conv2d(2, 1, 1, bias=False), nn.ReLU(), nn.Conv2d(1, 3, 1, bias=False))
    with torch.no_grad():
        net[0].weight.zero_()[0, 0] = 1
        net[0].bias.copy_(torch.tensor([5.0, 0.0]))
        net[1].weight.copy_(torch.tensor([1.0, -3.0])[None, :, None, None])
    loaded = runtime.ready("net", net, PALETTE, zoo.Preprocess(0), "0")
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    found = [randomisation(picture, loaded, Everywhere(1), layer="0", seed=seed) for seed in range(8)]
    gone = [one for one in found if np.isnan(one.correlation[1])]
    assert 0 < len(gone) < 8
    assert all(one.layers == ("3", "1", "0") and not one.raw[2].any() and one.raw[0].any() for one in gone)


def test_redrawn_weights_have_the_old_mean_and_deviation():
    torch.manual_seed(0)
    conv = nn.Conv2d(64, 64, 3).requires_grad_(False)
    conv.weight.mul_(3).add_(0.5)
    old = conv.weight.clone()
    redraw(conv, np.random.default_rng(0))
    assert float(conv.weight.mean()) == pytest.approx(float(old.mean()), abs=0.01)
    assert float(conv.weight.std()) == pytest.approx(float(old.std()), rel=0.02)
    assert abs(np.corrcoef(conv.weight.flatten(), old.flatten())[0, 1]) < 0.02


def test_likeness():
    a = np.random.default_rng(0).normal(size=(7, 9)).astype(np.float32)
    assert likeness(a, np.exp(a)) == pytest.approx(1)  # ranks alone count
    assert likeness(a, -a) == pytest.approx(-1)
    assert np.isnan(likeness(a, np.zeros_like(a)))
    assert np.isnan(likeness(a, np.full_like(a, np.nan)))


def test_it_can_be_cancelled(image):
    done = []
    with pytest.raises(Cancelled):
        randomisation(image, "street-fast", Everywhere(1), cancel=lambda: len(done) > 2,
                      progress=lambda *n: done.append(n))  # fmt: skip
    assert len(done) == 3
