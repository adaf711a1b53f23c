"""Winograd's convolution against torch's in float64, and the networks that it is put into."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from seglab import copies, runtime, winograd, zoo
from seglab.nets.unet import UNet
from seglab.winograd import Winograd, fits, matrices, quicken


def test_the_matrices_correlate() -> None:
    a, g, b = matrices()
    rng = np.random.default_rng(0)
    for _ in range(20):
        d, k = rng.normal(size=6), rng.normal(size=3)
        np.testing.assert_allclose(a @ ((g @ k) * (b @ d)), np.correlate(d, k, "valid"), atol=1e-12)


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (5, 7), (17, 33), (65, 65), (3, 130)])
@pytest.mark.parametrize(("batch", "bias"), [(1, True), (3, False), (0, True)])
def test_it_is_torchs_convolution(size: tuple[int, int], batch: int, bias: bool) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(24, 40, 3, padding=1, bias=bias)
    x = torch.randn(batch, 24, *size).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        got = Winograd(conv)(x)
        want = conv.double()(x.double())
    assert got.shape == want.shape
    assert got.dtype == torch.float32
    assert got.is_contiguous(memory_format=torch.channels_last)
    assert not batch or (got - want).abs().max() < 3e-6 * want.abs().max().clamp(min=1)


def test_its_rounding_is_that_of_float32() -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(256, 256, 3, padding=1, bias=False)
    x = torch.randn(1, 256, 32, 32).relu()
    with torch.inference_mode():
        fast, plain = Winograd(conv)(x), conv(x)
        exact = conv.double()(x.double())
    errors = [float((y - exact).square().mean().sqrt() / exact.std()) for y in (fast, plain)]
    assert errors[0] < 1.5e-6
    assert errors[0] < 10 * errors[1]


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(256, 256, 3, padding=1, stride=2), nn.Conv2d(256, 256, 3, padding=1, groups=2),
        nn.Conv2d(256, 256, 3), nn.Conv2d(256, 256, 3, padding=2), nn.Conv2d(256, 256, 1),
        nn.Conv2d(64, 1024, 3, padding=1), nn.Conv2d(256, 256, 3, padding=2, dilation=2),
        nn.Conv2d(127, 256, 3, padding=1), nn.Conv2d(256, 256, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(256, 256, 3, padding=1).bfloat16(), nn.ConvTranspose2d(256, 256, 3, padding=1), nn.ReLU(),
    ],
    ids=str,
)  # fmt: skip
def test_what_it_does_not_compute_or_gain_by_is_left_alone(conv: nn.Module) -> None:
    assert not fits(conv)


def test_a_network_keeps_its_answers_and_its_weights() -> None:
    torch.manual_seed(0)
    net = UNet(5, base=32).eval()
    quick = quicken(net)
    replaced = [name for name, module in quick.named_modules() if isinstance(module, Winograd)]
    assert len(replaced) >= 5
    assert not any(isinstance(module, Winograd) for module in net.modules())
    x = torch.randn(2, 3, 128, 96)
    with torch.inference_mode():
        a, b = net(x), quick(x)
    assert torch.allclose(a, b, rtol=1e-4, atol=1e-4 * float(a.abs().max()))
    assert (a.argmax(1) == b.argmax(1)).float().mean() >= 0.9998
    shared = {id(p) for p in net.parameters()}
    kept = [p for p in quick.parameters()]
    assert kept
    assert all(id(p) in shared for p in kept)


def test_nothing_to_replace_is_the_network_itself() -> None:
    net = UNet(3, base=4).eval()
    assert quicken(net) is net


def test_a_loaded_model_runs_it_in_float32_on_a_cpu_and_not_in_half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd, "NARROWEST", 8)
    monkeypatch.setattr(winograd, "WIDE", 64)
    spec = zoo.get("street-fast")
    torch.manual_seed(0)
    net = spec.build()
    loaded = runtime.ready("mine", net, spec.palette, spec.preprocess, "0")
    on_cpu = loaded.device.type == "cpu"
    assert any(isinstance(module, Winograd) for module in loaded.folded.modules()) is on_cpu
    assert not any(isinstance(module, Winograd) for module in loaded.net.modules())
    x = torch.randn(1, 3, 96, 64)
    with torch.inference_mode():
        want = loaded.net(x.to(loaded.device)).cpu()
    got = runtime.forward(loaded, x)
    assert torch.allclose(got, want, rtol=1e-3, atol=1e-3 * float(want.abs().max()))
    if "bf16" in runtime.precisions():
        half = copies.half(loaded, "bf16", runtime._models)
        assert not any(isinstance(module, Winograd) for module in half.folded.modules())
