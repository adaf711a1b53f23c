"""3×3 convolutions with a quarter of the multiplications: Winograd's F(4×4, 3×3), for wide layers on a CPU.

A tile of 6×6 inputs d gives 4×4 outputs Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A (Lavin & Gray 2016, "Fast Algorithms for
Convolutional Neural Networks", eq. 8; here ⊙ is a matrix product over the channels): 36 multiplications instead of 144.
The matrices are Cook and Toom's for the points 0, ±1/√2, ±√2 and ∞: float32's rounding is then 9e-7 of the outputs,
of 256 channels (a plain convolution's: 2e-7 to 6e-7; at the paper's points 0, ±1, ±2 twice as much).
A dilated convolution is a plain one on every r-th row and column, from each start; the tiles of so small maps cost what
they save (DeepLabV3 gained nothing), so dilated ones are left alone.

oneDNN, which torch calls, has no such kernel on x86. What it costs is memory: 36 numbers for each 9 weights.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDE = 128 * 128  # input × output channels, from which on it pays: below, moving tiles costs what it saves
NARROWEST = 128  # of either
TILES = 192  # at a time, so that they stay in the cache
M, N = 4, 6  # outputs and inputs of a tile, each way
POINTS = (0.0, 0.5**0.5, -(0.5**0.5), 2**0.5, -(2**0.5))


def matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return Aᵀ (4, 6), G (6, 3) and Bᵀ (6, 6) in float64: Aᵀ[(G g) ⊙ (Bᵀ d)] correlates d (6,) with g (3,).

    >>> a, g, b = matrices()
    >>> np.round(a @ ((g @ [1, 0, -1]) * (b @ [1, 4, 9, 16, 25, 36])), 9).tolist()
    [-8.0, -12.0, -16.0, -20.0]
    """
    x = np.array(POINTS)
    others = [np.delete(x, i) for i in range(len(x))]
    scale = np.array([[np.prod(x[i] - others[i])] for i in range(len(x))])
    last = np.eye(N)[-1:]  # the point ∞: the highest power alone
    powers = x[:, None] ** np.arange(M)
    a = np.concatenate([powers, last[:, :M] + np.eye(M)[-1:]]).T
    g = np.concatenate([powers[:, :3] / scale, np.eye(3)[-1:]])
    b = np.zeros((N, N))
    for i, rest in enumerate(others):
        b[i, : N - 1] = np.poly(rest)[::-1]  # coefficients of Π (t − x_j), the lowest power first
    b[-1] = np.poly(x)[::-1]
    return a, g, b


class Winograd(nn.Module):
    """What a 3×3 convolution computes that `fits`, to float32's rounding. In inference only: it has no parameters.

    x (N, C, H, W) float32 → (N, K, H, W), channels last.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        a, g, b = (torch.from_numpy(np.kron(side, side)) for side in matrices())
        outputs, inputs = conv.weight.shape[:2]
        tiles = g @ conv.weight.detach().double().cpu().permute(2, 3, 1, 0).reshape(9, -1)
        self.weight: Tensor
        self.register_buffer("weight", tiles.float().view(N * N, inputs, outputs).contiguous())
        self.bias: Tensor | None
        self.register_buffer("bias", None if conv.bias is None else conv.bias.detach().clone())
        self.into: Tensor
        self.register_buffer("into", b.float(), persistent=False)  # (36, 36), on 36 inputs of each tile and channel
        self.out: Tensor
        self.register_buffer("out", a.float(), persistent=False)  # (16, 36)

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of x, zeros around it."""
        x = x.permute(0, 2, 3, 1)
        batch, height, width, channels = x.shape
        rows, columns = -(-height // M), -(-width // M)
        padded = F.pad(x, (0, 0, 1, M * columns - width + 1, 1, M * rows - height + 1)).contiguous()
        image, line = padded.stride()[:2]
        at_once, strip = max(1, TILES // (rows * columns)), max(1, TILES // columns)
        out = x.new_empty(batch, rows, M, columns, M, self.weight.shape[2])
        for b in range(0, batch, at_once):
            for top in range(0, rows, strip):
                n, k = min(at_once, batch - b), min(strip, rows - top)
                tiles = padded.as_strided(
                    (N, N, n, k, columns, channels), (line, channels, image, M * line, M * channels, 1),
                    padded.storage_offset() + b * image + M * top * line,
                )  # fmt: skip
                into = torch.mm(self.into, tiles.reshape(N * N, -1)).view(N * N, -1, channels)
                mixed = torch.bmm(into, self.weight).view(N * N, -1)
                made = torch.mm(self.out, mixed).view(M, M, n, k, columns, -1)
                if self.bias is not None:
                    made += self.bias
                out[b : b + n, top : top + k] = made.permute(2, 3, 0, 4, 1, 5)
        made = out.view(batch, M * rows, M * columns, out.shape[-1])[:, :height, :width]
        return made.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def fits(module: nn.Module) -> bool:
    """Whether it is a 3×3 convolution of stride 1 that keeps the size, wide enough to gain.

    >>> fits(nn.Conv2d(256, 256, 3, padding=1)), fits(nn.Conv2d(64, 64, 3, padding=1))
    (True, False)
    """
    return (
        type(module) is nn.Conv2d
        and module.kernel_size == (3, 3)
        and module.stride == (1, 1)
        and module.groups == 1
        and module.dilation == (1, 1)
        and module.padding == (1, 1)
        and module.padding_mode == "zeros"
        and min(module.in_channels, module.out_channels) >= NARROWEST
        and module.in_channels * module.out_channels >= WIDE
        and module.weight.dtype == torch.float32
    )


def quicken(net: nn.Module) -> nn.Module:
    """Return a network with the same answers whose convolutions that fit are `Winograd`; `net` itself if none does.

    What isn't replaced is shared with `net`, which stays as it is. Where the replaced weights belong to nobody else,
    their memory is free once `net` is.
    """
    names = [name for name, module in net.named_modules() if name and fits(module)]
    if not names:
        return net
    with torch.inference_mode(False), torch.no_grad():
        made = copy.deepcopy(net, {id(t): t for t in (*net.parameters(), *net.buffers())})
        for name in names:
            conv = made.get_submodule(name)
            assert isinstance(conv, nn.Conv2d)
            made.set_submodule(name, Winograd(conv))
    return made
