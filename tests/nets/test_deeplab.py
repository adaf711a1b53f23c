"""DeepLab V1 to V3+ and torchvision's FCN: published sizes, strides, rates by impulse, torchvision's weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import segmentation

from seglab.nets import deeplab_v1, deeplab_v2, deeplab_v3, deeplab_v3plus, fcn_torchvision
from seglab.nets.encoders import encoder


def count(build, *args, **kwargs):
    with torch.device("meta"):
        return sum(p.numel() for p in build(*args, **kwargs).parameters())


def shaken(net):
    """Random statistics in all BatchNorms, so that one in the wrong place shows."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.2, 0.6)
            nn.init.normal_(module.bias, 0, 0.1)
    return net.eval()


def offsets(module, size=61):
    """Rows at which a lone 1 in the middle of a map is seen, counted from the middle."""
    x = torch.zeros(1, next(module.parameters()).shape[1], size, size)
    with torch.no_grad():
        base = module(x)
        x[..., size // 2, size // 2] = 1
        changed = (module(x) - base).abs().amax((0, 1, 3)) > 0
    return (changed.nonzero()[:, 0] - size // 2).tolist()


@pytest.mark.parametrize(
    ("build", "kwargs", "millions"),
    [
        (deeplab_v1.paper_size, {}, 20.5),  # Chen et al. 2015, table 2: DeepLab-CRF-LargeFOV
        (deeplab_v3plus.xception_71, {}, 43.5),  # Wang et al. 2020, table 3: DeepLabv3+, D-Xception-71, 19 classes
    ],
)
def test_published_parameters(build, kwargs, millions):
    assert count(build, **kwargs) / 1e6 == pytest.approx(millions, abs=0.05)


def test_parameters_near_the_quoted_ones():
    """Wang et al. 2020, table 3, quotes 58.0 M for V3, not saying of which code; ours is torchvision's, exactly."""
    assert count(deeplab_v3.paper_size, 19) / 1e6 == pytest.approx(58.0, rel=0.012)


def aux_head(n_classes):
    return 9 * 1024 * 256 + 2 * 256 + 256 * n_classes + n_classes


@pytest.mark.parametrize(
    ("build", "name", "weights"),
    [
        (fcn_torchvision.DilatedFCN, "resnet50", segmentation.FCN_ResNet50_Weights),
        (fcn_torchvision.DilatedFCN, "resnet101", segmentation.FCN_ResNet101_Weights),
        (deeplab_v3.DeepLabV3, "resnet50", segmentation.DeepLabV3_ResNet50_Weights),
        (deeplab_v3.DeepLabV3, "resnet101", segmentation.DeepLabV3_ResNet101_Weights),
    ],
)
def test_parameters_are_torchvisions(build, name, weights):
    with torch.device("meta"):
        ours = sum(p.numel() for p in build(encoder(name, stride=8), 21).parameters())
    assert ours == weights.DEFAULT.meta["num_params"] - aux_head(21)


def test_v1_by_hand():
    vgg = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256), (256, 512), *[(512, 512)] * 5]
    convs = [9 * a * b + 2 * b for a, b in vgg]  # 2·b: BatchNorm
    head = 9 * 512 * 1024 + 2 * 1024 + 1024 * 1024 + 2 * 1024 + 1024 * 21 + 21
    assert count(deeplab_v1.paper_size) == sum(convs) + head


def test_v2_by_hand():
    assert count(deeplab_v2.paper_size) == count(encoder, "resnet101") + 4 * (9 * 2048 * 21 + 21)


def test_v3plus_separable_convolutions_cost_less():
    plain = 9 * 2048 * 256
    with torch.device("meta"):
        ours = sum(p.numel() for p in deeplab_v3plus.separable(2048, 256).parameters() if p.ndim == 4)
    assert ours == 9 * 2048 + 2048 * 256
    assert ours < plain / 8


@pytest.mark.parametrize(
    ("build", "theirs"),
    [
        (fcn_torchvision.DilatedFCN, segmentation.fcn_resnet50),
        (deeplab_v3.DeepLabV3, segmentation.deeplabv3_resnet50),
    ],
    ids=["fcn", "deeplab_v3"],
)
def test_torchvisions_weights_give_torchvisions_logits(build, theirs):
    torch.manual_seed(0)
    net = shaken(theirs(weights=None, weights_backbone=None, aux_loss=True))
    ours = build(encoder("resnet50", stride=8), 21).eval()
    ours.load_torchvision(net.state_dict())
    x = torch.randn(1, 3, 67, 91)
    with torch.no_grad():
        expected, got = net(x)["out"], ours(x)
    assert expected.std() > 0.01
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)


def test_weights_of_another_network_are_refused():
    net = deeplab_v3.small(21)
    with pytest.raises(ValueError, match="is the encoder the same"):
        net.load_torchvision({"backbone.conv1.weight": torch.zeros(1)})


@pytest.mark.parametrize(
    ("build", "stride"),
    [
        (deeplab_v2.paper_size, 8),
        (deeplab_v3.paper_size, 8),
        (lambda: deeplab_v3.paper_size(stride=16), 16),
        (deeplab_v3plus.paper_size, 16),
        (lambda: deeplab_v3plus.paper_size(stride=8), 8),
        (fcn_torchvision.paper_size, 8),
    ],
)
def test_output_stride(build, stride):
    with torch.device("meta"):
        net = build().eval()
        maps = net.encoder(torch.zeros(1, 3, 128, 192))
    assert maps[-1].shape == (1, 2048, 128 // stride, 192 // stride)
    assert net.encoder.strides[-1] == stride
    for x, channels, s in zip(maps, net.encoder.channels, net.encoder.strides, strict=True):
        assert x.shape == (1, channels, 128 // s, 192 // s)


def test_v1_stays_at_stride_8():
    net, shapes = deeplab_v1.small(4).eval(), []
    for layer in (net.conv3, net.conv5, net.fc8):
        layer.register_forward_hook(lambda _, __, y: shapes.append(y.shape[-2:]))
    with torch.no_grad():
        net(torch.zeros(1, 3, 128, 193))
    assert [tuple(shape) for shape in shapes] == [(32, 49), (16, 25), (16, 25)]


def test_v1_sees_far():
    torch.manual_seed(0)
    net = shaken(deeplab_v1.small(4))
    assert offsets(net.fc6) == [-12, 0, 12]
    assert offsets(net.conv5) == list(range(-6, 7, 2))  # three convolutions, taps 2 apart: every second row, 6 away


@pytest.mark.parametrize(("rates", "expected"), [((6, 12, 18, 24), (6, 12, 18, 24)), ((2, 4, 6, 8), (2, 4, 6, 8))])
def test_v2_sums_over_the_rates(rates, expected):
    torch.manual_seed(0)
    aspp = deeplab_v2.ASPP(3, 2, rates)
    far = sorted({s * r for r in expected for s in (-1, 0, 1)})
    assert offsets(aspp) == far
    x = torch.randn(1, 3, 30, 30)
    one_by_one = sum(branch(x) for branch in aspp.branches)
    torch.testing.assert_close(aspp(x), one_by_one)


def test_v2_takes_the_papers_rates():
    with torch.device("meta"):
        assert [b.dilation for b in deeplab_v2.paper_size().aspp.branches] == [(r, r) for r in (6, 12, 18, 24)]


@pytest.mark.parametrize("module", [deeplab_v3, deeplab_v3plus])
@pytest.mark.parametrize(("stride", "rates"), [(16, (6, 12, 18)), (8, (12, 24, 36))])
def test_rates_follow_the_output_stride(module, stride, rates):
    torch.manual_seed(0)
    with torch.device("meta"):
        assert len(module.paper_size(stride=stride).aspp.atrous) == 3
    assert module.RATES[stride] == rates
    branches = shaken(module.DeepLabV3(encoder("tiny", stride=stride), 4, 8) if module is deeplab_v3
                      else module.DeepLabV3Plus(encoder("tiny", stride=stride), 4, 8)).aspp.atrous  # fmt: skip
    assert [offsets(branch, 81) for branch in first_convs(branches)] == [[-r, 0, r] for r in rates]


def first_convs(branches):
    """The dilated convolution of each branch, made to read one channel and to give one."""
    convs = []
    for branch in branches:
        conv = next(m for m in branch.modules() if isinstance(m, nn.Conv2d))
        kept = nn.Conv2d(1, 1, 3, padding=conv.padding, dilation=conv.dilation)
        kept.weight.data = conv.weight.data[:1, :1]
        convs.append(kept)
    return convs


@pytest.mark.parametrize("module", [deeplab_v3, deeplab_v3plus])
def test_image_pooling_sees_the_whole_map(module):
    torch.manual_seed(0)
    net = shaken(module.small(4))
    x = torch.randn(1, 96, 9, 13)
    with torch.no_grad():
        base = net.aspp(x)
        x[..., 0, 0] += 5
        changed = (net.aspp(x) - base).abs().amax(1)
    assert (changed > 0).all()


def test_other_strides_are_refused():
    for module, build in ((deeplab_v3, deeplab_v3.DeepLabV3), (deeplab_v3plus, deeplab_v3plus.DeepLabV3Plus)):
        with pytest.raises(ValueError, match="got an encoder of stride 32"):
            build(encoder("tiny"), 4)
        assert build(encoder("tiny"), 4, rates=(1, 2, 3)) is not None
        assert module.RATES.keys() == {8, 16}


def test_v3plus_skip_is_local_and_aspp_is_not():
    """A patch changes: by the skip alone the logits change near it, by ASPP alone everywhere."""
    torch.manual_seed(0)
    x = torch.randn(1, 3, 128, 128).double()
    moved = x.clone()
    moved[..., 64:68, 64:68] += 9

    def changed(cut):
        net = shaken(deeplab_v3plus.small(4)).double()
        cut(net).weight.data.zero_()
        with torch.no_grad():
            return (net(x) - net(moved)).abs().amax((0, 1)) > 0

    by_skip = changed(lambda net: net.aspp.mix[0][0]).nonzero()
    assert by_skip.min() > 24
    assert by_skip.max() < 104
    assert changed(lambda net: net.squeeze[0]).float().mean() > 0.99
