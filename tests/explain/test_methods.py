"""The other methods: equal to the library left to itself, counted, cancelled, and without a trace."""

from __future__ import annotations

import ast
import copy
import sys
from pathlib import Path

import numpy as np
import pytest
import pytorch_grad_cam
import torch
from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection
from torch import nn

from seglab import cost, peak, runtime, zoo
from seglab.explain import METHODS, Everywhere, Painted, explain
from seglab.explain import methods as m
from seglab.explain.passes import network_input
from seglab.explain.score import Score
from seglab.runtime import Cancelled
from seglab.types import Palette

PALETTE = Palette("test", ("a", "b", "c"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))
SIZE = (72, 88)
LAYER = "3"
REGION = np.zeros(SIZE, bool)
REGION[20:50, 30:60] = True
TARGET = Painted(1, REGION)


def net(channels=12):
    torch.manual_seed(4)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(inplace=True),
        nn.Conv2d(8, channels, 3, stride=2, padding=1), nn.ReLU(inplace=True),
        nn.Conv2d(channels, 6, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(6, 3, 1),
    )  # fmt: skip


@pytest.fixture(scope="module")
def loaded():
    return runtime.ready("net", net(), PALETTE, zoo.Preprocess(0), "0")


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(1).integers(0, 255, (*SIZE, 3), np.uint8)


class Library:
    """The library by itself, with its own hooks and its own passes; y is the mean over the region if asked for."""

    def __init__(self, loaded, image, mean=False):
        self.net = copy.deepcopy(loaded.net).requires_grad_(True)
        self.x = network_input(image, loaded)
        score = Score(self.net, TARGET, PALETTE, SIZE)
        score(self.x)
        w = next(iter(score._weights.values()))
        w = w / w.sum() if mean else w
        self.target = lambda z: (w * z[1]).sum()

    def raw(self, name, **options):
        with getattr(pytorch_grad_cam, name)(self.net, [self.net.get_submodule(LAYER)], **options) as cam:
            cam(self.x, [self.target])
            seen = cam.activations_and_grads
            A = seen.activations[0].detach().numpy()
            G = seen.gradients[0].detach().numpy() if seen.gradients else None
            return cam.get_cam_image(self.x, self.net.get_submodule(LAYER), [self.target], A, G, False)[0]


def close(ours, theirs, tolerance=1e-5):
    np.testing.assert_allclose(ours / np.abs(theirs).max(), theirs / np.abs(theirs).max(), atol=tolerance)


@pytest.mark.parametrize("method", ["grad-cam++", "hirescam", "xgrad-cam", "layer-cam"])
def test_formulas_of_gradients_equal_the_library_by_itself(loaded, image, method):
    found = explain(image, loaded, TARGET, method=method, layer=LAYER)
    close(found.raw, Library(loaded, image).raw(METHODS[method].cls))
    assert (found.alpha is None) == (method in ("hirescam", "layer-cam"))


def test_hirescam_and_layercam_by_hand(loaded, image):
    x = network_input(image, loaded)
    y, A = m.activations(Score(loaded.net, TARGET, PALETTE, SIZE), loaded.net[3], x)
    G = m.gradient(y, A)
    close(explain(image, loaded, TARGET, method="hirescam", layer=LAYER).raw, (G * A).sum(1)[0].detach().numpy())
    close(
        explain(image, loaded, TARGET, method="layer-cam", layer=LAYER).raw, (G.relu() * A).sum(1)[0].detach().numpy()
    )


def test_eigencam_is_the_first_component_and_points_at_the_activations(loaded, image):
    found = explain(image, loaded, TARGET, method="eigencam", layer=LAYER)
    with torch.no_grad():
        A = loaded.net[:4](network_input(image, loaded)).numpy()
    theirs = get_2d_projection(A)[0]
    close(found.raw, theirs * np.sign((theirs * found.raw).sum()), 1e-4)
    assert np.corrcoef(found.raw.ravel(), A[0].sum(0).ravel())[0, 1] > 0
    other = explain(image, loaded, Everywhere(2), method="eigencam", layer=LAYER)
    np.testing.assert_array_equal(other.raw, found.raw)  # it asks no score


def test_scorecam_equals_the_library_by_itself(loaded, image):
    found = explain(image, loaded, TARGET, method="score-cam", layer=LAYER)
    close(found.raw, Library(loaded, image, mean=True).raw("ScoreCAM"), 1e-4)
    assert found.alpha.sum() == pytest.approx(1, rel=1e-5)  # a softmax


def test_ablationcam_by_hand(loaded, image):
    found = explain(image, loaded, TARGET, method="ablation-cam", layer=LAYER)
    x = network_input(image, loaded)
    score = Score(loaded.net, TARGET, PALETTE, SIZE)
    with torch.no_grad():
        y, A = float(score(x)), loaded.net[:4](x)
        rest = score.on(loaded.net[4:])
        alpha = []
        for k in range(A.shape[1]):
            without = A.clone()
            without[:, k] = 0
            alpha.append((y - float(rest(without))) / abs(y))
    np.testing.assert_allclose(found.alpha, alpha, atol=1e-4 * np.abs(alpha).max())
    close(found.raw, np.einsum("k,khw->hw", np.float32(alpha), A[0].numpy()), 1e-4)


def test_ablationcam_keeps_its_sign_where_the_score_is_negative(image):
    both = []
    for shift in (1000.0, -1000.0):  # a constant in the logits changes no drop
        other = net()
        with torch.no_grad():
            other[6].bias[1] += shift
        both.append(explain(image, runtime.ready("n", other, PALETTE, zoo.Preprocess(0), "0"), TARGET,
                            method="ablation-cam", layer=LAYER))  # fmt: skip
    assert both[0].score > 0 > both[1].score
    close(both[0].raw, both[1].raw, 0.02)


def test_only_the_strongest_channels_of_a_wide_layer_are_tried(image):
    loaded = runtime.ready("wide", net(100), PALETTE, zoo.Preprocess(0), "0")
    for method in ("score-cam", "ablation-cam"):
        said: list[tuple[int, int]] = []
        found = explain(
            image, loaded, TARGET, method=method, layer=LAYER, progress=lambda *n, said=said: said.append(n)
        )
        assert (found.alpha != 0).sum() <= m.STRONGEST
        assert said == [(n, METHODS[method].passes) for n in range(1, METHODS[method].passes + 1)]
        with torch.no_grad():
            A = loaded.net[:4](network_input(image, loaded))[0]
        strongest = set(A.flatten(1).std(1).argsort(descending=True)[: m.STRONGEST].tolist())
        assert set(np.flatnonzero(found.alpha)) <= strongest


@pytest.mark.parametrize("method", ["score-cam", "ablation-cam", "integrated-gradients"])
def test_many_passes_can_be_cancelled_and_leave_the_network_whole(loaded, image, method):
    before = explain(image, loaded, TARGET, layer=LAYER)
    done = []
    with pytest.raises(Cancelled):
        explain(image, loaded, TARGET, method=method, layer=LAYER,
                cancel=lambda: len(done) > 1, progress=lambda *n: done.append(n))  # fmt: skip
    assert len(done) == 2
    with runtime.hooks_lock(loaded) as copied:
        assert not any(module._forward_hooks for module in copied.modules())
        assert isinstance(copied[3], nn.ReLU)
    np.testing.assert_array_equal(explain(image, loaded, TARGET, layer=LAYER).raw, before.raw)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_counts_its_passes_and_leaves_no_trace(loaded, image, method):
    passes, said = runtime.forward_passes(), []
    found = explain(image, loaded, TARGET, method=method, layer=LAYER, flip=True, progress=lambda *n: said.append(n))
    assert runtime.forward_passes() - passes == len(said) <= 2 * METHODS[method].passes
    assert found.raw.shape == (SIZE if not METHODS[method].by_layer else (18, 22))
    with runtime.hooks_lock(loaded) as copied:
        for module in copied.modules():
            assert not module._forward_hooks
            assert not module._backward_hooks
        assert all(p.grad is None and not p.requires_grad for p in copied.parameters())


@pytest.mark.parametrize("short_side", [None, 0, 299])
def test_slow_methods_look_at_a_small_picture(short_side):
    loaded = runtime.ready("net", net(), PALETTE, zoo.Preprocess(0), "0")
    large = np.random.default_rng(1).integers(0, 255, (300, 400, 3), np.uint8)
    slow = explain(large, loaded, Everywhere(1), method="score-cam", layer=LAYER, short_side=short_side)
    assert slow.raw.shape == (64, 86)
    assert explain(large, loaded, Everywhere(1), layer=LAYER, short_side=0).raw.shape == (75, 100)


@pytest.mark.parametrize("short_side", [None, 0, 1500])
def test_no_graph_of_a_huge_picture_is_made(short_side):
    loaded = runtime.ready("net", nn.Conv2d(3, 3, 1, stride=8), PALETTE, zoo.Preprocess(0), "0")
    huge = np.random.default_rng(1).integers(0, 255, (2048, 2050, 3), np.uint8)
    assert explain(huge, loaded, Everywhere(1), method="gradient", short_side=short_side).raw.shape == (1024, 1025)


def test_a_graph_asks_for_more_memory_than_a_pass(monkeypatch):
    loaded = runtime.ready("net", nn.Conv2d(3, 3, 1, stride=8), PALETTE, zoo.Preprocess(0), "0")
    large = np.random.default_rng(1).integers(0, 255, (1024, 1100, 3), np.uint8)
    needed = peak.cost(loaded.net, 256, 256).activation_bytes / 256**2 * 1024 * 1100 * cost.WORKSPACE
    monkeypatch.setattr(cost, "available_memory", lambda: int(1.5 * needed))
    runtime.forward(loaded, torch.zeros(1, 3, 1024, 1100))
    with pytest.raises(runtime.OutOfMemory):
        explain(large, loaded, Everywhere(1), method="gradient")


def test_the_library_prints_no_progress_bars(loaded, image, capfd):
    explain(image, loaded, TARGET, method="score-cam", layer=LAYER)
    explain(image, loaded, TARGET, method="ablation-cam", layer=LAYER)
    assert capfd.readouterr().err == ""


def test_without_the_library_a_sentence_says_so(monkeypatch, loaded, image):
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    m._library.cache_clear()
    with pytest.raises(ValueError, match=r"Layer-CAM needs the package grad-cam \(pip install grad-cam\)"):
        explain(image, loaded, TARGET, method="layer-cam", layer=LAYER)
    assert explain(image, loaded, TARGET, layer=LAYER).magnitude > 0
    m._library.cache_clear()


def test_the_library_is_loaded_only_when_needed():
    """It takes a second or more and 130 MB."""
    for path in Path(m.__file__).parent.glob("*.py"):
        at_load = [
            n for n in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(n, ast.Import | ast.ImportFrom)
        ]
        assert not any("pytorch_grad_cam" in ast.unparse(node) for node in at_load)
