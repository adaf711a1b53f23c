"""What all networks with context have in common: any size, gradients everywhere, the same answer twice, small size."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from seglab.nets import (
    deeplab_v1,
    deeplab_v2,
    deeplab_v3,
    deeplab_v3plus,
    fcn_torchvision,
    hrnet,
    pspnet,
    tiramisu,
    xception,
)  # fmt: skip

SMALL = {
    "pspnet": pspnet.small,
    "deeplab_v1": deeplab_v1.small,
    "deeplab_v2": deeplab_v2.small,
    "deeplab_v3": deeplab_v3.small,
    "deeplab_v3plus": deeplab_v3plus.small,
    "deeplab_v3plus on xception": lambda k: deeplab_v3plus.DeepLabV3Plus(xception.small_encoder(), k, 48, 16),
    "fcn_torchvision": fcn_torchvision.small,
    "xception": xception.small,
    "hrnet": hrnet.small,
    "hrnet V1": lambda k: hrnet.HRNet(k, 6, "V1", (1, 1, 2, 1, 8)),
    "hrnet V2p": lambda k: hrnet.HRNet(k, 6, "V2p", (1, 1, 1, 1, 8)),
    "tiramisu": tiramisu.small,
}
NETS = Path(fcn_torchvision.__file__).parent
FILES = sorted(path for path in NETS.glob("*.py") if path.name != "__init__.py")
# What others share, or only build; no architecture of its own.
PARTS = {"blocks", "classifiers", "detection_parts", "encoders", "hrnet_heads", "street", "torchvision_nets"}


@pytest.fixture(params=SMALL)
def net(request):
    torch.manual_seed(0)
    return SMALL[request.param](5)


@pytest.mark.parametrize("size", [(64, 64), (67, 91), (128, 65)])
def test_the_logits_have_the_pictures_size(net, size):
    net.eval()
    with torch.no_grad():
        logits = net(torch.randn(1, 3, *size))
    assert logits.shape == (1, 5, *size)
    assert logits.isfinite().all()


def test_one_picture_trains(net):
    """A mean of 1×1 is a single value for BatchNorm; it must not fail there."""
    logits = net(torch.randn(1, 3, 64, 71))
    assert logits.shape == (1, 5, 64, 71)
    assert logits.isfinite().all()


@pytest.mark.parametrize("n", [1, 2])
def test_every_parameter_gets_a_gradient(net, n):
    out = net(torch.randn(n, 3, 72, 80))
    (out * torch.randn_like(out)).sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 1e-6] == []


def test_the_answer_is_the_same_twice(net):
    x = torch.randn(2, 3, 65, 70)
    net(x)  # so that BatchNorm has seen something
    net.eval()
    with torch.no_grad():
        first, again, alone = net(x), net(x), net(x[1:])
    assert torch.equal(first, again)
    torch.testing.assert_close(first[1:], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in SMALL if " " not in name])
def test_small_is_small(name):
    with torch.device("meta"):
        assert sum(p.numel() for p in SMALL[name](11).parameters()) <= 600_000


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_is_read_in_one_sitting(file):
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    about = text.split('"""')[1]
    if file.stem not in PARTS:
        assert re.search(r"\b(Lacks:|[Ii]t lacks)", about), "say what it leaves to be mended"
        assert "arXiv:" in about or "NIPS" in about
