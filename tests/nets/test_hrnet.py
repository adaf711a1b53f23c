"""HRNet: published sizes, timm's weights carried over, branches, fusion and heads."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from seglab.nets import hrnet, hrnet_heads
from seglab.nets.hrnet import HRNet


def count(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(
    ("n_classes", "w", "head", "millions"),
    [
        (17, 32, "V1", 28.5),  # Sun et al. 2019, table 1: HRNet-W32, 17 joints
        (17, 48, "V1", 63.6),  # Sun et al. 2019, table 2: HRNet-W48
        (19, 48, "V2", 65.9),  # Wang et al. 2020, table 3: HRNetV2-W48, Cityscapes' 19 classes
    ],
)
def test_published_parameters(n_classes, w, head, millions):
    with torch.device("meta"):
        assert count(HRNet(n_classes, w, head)) / 1e6 == pytest.approx(millions, abs=0.05)


def test_w40_as_counted():
    """The same table prints 45.2 M for W40; the structure of W48, which fits, has 1.5 % more at that width."""
    with torch.device("meta"):
        assert count(HRNet(19, 40)) / 1e6 == pytest.approx(45.2, rel=0.02)


def test_paper_size_is_w48():
    with torch.device("meta"):
        assert count(hrnet.paper_size()) == count(HRNet(19, 48, "V2"))


@pytest.mark.parametrize("w", [18, 32, 48])
def test_body_has_timms_parameters(w):
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        theirs, ours = timm.create_model(f"hrnet_w{w}"), HRNet(19, w)
    head = ("incre_modules", "downsamp_modules", "final_layer", "classifier")
    body = sum(p.numel() for name, p in theirs.named_parameters() if not name.startswith(head))
    assert count(ours) - count(ours.head) == body


def test_timms_weights_give_timms_maps(monkeypatch):
    """timm's is the classifier, which enlarges by repetition; segmentation does so bilinearly: set for this test."""
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    theirs, ours = timm.create_model("hrnet_w18").eval(), HRNet(19, 18).eval()
    for module in theirs.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    head = ("incre_modules", "downsamp_modules", "final_layer", "classifier")
    weights = [tensor for name, tensor in theirs.state_dict().items() if not name.startswith(head)]
    names = [name for name in ours.state_dict() if not name.startswith("head.")]
    ours.load_state_dict(dict(zip(names, weights, strict=True)), strict=False)
    monkeypatch.setattr(hrnet, "enlarge", lambda y, like: F.interpolate(y, like.shape[-2:], mode="nearest"))
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        expected = theirs.stages(F.relu(theirs.bn2(theirs.conv2(F.relu(theirs.bn1(theirs.conv1(x)))))))
        got = ours.stage4(ours.stage3(ours.stage2([ours.stage1(ours.stem(x))])))
    assert [tuple(y.shape[1:]) for y in got] == [(18, 16, 24), (36, 8, 12), (72, 4, 6), (144, 2, 3)]
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_modules_per_stage():
    with torch.device("meta"):
        net = hrnet.paper_size(w=18)
    modules = [sum(isinstance(m, hrnet.Exchange) for m in stage) for stage in (net.stage2, net.stage3, net.stage4)]
    assert modules == [1, 4, 3]
    assert len(net.stage4[-1].branches) == 4
    assert all(len(branch) == 4 for branch in net.stage4[-1].branches)


@pytest.mark.parametrize("size", [(64, 64), (67, 91)])
def test_every_branch_hears_from_every_other(size):
    torch.manual_seed(0)
    net = hrnet.Exchange([4, 8, 16], 1, 3).eval()
    h, w = size
    maps = [torch.randn(1, 4 * 2**i, -(-h // 2**i), -(-w // 2**i)) for i in range(3)]
    with torch.no_grad():
        base = net(maps)
        assert [y.shape for y in base] == [x.shape for x in maps]
        for j in range(3):
            moved = [x + (i == j) for i, x in enumerate(maps)]
            assert all((a - b).abs().max() > 1e-3 for a, b in zip(net(moved), base, strict=True))


def test_v1_reads_the_finest_alone():
    maps = [torch.randn(1, 4 * 2**i, 16 >> i, 16 >> i) for i in range(4)]
    c = [4, 8, 16, 32]
    head = hrnet_heads.HeadV1(c, 3)
    torch.testing.assert_close(head(maps), head([maps[0]]))
    assert head(maps).shape == (1, 3, 16, 16)


def test_v2_reads_all():
    torch.manual_seed(0)
    maps = [torch.randn(1, 4 * 2**i, 16 >> i, 16 >> i) for i in range(4)]
    head = hrnet_heads.HeadV2([4, 8, 16, 32], 3).eval()
    base = head(maps)
    for j in range(4):
        assert (head([x + (i == j) for i, x in enumerate(maps)]) - base).abs().max() > 1e-4
    assert hrnet_heads.beside(maps).shape == (1, 60, 16, 16)


def test_v2p_makes_a_pyramid():
    maps = [torch.randn(1, 4 * 2**i, 32 >> i, 48 >> i) for i in range(4)]
    head = hrnet_heads.HeadV2p([4, 8, 16, 32], 3)
    sizes = [tuple(level.shape) for level in head.pyramid(maps)]
    assert sizes == [(1, 256, 32 >> n, 48 >> n) for n in range(5)]  # strides 4, 8, 16, 32, 64
    assert head(maps).shape == (1, 3, 32, 48)


def test_an_unknown_head_is_refused():
    with pytest.raises(ValueError, match=r"V1, V2, V2p; got 'V3'"):
        HRNet(3, 4, "V3")
