"""Weights rounded so that each filter errs to no side: means, neighbours only, fewer changed labels."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from seglab import checkpoints, copies, folding, halves, rounding, runtime, training_state
from seglab.preprocess import normalize, resize


def network(groups=1):
    torch.manual_seed(3)
    parts = nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 16, 3, groups=groups), nn.ReLU(), nn.Conv2d(16, 4, 1)
    return nn.Sequential(*parts, nn.Tanh()).eval().requires_grad_(False)


def means(net, picture, at):
    found = []
    handle = net.get_submodule(at).register_forward_hook(lambda _, __, out: found.append(out.float().mean((0, 2, 3))))
    net(picture)
    handle.remove()
    return found[0]


@pytest.mark.parametrize("groups", [1, 4, 8])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_maps_keep_their_means_and_weights_go_to_a_neighbour_at_most(groups, dtype):
    net, picture = network(groups), halves.probe()[..., :96, :128]
    net[2].bias.copy_(net[2].bias.to(dtype))  # three of these few small weights make up for no bias
    plain = copy.deepcopy(net).to(dtype)
    mended = copy.deepcopy(plain)
    with torch.no_grad():
        rounding.keep_means(net, mended, nn.Sequential(Cast(dtype), mended), picture, dtype)
    wanted = means(net, picture, "2")
    before = (means(plain, picture.to(dtype), "2") - wanted).abs()
    after = (means(mended, picture.to(dtype), "2") - wanted).abs()
    assert after.mean() < 0.3 * before.mean()
    for name in ("0", "2", "4"):
        weights, now = net.get_submodule(name).weight, mended.get_submodule(name).weight
        below, above = (torch.nextafter(now, torch.full_like(now, end)) for end in (-torch.inf, torch.inf))
        assert ((below.float() < weights) & (weights < above.float())).all()
        assert (now != weights.to(dtype)).flatten(1).sum(1).max() <= rounding.TURNS
        assert not net.get_submodule(name)._forward_hooks
        assert not mended.get_submodule(name)._forward_hooks


class Cast(nn.Module):
    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype

    def forward(self, x):
        return x.to(self.dtype)


def trained():
    """A network like those that a training leaves: BatchNorm behind convolutions with and without a bias; GroupNorm."""
    torch.manual_seed(5)
    parts = nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.BatchNorm2d(16, 1e-3)
    net = nn.Sequential(*parts, nn.ReLU(), nn.GroupNorm(4, 16), nn.Conv2d(16, 4, 1))
    with torch.no_grad():
        for part in net:
            for parameter in part.parameters():
                parameter.add_(torch.randn_like(parameter) / 4)
        net(torch.randn(4, 3, 32, 32) * 3 + 1)  # statistics
    return net.eval()


def test_held_weights_are_the_same_in_half_precision(tmp_path):
    net, picture = trained(), halves.probe()
    held = rounding.held(net)
    assert (net(picture).argmax(1) == held(picture).argmax(1)).float().mean() > 0.99
    training_state.save_weights(held, tmp_path / "held.safetensors", {})  # in fp16
    read = trained()
    read.load_state_dict(checkpoints.read(tmp_path / "held.safetensors")[0])
    full = folding.fold(read)
    half = dict(halves.half(full, torch.bfloat16, channels_last=False).net.named_parameters())
    for name in ("3.weight", "3.bias", "6.weight", "6.bias"):  # the first and the last convolution compute in float32
        torch.testing.assert_close(half[name].float(), full.get_parameter(name), rtol=2e-5, atol=1e-6)
    plain = folding.fold(net).state_dict()
    assert max((plain[name] - plain[name].bfloat16()).abs().max() for name in plain) > 1e-4


def test_a_detector_is_left_as_it_is():
    net = trained()
    net.folded = lambda: net
    same = rounding.held(net).state_dict()
    assert all(torch.equal(same[name], tensor) for name, tensor in net.state_dict().items())


def test_a_convolution_that_is_used_twice_is_left_alone():
    """Its uses would want different things of it; HRNet V2p's classifier is such a one."""

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 8, 3)

        def forward(self, x):
            return torch.tanh(self.b(self.b(input=self.a(x))))

    torch.manual_seed(1)
    net = Twice().requires_grad_(False)
    copied = halves.half(net, torch.bfloat16, channels_last=False)
    assert torch.equal(copied.net.b.weight, net.b.weight.bfloat16())
    assert copied(halves.probe()).isfinite().all()


def test_what_nothing_improves_stays():
    weights = torch.tensor([[1.0, 2.0]])[..., None, None]
    off = torch.tensor([0.001])  # the next number is farther away than that
    same = rounding.turned(weights, weights.bfloat16(), torch.ones(1, 2), off)
    assert torch.equal(same, weights.bfloat16())
    broken = rounding.turned(weights, weights.bfloat16(), torch.ones(1, 2), torch.tensor([torch.nan]))
    assert torch.equal(broken, weights.bfloat16())


def test_streets_weights_are_held():
    plain = copies.folded(runtime.model("street").net, quick=False)
    for name, weights in plain.named_parameters():
        torch.testing.assert_close(weights.bfloat16().float(), weights, rtol=2e-5, atol=1e-6, msg=name)


def test_fewer_labels_change_on_photographs(monkeypatch):
    """Pictures that the networks don't know, at which they waver; scikit-image's, which nothing was chosen on."""
    data = pytest.importorskip("skimage.data")
    loaded = runtime.model("street-fast")
    plain = copies.folded(loaded.net, quick=False)
    mended = halves.half(plain, torch.bfloat16, channels_last=True)
    monkeypatch.setattr(rounding, "TURNS", 0)
    nearest = halves.half(plain, torch.bfloat16, channels_last=True)
    changed = []
    for net in (nearest, mended):
        changed.append(0.0)
        for photo in (data.astronaut(), data.chelsea(), data.coffee(), data.rocket()):
            x = normalize(resize(photo, (360, 480))[None].float().div(255))
            with torch.inference_mode():
                changed[-1] += float((net(x).argmax(1) != loaded.folded(x).argmax(1)).float().mean())
    assert changed[1] < changed[0]
