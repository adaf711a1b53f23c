"""What the cost strip shows, against torch's own counter, torchvision's published figures, and sums done by hand."""

from __future__ import annotations

import copy
import gc
import json
import os
import subprocess
import sys
import weakref
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from seglab import cost as costs
from seglab import runtime, zoo
from seglab.palettes import VOC
from seglab.zoo import Preprocess, Torchvision

TORCHVISION = [
    key for key, spec in zoo.MODELS.items() if isinstance(spec.source, Torchvision) and spec.task == "semantic"
]


def published(key):
    source = zoo.get(key).source
    return getattr(import_module("torchvision.models.segmentation"), source.enum)[source.member].meta


@pytest.mark.parametrize("key", [key for key, spec in zoo.MODELS.items() if spec.shelf == "main"])
def test_macs_are_half_of_torchs_flops(key):
    net = zoo.get(key).build().eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    found = costs.of_net(net, (1, 3, 97, 129))
    with torch.device("meta"):
        other = zoo.get(key).build().eval()
        x = torch.zeros(1, 3, 97, 129)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        other(x)
    assert found.macs * 2 == counter.get_total_flops() > 0
    assert found.parameters == sum(p.numel() for p in other.parameters())
    # The network itself is neither run nor changed.
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert not any(p.is_meta for p in net.parameters())


@pytest.mark.parametrize("key", TORCHVISION)
def test_torchvisions_published_figures(key):
    """There `num_params` and `_ops` (GMACs on 520×520) count the auxiliary head, which only serves training.

    Ours is the same network without it.
    """
    source = zoo.get(key).source
    build = getattr(import_module("torchvision.models.segmentation"), source.enum.removesuffix("_Weights").lower())
    with torch.device("meta"):
        ours = zoo.get(key).build().eval()
        theirs = build(weights=None, weights_backbone=None, **({} if "LRASPP" in source.enum else {"aux_loss": True}))
    found, whole = (costs.of_net(net, (1, 3, 520, 520)) for net in (ours, theirs.eval()))
    assert whole.parameters == published(key)["num_params"]
    assert round(whole.macs / 1e9, 3) == published(key)["_ops"]
    head = getattr(theirs, "aux_classifier", None)
    features = {"fcn": 1024, "deeplabv3_resnet": 1024, "deeplabv3_mobilenet": 40}
    if head is None:
        assert found == whole
        return
    assert found.parameters == whole.parameters - sum(p.numel() for p in head.parameters())
    channels = next(n for start, n in features.items() if build.__name__.startswith(start))
    assert found.macs == whole.macs - costs.of_net(head, (1, channels, 65, 65)).macs


@pytest.mark.parametrize(
    ("layer", "shape", "macs", "parameters"),
    [
        (nn.Conv2d(3, 16, 3, stride=2, padding=1), (1, 3, 32, 48), 16 * 16 * 24 * 3 * 9, 16 * 27 + 16),
        (nn.Conv2d(8, 12, 3, stride=2, padding=1, groups=4), (1, 8, 10, 14), 12 * 5 * 7 * 2 * 9, 12 * 18 + 12),
        (nn.Conv2d(8, 8, 5, padding=2, groups=8, bias=False), (1, 8, 9, 7), 8 * 9 * 7 * 25, 8 * 25),  # depthwise
        (nn.Conv2d(4, 6, 3, padding=2, dilation=2, bias=False), (2, 4, 9, 7), 2 * 6 * 9 * 7 * 4 * 9, 6 * 36),
        (nn.Conv2d(4, 6, 3, dilation=3, bias=False), (1, 4, 9, 7 + 2), 6 * 3 * 3 * 4 * 9, 6 * 36),
        # Each input number is multiplied into a 2×2 patch of 5 channels.
        (nn.ConvTranspose2d(4, 5, 2, stride=2), (1, 4, 6, 8), 4 * 6 * 8 * 5 * 4, 4 * 5 * 4 + 5),
        (nn.Linear(10, 7), (3, 10), 3 * 10 * 7, 77),
        (nn.BatchNorm2d(6).eval(), (1, 6, 5, 5), 0, 12),  # two learnt numbers a channel, no matrix product
        (nn.ReLU(), (1, 6, 5, 5), 0, 0),
        (nn.Upsample(scale_factor=2, mode="bilinear"), (1, 6, 5, 5), 0, 0),
    ],
    ids=[
        "stride",
        "groups",
        "depthwise",
        "dilation",
        "dilation-no-padding",
        "transposed",
        "linear",
        "bn",
        "relu",
        "up",
    ],
)
def test_layers_by_hand(layer, shape, macs, parameters):
    found = costs.of_net(layer, shape)
    assert (found.macs, found.parameters) == (macs, parameters)


def test_batchnorms_running_figures_weigh_but_are_not_learnt():
    net = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8)).eval()
    found = costs.of_net(net, (1, 3, 9, 9))
    assert found.parameters == 8 * 27 + 16
    assert found.weight_bytes == 4 * (8 * 27 + 16 + 16) + 8  # mean, variance, and an int64 count
    half = costs.of_net(copy.deepcopy(net).bfloat16(), (1, 3, 9, 9))
    assert half.weight_bytes == 2 * (8 * 27 + 16 + 16) + 8
    assert costs.weight_bytes(copy.deepcopy(net).half()) == half.weight_bytes
    assert (half.macs, half.parameters) == (found.macs, found.parameters)


ONE = 4 * 4 * 20 * 20  # bytes of (1, 4, 20, 20) in float32


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = (nn.Conv2d(4, 4, 1, bias=False) for _ in range(2))

    def forward(self, x):
        return x * 2 + self.two(self.one(x))


class Keeps(nn.Module):  # like a U-Net's skips
    def forward(self, x):
        kept = [x * k for k in range(10)]
        return sum(kept)


@pytest.mark.parametrize(
    ("net", "tensors"),
    [
        (nn.Conv2d(4, 4, 1, bias=False), 2),
        # The caller holds x; besides it one layer's input and output.
        (nn.Sequential(*(nn.Conv2d(4, 4, 1, bias=False) for _ in range(10))), 3),
        (nn.Sequential(nn.Conv2d(4, 4, 1, bias=False), *(nn.ReLU(inplace=True) for _ in range(5))), 2),
        (Residual(), 4),  # x, 2x, and the second convolution's input and output (or that output and the sum)
        (nn.Sequential(nn.Conv2d(4, 8, 1, bias=False), nn.Conv2d(8, 4, 1, bias=False)), 4),  # x, two, one
    ],
    ids=["one", "chain", "in-place", "residual", "wide"],
)
def test_activation_peak_by_hand(net, tensors):
    assert costs.of_net(net, (1, 4, 20, 20)).activation_bytes == tensors * ONE


def test_kept_tensors_add_up():
    # x and ten kept ones, and in the sum the running total and the next.
    assert 11 * ONE <= costs.of_net(Keeps(), (1, 4, 20, 20)).activation_bytes <= 13 * ONE


def test_a_batch_needs_as_many_times_the_intermediate_results():
    net = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8)).eval()
    one, four = (costs.of_net(net, (n, 3, 32, 32)) for n in (1, 4))
    assert four.macs == 4 * one.macs
    assert four.activation_bytes == pytest.approx(4 * one.activation_bytes, rel=0.01)  # BatchNorm's figures come once
    assert four.weight_bytes == one.weight_bytes


def loaded():
    net = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 21, 1))
    return runtime.ready("small", net, VOC, Preprocess(64), "hash")


def test_what_is_shown_is_of_the_network_as_built_not_of_the_folded_copy():
    model = loaded()
    found = runtime.cost(model, 64, 96)
    assert found.parameters == 8 * 27 + 16 + 8 * 21 + 21  # the BatchNorm's 16 too
    assert found.macs == 32 * 48 * (8 * 27 + 8 * 21)
    runtime.forward(model, torch.zeros(1, 3, 64, 96))
    assert runtime.cost(model, 64, 96) == found


def test_cost_is_remembered_but_keeps_no_model_alive():
    model = loaded()
    assert runtime.cost(model, 64, 64) is runtime.cost(model, 64, 64)
    assert runtime.cost(model, 64, 128).macs == 2 * runtime.cost(model, 64, 64).macs
    net = weakref.ref(model.net)
    del model
    gc.collect()
    assert net() is None


GROWTH = """
import json, sys, torch
from seglab import cost, machine, runtime, zoo
from seglab.nets.street import StreetNet
from seglab.palettes import CAMVID

model = runtime.ready("street", StreetNet(), CAMVID, zoo.get("street").preprocess, "hash")
runtime.forward(model, torch.zeros(1, 3, 64, 64))  # libraries are loaded, threads started
x = torch.zeros(1, 3, 720, 1280)
open("/proc/self/clear_refs", "w").write("5")  # the highest mark begins anew
before, _ = machine.memory()
with runtime.peak_memory() as peak:
    runtime.forward(model, x)
found = runtime.cost(model, 720, 1280)
tensors = {id(t): t for net in (model.net, model.folded) for t in (*net.parameters(), *net.buffers())}
weights = sum(t.numel() * t.element_size() for t in tensors.values())  # Winograd's too
print(json.dumps([machine.memory()[1] - before, found.activation_bytes, weights, peak.bytes]))
"""


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="Linux only: /proc tells the highest mark")
def test_peak_is_about_what_the_process_grows_by():
    """Wide bounds: buffers are kept and shared, and the convolution library takes scratch memory (`WORKSPACE`)."""
    done = subprocess.run(
        [sys.executable, "-c", GROWTH], capture_output=True, text=True, timeout=300, cwd=Path(__file__).parents[1]
    )
    assert done.returncode == 0, done.stderr
    grown, activations, weights, peak = json.loads(done.stdout)
    assert peak == activations + weights  # what the strip shows
    assert 0.5 * activations < grown < costs.WORKSPACE * activations
