"""Lab: why a dense layer fixes the picture's size, and how spatial pyramid pooling frees it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from ui import arch_controls, arch_net
from ui.arch_charts import table
from ui.arch_stage import TILE, png
from ui.texts import architectures_labs as text

if TYPE_CHECKING:
    from torch import Tensor, nn

USUAL = 224
BINS = (1, 2, 4)
OUTPUTS = 10


@lru_cache(maxsize=1)
def encoder() -> nn.Module:
    """Return the small encoder with random weights of a fixed seed."""
    import torch

    from seglab.nets.encoders import encoder as build
    from seglab.seeded import Seeded

    with torch.inference_mode(False), Seeded(arch_net.SEED):
        return build("tiny").eval().requires_grad_(False)


def pooled(found: Tensor, bins: tuple[int, ...] = BINS) -> Tensor:
    """Return the maxima of a map (1, C, h, w) over n×n regions for each n, (1, C·Σn²), whatever h and w are.

    Source: He et al. 2014, arXiv:1406.4729, section 2.2.

    >>> import torch
    >>> pooled(torch.zeros(1, 3, 5, 9)).shape
    torch.Size([1, 63])
    """
    import torch
    import torch.nn.functional as F

    return torch.cat([F.adaptive_max_pool2d(found, n).flatten(1) for n in bins], 1)


def tried(inputs: int, values: Tensor) -> str:
    """Put numbers (1, m) into a dense layer made for so many inputs; return "" or torch's error."""
    import torch
    from torch import nn

    try:
        with torch.inference_mode():
            nn.Linear(inputs, OUTPUTS)(values)
    except RuntimeError as error:
        return str(error).splitlines()[0]
    return ""


def spp() -> None:
    """Show the lab."""
    import torch

    from seglab.preprocess import normalize, resize

    st.markdown(text.P_INTRO)
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    left.slider(text.P_SIDE, 64, 320, step=32, key="spside", persist_state="session")
    with right:
        source = arch_controls.source()
    side = st.session_state["spside"]
    with torch.inference_mode():
        usual, found = (
            encoder()(normalize(resize(source.photo.image, (n, n))[None].float() / 255))[-1] for n in (USUAL, side)
        )
    heads = [head.format(side=side) for head in text.P_COLUMNS]

    def fate(inputs: int, values: Tensor) -> str:
        error = tried(inputs, values)
        return text.P_BREAKS.format(error=error) if error else text.P_FITS

    flat, pools = [t.flatten(1) for t in (usual, found)], [pooled(t) for t in (usual, found)]
    table(heads, [
        (text.P_MAP, *("×".join(map(str, t.shape[1:])) for t in (usual, found))),
        (text.P_FLAT, *(f"{t.shape[1]:,}" for t in flat)), (text.P_SPP, *(f"{t.shape[1]:,}" for t in pools)),
        (text.P_DENSE, *(fate(flat[0].shape[1], t) for t in flat)),
        (text.P_POOLED, *(fate(pools[0].shape[1], t) for t in pools)),
    ])  # fmt: skip
    strongest = found[0, int(found[0].flatten(1).std(1).argmax())][None, None]
    low, high = float(strongest.min()), float(strongest.max())
    with st.container(horizontal=True, gap="small"):
        h, w = strongest.shape[-2:]
        shown = {text.P_WHOLE.format(h=h, w=w): (strongest, max(h, w))}
        shown |= {text.P_TILE.format(n=n): (torch.nn.functional.adaptive_max_pool2d(strongest, n), n) for n in BINS}
        for caption, (values, n) in shown.items():
            st.image(png(np.asarray(values[0, 0]), low, high), caption=caption, width=TILE,
                     alt=text.P_TILE_ALT.format(n=n))  # fmt: skip
    st.markdown(text.P_NOTICE)
    st.caption(text.P_PAPER)
