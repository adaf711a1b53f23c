"""FCN-32s, 16s and 8s on a mask: what skips from finer layers bring back.

What is imitated, and what isn't: in FCN each stride has class scores of its own, learnt from the features there; the
coarse ones know *what*, the fine ones *where*. Here the scores at every stride are perfect for their resolution: the
share of each cell that a label covers, and they are summed as they are. Learnt weights could do better (the head of
stride 8 alone often does, for the coarse shares blur the borders that it knows), and a network also mistakes one class
for another, of which nothing is seen here.

Conventions: labels are uint8 (H, W); each value that occurs is a class. Scores are shares, 0..1, at strides 8, 16 and
32; sides that 32 doesn't divide are continued by their last pixel. All upsampling is bilinear, align_corners=False.

Source: Long, Shelhamer & Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, figure 3 and
section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seglab.upsampling.planes import Labels, block_means, one_hot, padded_mask, upsample, winner

if TYPE_CHECKING:
    from torch import Tensor


def fcn_skips(labels: NDArray[np.uint8]) -> dict[str, Labels]:
    """Bring a mask back from stride 32 by the three FCNs of figure 3: labels uint8 (H, W) of each.

    FCN-32s: the scores at stride 32, ×32. FCN-16s: those ×2, plus the scores at stride 16, and the sum ×16. FCN-8s:
    that sum ×2, plus the scores at stride 8, and the sum ×8. At each pixel the label of the highest score, the lowest
    of equals.

    Raises:
        ValueError: not a mask of uint8.

    >>> mask = np.zeros((64, 64), np.uint8); mask[8:40, 8:40] = 1
    >>> [int((found != mask).sum()) for found in fcn_skips(mask).values()]  # pixels that are wrong
    [1137, 674, 208]
    """
    padded = padded_mask(labels, 32)
    present = np.unique(padded)
    heads: dict[str, tuple[int, Callable[[Tensor], Tensor]]] = {
        "FCN-32s": (32, _at_32),
        "FCN-16s": (16, _at_16),
        "FCN-8s": (8, _at_8),
    }
    height, width = labels.shape
    found = {}
    for name, (stride, head) in heads.items():

        def plane(label: int, stride: int = stride, head: Callable[[Tensor], Tensor] = head) -> Tensor:
            return upsample(head(one_hot(padded, label)), stride, "bilinear")[0, 0]

        found[name] = winner(present, plane)[:height, :width]
    return found


def _at_32(plane: Tensor) -> Tensor:
    return block_means(plane, 32)


def _at_16(plane: Tensor) -> Tensor:
    return upsample(_at_32(plane), 2, "bilinear") + block_means(plane, 16)


def _at_8(plane: Tensor) -> Tensor:
    return upsample(_at_16(plane), 2, "bilinear") + block_means(plane, 8)
