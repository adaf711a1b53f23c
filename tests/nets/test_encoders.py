"""Encoders: torchvision's features with torchvision's weights, and the same view at a finer output stride."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.models.feature_extraction import create_feature_extractor

from seglab.nets.encoders import NAMES, encoder, from_torchvision

# resnet34 and resnet101 are resnet18 and resnet50 with more of the same.
SHALLOW = tuple(name for name in NAMES if name not in ("resnet34", "resnet101"))
RESNET_NODES = ["relu", "layer1", "layer2", "layer3", "layer4"]
# The last layer of each stage in torchvision's own numbering, read from its source.
NODES = {
    "mobilenet_v2": ["features.1", "features.3", "features.6", "features.13", "features.18"],
    "mobilenet_v3_large": ["features.1", "features.3", "features.6", "features.12", "features.16"],
    "efficientnet_b0": ["features.1", "features.2", "features.3", "features.5", "features.8"],
}


def lively(net: nn.Module) -> nn.Module:
    """In eval mode, with BatchNorm statistics that aren't 0 and 1."""
    torch.manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return net.eval()


@pytest.mark.parametrize("name", [n for n in SHALLOW if n not in ("tiny", "vgg16")])
def test_features_are_torchvisions(name):
    net = lively(models.get_model(name))
    nodes = RESNET_NODES if name.startswith("resnet") else NODES[name]
    x = torch.randn(1, 3, 67, 91)
    with torch.no_grad():
        wanted = list(create_feature_extractor(net, nodes)(x).values())
        found = from_torchvision(name, net)(x)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_features_of_vgg16_are_torchvisions():
    # Its head has 124 million weights, so only the part that is used is made.
    features = models.vgg.make_layers(models.vgg.cfgs["D"]).eval()
    net = nn.Module()
    net.features = features
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        found, wanted = from_torchvision("vgg16", net)(x), x
        for n, module in enumerate(features):
            wanted = module(wanted)
            if n in (4, 9, 16, 23, 30):  # the pools
                torch.testing.assert_close(found.pop(0), wanted, rtol=1e-5, atol=1e-5)
    assert not found


@pytest.mark.parametrize("name", SHALLOW)
def test_shapes_are_as_said(name):
    with torch.device("meta"):
        net = encoder(name)
        for h, w in ((64, 64), (96, 160)) if name == "vgg16" else ((64, 64), (67, 91)):
            maps = net(torch.empty(1, 3, h, w))
            assert [m.shape[1] for m in maps] == list(net.channels)
            assert [tuple(m.shape[2:]) for m in maps] == [(-(-h // s), -(-w // s)) for s in (2, 4, 8, 16, 32)]
    assert net.strides == (2, 4, 8, 16, 32)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_used_and_the_head_is_gone(name):
    with torch.device("meta"):
        net = encoder(name)
        net(torch.empty(2, 3, 64, 64))[-1].sum().backward()
        count = sum(p.numel() for p in net.parameters())
        if name == "tiny":
            assert count < 300_000
        else:
            whole = models.get_model(name)
            head = whole.fc if name.startswith("resnet") else whole.classifier
            assert count == sum(p.numel() for p in whole.parameters()) - sum(p.numel() for p in head.parameters())
    assert [key for key, p in net.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize(
    ("name", "stride"),
    [("tiny", 8), ("tiny", 16), ("resnet18", 8), ("resnet18", 16), ("resnet50", 8), ("mobilenet_v2", 8)],
)
def test_a_dilated_encoder_says_the_same_at_more_places(name, stride):
    """Every second (or fourth) cell of the finer map is a cell of the map of stride 32, to rounding."""
    coarse, fine = lively(encoder(name)).double(), encoder(name, stride).double().eval()
    fine.load_state_dict(coarse.state_dict())
    x = torch.randn(1, 3, 77, 64).double()
    with torch.no_grad():
        wanted, found = coarse(x), fine(x)
    assert fine.strides == tuple(min(s, stride) for s in coarse.strides)
    for ours, theirs, s in zip(found, wanted, coarse.strides, strict=True):
        step = max(1, s // stride)
        assert ours.shape[-2:] == tuple(-(-side // min(s, stride)) for side in x.shape[-2:])
        torch.testing.assert_close(ours[..., ::step, ::step], theirs)


def test_a_dilated_resnet_is_torchvisions():
    whole = lively(models.resnet50(replace_stride_with_dilation=[False, True, True]))
    net = encoder("resnet50", stride=8).eval()
    net.load_state_dict(from_torchvision("resnet50", whole).state_dict())
    x = torch.randn(1, 3, 65, 70).double()
    with torch.no_grad():
        wanted = create_feature_extractor(whole.double(), ["layer4"])(x)["layer4"]
        torch.testing.assert_close(net.double()(x)[-1], wanted)


@pytest.mark.parametrize("name", ["mobilenet_v3_large", "efficientnet_b0"])
@pytest.mark.parametrize("stride", [8, 16])
def test_the_others_can_be_dilated_too(name, stride):
    # They look at the mean of whole maps, which differs at other strides, so that only shapes can be compared.
    with torch.device("meta"):
        net = encoder(name, stride)
        assert tuple(net(torch.empty(1, 3, 67, 91))[-1].shape[2:]) == (-(-67 // stride), -(-91 // stride))


def test_errors_say_what_there_is():
    with pytest.raises(ValueError, match="there are tiny, vgg16, resnet18"):
        encoder("resnet19")
    with pytest.raises(ValueError, match="8, 16 or 32; got 4"):
        encoder("tiny", stride=4)
    with pytest.raises(ValueError, match="has no weights to download"):
        encoder("tiny", weights="DEFAULT")
    with pytest.raises(ValueError, match="stride 32 only; got 16"):
        encoder("vgg16", stride=16)
    with pytest.raises(ValueError, match="there are vgg16, resnet18"):
        from_torchvision("tiny", nn.Module())
