"""Receptive fields by hand, as published, against the reckoning for stacks, and against where gradients reach."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from seglab.effective_field import effective, radius
from seglab.nets.mask_rcnn_small import light
from seglab.nets.street import PyramidPooling, StreetNet
from seglab.nets.unet import UNet
from seglab.reach import NoRule
from seglab.receptive_field import ReceptiveField, of_calls, receptive_field, seen
from seglab.upsampling import atrous


def conv(kernel: int, stride: int = 1, dilation: int = 1, padding: int = 0) -> nn.Conv2d:
    return nn.Conv2d(3, 3, kernel, stride, padding, dilation)


def square(start: float, size: int, stride: float) -> ReceptiveField:
    return ReceptiveField((start, start), (size, size), (stride, stride), False)


BY_HAND = [
    ("one pixel", nn.Conv2d(3, 8, 1), square(0, 1, 1)),
    ("two 3×3", nn.Sequential(conv(3), conv(3)), square(0, 5, 1)),
    ("two 3×3, padded", nn.Sequential(conv(3, padding=1), nn.ReLU(True), conv(3, padding=1)), square(-2, 5, 1)),
    ("stride first", nn.Sequential(conv(3, 2), conv(3)), square(0, 7, 2)),  # 3 + 2·2
    ("stride last", nn.Sequential(conv(3), conv(3, 2)), square(0, 5, 2)),
    ("dilated 1, 2, 4", nn.Sequential(*(conv(3, 1, d, d) for d in (1, 2, 4))), square(-7, 15, 1)),
    ("pool", nn.MaxPool2d(2), square(0, 2, 2)),
    ("convolution, pool, convolution", nn.Sequential(conv(3), nn.MaxPool2d(2), conv(3)), square(0, 8, 2)),  # 4 + 2·2
    ("pool that overlaps", nn.MaxPool2d(3, 2, 1), square(-1, 3, 2)),
    ("dilated pool", nn.MaxPool2d(2, 1, dilation=4), square(0, 5, 1)),
    # Output i reads ⌊i/2⌋; all see one, and the first of them is even.
    ("transposed 2×2, stride 2", nn.ConvTranspose2d(3, 3, 2, 2), square(0, 1, 0.5)),
    # Output o reads i where o = 2i − 1 + t, t = 0…3: for an even o that is o/2 − 1 and o/2.
    ("transposed 4×4, stride 2", nn.ConvTranspose2d(3, 3, 4, 2, 1), square(-1, 2, 0.5)),
    # o = 2i − 1 + t, t = 0…2: for an even o only o/2 (t = 1), for an odd one (o − 1)/2 and (o + 1)/2: two.
    ("transposed 3×3, stride 2", nn.ConvTranspose2d(3, 3, 3, 2, 1, 1), square(-0.5, 2, 0.5)),
    # An even output o lies at (o + ½)/2 − ½ = o/2 − ¼: between o/2 − 1 and o/2.
    ("bilinear", nn.Upsample(scale_factor=2, mode="bilinear"), square(-1, 2, 0.5)),
    ("nearest", nn.Upsample(scale_factor=2), square(0, 1, 0.5)),
    ("down and up", nn.Sequential(nn.MaxPool2d(4), nn.Upsample(scale_factor=4)), square(0, 4, 1)),
    ("pixel shuffle", nn.Sequential(nn.PixelUnshuffle(4), nn.PixelShuffle(4)), square(0, 1, 1)),
    ("fixed statistics", nn.Sequential(conv(3), nn.BatchNorm2d(3), nn.Softmax(1)), square(0, 3, 1)),
    (
        "1×7",
        nn.Conv2d(3, 3, (1, 7), (1, 2), (0, 3)),
        ReceptiveField((0, -3), (1, 7), (1, 2), False),
    ),
]


@pytest.mark.parametrize(("net", "wanted"), [case[1:] for case in BY_HAND], ids=[case[0] for case in BY_HAND])
def test_by_hand(net, wanted):
    assert receptive_field(net) == wanted


def test_of_volumes():
    net = nn.Sequential(nn.Conv3d(1, 2, (5, 3, 1)), nn.MaxPool3d(2), nn.Conv3d(2, 2, 2))
    assert receptive_field(net, shape=(1, 1, 32, 32, 32)) == ReceptiveField((0, 0, 0), (8, 6, 4), (2, 2, 2), False)


@pytest.mark.parametrize("seed", range(12))
def test_stacks_as_the_formula_says(seed):
    draw = np.random.default_rng(seed)
    layers = []
    for _ in range(draw.integers(2, 7)):
        kernel, dilation = int(draw.integers(1, 6)), int(draw.integers(1, 4))
        layers.append(
            (kernel, int(draw.choice([1, 1, 2])), dilation, int(draw.integers(0, kernel // 2 * dilation + 1)))
        )
    net = nn.Sequential(*(conv(k, s, d, p) for k, s, d, p in layers))
    wanted = atrous.receptive_field(layers)[-1]
    assert receptive_field(net) == square(wanted.start, wanted.size, wanted.jump)


def test_as_published():
    # Araujo, Norris & Sim 2019, table: AlexNet 195 with stride 32, VGG-16 212 with stride 32, both to the last pool.
    with torch.device("meta"):
        alexnet, vgg = torchvision.models.alexnet().features, torchvision.models.vgg16().features
    assert (receptive_field(alexnet).size, receptive_field(alexnet).stride) == ((195, 195), (32, 32))
    assert (receptive_field(vgg).size, receptive_field(vgg).stride) == ((212, 212), (32, 32))


def test_as_published_for_volumes():
    # Milletari et al. 2016, table 1: the view of V-Net's stages on the way down, 5×5×5 and strided 2×2×2 convolutions.
    stages: list[nn.Module] = []
    for n, convs in enumerate((1, 2, 3, 3, 3)):
        layers = [nn.Conv3d(1, 1, 5, padding=2) for _ in range(convs)]
        stages.append(nn.Sequential(*([nn.Conv3d(1, 1, 2, 2)] if n else []), *layers))
    found = of_calls(nn.Sequential(*stages), [str(n) for n in range(5)], (1, 1, 16, 16, 16))
    assert [fields[0].size for _, fields in found] == [(n, n, n) for n in (5, 22, 72, 172, 372)]


def test_resnet18_by_hand():
    with torch.device("meta"):
        net = torchvision.models.resnet18()
    names = ["conv1", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc"]
    found = dict(of_calls(net, names))
    # 7; + 2·2; + 4·2·4; then + 2·j for the strided convolution and + 3·2·2j for the others, j the stride before.
    sizes = [7, 11, 43, 43 + 8 + 48, 99 + 16 + 96, 211 + 32 + 192]
    for name, size, stride in zip(names, sizes, (2, 4, 4, 8, 16, 32), strict=False):
        assert found[name] == (square(-(size // 2), size, stride),)
    nothing_local = ReceptiveField((0, 0), (0, 0), (math.inf, math.inf), True)
    assert found["avgpool"] == found["fc"] == (nothing_local,)


def test_unet_by_hand():
    # On the way down a cell i at stride 2ⁿ, after two 3×3 convolutions, sees 2ⁿ·i − a … 2ⁿ·i + b with (a, b) = (2, 2),
    # (6, 7), (14, 17), (30, 37), (62, 77): the last is a bottom cell. On the way up two convolutions look 2 cells to
    # each side, and up-convolution halves, rounding down: from pixel 16q + 2 to 0…4, 0…2 → −2…4, −1…2 → −3…4,
    # −2…2 → −4…4, → bottom cells q − 2 … q + 2. So 16(q − 2) − 62 … 16(q + 2) + 77. Pixel 16q gets to q + 1 only.
    net = UNet(2, base=4)
    assert receptive_field(net) == square(-96, 32 + 62 + 32 + 77 + 1, 1)
    assert [seen(net, (1, 3, 320, 320), at=(160, 160 + r))[3] for r in range(16)] == [188] * 2 + [204] * 12 + [188] * 2
    bottoms = [receptive_field(net, f"down.{n}") for n in range(5)]
    assert [(f.start[0], f.size[0]) for f in bottoms] == [(-2, 5), (-6, 14), (-14, 32), (-30, 68), (-62, 140)]
    assert (bottoms[4].top, bottoms[4].left, bottoms[4].height, bottoms[4].width) == (-62, -62, 140, 140)
    assert receptive_field(net, "pool").size == (76, 76)  # of its four calls the last: 68 + 8


class Positive:
    """The same network made of positive numbers alone, on a positive picture: no gradient cancels or dies."""

    def __new__(cls, net: nn.Module) -> nn.Module:
        net = copy.deepcopy(net).double().eval()
        for parameter in net.parameters():
            nn.init.uniform_(parameter, 0.5, 1)
        for name, module in list(net.named_modules()):
            if isinstance(module, nn.MaxPool2d):
                mean = nn.AvgPool2d(module.kernel_size, module.stride, module.padding, module.ceil_mode)
                net.set_submodule(name, mean)
            elif isinstance(module, nn.BatchNorm2d):
                net.set_submodule(name, nn.Identity())
        return net


def reached(net: nn.Module, shape: tuple[int, ...], at: tuple[int, int]) -> tuple[int, int, int, int]:
    """(top, left, height, width) of the pixels that have a gradient."""
    x = torch.rand(shape, dtype=torch.float64).add_(0.5).requires_grad_()
    (slope,) = torch.autograd.grad(net(x)[..., at[0], at[1]].sum(), x)
    # The slack: an interpolation whose weight is 0 may give a rounding error instead.
    rows, columns = (slope.abs().sum((0, 1, d)) > 1e-9 for d in (3, 2))
    (top, bottom), (left, right) = ((int(hit.nonzero()[0]), int(hit.nonzero()[-1])) for hit in (rows, columns))
    return top, left, bottom - top + 1, right - left + 1


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = conv(5, padding=2), conv(3, 1, 3, 3)

    def forward(self, x):
        y = self.a(x)
        y += self.b(F.relu(y))
        return torch.relu_(y) + x


class Branches(nn.Module):
    """Channels split, treated differently, shuffled, and brought together by a convolution in groups."""

    def __init__(self):
        super().__init__()
        self.wide, self.narrow = nn.Conv2d(6, 6, 7, padding=3, groups=6), conv(3, padding=1)
        self.apart = nn.Conv2d(9, 6, 3, padding=1, groups=3)

    def forward(self, x):
        a, b = self.wide(x.repeat(1, 2, 1, 1)).chunk(2, 1)
        y = torch.cat([a, self.narrow(x), b[:, 1:], b[:, :1]], 1)
        n, c, h, w = y.shape
        y = y.view(n, 3, c // 3, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.apart(y)[:, 2:4].permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


class Resized(nn.Module):
    def __init__(self, how: dict):
        super().__init__()
        self.how, self.conv = how, conv(3, 2)

    def forward(self, x):
        return F.interpolate(self.conv(x), **self.how)


class Padded(nn.Module):
    def __init__(self, mode: str):
        super().__init__()
        self.mode, self.conv = mode, conv(5)

    def forward(self, x):
        return self.conv(F.pad(x, (3, 1, 2, 4), mode=self.mode))[..., 1:-1, :-2]


GRADIENTS = {
    "stride and dilation": nn.Sequential(conv(4, 2, 1, 1), conv(3, 1, 3, 2)),
    "ceil": nn.Sequential(conv(2), nn.MaxPool2d(3, 2, ceil_mode=True), conv(2)),
    "overlapping pool": nn.Sequential(nn.MaxPool2d(3, 2, 1), conv(3, padding=1)),
    "transposed 3": nn.Sequential(conv(3, 2), nn.ConvTranspose2d(3, 3, 3, 2, 1, 1)),
    "transposed 4": nn.Sequential(conv(3, 2), nn.ConvTranspose2d(3, 3, 4, 2, 1)),
    "transposed, dilated": nn.ConvTranspose2d(3, 3, 3, 1, 2, dilation=2),
    "transposed, groups": nn.Sequential(conv(3, 2), nn.ConvTranspose2d(3, 6, 4, 2, 1, groups=3)),
    "residual": Residual(),
    "branches": Branches(),
    "nearest": Resized({"scale_factor": 3}),
    "nearest to a size": Resized({"size": (29, 40)}),
    "bilinear": Resized({"scale_factor": 2, "mode": "bilinear", "align_corners": False}),
    "bilinear to a size": Resized({"size": (29, 40), "mode": "bilinear", "align_corners": False}),
    "bilinear by 1.5": Resized({"scale_factor": 1.5, "mode": "bilinear", "align_corners": False}),
    "corners": Resized({"size": (29, 40), "mode": "bilinear", "align_corners": True}),
    "bilinear, smaller": Resized({"size": (7, 5), "mode": "bilinear", "align_corners": False}),
    "zeros": Padded("constant"),
    "mirrored": Padded("reflect"),
    "repeated": Padded("replicate"),
    "shuffle": nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, 12, 3, padding=1), nn.PixelShuffle(2)),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_the_box_seen_is_where_gradients_reach(name):
    torch.manual_seed(0)
    net = GRADIENTS[name]
    positive, shape = Positive(net), (1, 3, 32, 36)
    with torch.no_grad():
        h, w = positive(torch.ones(shape, dtype=torch.float64)).shape[-2:]
    for at in [(h // 2, w // 2), (h // 2 + 1, w // 3), (0, 0), (h - 1, w - 1), (1, w - 2), (h // 3, w // 2 - 1)]:
        assert seen(net, shape, at=at) == reached(positive, shape, at), at
    assert seen(net, shape) == seen(net, shape, at=(h // 2, w // 2))


@pytest.mark.parametrize("at", [(100, 100), (101, 97), (0, 111), (104, 199)])
def test_unet_against_gradients(at):
    net = UNet(2, base=1)
    assert seen(net, (1, 3, 200, 200), at=at) == reached(Positive(net), (1, 3, 200, 200), at)


def test_street_sees_everything_and_its_local_paths_are_told_apart():
    net = StreetNet(5, width=4, blocks=(1, 2, 2)).eval()
    whole = receptive_field(net)
    assert whole.whole
    assert seen(net, (1, 3, 64, 96)) == (0, 0, 64, 96)
    assert not receptive_field(net, "stage16").whole
    net.context = PyramidPooling(32, 16, bins=())  # the same without its pooled paths
    local = receptive_field(net)
    assert (local.whole, local.start, local.size, local.stride) == (False, whole.start, whole.size, (2, 2))
    assert reached(Positive(net), (1, 3, 400, 400), (100, 100))[2:] == local.size


class Squeeze(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(3, 3, 1), nn.Hardsigmoid())

    def forward(self, x):
        return x * self.gate(x)


class Attention(nn.Module):
    """Between channels: each weighs all others by their products over the whole picture."""

    def forward(self, x):
        q = x.flatten(2)
        return ((q @ q.transpose(1, 2)).softmax(-1) @ q).view_as(x)


@pytest.mark.parametrize(
    ("net", "size"),
    [
        (Squeeze(), 1),
        (Attention(), 1),
        (nn.GroupNorm(1, 3), 1),
        (nn.InstanceNorm2d(3), 1),
        (nn.BatchNorm2d(3, track_running_stats=False), 1),
        (nn.Softmax(2), 1),
        (nn.AdaptiveAvgPool2d(1), 0),
        (nn.AdaptiveMaxPool2d((3, 3)), 0),
        (nn.Sequential(nn.AdaptiveAvgPool2d(7), nn.Flatten(), nn.Linear(147, 5)), 0),
    ],
    ids=lambda v: type(v).__name__,
)
def test_what_grows_with_the_picture_is_whole(net, size):
    found = receptive_field(nn.Sequential(conv(3), net, nn.Identity()))
    assert found.whole
    assert found.size == (3 * size, size * 3)


def test_one_axis_is_enough():
    class Strip(nn.Module):
        def forward(self, x):
            return x + x.mean(3, keepdim=True)

    found = receptive_field(nn.Sequential(conv(3), Strip()))
    assert (found.whole, found.size) == (True, (3, 3))


def test_weights_do_not_matter():
    class Cancelling(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = conv(9)

        def forward(self, x):
            return self.conv(x) - self.conv(x)

    net = Cancelling()
    nn.init.zeros_(net.conv.weight)
    assert receptive_field(net).size == (9, 9)


def test_max_unpooling():
    class There(nn.Module):
        def forward(self, x):
            y, where = F.max_pool2d(x, 2, return_indices=True)
            return F.max_unpool2d(y, where, 2)

    assert receptive_field(There()) == square(0, 2, 1)
    assert seen(There(), (1, 3, 8, 8), at=(5, 2)) == (4, 2, 2, 2)


def test_deep_stacks_neither_overflow_nor_fade():
    layers = [conv(3, padding=1) for _ in range(400)]
    assert receptive_field(nn.Sequential(*layers)) == square(-400, 801, 1)


def test_what_cannot_be_told_is_refused():
    class Sampled(nn.Module):
        def forward(self, x):
            return F.grid_sample(x, torch.zeros(1, 4, 4, 2), align_corners=False)

    with pytest.raises(NoRule, match=r"grid_sampler.*no rule"):
        receptive_field(Sampled())
    with pytest.raises(ValueError, match="sees more than 4096 pixels: choose another part"):
        receptive_field(conv(3, dilation=5000, padding=5000))
    net = UNet(2, base=2)
    with pytest.raises(ValueError, match=r"UNet has no part called 'dwon.0'.*'down.0'"):
        receptive_field(net, "dwon.0")
    with pytest.raises(ValueError, match="down isn't run: choose another part"):
        receptive_field(net, "down")
    with pytest.raises(ValueError, match=r"shape must be \(1, C, H, W\).*got \(2, 3, 64, 64\)"):
        receptive_field(net, shape=(2, 3, 64, 64))
    with pytest.raises(ValueError, match="64 rows and 64 columns; there is no"):
        seen(net, (1, 3, 64, 64), at=(64, 0))
    with pytest.raises(NoRule):
        receptive_field(light(2, 8, 100, 16, width=8, channels=16, hidden=16).eval())


def test_several_maps_and_the_network_itself_stay_as_they_are():
    backbone = light(2, 8, 100, 16, width=8, channels=16, hidden=16).backbone
    before = copy.deepcopy(backbone.state_dict())
    ((_, fields),) = of_calls(backbone, [""])
    assert [f.stride for f in fields] == [(s, s) for s in (2, 4, 8, 16, 32)]
    assert all(torch.equal(before[key], value) for key, value in backbone.state_dict().items())
    assert backbone.training
    assert not any(module._forward_hooks for module in backbone.modules())


# --- effective ---


def test_effective_field_of_one_convolution_is_its_kernel():
    net = nn.Conv2d(2, 3, 3, padding=1)
    found = effective(net, torch.rand(4, 2, 9, 11), channel=1)
    wanted = np.zeros((9, 11), np.float32)
    wanted[3:6, 4:7] = net.weight[1].abs().sum(0).detach().numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert found.dtype == np.float32
    together = effective(net, torch.rand(1, 2, 9, 11), at=(0, 0))
    np.testing.assert_allclose(together[:2, :2], net.weight.sum(0).abs().sum(0)[1:, 1:].detach().numpy(), rtol=1e-5)
    assert together[2:].max() == together[:, 2:].max() == 0


def test_effective_field_is_the_mean_over_pictures_and_leaves_nothing_behind():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 3))
    x = torch.randn(3, 3, 16, 16)
    before = copy.deepcopy(net.state_dict())
    with torch.inference_mode():
        found = effective(net, x)
    each = [effective(net, x[i : i + 1]) for i in range(3)]
    np.testing.assert_allclose(found, np.mean(each, 0), atol=1e-7)
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())
    assert net.training
    assert not any(module._forward_hooks for module in net.modules())
    assert not x.requires_grad


def test_effective_field_of_a_part_is_before_the_relu_that_overwrites_it():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.ReLU(inplace=True))
    nn.init.constant_(net[0].weight, 1)
    nn.init.constant_(net[0].bias, -100)  # so that ReLU lets nothing through
    x = torch.rand(1, 1, 7, 7)
    assert effective(net, x).max() == 0
    assert effective(net, x, "0").sum() == 9


def test_effective_field_lies_within_the_theoretical_one():
    torch.manual_seed(0)
    net = UNet(2, base=4).eval()
    found = effective(net, torch.randn(1, 3, 240, 208))
    top, left, height, width = seen(net, (1, 3, 240, 208))
    assert (height, width) == (204, 204)
    inside = found[top : top + height, left : left + width]
    assert inside.sum() == pytest.approx(found.sum())
    outside = found.copy()
    outside[top : top + height, left : left + width] = 0
    assert outside.max() == 0
    assert 1 < radius(found) < 80


def box_stack(n: int) -> nn.Sequential:
    layers = nn.Sequential(*(nn.Conv2d(1, 1, 3, padding=1, bias=False) for _ in range(n)))
    for layer in layers:
        nn.init.constant_(layer.weight, 1 / 9)
    return layers


def test_effective_field_grows_as_the_root_of_depth():
    # Luo et al., section 2.1: n boxes of 3 one after the other make nearly a Gaussian, of deviation √(2n/3).
    radii = {n: radius(effective(box_stack(n), torch.rand(1, 1, 99, 99))) for n in (10, 40)}
    for n, found in radii.items():
        assert found == pytest.approx(math.sqrt(2 * n / 3 * 2 * math.log(20)), rel=0.02)
    assert radii[40] / radii[10] == pytest.approx(2, rel=0.02)


def test_radius_by_hand():
    one = np.zeros((5, 5))
    one[2, 2] = 3
    assert radius(one) == pytest.approx(math.sqrt(1 / math.pi))
    nine = np.zeros((5, 5), np.float32)
    nine[1:4, 1:4] = 0.1
    assert radius(nine) == pytest.approx(math.sqrt(9 / math.pi))  # 8 of 9 hold 89 %
    assert radius(nine, 8 / 9) == pytest.approx(math.sqrt(8 / math.pi))
    assert radius(nine, 1) == pytest.approx(math.sqrt(9 / math.pi))
    assert radius(np.zeros((3, 3))) == 0


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: effective(UNet(2, 2), torch.zeros(1, 3, 32, 32), "nope"), "no part called 'nope'"),
        (lambda: effective(UNet(2, 2), torch.zeros(1, 3, 32, 32), channel=2), "2 channels of 32×32; got channel 2"),
        (lambda: effective(UNet(2, 2), torch.zeros(1, 3, 32, 32), at=(0, 32)), "row 0, column 32"),
        (lambda: effective(UNet(2, 2), torch.zeros(1, 3, 32, 32), "up"), "up isn't run"),
        (lambda: radius(np.ones((2, 2)), 0), "share must be above 0"),
        (lambda: radius(-np.ones((2, 2))), "0 or more"),
    ],
)
def test_errors_are_sentences(call, match):
    with pytest.raises(ValueError, match=match):
        call()
