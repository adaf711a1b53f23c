"""V-Net: the view and the sizes of the paper's table 1, parameters by hand, any volume."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seglab.nets import vnet


def count(net):
    return sum(p.numel() for p in net.parameters())


def convs(stage):
    return [m for m in stage.modules() if isinstance(m, nn.Conv3d)]


def test_receptive_fields_of_table_1():
    """22, 72, 172, 372 on the left and 476, 528, 546, 551 on the right, in voxels of the input."""
    with torch.device("meta"):
        net = vnet.paper_size()
    view, jump, seen = 1, 1, []
    for i, stage in enumerate(net.left):
        if i:
            view, jump = view + jump, 2 * jump  # a strided 2×2×2
        view += sum((conv.kernel_size[0] - 1) * jump for conv in convs(stage))
        seen.append(view)
    assert seen == [5, 22, 72, 172, 372]
    for stage in net.right:
        jump //= 2
        view += jump  # a transposed 2×2×2
        view += sum((conv.kernel_size[0] - 1) * jump for conv in convs(stage))
        seen.append(view)
    assert seen[5:] == [476, 528, 546, 551]


def test_parameters_by_hand():
    def stage(c_in, c, n):  # BatchNorm has 2·c, PReLU c
        return 125 * c_in * c + (n - 1) * 125 * c * c + n * 3 * c

    def step(a, b):
        return 8 * a * b + 3 * b

    left = stage(1, 16, 1) + stage(32, 32, 2) + stage(64, 64, 3) + stage(128, 128, 3) + stage(256, 256, 3)
    down = step(16, 32) + step(32, 64) + step(64, 128) + step(128, 256)
    up = step(256, 128) + step(256, 64) + step(128, 32) + step(64, 16)
    right = stage(256, 256, 3) + stage(128, 128, 3) + stage(64, 64, 2) + stage(32, 32, 1)
    with torch.device("meta"):
        net = vnet.paper_size()
    assert count(net) == left + down + up + right + 32 * 2 + 2
    assert count(net) / 1e6 == pytest.approx(65.2, abs=0.05)


def test_small_is_small():
    assert count(vnet.small(3)) <= 600_000


@pytest.mark.parametrize("size", [(32, 64, 64), (16, 33, 27), (9, 16, 40)])
def test_the_logits_have_the_volumes_size(size):
    net = vnet.small(3).eval()
    with torch.no_grad():
        logits = net(torch.randn(1, 1, *size))
    assert logits.shape == (1, 3, *size)
    assert logits.isfinite().all()


@pytest.mark.parametrize("n", [1, 2])
def test_every_parameter_gets_a_gradient(n):
    torch.manual_seed(0)
    net = vnet.small(3)
    out = net(torch.randn(n, 1, 16, 24, 24))
    (out * torch.randn_like(out)).sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 1e-6] == []


def test_the_answer_is_the_same_twice():
    torch.manual_seed(0)
    net = vnet.small(3).eval()
    x = torch.randn(1, 1, 16, 16, 16)
    with torch.no_grad():
        assert torch.equal(net(x), net(x))


def test_a_stage_adds_to_its_input():
    torch.manual_seed(0)
    stage = vnet.Stage(4, 4, 2).eval()
    for conv in convs(stage):
        conv.weight.data.zero_()
    x = torch.randn(1, 4, 5, 5, 5)
    with torch.no_grad():
        torch.testing.assert_close(stage(x), stage.relu(x))


def test_the_first_stage_adds_its_one_channel_to_all():
    stage = vnet.Stage(1, 3, 1).eval()
    convs(stage)[0].weight.data.zero_()
    x = torch.rand(1, 1, 4, 4, 4)
    with torch.no_grad():
        torch.testing.assert_close(stage(x), x.expand(1, 3, 4, 4, 4))


def test_the_bottom_is_at_stride_16():
    net, sizes = vnet.VNet(2, base=2, convs=(1, 1, 1, 1, 1)).eval(), []
    net.left[-1].register_forward_hook(lambda _, x, y: sizes.append(tuple(y.shape)))
    with torch.no_grad():
        net(torch.zeros(1, 1, 32, 64, 48))
    assert sizes == [(1, 32, 2, 4, 3)]
