"""What all networks from the sliding window to FPN must do: parameters, sizes, gradients, always the same answer."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest
import torch
from torch import nn

from seglab import cost
from seglab.nets import deconvnet, fcn, fpn, linknet, patch, segnet, unet_encoder, unet_paper

K = 11
SMALL = {
    "patch": patch.small,
    "fcn32s": partial(fcn.small, stride=32),
    "fcn16s": partial(fcn.small, stride=16),
    "fcn8s": partial(fcn.small, stride=8),
    "deconvnet": deconvnet.small,
    "segnet": segnet.small,
    "unet_paper": unet_paper.small,
    "unet_encoder": unet_encoder.small,
    "linknet": linknet.small,
    "fpn": fpn.small,
}
ANY_SIZE = {
    "patch": patch.paper_size,
    "fcn32s": fcn.fcn32s,
    "fcn16s": fcn.fcn16s,
    "fcn8s": fcn.fcn8s,
    "deconvnet": deconvnet.paper_size,
    "segnet": segnet.paper_size,
    "unet_paper": lambda: unet_paper.Mirrored(unet_paper.paper_size()),
    "unet_encoder": unet_encoder.paper_size,
    "unet_vgg16": partial(unet_encoder.paper_size, name="vgg16"),
    "unet_mobilenet": partial(unet_encoder.paper_size, name="mobilenet_v3_large"),
    "unet_efficientnet": partial(unet_encoder.paper_size, name="efficientnet_b0"),
    "fcn_resnet50": lambda: fcn.FCN(fcn.encoder("resnet50"), 21, 8, hidden=512, kernel=3),
    "linknet": linknet.paper_size,
    "fpn": fpn.paper_size,
}


def parameters(build) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in build().parameters())


@pytest.mark.parametrize(
    ("build", "millions", "tolerance"),
    [
        # Long et al. 2015, table 1: 134 M; 134.5 M in later tables counts the published code's fixed kernels.
        (fcn.fcn32s, 134.4, 0.1),
        (fcn.fcn16s, 134.4, 0.1),
        (fcn.fcn8s, 134.4, 0.1),
        (deconvnet.paper_size, 252, 0.5),  # Jégou et al. 2017, arXiv:1611.09326, table 3
        (segnet.paper_size, 29.5, 0.1),  # the same
        (unet_paper.paper_size, 31.0, 0.05),  # counted from fig. 1 of Ronneberger et al. 2015, as everybody does
        (linknet.paper_size, 11.5, 0.05),  # Chaurasia & Culurciello 2017, abstract
        (fpn.paper_size, 28.5, 0.05),  # Wang et al. 2021, arXiv:2102.12122, table 4
        (partial(fpn.paper_size, name="resnet18"), 15.5, 0.08),  # the same; by count 15.43
        (partial(fpn.paper_size, name="resnet101"), 47.5, 0.05),  # the same
    ],
)
def test_parameters_are_the_published_ones(build, millions, tolerance):
    assert parameters(build) / 1e6 == pytest.approx(millions, abs=tolerance)


def conv(c_in: int, c_out: int, k: int = 3, bias: bool = True) -> int:
    return c_in * c_out * k * k + c_out * bias


VGG = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]  # Simonyan & Zisserman, table 1, column D
VGG_CONVS = sum(conv(a, b) for a, b in pairwise(VGG))  # 14 714 688


def test_parameters_by_hand():
    """To the last one, from the layers that the papers (or their published code) list."""
    dense = conv(512, 4096, 7) + conv(4096, 4096, 1)
    for build, skips in ((fcn.fcn32s, []), (fcn.fcn16s, [512]), (fcn.fcn8s, [512, 256])):
        scores = conv(4096, 21, 1) + sum(conv(c, 21, 1) + conv(21, 21, 4, bias=False) for c in skips)
        assert parameters(build) == VGG_CONVS + dense + scores
    # As published, FCN-8s is 134.49 M with the kernel of its last step, 16×16 for 21 × 21 classes.
    assert round((parameters(fcn.fcn8s) + conv(21, 21, 16, bias=False)) / 1e6, 2) == 134.49

    mirror = VGG[:0:-1]  # 512 … 64, and then the classifier
    back = sum(conv(a, b) for a, b in pairwise(mirror))
    norms = 2 * (sum(VGG[1:]) + sum(mirror[1:]))
    assert parameters(segnet.paper_size) == VGG_CONVS + back + conv(64, 11) + norms

    middle = dense + conv(4096, 512, 7) + 2 * (4096 + 4096 + 512)
    assert parameters(deconvnet.paper_size) == VGG_CONVS + middle + back + conv(64, 64) + 2 * 64 + norms + conv(
        64, 21, 1
    )

    c = [64, 128, 256, 512, 1024]
    down = sum(conv(a, b) + conv(b, b) for a, b in zip([3, *c], c, strict=False))
    up = sum(conv(2 * n, n, 2) + conv(2 * n, n) + conv(n, n) for n in c[:-1])
    assert parameters(unet_paper.paper_size) == down + up + conv(64, 2, 1)

    # N4 of Cireşan et al. 2012, table 1, with 3 channels: 95 → 92 → 46 → 42 → 21 → 18 → 9 → 6 → 3 → 1.
    n4 = conv(3, 48, 4) + conv(48, 48, 5) + 2 * conv(48, 48, 4) + conv(48, 200, 3) + conv(200, 2, 1)
    assert parameters(patch.paper_size) == n4

    resnet18 = 11_689_512 - conv(512, 1000, 1)  # torchvision's number, less its classifier

    def decoder(m: int, n: int) -> int:
        q = m // 4
        return conv(m, q, 1, False) + conv(q, q, 3, False) + conv(q, n, 1, False) + 2 * (q + q + n)

    decoders = decoder(512, 256) + decoder(256, 128) + decoder(128, 64) + decoder(64, 64)
    last = conv(64, 32) + 64 + conv(32, 32) + 64 + conv(32, 20, 2)
    assert parameters(linknet.paper_size) == resnet18 + decoders + last


@pytest.mark.parametrize("key", SMALL)
def test_small_ones_are_small(key):
    net = SMALL[key](K)
    assert sum(p.numel() for p in net.parameters()) <= 600_000
    assert 2 * sum(t.numel() for t in net.state_dict().values()) <= 1_200_000  # bytes in fp16


@pytest.mark.parametrize("size", [(64, 64), (67, 91)])
@pytest.mark.parametrize("key", SMALL)
def test_logits_have_the_pictures_size(key, size):
    torch.manual_seed(0)
    net = SMALL[key](K).eval()
    x = torch.randn(2, 3, *size)
    with torch.no_grad():
        y = net(x)
        assert y.shape == (2, K, *size)
        assert torch.isfinite(y).all()
        assert torch.equal(y, net(x))
        # No picture knows of the others in its batch.
        torch.testing.assert_close(net(x[1:]), y[1:], rtol=1e-4, atol=1e-4)
        assert not torch.allclose(y[0], y[1])


@pytest.mark.parametrize("key", ANY_SIZE)
def test_paper_sizes_take_any_size_and_use_all_they_have(key):
    with torch.device("meta"):
        net = ANY_SIZE[key]()
        y = net(torch.empty(2, 3, 67, 91))
        assert y.shape[2:] == (67, 91)
        y.sum().backward()
        assert [name for name, p in net.named_parameters() if p.grad is None] == []
        assert net.eval()(torch.empty(1, 3, 64, 64)).shape[2:] == (64, 64)


@pytest.mark.parametrize("key", SMALL)
def test_every_parameter_gets_a_gradient(key):
    torch.manual_seed(0)
    net = SMALL[key](K).train()
    x, target = torch.randn(3, 3, 64, 64), torch.randint(0, K, (3, 64, 64))
    nn.functional.cross_entropy(net(x), target).backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@pytest.mark.parametrize("key", SMALL)
def test_costs_can_be_counted(key):
    counted = cost.of_net(SMALL[key](K).eval(), (1, 3, 128, 128))
    assert 10e6 < counted.macs < 2e9


@pytest.mark.slow
@pytest.mark.parametrize("key", SMALL)
def test_all_of_the_picture_can_be_learnt(key):
    """A few steps on one picture lower the loss: nothing is wired so that it can't learn."""
    torch.manual_seed(0)
    net = SMALL[key](2).train()
    x = torch.randn(4, 3, 64, 64)
    target = (nn.functional.avg_pool2d(x.mean(1, keepdim=True), 9, 1, 4) > 0).long()[:, 0]
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    losses = []
    for _ in range(8):
        loss = nn.functional.cross_entropy(net(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.97 * losses[0]
