"""Grad-CAM: equal to the library's, right on a network whose answer is known, and nothing left behind."""

from __future__ import annotations

import copy
import gc
import weakref
from functools import cache

import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAM
from torch import nn

from seglab import runtime, zoo
from seglab.bench import engines
from seglab.bench.explain import as_library
from seglab.explain import Everywhere, Pixel, Predicted, explain
from seglab.explain.gradcam import activations, grad_cam, gradient
from seglab.explain.passes import network_input, with_gradients
from seglab.explain.score import Score, weights
from seglab.types import Palette

PALETTE = Palette("test", ("a", "b", "c"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))
PLAIN = zoo.Preprocess(0, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
EMBEDDED = ("street", "street-fast", "scenes")
RANDOM = ("fcn-resnet50", "deeplabv3-mobilenet", "lraspp-mobilenet")
SIDE = 97  # pixels, odd, so that strides don't divide it


@cache
def loaded_model(key):
    if key in EMBEDDED:
        return runtime.model(key)
    torch.manual_seed(0)
    spec = zoo.get(key)
    net = engines.sane(spec.build().eval(), len(spec.palette), side=96)
    return runtime.ready(key, net, spec.palette, spec.preprocess, "0", spec)


@cache
def photo():
    return np.ascontiguousarray(engines.photo("flower.jpg")[60 : 60 + SIDE, 200 : 220 + SIDE])


def commonest(loaded):
    with torch.no_grad():
        return int(loaded.net(network_input(photo(), loaded, 0)).argmax(1).flatten().bincount().argmax())


def hooks(net):
    return [(len(m._forward_hooks), len(m._backward_hooks), len(m._forward_pre_hooks)) for m in net.modules()]


class Planted(nn.Module):
    """Eight channels: number 3 is the picture's red, the others are noise. Class 2 is number 3, class 1 minus it."""

    def __init__(self, scale=1.0):
        super().__init__()
        torch.manual_seed(1)
        self.features = nn.Conv2d(3, 8, 1, bias=False)
        self.head = nn.Conv2d(8, 3, 1, bias=False)
        with torch.no_grad():
            self.features.weight[3] = torch.tensor([1.0, 0, 0])[:, None, None]
            self.head.weight.zero_()
            self.head.weight[2, 3], self.head.weight[1, 3] = scale, -scale

    def forward(self, x):
        return self.head(self.features(x))


def planted(scale=1.0):
    return runtime.ready("planted", Planted(scale), PALETTE, PLAIN, "0")


def red_square():
    picture = np.zeros((64, 80, 3), np.uint8)
    picture[..., 2] = 90  # blue everywhere
    picture[10:30, 40:60] = (255, 0, 0)
    return picture


# --- against the library ---


@pytest.mark.parametrize("where", ["everywhere", "predicted", "pixel"])
@pytest.mark.parametrize("key", EMBEDDED + RANDOM)
def test_equals_the_library(key, where):
    loaded, picture = loaded_model(key), photo()
    k = commonest(loaded)
    target = {"everywhere": Everywhere(k), "predicted": Predicted(k), "pixel": Pixel(k, 50, 40)}[where]
    ours = explain(picture, loaded, target, short_side=0)
    net = copy.deepcopy(loaded.net).requires_grad_(True)  # the library finds no gradients otherwise
    x = network_input(picture, loaded, 0)

    def score(logits):
        w = weights(ours.region, tuple(logits.shape[1:]))
        return (w * logits[k]).sum()

    layer = net.get_submodule(ours.layer)
    with GradCAM(net, [layer]) as cam:
        theirs = cam(x, [score])[0]
        A, G = (seen[0].cpu().detach().numpy() for seen in (cam.activations_and_grads.activations,
                                                            cam.activations_and_grads.gradients))  # fmt: skip
        raw = cam.get_cam_image(x, layer, [score], A, G)[0]
    assert np.abs(ours.raw).max() > 0
    np.testing.assert_allclose(ours.raw / ours.magnitude, raw / ours.magnitude, atol=1e-5)
    np.testing.assert_allclose(ours.alpha, G.mean((2, 3))[0], atol=1e-5 * np.abs(ours.alpha).max())
    np.testing.assert_allclose(as_library(ours.raw, ours.size), theirs, atol=1e-5)
    assert theirs.max() > 0.9


# --- a network whose answer is known ---


def test_a_planted_channel_gives_the_planted_map():
    picture = red_square()
    found = explain(picture, planted(), Everywhere(2), layer="features")
    red = (picture[..., 0] / 255).astype(np.float32)
    assert found.alpha.tolist() == [0, 0, 0, 1, 0, 0, 0, 0]  # ∂(Σ red)/∂A³ is 1 at each pixel
    np.testing.assert_allclose(found.raw, red, atol=1e-6)
    np.testing.assert_allclose(found.heat(), red, atol=1e-6)
    assert found.score == pytest.approx(red.sum(), rel=1e-6)
    assert found.terms()[0].channel == 3
    np.testing.assert_allclose(found.terms()[0].activation, red, atol=1e-6)


def test_what_speaks_against_is_kept_without_the_relu_and_refused_with_it():
    found = explain(red_square(), planted(), Everywhere(1), layer="features")
    signed = found.heat(relu=False)
    assert signed.min() == -1
    assert signed.max() == 0
    with pytest.raises(ValueError, match="speaks against “b over the whole picture”"):
        found.heat()


def test_the_sum_over_pixels_scales_alpha_not_the_shape():
    """Seg-Grad-CAM: y is the sum over M, so that a pixel's gradient is 1/Z spread over all Z places of α."""
    picture = red_square()
    one = explain(picture, planted(), Pixel(2, 45, 15), layer="features")
    assert one.alpha[3] == pytest.approx(1 / (64 * 80))
    assert one.score == pytest.approx(1)
    np.testing.assert_allclose(
        one.heat(), explain(picture, planted(), Everywhere(2), layer="features").heat(), atol=1e-6
    )
    assert one.magnitude == pytest.approx(1 / (64 * 80))  # a min-max would have hidden this


def test_strongest_terms_add_up_to_the_map():
    found = explain(photo(), "street-fast", Everywhere(0), short_side=0)
    assert len(found.alpha) == 64
    assert len(found.terms()) == 32
    contributions = [np.abs(t.alpha * t.activation).sum() for t in found.terms()]
    assert contributions == sorted(contributions, reverse=True)
    with runtime.hooks_lock(runtime.model("street-fast")) as net, with_gradients():
        score = Score(net, Everywhere(0), zoo.get("street-fast").palette, photo().shape[:2])
        x = network_input(photo(), runtime.model("street-fast"), 0)
        cam, alpha, A, *_ = grad_cam(score, net.get_submodule("context"), x)
    np.testing.assert_allclose(sum(a * m for a, m in zip(alpha.numpy(), A.numpy(), strict=True)), cam, atol=1e-4)
    np.testing.assert_array_equal(found.alpha, alpha.numpy())


def test_mirroring_moves_picture_and_region():
    """On a network without any sense of left and right the mirrored pass must give the same map."""
    picture = red_square()
    plain = explain(picture, planted(), Pixel(2, 45, 15), layer="features")
    both = explain(picture, planted(), Pixel(2, 45, 15), layer="features", flip=True)
    np.testing.assert_allclose(both.raw, plain.raw, atol=1e-9)
    # Were the region left where it is, the mirrored pass would ask about a pixel that isn't red at all.
    loaded = planted()
    score = Score(loaded.net, Pixel(2, 45, 15), PALETTE, (64, 80))
    x = network_input(picture, loaded)
    assert float(score(x)) == float(score.mirrored()(x.flip(-1))) == 1
    assert float(score(x.flip(-1))) == 0


def test_mirroring_averages_two_different_maps():
    found = explain(photo(), "scenes", Predicted(k := commonest(runtime.model("scenes"))), short_side=0, flip=True)
    one = explain(photo(), "scenes", Predicted(k), short_side=0)
    assert not np.allclose(found.raw, one.raw)
    other = explain(photo()[:, ::-1].copy(), "scenes", Everywhere(k), short_side=0)
    everywhere = explain(photo(), "scenes", Everywhere(k), short_side=0, flip=True)
    single = explain(photo(), "scenes", Everywhere(k), short_side=0)
    np.testing.assert_allclose(everywhere.raw, (single.raw + other.raw[:, ::-1]) / 2, atol=1e-4 * single.magnitude)


# --- nothing stays ---


def test_no_hook_gradient_or_graph_stays():
    loaded = runtime.model("street-fast")
    with runtime.hooks_lock(loaded) as net:
        before = hooks(net)
    for method in ("grad-cam", "layer-cam", "gradient"):
        explain(photo(), loaded, Everywhere(0), method=method, short_side=0)
    seen = explain(photo(), loaded, Everywhere(0), short_side=0)
    with torch.no_grad():
        labels = runtime.forward(loaded, network_input(photo(), loaded, 0)).argmax(1)
    absent = next(k for k in range(11) if not (labels == k).any())
    with pytest.raises(ValueError, match="sees no "):
        explain(photo(), loaded, Predicted(absent), short_side=0)
    np.testing.assert_array_equal(explain(photo(), loaded, Everywhere(0), short_side=0).raw, seen.raw)
    with runtime.hooks_lock(loaded) as net:
        assert net is not loaded.net
        assert hooks(net) == before
        for n in (net, loaded.net, loaded.folded):
            assert all(p.grad is None and not p.requires_grad for p in n.parameters())


def test_the_graph_is_freed_and_begins_at_the_layer():
    net = Planted().requires_grad_(False)
    seen = []
    net.features.register_forward_hook(lambda m, i, o: seen.append(weakref.ref(o)))
    y, A = activations(lambda x: net(x)[:, 2].sum((1, 2)), net.features, torch.rand(1, 3, 8, 8))
    assert A.is_leaf
    assert A.grad_fn is None
    G = gradient(y, A)
    assert A.grad is None
    assert not G.requires_grad
    del y, A, G
    gc.collect()
    assert seen[0]() is None


def test_an_in_place_step_behind_the_layer_spoils_nothing():
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 3, 1)).requires_grad_(False)
    x = torch.randn(1, 3, 6, 6)
    _, A = activations(lambda x: net(x).sum((1, 2, 3)), net[0], x)
    assert torch.equal(A, net[0](x))
    assert (A < 0).any()


def test_under_inference_mode_it_works_all_the_same():
    with torch.inference_mode():
        inside = explain(red_square(), planted(), Everywhere(2), layer="features")
    with torch.no_grad():
        np.testing.assert_array_equal(explain(red_square(), planted(), Everywhere(2), layer="features").raw, inside.raw)


# --- in words ---


def test_a_vanishing_gradient_is_said():
    with pytest.raises(ValueError, match="The gradient vanishes"):
        explain(red_square(), planted(1e4), Pixel(2, 45, 15), layer="features", of="probability")
    assert explain(red_square(), planted(1e4), Pixel(2, 45, 15), layer="features").magnitude > 0


def test_a_shut_relu_is_said():
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Conv2d(4, 3, 1))
    with torch.no_grad():
        net[1].bias.fill_(-1e3)
    loaded = runtime.ready("shut", net, PALETTE, PLAIN, "0")
    with pytest.raises(ValueError, match=r"vanishes.*ReLU"):
        explain(red_square(), loaded, Everywhere(0), layer="0")


def test_a_map_of_zeros_is_said():
    black = np.zeros((64, 64, 3), np.uint8)  # A is 0 everywhere, though its gradient isn't
    with pytest.raises(ValueError, match="zero everywhere: at features nothing speaks for or against “c over"):
        explain(black, planted(), Everywhere(2), layer="features")


class Beside(Planted):
    """Has a layer that runs, but that the answer doesn't hang on; one that runs twice; and one that never does."""

    def __init__(self):
        super().__init__()
        self.beside, self.never = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 1)
        self.twice = nn.Conv2d(3, 3, 1)
        self.flat = nn.Flatten()

    def forward(self, x):
        self.flat(self.beside(x))
        return super().forward(self.twice(self.twice(x)))


@pytest.mark.parametrize(
    ("layer", "match"),
    [
        ("beside", "doesn't depend on this layer"),
        ("never", "runs 0 times"),
        ("twice", "runs 2 times"),
        ("flat", r"gives maps \(N, channels, h, w\); this one gives \(1, "),
        ("", "no layer ''; there are features, head"),
        ("context", "no layer 'context'"),
        (None, "names no layers"),
    ],
)
def test_a_layer_that_cannot_be_explained_is_said(layer, match):
    loaded = runtime.ready("beside", Beside(), PALETTE, PLAIN, "0")
    with pytest.raises(ValueError, match=match):
        explain(red_square(), loaded, Everywhere(2), layer=layer)


def test_other_wrong_arguments_are_said():
    loaded = planted()
    with pytest.raises(ValueError, match="No method 'cam'; there are grad-cam, "):
        explain(red_square(), loaded, Everywhere(2), method="cam")
    with pytest.raises(ValueError, match="of must be"):
        explain(red_square(), loaded, Everywhere(2), layer="features", of="softmax")
    with pytest.raises(ValueError, match="uint8 array"):
        explain(red_square()[..., 0], loaded, Everywhere(2))


def test_a_grey_picture_works():
    grey = np.repeat(photo().mean(2, keepdims=True).astype(np.uint8), 3, axis=2)
    assert explain(grey, "street", Everywhere(1), short_side=0).heat(relu=False).shape == grey.shape[:2]
    even = np.full((64, 64, 3), 128, np.uint8)
    assert explain(even, "street", Pixel(1, 0, 0), short_side=0).magnitude > 0


def test_alpha_is_the_mean_of_the_slopes_that_are_kept():
    found = explain(photo(), "street-fast", Everywhere(0), short_side=0)
    assert found.slopes.shape == found.activations.shape
    for term in found.terms():
        assert term.slope.mean() == pytest.approx(term.alpha, rel=1e-4, abs=1e-7)
    other = explain(photo(), "street-fast", Everywhere(0), short_side=0, method="xgrad-cam")
    assert other.slopes is None
    assert {term.slope for term in other.terms()} == {None}
