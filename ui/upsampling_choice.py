"""What is chosen in the grid lab, read from the session: the grids with as many channels as the method takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seglab.upsampling import icnr
from ui.texts import upsampling as text
from ui.upsampling_state import LIMIT, MOST_CHANNELS, Channels, unpack

CONVOLUTIONS = ("transposed", "conv")
INTERPOLATIONS = ("nearest", "bilinear", "bicubic")
KERNELS = (*CONVOLUTIONS, "resize")  # methods with a kernel


@dataclass(frozen=True, eq=False)
class Chosen:
    """The grid lab's choices. `x` is (C, H, W); `w` (n, kH, kW), a kernel for each pair of channels; `y` may miss."""

    method: str
    x: Channels
    w: Channels
    y: Channels | None
    stride: int
    pad: int
    outpad: int
    dilation: int
    groups: int
    size: tuple[int, int]
    corners: bool
    factor: int
    mode: Any
    start: str
    window: int
    hop: int
    rim: int

    @property
    def channels(self) -> bool:
        """Whether the grids have a channel axis for the library."""
        return len(self.x) > 1 or self.method == "subpixel"

    @property
    def filtered(self) -> bool:
        """Whether filters make the channels that the sub-pixel shuffle weaves."""
        return self.method == "subpixel" and self.start != "plain"

    @property
    def input(self) -> Channels:
        """The input as the library takes it: (H, W), or (C, H, W)."""
        return self.x if self.channels else self.x[0]

    @property
    def kernel(self) -> Channels:
        """The kernel as the library takes it: (kH, kW), (2, 2 / groups, kH, kW), or filters (f², 1, kH, kW)."""
        if self.filtered:
            return self.w[:, None] if self.start == "random" else icnr(self.w[:1, None], self.factor)
        return self.w[0] if len(self.w) == 1 else self.w.reshape(2, -1, *self.w.shape[1:])

    @property
    def for_torch(self) -> Channels:
        """The kernel as PyTorch takes it, with both axes of channels."""
        return self.kernel if self.kernel.ndim == 4 else self.kernel[None, None]


def has_kernel(now: Mapping[Any, Any]) -> bool:
    """Whether a kernel can be seen and edited with these choices."""
    return now["method"] in KERNELS or (now["method"] == "subpixel" and now["start"] != "plain")


def choose(now: Mapping[Any, Any]) -> Chosen:
    """Read the choices; ValueError for more channels than can be shown."""
    method = now["method"]
    groups = 2 if method in CONVOLUTIONS and now["chan"] == "groups" else 1
    woven = now["factor"] ** 2 if method == "subpixel" else 0  # channels that the shuffle takes
    if woven > MOST_CHANNELS:
        raise ValueError(text.MANY_CHANNELS.format(n=woven, r=now["factor"], channels=MOST_CHANNELS))
    return Chosen(
        method, fit(unpack(now["x"]), used(now, "x"), 10), fit(unpack(now["w"]), used(now, "w"), 1),
        unpack(now["y"])[:1] if now["y"] else None,
        now["stride"], now["pad"], now["outpad"], now["dilation"], groups, (now["rows"], now["cols"]), now["corners"],
        now["factor"], now["mode"], now["start"], now["window"], now["hop"], now["rim"],
    )  # fmt: skip


def used(now: Mapping[Any, Any], field: str) -> int:
    """How many channels of the input ("x"), or kernels ("w"), the method takes now; others wait in the session."""
    method, start = now["method"], now["start"]
    pairs = method in CONVOLUTIONS and now["chan"] != "1"
    woven = now["factor"] ** 2 if method == "subpixel" else 1
    if pairs:
        return 2 if field == "x" or now["chan"] == "groups" else 4
    return woven if start == {"x": "plain", "w": "random"}[field] else 1


def fit(channels: Channels, n: int, more: float) -> Channels:
    """Return the first n channels; missing ones are the first, plus `more` for each, so that they can be told apart.

    >>> fit(np.array([[[1.0, 2.0]]]), 3, 10).tolist()
    [[[1.0, 2.0]], [[11.0, 12.0]], [[21.0, 22.0]]]
    """
    extra = [np.clip(channels[0] + more * c, -LIMIT, LIMIT) for c in range(len(channels), n)]
    return np.stack([*channels[:n], *extra])
