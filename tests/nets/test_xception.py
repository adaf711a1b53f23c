"""Aligned Xception against timm's `xception65`, an independent port: the same weights give the same maps."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from seglab.nets import xception

timm = pytest.importorskip("timm")


def count(net):
    return sum(p.numel() for p in net.parameters())


def test_parameters():
    """timm prints 39.92 M for xception65 with 1000 classes; 65 and 71 are numbers of layers."""
    with torch.device("meta"):
        ours = count(xception.Xception())
        theirs = timm.create_model("xception65")
    assert ours == count(theirs) - count(theirs.head)
    assert (ours + 2048 * 1000 + 1000) / 1e6 == pytest.approx(39.92, abs=0.005)


@pytest.mark.parametrize(("entry", "layers"), [(xception.ENTRY_65, 65), (xception.ENTRY_71, 71)])
def test_layers(entry, layers):
    """Two in the stem, three separable ones per block and at the end: 2 + 3·(3 + 16 + 2) and 2 + 3·(5 + 16 + 2)."""
    with torch.device("meta"):
        net = xception.Xception(entry)
    depthwise = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d) and m.groups > 1]
    assert len(depthwise) + 2 == layers


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_timms_weights_give_timms_maps(stride):
    torch.manual_seed(0)
    theirs = timm.create_model("xception65", output_stride=stride, num_classes=0).eval()
    for module in theirs.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    ours = xception.Xception(stride=stride).eval()
    weights = list(theirs.state_dict().values())
    ours.load_state_dict(dict(zip(ours.state_dict(), weights, strict=True)))
    x = torch.randn(1, 3, 64, 75)
    with torch.no_grad():
        expected = theirs.forward_intermediates(x, intermediates_only=True)
        got = ours(x)
    assert ours.strides[-1] == stride
    torch.testing.assert_close(got[-1], expected[-1], rtol=1e-4, atol=1e-5)
    for ours_at, theirs_at in zip(got[:3], expected[:3], strict=True):  # theirs are taken behind the ReLU
        torch.testing.assert_close(F.relu(ours_at), theirs_at, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("build", [xception.Xception, xception.small_encoder])
@pytest.mark.parametrize("stride", [8, 16])
def test_maps_are_as_announced(build, stride):
    with torch.device("meta"):
        net = build(stride=stride)
        maps = net(torch.zeros(1, 3, 128, 192))
    for x, channels, s in zip(maps, net.channels, net.strides, strict=True):
        assert x.shape == (1, channels, 128 // s, 192 // s)
    assert net.strides == (2, 4, 8, stride)


def test_other_strides_are_refused():
    with pytest.raises(ValueError, match="8, 16 or 32; got 4"):
        xception.small_encoder(stride=4)
