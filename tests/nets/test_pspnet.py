"""PSPNet: published size, output stride, and pyramid pooling checked by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seglab.nets import pspnet


def test_parameters():
    """65.9 M (Wang et al. 2020, table 3, 19 classes) with a stem of three 3×3; torchvision's stem is one 7×7."""
    with torch.device("meta"):
        ours = sum(p.numel() for p in pspnet.paper_size(19).parameters())
    stem = (9 * (3 * 64 + 64 * 64 + 64 * 128) + 2 * (64 + 64 + 128)) - (49 * 3 * 64 + 2 * 64)
    wider_input_of_stage_1 = (128 - 64) * (64 + 256)
    assert (ours + stem + wider_input_of_stage_1) / 1e6 == pytest.approx(65.9, abs=0.25)
    assert ours / 1e6 == pytest.approx(65.6, abs=0.05)


def test_parameters_by_hand():
    with torch.device("meta"):
        net = pspnet.paper_size(21)
    head = sum(p.numel() for p in net.parameters()) - sum(p.numel() for p in net.encoder.parameters())
    pyramid = 4 * (2048 * 512 + 2 * 512)
    assert head == pyramid + 9 * 4096 * 512 + 2 * 512 + 512 * 21 + 21


def test_output_stride():
    with torch.device("meta"):
        assert pspnet.paper_size().encoder(torch.zeros(1, 3, 128, 192))[-1].shape == (1, 2048, 16, 24)


def test_the_pyramid_holds_the_means():
    """One channel in four goes through each level as it is: means over 1, 4, 9 and 36 regions of a map of 6×6."""
    pyramid = pspnet.PyramidPooling(4).eval()
    for level in pyramid.levels:
        level[1].weight.data = torch.tensor([1.0, 0, 0, 0]).view(1, 4, 1, 1)
    x = torch.rand(1, 4, 6, 6)
    with torch.no_grad():
        y = pyramid(x)
    y[:, 4:] *= (1 + nn.BatchNorm2d(1).eps) ** 0.5
    assert y.shape == (1, 8, 6, 6)
    assert torch.equal(y[:, :4], x)
    torch.testing.assert_close(y[0, 4], x[0, 0].mean().expand(6, 6))
    torch.testing.assert_close(
        y[0, 5, 0, 0], x[0, 0, :3, :3].mean()
    )  # the corner of an enlargement is the region's mean
    torch.testing.assert_close(y[0, 6, 5, 0], x[0, 0, 4:, :2].mean())
    torch.testing.assert_close(y[0, 7], x[0, 0])


def test_one_far_pixel_is_heard_everywhere():
    torch.manual_seed(0)
    pyramid = pspnet.PyramidPooling(8).eval()
    for level in pyramid.levels:
        level[1].weight.data.abs_()  # so that no ReLU is shut
    x = torch.rand(1, 8, 12, 12)
    moved = x.clone()
    moved[..., 0, 0] += 3
    with torch.no_grad():
        changed = (pyramid(moved) - pyramid(x)).abs().amax(1)[0]
    assert (changed > 0).all()
