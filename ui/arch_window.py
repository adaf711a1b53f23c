"""Lab: the sliding window against one fully convolutional pass, of the same weights, measured now."""

from __future__ import annotations

import time
from dataclasses import dataclass

import streamlit as st

from ui import arch_controls, arch_net, cache
from ui.arch_charts import chart, table
from ui.arch_net import Spec
from ui.compare_source import Source
from ui.cost_strip import amount
from ui.texts import architectures_labs as text

SPEC = Spec("patch", "small", random=True)
SIDES = (24, 32, 48, 64)
REPEATS = 3


@dataclass(frozen=True)
class Ways:
    """What both ways cost on one picture, and how far their scores differ; most: the largest score."""

    loop_macs: int
    pass_macs: int
    loop_ms: float
    pass_ms: float
    gap: float
    most: float


def macs(side: int) -> tuple[int, int]:
    """Return the multiply-adds of the loop and of the pass for a picture of side×side, counted on "meta" tensors."""
    from seglab import cost

    def make() -> tuple[int, int]:
        from seglab.nets.patch import Sliding

        net, shape = arch_net.net(SPEC), (1, 3, side, side)
        return cost.of_net(Sliding(net), shape).macs, cost.of_net(net, shape).macs  # type: ignore[arg-type]

    found: tuple[int, int] = cache.kept(cache.NUMBERS, ("arch", "window", side), make)
    return found


def measure(source: Source, side: int) -> Ways:
    """Run both ways on the picture made side×side px; kept."""

    def make() -> Ways:
        import torch

        from seglab import runtime
        from seglab.nets.patch import Sliding
        from seglab.preprocess import normalize, resize

        net = arch_net.net(SPEC)
        x = normalize(resize(source.photo.image, (side, side))[None].float() / 255)
        sliding = Sliding(net).eval()  # type: ignore[arg-type]
        with torch.inference_mode(), runtime.places().place(None):
            one = net(x)
            passes = []
            for _ in range(REPEATS):
                began = time.perf_counter()
                net(x)
                passes.append(1000 * (time.perf_counter() - began))
            began = time.perf_counter()
            other = sliding(x)
            loop = 1000 * (time.perf_counter() - began)
        gap, most = float((one - other).abs().max()), float(one.abs().max())
        return Ways(*macs(side), loop, sorted(passes)[REPEATS // 2], gap, most)

    found: Ways = cache.kept(cache.NUMBERS, ("arch", "window", source.photo.hash, side), make)
    return found


def window() -> None:
    """Show the lab."""
    net = arch_net.net(SPEC)
    patch = int(net.patch)  # type: ignore[arg-type]
    st.markdown(text.W_INTRO.format(patch=patch, shared=(patch - 1) / patch))
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    left.slider(text.W_SIDE, 24, 64, step=8, key="wside", persist_state="session")
    with right:
        source = arch_controls.source()
    side = st.session_state["wside"]
    with st.spinner():
        found = measure(source, side)
    times, slower = found.loop_macs / found.pass_macs, found.loop_ms / found.pass_ms
    pixels = side * side
    table(text.W_COLUMNS, [
        (text.W_MACS, amount(found.loop_macs, ""), amount(found.pass_macs, ""), f"{times:.0f}×"),
        (text.W_EACH, amount(found.loop_macs / pixels, ""), amount(found.pass_macs / pixels, ""), f"{times:.0f}×"),
        (text.W_MS, f"{found.loop_ms:.0f} ms", f"{found.pass_ms:.1f} ms", f"{slower:.0f}×"),
    ])  # fmt: skip
    st.markdown(text.W_NOTICE.format(macs=times, ms=slower))
    st.caption(f"{text.W_SAME.format(gap=found.gap, most=found.most)} {text.W_PAPER}")
    both = [macs(n) for n in SIDES]
    chart(*text.W_AXES, {text.W_LOOP: (SIDES, [a for a, _ in both]), text.W_PASS: (SIDES, [b for _, b in both])},
          "window", log=True)  # fmt: skip
