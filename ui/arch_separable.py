"""Lab: the arithmetic of depthwise separable convolution, beside what torch counts and takes."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import streamlit as st

from ui import cache
from ui.arch_charts import table
from ui.cost_strip import amount
from ui.texts import architectures_labs as text

CHANNELS = (8, 16, 32, 64, 128, 256)
SIDE = 64
REPEATS = 5


@dataclass(frozen=True)
class Both:
    """Weights, multiply-adds and milliseconds of the ordinary and of the separable convolution."""

    weights: tuple[int, int]
    macs: tuple[int, int]
    ms: tuple[float, float]


def formula(k: int, c: int, d: int) -> tuple[int, int]:
    """Return the weights of both: k²·C·C' and k²·C + C·C'.

    >>> formula(3, 64, 128)
    (73728, 8768)
    """
    return k * k * c * d, k * k * c + c * d


def measure(k: int, c: int, d: int) -> Both:
    """Build both in torch, count and time them on a map of 64×64; kept."""

    def make() -> Both:
        import torch
        from torch import nn

        from seglab import cost, runtime

        full = nn.Conv2d(c, d, k, padding=k // 2, bias=False)
        depthwise = nn.Conv2d(c, c, k, padding=k // 2, groups=c, bias=False)
        pair = full, nn.Sequential(depthwise, nn.Conv2d(c, d, 1, bias=False))
        found = [cost.of_net(net, (1, c, SIDE, SIDE)) for net in pair]
        x = torch.zeros(1, c, SIDE, SIDE)
        ms = []
        with torch.inference_mode(), runtime.places().place(None):
            for net in pair:
                net(x)
                times = []
                for _ in range(REPEATS):
                    began = time.perf_counter()
                    net(x)
                    times.append(1000 * (time.perf_counter() - began))
                ms.append(statistics.median(times))
        a, b = found
        return Both((a.parameters, b.parameters), (a.macs, b.macs), (ms[0], ms[1]))

    result: Both = cache.kept(cache.NUMBERS, ("arch", "separable", k, c, d), make)
    return result


def separable() -> None:
    """Show the lab."""
    now = st.session_state
    st.markdown(text.S_INTRO)
    left, middle, right = st.columns(3)
    left.select_slider(text.S_IN, CHANNELS, key="sin", persist_state="session")
    middle.select_slider(text.S_OUT, CHANNELS, key="sout", persist_state="session")
    right.select_slider(text.S_K, (1, 3, 5, 7), key="sk", persist_state="session")
    k, c, d = now["sk"], now["sin"], now["sout"]
    full, separate = formula(k, c, d)
    for line in (text.S_FULL, text.S_SEPARATE, text.S_RATIO):
        st.latex(line.format(k=k, c=c, d=d, full=full, separate=separate, ratio=separate / full))
    found = measure(k, c, d)
    share = found.macs[1] / found.macs[0]
    table(text.S_COLUMNS, [
        (text.S_WEIGHTS, *(f"{n:,}" for n in found.weights), f"{found.weights[1] / found.weights[0]:.1%}"),
        (text.S_MACS.format(side=SIDE), *(amount(n, "") for n in found.macs), f"{share:.1%}"),
        (text.S_MS, *(f"{ms:.2f} ms" for ms in found.ms), f"{found.ms[1] / found.ms[0]:.1%}"),
    ])  # fmt: skip
    faster = found.ms[1] / found.ms[0]
    why = text.S_WAITS if faster > share else text.S_KEEPS
    st.markdown(text.S_MORE if separate > full else text.S_NOTICE.format(share=share, ms=faster, why=why))
    st.caption(text.S_PAPER)
