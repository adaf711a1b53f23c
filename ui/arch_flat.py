"""Lab: full-resolution convolutions against an encoder-decoder that sees as far, counted and measured now."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import streamlit as st

from seglab.palettes import SCENES
from ui import cache
from ui.arch_charts import chart, table, times
from ui.cost_strip import amount
from ui.texts import architectures_labs as text

if TYPE_CHECKING:
    from torch import nn

SIDE = 128
BASES = (8, 16, 32)
STEPS = (1, 2, 3, 4)
REPEATS = 3


@dataclass(frozen=True)
class Counted:
    """Of one network: its receptive field in pixels, 3×3 layers, weights, multiply-adds, bytes kept for training."""

    field: int
    layers: int
    weights: int
    macs: int
    kept: int


def count(base: int, steps: int) -> tuple[Counted, Counted]:
    """Return what the full-resolution network costs, and the encoder-decoder that it sees as far as; kept."""

    def make() -> tuple[Counted, Counted]:
        import torch
        from torch import nn

        from seglab import cost
        from seglab.memory import activation_bytes
        from seglab.receptive_field import receptive_field

        def counted(net: nn.Module) -> Counted:
            convs = sum(isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3) for m in net.modules())
            found, kept = cost.of_net(net, shape), activation_bytes(net, torch.zeros(shape, device="meta"))
            return Counted(receptive_field(net).width, convs, found.parameters, found.macs, kept)

        shape = (1, 3, SIDE, SIDE)
        flat, other = nets(base, steps)
        return counted(flat), counted(other)

    found: tuple[Counted, Counted] = cache.kept(cache.NUMBERS, ("arch", "flat", base, steps), make)
    return found


@lru_cache
def layers(steps: int) -> int:
    """Return how many layers of full resolution see as far as an encoder-decoder, whatever its channels."""
    from seglab.nets.flat import EncoderDecoder
    from seglab.receptive_field import receptive_field

    return receptive_field(EncoderDecoder(1, 1, steps)).width // 2


def nets(base: int, steps: int) -> tuple[nn.Module, nn.Module]:
    """Build both networks; the first has as many layers as it takes to see as far as the second."""
    from seglab.nets.flat import EncoderDecoder, Flat

    return Flat(len(SCENES), base, layers(steps)).eval(), EncoderDecoder(len(SCENES), base, steps).eval()


def timed(base: int, steps: int) -> tuple[float, float]:
    """Return the milliseconds of one forward pass of each; kept."""

    def make() -> tuple[float, float]:
        import torch

        from seglab import runtime

        x = torch.zeros(1, 3, SIDE, SIDE)
        ms = []
        with torch.inference_mode(), runtime.places().place(None):
            for net in nets(base, steps):
                net(x)
                each = []
                for _ in range(REPEATS):
                    began = time.perf_counter()
                    net(x)
                    each.append(1000 * (time.perf_counter() - began))
                ms.append(statistics.median(each))
        return ms[0], ms[1]

    found: tuple[float, float] = cache.kept(cache.NUMBERS, ("arch", "flat", "ms", base, steps), make)
    return found


def flat() -> None:
    """Show the lab."""
    now = st.session_state
    st.markdown(text.F_INTRO)
    left, right = st.columns(2)
    left.select_slider(text.F_STEPS, STEPS, key="fsteps", persist_state="session")
    right.select_slider(text.F_BASE, BASES, key="fbase", persist_state="session")
    base, steps = now["fbase"], now["fsteps"]
    with st.spinner():
        one, other = count(base, steps)
        ms = timed(base, steps)
    rows = [
        (text.F_FIELD, f"{one.field} px", f"{other.field} px", one.field / other.field),
        (text.F_LAYERS, str(one.layers), str(other.layers), one.layers / other.layers),
        (text.F_WEIGHTS, f"{one.weights:,}", f"{other.weights:,}", one.weights / other.weights),
        (text.F_MACS, amount(one.macs, ""), amount(other.macs, ""), one.macs / other.macs),
        (text.F_KEPT, f"{one.kept / 2**20:.1f} MB", f"{other.kept / 2**20:.1f} MB", one.kept / other.kept),
        (text.F_MS, f"{ms[0]:.1f} ms", f"{ms[1]:.1f} ms", ms[0] / ms[1]),
    ]
    table(text.F_COLUMNS, [(*row[:3], f"{times(row[3])}×") for row in rows])
    st.markdown(text.F_NOTICE.format(
        field=other.field, layers=one.layers, macs=times(one.macs / other.macs), kept=times(one.kept / other.kept),
        stride=2**steps,
    ))  # fmt: skip
    both = [count(base, n) for n in STEPS]
    chart(*text.F_AXES, {
        text.F_FLAT: ([a.field for a, _ in both], [a.macs for a, _ in both]),
        text.F_OTHER: ([b.field for _, b in both], [b.macs for _, b in both]),
    }, "flat", log=True, ticks="D2")  # fmt: skip
    st.caption(text.F_PAPER.format(side=SIDE))
