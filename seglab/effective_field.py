"""What a network does look at: the effective receptive field of one of its outputs, |∂y/∂x|.

Source: Luo, Li, Urtasun & Zemel 2016, arXiv:1701.04128, section 2: how much each pixel of a picture moves the output in
the middle. It depends on the weights and the picture, and is mostly a blob much smaller than the theoretical field
(`seglab.receptive_field`): after n layers of k×k its deviation grows as √n, the field as n.

Conventions: pixels of the input, rows before columns; maps are (H, W) float32, 0 or more.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from seglab.shadow import shadow, watch


def effective(
    net: nn.Module, x: Tensor, name: str = "", channel: int | None = None, at: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """Return the effective receptive field of one output: |∂y/∂x|, (H, W) float32, 0 or more.

    Summed over the picture's channels, averaged over the pictures: one real picture, or some of noise, as in the paper.

    Args:
        net: the network, run in eval mode on a copy; nothing is left behind, no gradient either.
        x: (N, C, H, W), as the network takes it (normalised), on its device.
        name: of a part, "" for the network; as for `receptive_field`.
        channel: y is this channel (class) of the output; None: the sum of all.
        at: row and column of the output; None for the middle one.

    Raises:
        ValueError: an unknown name, a part that isn't run or gives no map, a channel or place that isn't there.

    Source: Luo et al. 2016, section 2: the gradient that is put in is 1 at the centre and 0 elsewhere.

    >>> blur = nn.Conv2d(1, 1, 3, padding=1)
    >>> _ = nn.init.constant_(blur.weight, 0.5)
    >>> effective(blur, torch.zeros(1, 1, 5, 5))[:3, :3].tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.0, 0.5, 0.5]]
    """
    quiet = shadow(net)
    given: list[Tensor] = []

    def keep(name: str, output: Any) -> Any:
        given[:] = [t for t in tree_leaves(output) if isinstance(t, Tensor) and t.ndim == x.ndim]
        # A copy goes on: what is kept here must not be changed by a ReLU in place.
        return tree_map(lambda t: t.clone() if isinstance(t, Tensor) else t, output)

    watch(quiet, [name], keep)
    with torch.inference_mode(False), torch.enable_grad():
        leaf = x.detach().clone().requires_grad_()
        quiet(leaf.clone())
        if not given:
            raise ValueError(f"{name or type(net).__name__} isn't run, or gives no map: choose another part.")
        channels, h, w = given[0].shape[1:]
        row, column = (h // 2, w // 2) if at is None else at
        if not (0 <= row < h and 0 <= column < w and (channel is None or 0 <= channel < channels)):
            raise ValueError(
                f"The output has {channels} channels of {h}×{w}; got channel {channel}, row {row}, column {column}."
            )
        y = given[0][:, :, row, column] if channel is None else given[0][:, channel, row, column]
        (slope,) = torch.autograd.grad(y.sum(), leaf)
    found: NDArray[np.float32] = slope.abs().sum(1).mean(0).float().cpu().numpy()
    return found


def radius(field: NDArray[np.floating], share: float = 0.95) -> float:
    """Return the radius in pixels of a disc as large as the smallest area that holds `share` of an effective field.

    The area is the number of pixels, strongest first, until they hold the share: √(pixels / π). 0 for a field of 0.
    A Gaussian of deviation σ has √(2 ln(1 / (1 − share))) · σ: 2.45 σ for 0.95.

    Args:
        field: (H, W), 0 or more, as from `effective`.
        share: above 0, at most 1.

    Raises:
        ValueError: a share out of its range, negative numbers.

    >>> round(radius(np.ones((4, 5)), 0.5), 3)  # 10 of 20 pixels
    1.784
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1; got {share!r}.")
    values = np.sort(field.astype(np.float64).ravel())[::-1]
    if not values.size or values[-1] < 0:
        raise ValueError("An effective receptive field is (H, W) of numbers of 0 or more.")
    held = values.cumsum()
    if held[-1] == 0:
        return 0.0
    # The little slack keeps sums of equal numbers from asking for one pixel more by rounding.
    pixels = int(np.searchsorted(held, share * held[-1] * (1 - 1e-12))) + 1
    return math.sqrt(pixels / math.pi)
