"""The badge "equals PyTorch": what is shown, compared with PyTorch's own function, now, in float64.

Not in float32: there PyTorch's "nearest" reads the neighbour at some sizes. Torch is imported when it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ui.texts import upsampling as text
from ui.upsampling_choice import Chosen

if TYPE_CHECKING:
    from torch import Tensor

    from ui.upsampling_make import Made

Values = NDArray[np.float64]

CLOSE = 1e-9  # of the largest number: what float64 leaves of rounding
OUT = "out"  # how the outputs' panels are called, before their number


@dataclass(frozen=True)
class Badge:
    """What the comparison gave: the words beside each picture, by its panels' name, and the sentence under them."""

    equal: bool
    notes: Mapping[str, str]
    sentence: str

    @property
    def note(self) -> str:
        """The words beside the output."""
        return self.notes[OUT]


def apart(ours: ArrayLike, theirs: ArrayLike) -> tuple[bool, float]:
    """Return whether two arrays are equal but for rounding, and their largest difference; infinity for two shapes.

    >>> apart([1.0, 1e6], [1.0, 1e6 + 1e-4]), apart([1.0], [2.0]), apart([1.0], [1.0, 1.0])
    ((True, 9.999994654208422e-05), (False, 1.0), (False, inf))
    """
    a, b = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if a.shape != b.shape:
        return False, float("inf")
    gap = float(np.abs(a - b).max(initial=0))
    return gap <= CLOSE * max(1.0, float(np.abs(b).max(initial=0))), gap


def compare(c: Chosen, made: Made) -> Badge:
    """Compute the choice with PyTorch and compare each picture that is made, number by number."""
    name = NAMES["filtered" if c.filtered else c.method]
    try:
        theirs = references(c, made)
    except RuntimeError as error:  # ours can where PyTorch refuses
        reason = str(error).partition("\n")[0]
        return Badge(False, {OUT: text.BADGE_OTHER}, text.BADGE_REFUSED.format(name=name, error=reason))
    found = {part: apart(_shown(c, made, part), of_torch) for part, of_torch in theirs.items()}
    notes = {part: text.BADGE if equal else text.BADGE_OTHER for part, (equal, _) in found.items()}
    equal, gap = found[OUT]
    if gap == float("inf"):
        shapes = {"a": theirs[OUT].shape[-2:], "b": made.output.shape[-2:]}
        return Badge(False, notes, text.BADGE_SHAPE.format(name=name, **shapes))
    n = made.output.size
    said = text.BADGE_SAYS.format(name=name, n=n, gap=f"{gap:.2g}", s="s" * (n > 1))
    others = [text.BADGE_PARTS[part] for part in notes if part != OUT]
    return Badge(equal, notes, f"{said} {text.BADGE_ALSO.format(others='; '.join(others))}" if others else said)


def noted(made: Made, badge: Badge) -> Made:
    """Return the same with the badge's words beside each picture that was compared."""
    panels = (replace(panel, note=badge.notes.get(_part(panel.name), panel.note)) for panel in made.panels)
    return replace(made, panels=tuple(panels))


def _part(name: str) -> str:
    return name.rstrip("0123456789")


def _shown(c: Chosen, made: Made, part: str) -> Values:
    """Return the numbers shown in the panels of a part, (C, H, W); the output's from where downloads take them too."""
    if part == OUT:
        return made.output.reshape(-1, *made.output.shape[-2:])
    return np.stack([panel.values for panel in made.panels if _part(panel.name) == part])


def references(c: Chosen, made: Made) -> dict[str, Values]:
    """Return PyTorch's numbers (C, H, W) for the output and each step on the way; RuntimeError where it refuses."""
    import torch
    import torch.nn.functional as F

    x = torch.from_numpy(c.x.copy())[None]  # (1, C, H, W)
    w = torch.from_numpy(c.for_torch.copy())
    found: dict[str, Tensor] = {}
    match c.method:
        case "nearest":
            found[OUT] = F.interpolate(x, c.size, mode="nearest")
        case "bilinear" | "bicubic":
            found[OUT] = F.interpolate(x, c.size, mode=c.method, align_corners=c.corners)
        case "nails":  # a kernel of one 1, and the zeros that output padding adds
            one = torch.ones(1, 1, 1, 1, dtype=torch.float64)
            found[OUT] = F.conv_transpose2d(x, one, stride=c.factor, output_padding=c.factor - 1)
        case "subpixel":
            if c.filtered:
                x = found["c"] = F.conv2d(x, w)
            found[OUT] = F.pixel_shuffle(x, c.factor)
        case "unpool":
            found["pooled"], indices = F.max_pool2d(x, c.window, c.hop, c.rim, return_indices=True)
            back = torch.from_numpy(_shown(c, made, "y").copy())[None]
            sizes = [c.window] * 2, [c.hop] * 2, [c.rim] * 2
            found[OUT] = F.max_unpool2d(back, indices, *sizes, list(c.x.shape[1:]))
        case "transposed":
            found[OUT] = F.conv_transpose2d(x, w, None, c.stride, c.pad, c.outpad, c.groups, c.dilation)
            if c.pad:
                found["canvas"] = F.conv_transpose2d(x, w, None, c.stride, 0, c.outpad, c.groups, c.dilation)
        case "conv":
            found[OUT] = F.conv2d(x, w, None, c.stride, c.pad, c.dilation, c.groups)
        case _:
            more = {} if c.mode == "nearest" else {"align_corners": False}
            size = made.output.shape[-2], made.output.shape[-1]
            found["resized"] = F.interpolate(x, size, mode=c.mode, **more)
            found[OUT] = F.conv2d(found["resized"], w, padding=(c.w.shape[1] // 2, c.w.shape[2] // 2))
    return {part: tensor[0].numpy() for part, tensor in found.items()}


NAMES = {
    "nearest": "F.interpolate", "bilinear": "F.interpolate", "bicubic": "F.interpolate", "nails": "F.conv_transpose2d",
    "subpixel": "F.pixel_shuffle", "filtered": "F.conv2d` and `F.pixel_shuffle", "unpool": "F.max_unpool2d",
    "transposed": "F.conv_transpose2d", "conv": "F.conv2d", "resize": "F.interpolate` and `F.conv2d",
}  # fmt: skip


def gradient(c: Chosen, made: Made) -> tuple[float, float, float]:
    """Return ⟨Cz, x⟩, ⟨z, Cᵀx⟩ and how far PyTorch's gradient of the first, with respect to z, is from Cᵀx.

    x is the input shown, Cᵀx the output; z are whole numbers from −3 to 3 of the output's shape, always the same.
    """
    import torch
    import torch.nn.functional as F

    from seglab.upsampling import convolve

    z = np.random.default_rng(0).integers(-3, 4, made.output.shape).astype(np.float64)
    height, width = c.x.shape[1:]  # C makes more than that where the output padding reaches the stride
    ahead = convolve(z, c.kernel, c.stride, c.pad, c.dilation, c.groups).output[..., :height, :width]
    one = torch.tensor(z.reshape(1, -1, *z.shape[-2:]), requires_grad=True)
    w = torch.from_numpy(c.for_torch.copy())
    theirs = F.conv2d(one, w, None, c.stride, c.pad, c.dilation, c.groups)[..., :height, :width]
    (slope,) = torch.autograd.grad((theirs * torch.from_numpy(c.x.copy())[None]).sum(), one)
    gap = float(np.abs(slope.numpy().reshape(made.output.shape) - made.output).max())
    return float((ahead * c.input).sum()), float((z * made.output).sum()), gap
