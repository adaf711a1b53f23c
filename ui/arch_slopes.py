"""Lab: the norm of the gradient at every stage of a U-Net, with its skips and without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from ui import arch_controls, arch_net, arch_state, cache
from ui.arch_charts import chart, times
from ui.arch_net import Spec
from ui.texts import architectures_labs as text

if TYPE_CHECKING:
    from torch import Tensor, nn

STREETS = 4
STAGES = (*(f"down.{i}" for i in range(5)), *(f"{what}.{i}" for i in range(4) for what in ("up", "join")), "classify")


def names(net: nn.Module) -> dict[str, str]:
    """Return the stages' names in a network, by what they are called here: U-Net as published has them in `net`."""
    prefix = "net." if hasattr(net, "net") else ""
    return {name: prefix + name for name in STAGES}


def norms(net: nn.Module, x: Tensor, target: Tensor, *, skips: bool) -> dict[str, float]:
    """Return ‖∂L/∂w‖ of each stage's weights, L the cross-entropy in train mode; the network isn't touched.

    Without skips the half of what `join` reads that comes across the U is 0: the same weights, the same sizes.
    """
    import torch
    import torch.nn.functional as F

    from seglab.shadow import part, shadow

    quiet, called = shadow(net, learning=True), names(net)

    def cut(module: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
        across, below = inputs[0].chunk(2, 1)
        return (torch.cat([torch.zeros_like(across), below], 1),)

    if not skips:
        for name in STAGES:
            if name.startswith("join."):
                part(quiet, called[name]).register_forward_pre_hook(cut)
    with torch.inference_mode(False), torch.enable_grad():
        loss = F.cross_entropy(quiet(x.clone()), target, ignore_index=255)
        parts = [(name, list(part(quiet, called[name]).parameters())) for name in STAGES]
        found = iter(torch.autograd.grad(loss, [weight for _, weights in parts for weight in weights]))
    return {name: sum(float(next(found).double().square().sum()) for _ in weights) ** 0.5 for name, weights in parts}


def batch(number: int) -> tuple[Tensor, Tensor]:
    """Return four drawn streets from a number on, normalised (4, 3, 128, 128), and their labels (4, 128, 128)."""
    import numpy as np
    import torch

    from seglab.datasets import scenes
    from seglab.preprocess import normalize

    drawn = [scenes.render(number + i, 0, scenes.Parameters(), (128, 128)).sample for i in range(STREETS)]
    pixels = torch.tensor(np.stack([one.image for one in drawn])).permute(0, 3, 1, 2).float() / 255
    return normalize(pixels), torch.tensor(np.stack([one.labels for one in drawn])).long()


def slopes() -> None:
    """Show the lab."""
    now = st.session_state
    st.markdown(text.G_INTRO)
    left, right = st.columns(2, vertical_alignment="bottom")
    left.segmented_control(text.G_NET, arch_state.UNETS, format_func=text.G_NETS.__getitem__, key="gnet",
                           required=True, persist_state="session")  # fmt: skip
    right.number_input(text.G_NUMBER, 0, 99, key="gnumber", persist_state="session")
    key, number = str(now["gnet"]), int(now["gnumber"])
    spec = Spec(key, "small", random=True)

    def make() -> tuple[tuple[float, float], ...]:
        from seglab import runtime

        x, target = batch(number)
        with runtime.places().place(None):
            pair = [norms(arch_net.net(spec), x, target, skips=skips) for skips in (True, False)]
        return tuple((pair[0][name], pair[1][name]) for name in STAGES)

    found = cache.kept(cache.NUMBERS, ("arch", "slopes", key, number), make)
    lines = {name: (STAGES, [pair[i] for pair in found]) for i, name in enumerate((text.G_WITH, text.G_WITHOUT))}
    chart(*text.G_AXES, lines, "slopes", log=True)
    ratio = {name: one / other if other else float("inf") for name, (one, other) in zip(STAGES, found, strict=True)}
    said = text.G_NOTICE.format(first=times(ratio["down.0"]), bottom=times(ratio["down.4"]))
    st.markdown(f"{said} {text.G_WHY[key]}")
    st.caption(text.G_WEIGHTS.format(title=arch_controls.full_title(spec), seed=arch_net.SEED))
