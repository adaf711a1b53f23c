"""Gradients of the picture itself: exact on networks whose integral is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from seglab import runtime, zoo
from seglab.explain import Everywhere, Pixel, explain
from seglab.explain.gradients import integrated_gradients, saliency
from seglab.explain.passes import Passes, network_input
from seglab.types import Palette

PALETTE = Palette("test", ("a", "b", "c"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))


def ready(net):
    return runtime.ready("net", net, PALETTE, zoo.Preprocess(0), "0")


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(1).integers(0, 255, (64, 70, 3), np.uint8)


def test_of_a_linear_network_both_are_its_weights(image):
    torch.manual_seed(0)
    loaded = ready(nn.Conv2d(3, 3, 1))
    x = network_input(image, loaded)[0]
    w = loaded.net.weight[1, :, 0, 0]
    found = explain(image, loaded, Everywhere(1), method="integrated-gradients")
    np.testing.assert_allclose(found.raw, (w[:, None, None] * x).sum(0), atol=1e-5)
    assert found.gap == pytest.approx(0, abs=1e-4)
    plain = explain(image, loaded, Everywhere(1), method="gradient")
    np.testing.assert_allclose(plain.raw, np.full((64, 70), float(w.abs().max())), rtol=1e-5)
    pixel = explain(image, loaded, Pixel(1, 5, 6), method="gradient")
    assert np.argwhere(pixel.raw).tolist() == [[6, 5]]


def test_of_a_square_the_integral_is_known():
    """y = Σ x²: IG is x·∫2tx dt = x², and the midpoint rule is exact for it with any number of steps."""
    x = torch.randn(1, 3, 4, 5)
    loaded = ready(nn.Conv2d(3, 3, 1))
    found = integrated_gradients(lambda x: x.square().sum((1, 2, 3)), x, Passes(loaded, 9), steps=2)
    torch.testing.assert_close(found.raw, x.square().sum(1)[0])
    assert found.gap == pytest.approx(0, abs=1e-5)
    assert found.y == pytest.approx(float(x.square().sum()), rel=1e-5)


def test_the_gap_is_told_and_shrinks_with_more_steps():
    x = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 3
    loaded = ready(nn.Conv2d(3, 3, 1))

    def steep(x):
        return torch.sigmoid(20 * (x.mean((1, 2, 3)) + 0.02)).reshape(-1) + (x**4).mean((1, 2, 3))

    gaps = [abs(integrated_gradients(steep, x, Passes(loaded, 9), steps).gap) for steps in (1, 4, 64)]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[0] > 0.1
    assert gaps[2] < 1e-3


def test_on_a_real_network_the_integral_is_nearly_complete():
    picture = np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)
    found = explain(picture, "scenes", Everywhere(1), method="integrated-gradients", short_side=0)
    assert abs(found.gap) < 0.1
    assert found.raw.shape == (96, 96)
    assert found.layer == ""
    assert found.terms() == []


def test_saliency_is_the_largest_channel():
    g = torch.tensor([1.0, -3.0, 2.0])[:, None, None]
    found = saliency(lambda x: (x * g).sum((1, 2, 3)), torch.ones(1, 3, 2, 2), Passes(ready(nn.Conv2d(3, 3, 1)), 1))
    assert found.raw.tolist() == [[3, 3], [3, 3]]


def test_a_gradient_that_vanishes_is_said(image):
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 3, 1))
    with torch.no_grad():
        net[0].bias.fill_(-1e3)
    for method in ("gradient", "integrated-gradients"):
        with pytest.raises(ValueError, match="The gradient vanishes"):
            explain(image, ready(net), Everywhere(1), method=method)
