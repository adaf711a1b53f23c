"""FC-DenseNet: layers, channels of the paper's table 2, parameters counted by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seglab.nets import tiramisu
from seglab.nets.tiramisu import DenseBlock, FCDenseNet

PUBLISHED = [  # convolutions, millions as printed in table 3, millions by count
    (tiramisu.fc_densenet56, 56, 1.5, 1.38),
    (tiramisu.fc_densenet67, 67, 3.5, 3.46),
    (tiramisu.fc_densenet103, 103, 9.4, 9.32),
]


def count(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(("build", "layers", "printed", "counted"), PUBLISHED)
def test_layers_and_parameters(build, layers, printed, counted):
    with torch.device("meta"):
        net = build()
    assert sum(isinstance(m, nn.Conv2d | nn.ConvTranspose2d) for m in net.modules()) == layers
    assert count(net) / 1e6 == pytest.approx(counted, abs=0.005)
    assert count(net) / 1e6 == pytest.approx(printed, rel=0.09)


@pytest.mark.parametrize(("build", "layers", "printed", "counted"), PUBLISHED[1:])
def test_the_papers_numbers_count_running_statistics(build, layers, printed, counted):
    """As the authors' `summary` does: all of Lasagne's BatchNorm. For 56 layers that gives 1.40 M, not 1.5."""
    with torch.device("meta"):
        net = build()
    statistics = sum(b.numel() for name, b in net.named_buffers() if "running" in name)
    assert round((count(net) + statistics) / 1e6, 1) == printed


def by_hand(layers, k, n_classes=11, first=48):
    def one(c, kernel, out):  # BatchNorm, convolution with bias
        return 2 * c + kernel * c * out + out

    steps, c, total, skips = len(layers) // 2, first, 27 * first + first, []
    for n in layers[:steps]:
        total += sum(one(c + i * k, 9, k) for i in range(n))
        c += n * k
        skips.append(c)
        total += one(c, 1, c)
    total += sum(one(c + i * k, 9, k) for i in range(layers[steps]))
    for before, n in zip(layers[steps:], layers[steps + 1 :], strict=False):
        total += 9 * (before * k) ** 2 + before * k
        c = before * k + skips.pop()
        total += sum(one(c + i * k, 9, k) for i in range(n))
    return total + (c + layers[-1] * k) * n_classes + n_classes


def test_parameters_by_hand():
    with torch.device("meta"):
        assert count(tiramisu.fc_densenet103()) == by_hand([4, 5, 7, 10, 12, 15, 12, 10, 7, 5, 4], 16)
        assert count(tiramisu.fc_densenet56()) == by_hand([4] * 11, 12)


def test_channels_of_table_2():
    """m, the maps at the end of each block with its input: 112 … 256 (table 2; its 578 is 576 by count)."""
    with torch.device("meta"):
        net, m = tiramisu.paper_size().eval(), []
        for block in net.modules():
            if isinstance(block, DenseBlock):
                block.register_forward_hook(lambda _, x, y: m.append(x[0].shape[1] + y.shape[1]))
        net(torch.zeros(1, 3, 64, 64))
    assert m == [112, 192, 304, 464, 656, 896, 1088, 816, 576, 384, 256]


def test_a_dense_block_by_hand():
    """Two layers on a map of ones, weights 1 in the middle, BatchNorm as it begins: 1, then 1 + 1; dropout off."""
    block = DenseBlock(1, 2, 1).eval()
    for layer in block.layers:
        layer[2].weight.data.zero_()
        layer[2].weight.data[..., 1, 1] = 1
        layer[2].bias.data.zero_()
    with torch.no_grad():
        made = block(torch.ones(1, 1, 4, 4))
    assert made.shape == (1, 2, 4, 4)
    torch.testing.assert_close(made[0, :, 0, 0], torch.tensor([1.0, 2.0]), rtol=1e-4, atol=0)


def test_the_bottom_is_at_stride_32():
    net, sizes = FCDenseNet(3, [1] * 11, k=2, first=4).eval(), []
    net.bottom.register_forward_hook(lambda _, x, y: sizes.append(tuple(y.shape[-2:])))
    with torch.no_grad():
        net(torch.zeros(1, 3, 96, 131))
    assert sizes == [(3, 4)]


def test_the_input_of_a_block_is_left_out_on_the_way_up():
    """Else the up-sampled maps would be as many as all that came before; they are n·k."""
    with torch.device("meta"):
        net = tiramisu.fc_densenet103()
    assert [up.in_channels for up in net.enlarge] == [16 * n for n in (15, 12, 10, 7, 5)]


def test_blocks_must_be_odd_in_number():
    with pytest.raises(ValueError, match="odd number of blocks"):
        FCDenseNet(3, [2, 2], k=4)
