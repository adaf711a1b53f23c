"""Stages of real networks against totals, published figures and what hooks see; feature maps against a plain pass."""

from __future__ import annotations

import copy
import time

import numpy as np
import pytest
import torch
import torchvision
from torch import nn
from torch.utils._pytree import tree_leaves

from seglab import cost, memory
from seglab.nets import torchvision_nets
from seglab.nets.mask_rcnn_small import light
from seglab.nets.street import StreetNet
from seglab.nets.unet import UNet
from seglab.stages import Stage, default_names, feature_maps, measure

NETS = {
    "resnet18": torchvision.models.resnet18,
    "unet": lambda: UNet(3, base=4),
    "street": lambda: StreetNet(5, width=8, blocks=(1, 2, 2), full=8),
}


def state(net: nn.Module) -> tuple:
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in net.modules()]
    grads = [p.grad is not None for p in net.parameters()]
    return [m.training for m in net.modules()], hooks, grads, [p.requires_grad for p in net.parameters()]


@pytest.fixture(scope="module", params=NETS)
def measured(request) -> tuple[nn.Module, list[Stage]]:
    torch.manual_seed(0)
    net = NETS[request.param]().eval()
    before, weights = state(net), copy.deepcopy(net.state_dict())
    found = measure(net, (1, 3, 96, 64))
    assert state(net) == before
    assert all(torch.equal(weights[key], value) for key, value in net.state_dict().items())
    return net, found


def test_shapes_and_order_are_those_of_a_real_pass(measured):
    net, found = measured
    seen = []
    net = copy.deepcopy(net)
    for name in default_names(net):
        net.get_submodule(name).register_forward_hook(
            lambda m, i, out, name=name: seen.append((name, tuple(tuple(t.shape) for t in tree_leaves(out))))
        )
    with torch.no_grad():
        net(torch.rand(1, 3, 96, 64))
    assert [(s.name, s.shapes) for s in found] == seen
    assert [s.shape for s in found] == [shapes[0] for _, shapes in seen]
    assert all(s.kind == type(net.get_submodule(s.name)).__name__ for s in found)


def test_sums_are_those_of_the_whole_network(measured):
    net, found = measured
    (whole,) = measure(net, (1, 3, 96, 64), [""])
    total = cost.of_net(net, (1, 3, 96, 64))
    # All multiplications are in convolutions and dense layers, and these in the parts; the first call has the weights.
    assert sum(s.macs for s in found) == whole.macs == total.macs > 0
    assert sum(s.parameters for s in found if s.call == 0) == whole.parameters == total.parameters
    kept = memory.activation_bytes(net, torch.empty(2, 3, 96, 64, device="meta")) // 2
    assert whole.activation_bytes == kept
    between = kept - sum(s.activation_bytes for s in found)  # what F.relu and sums between parts keep
    assert (between > 0) == isinstance(net, StreetNet)
    assert (whole.name, whole.call, whole.kind) == ("", 0, type(net).__name__)


def test_strides_are_ratios_of_sizes(measured):
    _, found = measured
    for s in found:
        if len(s.shape) == 4 and s.shape[2] > 1:
            assert s.field.stride == (96 / s.shape[2], 64 / s.shape[3])
    assert {s.field.whole for s in found} == {False, True} or isinstance(measured[0], UNet)


def test_resnet18_by_hand_and_as_published():
    net = torchvision.models.resnet18()
    found = measure(net, (1, 3, 224, 224))
    assert [s.name for s in found] == [
        "conv1", "bn1", "relu", "maxpool", *(f"layer{n}.{m}" for n in range(1, 5) for m in range(2)), "avgpool", "fc",
    ]  # fmt: skip
    by_name = {s.name: s for s in found}
    conv1 = by_name["conv1"]
    assert (conv1.shape, conv1.parameters, conv1.macs) == ((1, 64, 112, 112), 64 * 147, 64 * 112**2 * 147)
    assert conv1.activation_bytes == 4 * 3 * 224**2  # its input
    assert by_name["bn1"].activation_bytes == 4 * 64 * 112**2 + 4 * 2 * 64 // 2
    assert by_name["maxpool"].activation_bytes == 8 * 64 * 56**2
    assert by_name["layer2.0"].parameters == 64 * 128 * 9 + 128**2 * 9 + 64 * 128 + 3 * 2 * 128
    assert by_name["layer2.0"].macs == 28**2 * (64 * 128 * 9 + 128**2 * 9 + 64 * 128)
    assert by_name["layer4.1"].field.size == (435, 435)
    assert by_name["fc"].field.whole
    meta = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.meta
    assert sum(s.parameters for s in found) == meta["num_params"]
    assert round(sum(s.macs for s in found) / 1e9, 3) == meta["_ops"]


def test_unet_calls_its_pool_four_times():
    found = measure(UNet(3, base=4), (1, 3, 64, 64))
    down = [x for n in range(4) for x in ((f"down.{n}", 0), ("pool", n))]
    up = [x for n in range(4) for x in ((f"up.{n}", 0), (f"join.{n}", 0))]
    assert [(s.name, s.call) for s in found] == [*down, ("down.4", 0), *up, ("classify", 0)]
    pools = [s for s in found if s.name == "pool"]
    assert [s.shape for s in pools] == [(1, 4 * 2**n, 32 // 2**n, 32 // 2**n) for n in range(4)]
    assert [s.field.stride for s in pools] == [(2 ** (n + 1),) * 2 for n in range(4)]
    assert [s.field.size[0] for s in pools] == [6, 16, 36, 76]
    assert [(s.parameters, s.macs) for s in pools] == [(0, 0)] * 4
    last = found[-1]
    assert (last.field.size, last.macs, last.parameters) == ((204, 204), 64 * 64 * 4 * 3, 15)


def test_chosen_parts_may_lie_within_each_other():
    net = UNet(3, base=4)
    conv, norm, outer, whole = measure(net, (1, 3, 64, 64), ["", "down.1.3", "down.1", "down.1.4"])
    assert [s.name for s in (conv, norm, outer, whole)] == ["down.1.3", "down.1.4", "down.1", ""]  # as they end
    assert conv.macs == 8 * 8 * 9 * 32 * 32
    assert outer.macs == conv.macs + 4 * 8 * 9 * 32 * 32
    assert conv.field.size == outer.field.size == (14, 14)
    assert conv.activation_bytes == 0  # its input is ReLU's output, and counts there
    assert norm.activation_bytes == 4 * 8 * 32 * 32 + 4 * 2 * 8 // 2
    assert norm.activation_bytes < outer.activation_bytes < whole.activation_bytes


def test_networks_that_cannot_learn_from_one_picture():
    with torch.device("meta"):
        net = torchvision_nets.deeplabv3_mobilenet()
    found = measure(net, (1, 3, 128, 128), ["backbone", "classifier.0.convs.4", "classifier"])
    assert [s.name for s in found] == ["backbone", "classifier.0.convs.4", "classifier"]
    assert found[-1].shape == (1, 21, 8, 8)
    assert all(s.activation_bytes > 0 and s.macs > 0 and s.field.whole for s in found)


def test_detectors_have_no_field_but_their_backbone_has():
    net = light(2, 8, 100, 16, width=8, channels=16, hidden=16).eval()
    (backbone,) = measure(net, (1, 3, 64, 64), ["backbone"])
    assert [shape[2:] for shape in backbone.shapes] == [(32, 32), (16, 16), (8, 8), (4, 4), (2, 2)]
    assert backbone.field is None
    (alone,) = measure(net.backbone, (1, 3, 64, 64), [""])
    assert (alone.shapes, alone.macs) == (backbone.shapes, backbone.macs)
    assert [f.stride[0] for f in alone.fields] == [2, 4, 8, 16, 32]


def test_volumes():
    net = nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.MaxPool3d(2))
    conv, pool = measure(net, (1, 1, 16, 16, 16))
    assert (conv.shape, conv.macs, conv.field.size) == ((1, 4, 16, 16, 16), 4 * 27 * 16**3, (3, 3, 3))
    assert (pool.shape, pool.field.size, pool.field.stride) == ((1, 4, 8, 8, 8), (4, 4, 4), (2, 2, 2))


def test_small_networks_take_little_time():
    nets = [UNet(11, base=16), StreetNet(11, width=16), torchvision.models.resnet18()]
    measure(nets[0], (1, 3, 128, 128))  # what torch loads when it is first used
    for net in nets:
        began = time.process_time()
        measure(net, (1, 3, 128, 128))
        assert time.process_time() - began < 1  # of one core


def test_default_names():
    assert default_names(nn.ReLU()) == ("",)
    assert default_names(nn.Sequential(nn.ReLU(), nn.Sequential(nn.ReLU()))) == ("0", "1.0")
    street = default_names(StreetNet(5, width=8, blocks=(1, 2, 2)))
    assert street[:6] == ("stem.0", "stem.1", "stage4.0", "stage8.0", "stage8.1", "stage16.0")
    assert street[-1] == "classify"
    assert "context" in street


# --- feature maps ---


@pytest.mark.parametrize(("name", "call"), [("down.1", 0), ("pool", 2), ("join.3", 0), ("", 0)])
def test_feature_maps_are_those_of_a_plain_pass(name, call):
    torch.manual_seed(0)
    net = UNet(3, base=4).train()
    x = torch.rand(1, 3, 64, 48)
    before, weights = state(net), copy.deepcopy(net.state_dict())
    found = feature_maps(net, x, name, n=3, call=call)
    assert state(net) == before
    assert all(torch.equal(weights[key], value) for key, value in net.state_dict().items())

    plain, outputs = copy.deepcopy(net).eval(), []
    plain.get_submodule(name).register_forward_hook(lambda m, i, out: outputs.append(out.clone()))
    with torch.no_grad():
        plain(x)
    wanted = outputs[call][0]
    power = wanted.square().mean((1, 2)).sqrt()
    order = power.argsort(descending=True)[:3]
    assert found.channels.tolist() == order.tolist()
    np.testing.assert_allclose(found.strengths, power[order].numpy(), rtol=1e-5)
    np.testing.assert_array_equal(found.maps, wanted[order].numpy())
    assert found.of == len(wanted)
    assert found.maps.dtype == found.strengths.dtype == np.float32


def test_feature_maps_are_before_a_relu_that_overwrites_them():
    net = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.ReLU(inplace=True))
    net[0].weight.data = torch.tensor([2.0, -3.0]).view(2, 1, 1, 1)
    x = torch.ones(1, 1, 4, 4)
    with torch.inference_mode():
        found = feature_maps(net, x, "0", n=5)
    assert (found.channels.tolist(), found.strengths.tolist(), found.of) == ([1, 0], [3, 2], 2)
    assert found.maps.min() == -3
    assert feature_maps(net, x, "1", n=1).channels.tolist() == [0]
    assert x.min() == x.max() == 1


def test_by_spread_a_large_flat_channel_comes_last():
    net = nn.Conv2d(1, 2, 1)
    net.weight.data = torch.tensor([0.0, 2.0]).view(2, 1, 1, 1)
    net.bias.data = torch.tensor([9.0, 0.0])
    x = torch.tensor([[0.0, 1.0], [2.0, 3.0]])[None, None]
    assert feature_maps(net, x, "", n=2).channels.tolist() == [0, 1]
    found = feature_maps(net, x, "", n=2, by="spread")
    assert found.channels.tolist() == [1, 0]
    np.testing.assert_allclose(found.strengths, [2 * np.sqrt(1.25), 0], rtol=1e-6)
    assert found.maps[0].tolist() == [[0, 2], [4, 6]]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda net: measure(net, (1, 3, 64, 64), ["dwon.1"]), r"UNet has no part called 'dwon.1'.*'down.1'"),
        (lambda net: measure(net, (1, 3, 64, 64), ["down", "pool"]), r"UNet doesn't run 'down' .*'down.0', 'down.1'"),
        (lambda net: measure(net, (2, 3, 64, 64)), r"one picture; got \(2, 3, 64, 64\)"),
        (lambda net: measure(net, (3, 64, 64)), r"one picture; got \(3, 64, 64\)"),
        (lambda net: feature_maps(net, torch.zeros(1, 3, 32, 32), "botom"), "no part called 'botom'"),
        (lambda net: feature_maps(net, torch.zeros(1, 3, 32, 32), "pool", call=4), "called 4 times in one pass"),
        (lambda net: feature_maps(net, torch.zeros(1, 3, 32, 32), "join"), "called 0 times"),
        (lambda net: feature_maps(net, torch.zeros(2, 3, 32, 32), "pool"), r"one picture.*got \(2, 3, 32, 32\)"),
        (lambda net: feature_maps(net, torch.zeros(1, 3, 32, 32), "pool", n=0), "n=0"),
        (
            lambda net: feature_maps(torchvision.models.resnet18(), torch.zeros(1, 3, 64, 64), "fc"),
            r"\(1, 1000\).*no map",
        ),
    ],
)
def test_errors_are_sentences(call, match):
    with pytest.raises(ValueError, match=match):
        call(UNet(3, base=4))
