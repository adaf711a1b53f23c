"""The badge "equals PyTorch": what is shown, compared with PyTorch's own function, now, in float64.

Not in float32: there PyTorch's "nearest" reads the neighbour at some sizes. Torch is imported when it is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ui.texts import upsampling as text
from ui.upsampling_choice import Chosen

if TYPE_CHECKING:
    from torch import Tensor

    from ui.upsampling_make import Made

CLOSE = 1e-9  # of the largest number: what float64 leaves of rounding


@dataclass(frozen=True)
class Badge:
    """What the comparison gave: the words beside the output, and the sentence under it."""

    equal: bool
    note: str
    sentence: str


def compare(c: Chosen, made: Made) -> Badge:
    """Compute the choice with PyTorch and compare number by number."""
    name = NAMES["filtered" if c.filtered else c.method]
    try:
        theirs = reference(c, made)
    except RuntimeError as error:  # ours can where PyTorch refuses
        return Badge(False, text.BADGE_OTHER, text.BADGE_REFUSED.format(name=name, error=str(error).partition("\n")[0]))
    if theirs.shape != made.output.shape:
        return Badge(False, text.BADGE_OTHER, text.BADGE_SHAPE.format(name=name, a=theirs.shape, b=made.output.shape))
    gap = float(np.abs(theirs - made.output).max())
    equal = gap <= CLOSE * max(1.0, float(np.abs(theirs).max()))
    sentence = text.BADGE_SAYS.format(name=name, n=made.output.size, gap=f"{gap:.2g}", s="s" * (made.output.size > 1))
    return Badge(equal, text.BADGE if equal else text.BADGE_OTHER, sentence)


def noted(made: Made, note: str) -> Made:
    """Return the same with `note` beside each output."""
    panels = (replace(panel, note=note) if panel.name.startswith("out") else panel for panel in made.panels)
    return replace(made, panels=tuple(panels))


def reference(c: Chosen, made: Made) -> NDArray[np.float64]:
    """Return PyTorch's output for the choice, in the shape of ours; RuntimeError where it refuses."""
    import torch
    import torch.nn.functional as F

    x = torch.from_numpy(c.x.copy())[None]  # (1, C, H, W)
    w = torch.from_numpy(c.for_torch.copy())
    out: Tensor
    match c.method:
        case "nearest":
            out = F.interpolate(x, c.size, mode="nearest")
        case "bilinear" | "bicubic":
            out = F.interpolate(x, c.size, mode=c.method, align_corners=c.corners)
        case "nails":  # a kernel of one 1, and the zeros that output padding adds
            one = torch.ones(1, 1, 1, 1, dtype=torch.float64)
            out = F.conv_transpose2d(x, one, stride=c.factor, output_padding=c.factor - 1)
        case "subpixel":
            out = F.pixel_shuffle(F.conv2d(x, w) if c.filtered else x, c.factor)
        case "unpool":
            pooled, indices = F.max_pool2d(x, c.window, c.hop, c.rim, return_indices=True)
            assert made.pooled is not None
            back = torch.from_numpy(np.array(next(p.values for p in made.panels if p.name == "y0")))[None, None]
            if not np.array_equal(pooled[0, 0].numpy(), made.pooled.output):
                raise RuntimeError(text.BADGE_POOL)
            out = F.max_unpool2d(back, indices, [c.window] * 2, [c.hop] * 2, [c.rim] * 2, list(c.x.shape[1:]))
        case "transposed":
            out = F.conv_transpose2d(x, w, None, c.stride, c.pad, c.outpad, c.groups, c.dilation)
        case "conv":
            out = F.conv2d(x, w, None, c.stride, c.pad, c.dilation, c.groups)
        case _:
            more = {} if c.mode == "nearest" else {"align_corners": False}
            size = made.output.shape[-2], made.output.shape[-1]
            large = F.interpolate(x, size, mode=c.mode, **more)
            out = F.conv2d(large, w, padding=(c.w.shape[1] // 2, c.w.shape[2] // 2))
    found = out[0].numpy()
    return found if made.output.ndim == 3 else found[0]


NAMES = {
    "nearest": "F.interpolate", "bilinear": "F.interpolate", "bicubic": "F.interpolate", "nails": "F.conv_transpose2d",
    "subpixel": "F.pixel_shuffle", "filtered": "F.conv2d` and `F.pixel_shuffle", "unpool": "F.max_unpool2d",
    "transposed": "F.conv_transpose2d", "conv": "F.conv2d", "resize": "F.interpolate` and `F.conv2d",
}  # fmt: skip


def gradient(c: Chosen, made: Made) -> tuple[float, float, float]:
    """Return ⟨Cx, y⟩, ⟨x, Cᵀy⟩ and how far PyTorch's gradient of the first, with respect to x, is from Cᵀy.

    y is the input shown, Cᵀy the output; x are whole numbers from −3 to 3 of the output's shape, always the same.
    """
    import torch
    import torch.nn.functional as F

    from seglab.upsampling import convolve

    x = np.random.default_rng(0).integers(-3, 4, made.output.shape).astype(np.float64)
    height, width = c.x.shape[1:]  # C makes more than that where the output padding reaches the stride
    ahead = convolve(x, c.kernel, c.stride, c.pad, c.dilation, c.groups).output[..., :height, :width]
    one = torch.tensor(x.reshape(1, -1, *x.shape[-2:]), requires_grad=True)
    w = torch.from_numpy(c.for_torch.copy())
    theirs = F.conv2d(one, w, None, c.stride, c.pad, c.dilation, c.groups)[..., :height, :width]
    (slope,) = torch.autograd.grad((theirs * torch.from_numpy(c.x.copy())[None]).sum(), one)
    gap = float(np.abs(slope.numpy().reshape(made.output.shape) - made.output).max())
    return float((ahead * c.input).sum()), float((x * made.output).sum()), gap
