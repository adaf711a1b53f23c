"""Lab: how many of an atrous 3×3 kernel's taps fall inside the map, by its rate and the map's size."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from ui import arch_state, cache
from ui.arch_charts import chart
from ui.arch_stage import TILE, png
from ui.texts import architectures_labs as text

Taps = NDArray[np.float32]


def taps(side: int, rate: int) -> Taps:
    """Return at each place of a map (side, side) how many of the nine taps lie inside: an atrous sum of ones.

    >>> taps(3, 1).tolist()
    [[4.0, 6.0, 4.0], [6.0, 9.0, 6.0], [4.0, 6.0, 4.0]]
    """

    def make() -> Taps:
        import torch
        import torch.nn.functional as F

        ones = torch.ones(1, 1, side, side)
        found: Taps = F.conv2d(ones, torch.ones(1, 1, 3, 3), padding=rate, dilation=rate)[0, 0].numpy()
        return found

    result: Taps = cache.kept(cache.MAPS, ("arch", "taps", side, rate), make)
    return result


def aspp() -> None:
    """Show the lab."""
    now = st.session_state
    st.markdown(text.A_INTRO)
    left, right = st.columns(2)
    left.slider(text.A_SIDE, 5, 129, step=2, key="amap", persist_state="session")
    right.selectbox(text.A_RATES, arch_state.RATES, key="arates", persist_state="session")
    side, rates = now["amap"], [int(rate) for rate in now["arates"].split("/")]
    with st.container(horizontal=True, gap="medium"):
        for rate in rates:
            found = taps(side, rate)
            said = text.A_MAP.format(r=rate, mean=found.mean(), alone=float((found == 1).mean()))
            st.image(png(found, 0.0, 9.0), caption=said, width=int(1.5 * TILE),
                     alt=text.A_ALT.format(r=rate, n=side))  # fmt: skip
    last = taps(side, rates[-1])
    st.markdown(text.A_NOTICE.format(r=rates[-1], centre=int(last[side // 2, side // 2]), corner=int(last[0, 0])))
    over = range(1, side + 1, max(1, side // 32))
    chart(*text.A_AXES, {f"{side}×{side}": (over, [float(taps(side, rate).mean()) for rate in over])}, "aspp")
    st.caption(text.A_PAPER)
