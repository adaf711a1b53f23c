"""Lab: a U-Net, and its top alone, learn one street by heart, now; then both are asked about others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from ui import arch_net, arch_slopes, cache
from ui.arch_charts import chart, table
from ui.texts import architectures_labs as text

if TYPE_CHECKING:
    from torch import nn

BASE, STEPS, RATE = 8, 100, 1e-2
FAR = 40  # numbers from the street that is learnt to the others
CLOSE = 0.05  # of the pixels: as good as the same
WHOLE, TOP = "whole", "top"


@dataclass(frozen=True)
class Learnt:
    """A training: loss of each step; shares of pixels that are right on its street and on others; px seen; weights."""

    losses: NDArray[np.float32]
    own: float
    others: float
    field: int
    parameters: int


def built(which: str) -> nn.Module:
    """Return a U-Net with the first random weights of the usual seed, or its top: all that it has at full size."""
    from torch import nn

    from seglab.nets.unet import UNet, twice
    from seglab.seeded import Seeded

    with Seeded(arch_net.SEED):
        if which == WHOLE:
            return UNet(arch_net.CLASSES, BASE)
        return nn.Sequential(twice(3, BASE), twice(BASE, BASE), nn.Conv2d(BASE, arch_net.CLASSES, 1))


def learn(which: str, number: int) -> Learnt:
    """Train on street `number` alone (Adam, cross-entropy), and ask about four others; some seconds, kept."""

    def make() -> Learnt:
        import torch
        import torch.nn.functional as F

        from seglab import runtime
        from seglab.receptive_field import receptive_field

        net, losses = built(which), []
        (x, truth), (far, far_truth) = arch_slopes.batch(number), arch_slopes.batch(number + FAR)
        x, truth = x[:1], truth[:1]
        with torch.inference_mode(False), torch.enable_grad():
            adam = torch.optim.Adam(net.parameters(), RATE)
            for _ in range(STEPS):
                with runtime.places().place(None):  # one step at a time: others get their turn
                    adam.zero_grad()
                    loss = F.cross_entropy(net(x), truth, ignore_index=255)
                    loss.backward()
                    adam.step()
                losses.append(loss.item())
        net.eval()
        with torch.no_grad():
            own, others = (float((net(a).argmax(1) == b).float().mean()) for a, b in ((x, truth), (far, far_truth)))
        weights = sum(p.numel() for p in net.parameters())
        return Learnt(np.array(losses, np.float32), own, others, receptive_field(net).height, weights)

    found: Learnt = cache.kept(cache.MAPS, _key(which, number), make)
    return found


def _key(which: str, number: int) -> tuple[object, ...]:
    return "arch", "top", which, number


def top() -> None:
    """Show the lab."""
    st.markdown(text.T_INTRO.format(steps=STEPS, n=arch_slopes.STREETS))
    left, right = st.columns(2, vertical_alignment="bottom")
    left.number_input(text.T_NUMBER, 0, 99, key="tnumber", persist_state="session")
    number = int(st.session_state["tnumber"])
    asked = right.button(text.T_TRAIN, key="arch.top", icon=":material/play_arrow:", width="stretch")
    if not asked and not all(_key(which, number) in cache.MAPS for which in (WHOLE, TOP)):
        st.caption(text.T_WAITS)
        return
    with st.spinner(text.T_TRAINS):
        whole, alone = learn(WHOLE, number), learn(TOP, number)
    both = whole, alone
    table(text.T_COLUMNS, [
        (text.T_FIELD, *(f"{one.field} px" for one in both)),
        (text.T_WEIGHTS, *(f"{one.parameters:,}" for one in both)),
        (text.T_OWN, *(f"{one.own:.1%}" for one in both)),
        (text.T_OTHERS.format(n=arch_slopes.STREETS), *(f"{one.others:.1%}" for one in both)),
    ])  # fmt: skip
    steps = list(range(1, STEPS + 1))
    lines = {name: (steps, one.losses.tolist()) for name, one in zip(text.T_COLUMNS[1:], both, strict=True)}
    chart(*text.T_AXES, lines, "top", log=True)
    st.markdown((text.T_SAME if alone.own > whole.own - CLOSE else text.T_LESS).format(field=alone.field))
    st.caption(text.T_WHY)
