"""The padded U-Net: sizes, parameters counted by hand, gradients everywhere."""

from __future__ import annotations

import pytest
import torch

from seglab.nets.unet import UNet


def by_hand(n_classes, base):
    """Parameters, from the paper's figure: two 3×3 convolutions and BatchNorms per block, 2×2 up-convolutions."""

    def block(c_in, c_out):
        return 9 * c_in * c_out + 9 * c_out * c_out + 2 * 2 * c_out

    c = [base, 2 * base, 4 * base, 8 * base, 16 * base]
    down = block(3, c[0]) + sum(block(c[n], c[n + 1]) for n in range(4))
    up = sum(4 * c[n + 1] * c[n] + c[n] + block(c[n + 1], c[n]) for n in range(4))
    return down + up + base * n_classes + n_classes


@pytest.mark.parametrize(("base", "millions"), [(32, 7.76), (64, 31.0)])
def test_parameters(base, millions):
    with torch.device("meta"):
        net = UNet(21, base)
    count = sum(p.numel() for p in net.parameters())
    assert count == by_hand(21, base)
    assert count / 1e6 == pytest.approx(millions, abs=0.05)


@pytest.mark.parametrize("size", [(64, 64), (16, 16), (70, 83), (31, 47)])
def test_the_answer_has_the_pictures_size(size):
    net = UNet(5, base=4).eval()
    with torch.no_grad():
        assert net(torch.randn(2, 3, *size)).shape == (2, 5, *size)


def test_every_parameter_gets_a_gradient():
    torch.manual_seed(0)
    net = UNet(4, base=4)
    net(torch.randn(2, 3, 48, 50)).square().mean().backward()
    # A convolution's weights before BatchNorm: their gradient is small, but never nothing.
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_the_skips_carry_what_the_bottom_cannot():
    torch.manual_seed(0)
    net = UNet(4, base=4).eval()
    for up in net.up:  # cut off what comes from below
        torch.nn.init.zeros_(up.weight)
        torch.nn.init.zeros_(up.bias)
    x = torch.randn(1, 3, 64, 64)
    moved = x.clone()
    moved[..., 32, 32] += 1
    with torch.no_grad():
        changed = (net(x) - net(moved)).abs().amax((0, 1)) > 0
    rows = changed.any(1).nonzero()
    # Four 3×3 convolutions on the way: the pixel is seen 4 away, and no farther.
    assert rows.min() == 28
    assert rows.max() == 36
