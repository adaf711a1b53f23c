"""Folded networks give the answers of the unfolded ones, and what can't be folded stays."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from seglab import folding, halves, zoo
from seglab.bench import engines
from seglab.nets.unet import UNet


def randomize(net):
    """Give each BatchNorm statistics and parameters of its own, so that leaving one out shows."""
    torch.manual_seed(1)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.6, 1.4)
            nn.init.normal_(module.bias, 0, 0.2)
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return net.eval().requires_grad_(False)


def norms(net):
    return sum(isinstance(m, nn.BatchNorm2d) for m in net.modules())


# Detectors: tests/test_mask_rcnn.py; the architectures of the zoo: tests/test_architectures.py.
SEMANTIC = [key for key, spec in zoo.MODELS.items() if spec.task == "semantic" and spec.shelf == "main"]


@pytest.mark.parametrize("key", [*SEMANTIC, engines.UNET])
def test_every_network_folds_whole_and_answers_the_same_at_any_size(key):
    torch.manual_seed(0)
    net = engines.build(key)
    if key == engines.UNET:
        net = UNet(21, base=8)
    # Statistics of pictures, or a hundred layers of random ones would make numbers of any size.
    net = engines.sane(net, engines.classes(key), 128).requires_grad_(False)
    before = copy.deepcopy(net.state_dict())
    folded = folding.fold(net)
    assert norms(net) > 5
    assert norms(folded) == 0
    for size in ((97, 130), (64, 64)):
        x = engines.picture(size, 2)
        with torch.inference_mode():
            wanted, got = net(x), folded(x)
        assert (got - wanted).abs().max() < 1e-3
        assert (got.argmax(1) == wanted.argmax(1)).float().mean() >= 0.9998
    assert all(torch.equal(before[name], t) for name, t in net.state_dict().items())  # untouched


def test_each_statistic_counts():
    net = randomize(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 2, 1, bias=False)))
    folded = folding.fold(net)
    conv, norm = net[0], net[1]
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    torch.testing.assert_close(folded[0].weight, conv.weight * scale[:, None, None, None])
    torch.testing.assert_close(folded[0].bias, (conv.bias - norm.running_mean) * scale + norm.bias)
    assert isinstance(folded[1], nn.Identity)
    assert folded[3].weight is net[3].weight  # shared, not copied
    assert not any(p.requires_grad for p in folded.parameters())


class Control(nn.Module):
    """What a graph tracer can't follow, and a run can: branches on sizes and on numbers."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)

    def forward(self, x):
        y = self.norm(self.conv(x))
        return y.flip(-1) if x.shape[-1] % 2 or float(x.sum()) > 1e9 else y


def test_python_in_forward_is_no_hindrance():
    net = randomize(Control())
    folded = folding.fold(net)
    assert norms(folded) == 0
    for width in (30, 31):
        x = torch.randn(1, 3, 20, width)
        torch.testing.assert_close(folded(x), net(x), atol=1e-5, rtol=1e-5)


class TwoReaders(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)

    def forward(self, x):
        y = self.conv(x)
        return self.norm(y) + y


class Twice(nn.Module):
    """One convolution with two BatchNorms, called twice."""

    def __init__(self):
        super().__init__()
        self.conv, self.a, self.b = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, x):
        return self.b(self.conv(F.relu(self.a(self.conv(x)))))


class Refuses(nn.Sequential):
    def forward(self, x):
        if x.shape[-1] < 100:
            raise ValueError("too small")
        return super().forward(x)


@pytest.mark.parametrize(
    "net",
    [
        TwoReaders(),
        Twice(),
        Refuses(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)),
        nn.Sequential(nn.Conv2d(3, 4, 3)),
    ],
    ids=lambda net: type(net).__name__,
)
def test_what_cannot_be_folded_is_left_alone(net):
    net = net.eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.fill_(0.7)
    assert folding.fold(net) is net


def test_a_network_in_training_is_not_folded():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    assert folding.fold(net) is net
    assert net.training


# --- half precision, checked ---


def scores(table):
    """A network that gives the logits `table(x)`, whatever it was asked in."""
    net = nn.Module()
    net.register_parameter("p", nn.Parameter(torch.zeros(1)))
    net.forward = table
    return net


def test_the_probe_is_always_the_same_and_like_a_picture():
    one, two = halves.probe(), halves.probe()
    assert torch.equal(one, two)
    assert one.shape == (1, 3, 256, 256)
    assert abs(float(one.mean())) < 1e-4
    assert float(one.std()) == pytest.approx(1, abs=1e-4)
    # As in photographs, neighbours are alike, and the colours go together.
    flat = one[0].flatten(1)
    assert torch.corrcoef(torch.stack([one[..., 1:].flatten(), one[..., :-1].flatten()]))[0, 1] > 0.8
    assert torch.corrcoef(flat)[0, 1] > 0.5


def test_agreement_is_the_share_of_equal_labels():
    def first(x):
        return torch.stack([torch.ones(1, 8, 10), torch.zeros(1, 8, 10)], 1)

    def quarter_flipped(x):
        y = first(x)
        y[:, :, :2] = y[:, [1, 0], :2]
        return y

    full = scores(first)
    assert halves.agreement(full, scores(first)) == 1.0
    assert halves.agreement(full, scores(quarter_flipped)) == 0.75
    assert halves.agreement(full, scores(lambda x: first(x) * float("nan"))) == 0.0


def test_near_ties_raise_no_alarm():
    def close(x):
        y = torch.zeros(1, 2, 8, 10)
        y[:, 0, :, :5] = 1.0  # clear on the left
        y[:, 0, :, 5:] = 1e-3  # nearly a tie on the right
        return y

    def other(x):
        y = close(x)
        y[:, 1, :, 5:] = 2e-3
        return y

    assert halves.agreement(scores(close), scores(other)) == 1.0
    one_class = scores(lambda x: torch.ones(1, 1, 8, 8))
    assert halves.agreement(one_class, one_class) == 1.0


@pytest.mark.parametrize("key", [engines.UNET, "street-fast"])
def test_untrained_networks_pass_the_check(key):
    torch.manual_seed(0)
    for net in (engines.build(key), engines.sane(engines.build(key), engines.classes(key), 128)):
        net = folding.fold(net.requires_grad_(False))
        copied = halves.half(net, torch.bfloat16, channels_last=True)
        assert halves.agreement(net, copied) >= halves.LEAST


def test_the_last_convolution_stays_in_float32_where_the_scores_are_smaller_than_the_picture():
    parts = nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 2, 1)
    net = nn.Sequential(*parts).eval().requires_grad_(False)
    copied = halves.half(net, torch.bfloat16, channels_last=True)
    assert (copied.first, copied.last) == ("0", "3")
    assert [p.dtype for p in copied.parameters()] == [torch.float32] * 2 + [torch.bfloat16] * 2 + [torch.float32] * 2
    x = torch.randn(1, 3, 20, 20)
    assert copied(x).dtype == torch.float32
    torch.testing.assert_close(copied(x), net(x), atol=0.05, rtol=0.05)
    alone = nn.Sequential(parts[0])
    assert (lambda half: (half.first, half.last))(halves.half(alone, torch.bfloat16, channels_last=True)) == ("0", None)
    assert halves.half(nn.Sequential(*parts, nn.ReLU()), torch.bfloat16, channels_last=True).last is None

    class Reader(nn.Module):  # of the scores, in half precision
        def __init__(self):
            super().__init__()
            self.net, self.last = nn.Sequential(*parts), nn.Conv2d(2, 2, 1)

        def forward(self, x):
            scores = self.net(x)
            return scores if self.last(scores).shape == scores.shape else self.last(scores)

    both = halves.half(Reader().requires_grad_(False), torch.bfloat16, channels_last=True)
    assert (both.first, both.last) == ("net.0", None), "the first one stays, whatever becomes of the last"
    large = nn.Sequential(*parts[1:], nn.Upsample(scale_factor=2))
    assert halves.half(nn.Sequential(parts[0], large), torch.bfloat16, channels_last=True).last is None


def test_the_first_convolution_stays_in_float32_where_it_alone_reads_the_picture():
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1)).eval().requires_grad_(False)
    copied = halves.half(net, torch.bfloat16, channels_last=True)
    assert (copied.first, copied.last) == ("0", None), "the scores are as large as the picture"
    assert [p.dtype for p in copied.parameters()] == [torch.float32] * 2 + [torch.bfloat16] * 2
    assert all(p.dtype == torch.float32 for p in net.parameters())
    x = torch.randn(1, 3, 20, 20)
    assert copied(x).dtype == torch.bfloat16
    torch.testing.assert_close(copied(x).float(), net(x), atol=0.05, rtol=0.05)

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(6, 2, 1)

        def forward(self, x):
            return self.b(torch.cat([self.a(x), x.relu()], 1))

    class Other(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.weight = nn.Conv2d(3, 3, 1), nn.Parameter(torch.ones(2, 3, 1, 1))

        def forward(self, x):
            return F.conv2d(self.a(x), self.weight) + F.conv2d(x, self.weight)

    for reader in (Twice(), Other()):  # the first answers in float32 by promotion, or fails: either way it answers
        copied = halves.half(reader.requires_grad_(False), torch.bfloat16, channels_last=True)
        torch.testing.assert_close(copied(x).float(), reader(x), atol=0.05, rtol=0.05)
    assert copied.first is None
