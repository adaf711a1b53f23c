"""The sliding window (Cireşan, Giusti, Gambardella & Schmidhuber, NIPS 2012): classify a patch around every pixel.

A classifier says what is at the centre of a P×P patch (table 1, network N4: P = 95). Slid over the picture it labels
every pixel; so it won the first contest on segmenting neuronal membranes (ISBI 2012): the right idea. It lacks all
thrift: neighbouring patches have nearly all their pixels in common, and all that is computed anew. FCN is the mend.

The same weights can give the same numbers in one pass (Giusti et al. 2013, arXiv:1302.1700, in the form of Long et al.
2015, section 3.2, "à trous"): where the classifier pools by 2 and goes on with a map of half the size, keep the full
map, and let all later kernels take every second cell. Then each weight is used once for each pixel, and never twice for
the same sum. `PatchClassifier.forward` is that pass, `Sliding` is the loop; tests show that they agree to rounding.

Ours differs: 3 channels, not 1; ReLU; one network, where the paper averages four and calibrates them. As in the paper,
a picture is mirrored beyond its edges. No BatchNorm: the loop and the pass would have different statistics.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PatchClassifier(nn.Module):
    """Convolutions without padding, each followed by 2×2 max-pooling, down to 3×3 cells; then two dense layers.

    Args:
        n_classes: K, the number of classes.
        kernels: sides of the convolutions' kernels; `patch`, the side P of a patch, follows from them.
        widths: channels of each convolution.
        hidden: neurons of the first dense layer.
    """

    def __init__(self, n_classes: int, kernels: tuple[int, ...], widths: tuple[int, ...], hidden: int) -> None:
        super().__init__()
        self.patch = 3
        for kernel in reversed(kernels):
            self.patch = 2 * self.patch + kernel - 1
        # Layer n spreads its taps by 2ⁿ in the one pass; in a patch it has none of that, see `classify`.
        self.convs = nn.ModuleList(
            nn.Conv2d(c_in, c_out, kernel, dilation=2**n)
            for n, (c_in, c_out, kernel) in enumerate(zip((3, *widths), widths, kernels, strict=False))
        )
        self.dense1 = nn.Conv2d(widths[-1], hidden, 3, dilation=2 ** len(kernels))  # dense: it covers all 3×3 cells
        self.dense2 = nn.Conv2d(hidden, n_classes, 1)
        for layer in (*self.convs, self.dense1):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # type: ignore[arg-type]

    def classify(self, patches: Tensor) -> Tensor:
        """(N, 3, P, P), normalised → logits (N, K) of the pixels at the patches' centres: the paper's table 1."""
        x = patches  # (N, 3, 95, 95)
        for conv in self.convs:
            x = F.conv2d(x, conv.weight, conv.bias)  # type: ignore[arg-type]
            x = F.max_pool2d(F.relu(x), 2)  # (N, 48, 46, 46), (…, 21, 21), (…, 9, 9), (…, 3, 3)
        x = F.relu(F.conv2d(x, self.dense1.weight, self.dense1.bias))  # (N, 200, 1, 1)
        return self.dense2(x).flatten(1)  # (N, K)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H, W), all patches in one pass; any H, W > P/2."""
        x = self.mirrored(x)  # (N, 3, H + P−1, W + P−1)
        for n, conv in enumerate(self.convs):
            x = F.relu(conv(x))  # taps 2ⁿ cells apart
            x = F.max_pool2d(x, 2, stride=1, dilation=2**n)  # no cell is dropped
        x = F.relu(self.dense1(x))  # (N, 200, H, W)
        return self.dense2(x)  # (N, K, H, W)

    def mirrored(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) → (N, 3, H + P−1, W + P−1), so that there is a patch around every pixel."""
        return F.pad(x, [self.patch // 2] * 4, mode="reflect")


class Sliding(nn.Module):
    """The honest loop: cut a patch out around every pixel, and classify each; the numbers of `net`, at its real cost.

    >>> sliding = Sliding(small(2).eval())
    >>> x = torch.randn(1, 3, 20, 20)
    >>> bool((sliding(x) - sliding.net(x)).abs().max() < 1e-4)
    True
    """

    def __init__(self, net: PatchClassifier) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H, W), row by row; any H, W > P/2."""
        n, (height, width), p = len(x), x.shape[-2:], self.net.patch
        around = self.net.mirrored(x)  # (N, 3, H + P−1, W + P−1)
        rows = []
        for top in range(height):
            strip = around[:, :, top : top + p].unfold(3, p, 1)  # (N, 3, P, W, P)
            patches = strip.permute(0, 3, 1, 2, 4).flatten(0, 1)  # (N·W, 3, P, P)
            rows.append(self.net.classify(patches).unflatten(0, (n, width)))  # (N, W, K)
        return torch.stack(rows, 1).permute(0, 3, 1, 2)  # (N, K, H, W)


def paper_size(n_classes: int = 2) -> PatchClassifier:
    """N4 of table 1: patches of 95×95, 0.22 M parameters. `Sliding` makes the loop of it.

    >>> paper_size().patch
    95
    """
    return PatchClassifier(n_classes, kernels=(4, 5, 4, 4), widths=(48, 48, 48, 48), hidden=200)


def small(n_classes: int) -> PatchClassifier:
    """Patches of 39×39, 0.06 M parameters; in one pass each is used at all pixels, which is work enough.

    16 channels first, not 24: on CPUs oneDNN's gradient of a dilated convolution's weights is wrong in bf16, mostly
    NaN, where its input has an odd number of eights of channels above 8; 24, 40 and 56 were seen (torch 2.15).

    >>> small(11)(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 11, 64, 64])
    """
    return PatchClassifier(n_classes, kernels=(4, 3, 3), widths=(16, 32, 48), hidden=96)
