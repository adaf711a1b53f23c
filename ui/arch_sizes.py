"""Lab: the trained small networks' IoU of things, against the size that the things have."""

from __future__ import annotations

import streamlit as st

from seglab.bench import zoo as bench
from seglab.datasets.axes import SIZES
from ui import arch_controls, arch_trained
from ui.arch_charts import COLORS, chart
from ui.texts import architectures_zoo as text

FIRST = ("fcn-32s", "fcn-8s", "segnet", "unet")  # that are shown at first, where they are trained


def sizes() -> None:
    """Show the lab."""
    st.markdown(text.S_INTRO)
    there = arch_trained.trained()
    first = [key for key in FIRST if key in there] or list(there[:2])
    who = arch_controls.several(text.S_WHO, "swho", there, first, len(COLORS) - 1)
    found = {arch_controls.title(key): line for key in who if (line := of(key))}
    if not found:
        st.info(text.S_NONE)
        return
    lines = {name: ([size for size, *_ in line], [mean for _, mean, _ in line]) for name, line in found.items()}
    if guessed := baseline():
        lines[text.S_BASELINE] = guessed
    chart(*text.S_AXES, lines, "sizes", spreads={name: [half for *_, half in line] for name, line in found.items()})
    st.caption(text.S_NOTICE)


def baseline() -> tuple[list[str], list[float]] | None:
    """Return the same by the colour of each pixel alone; None where it wasn't measured."""
    found = bench.baselines(False).get("colour look-up", {})
    titles = [split.replace("-", "–") for split in SIZES]
    return (titles, [found[title] for title in titles]) if set(titles) <= set(found) else None


def of(key: str) -> list[tuple[str, float, float]]:
    """Return the ranges of sizes on which a network was scored, with the mean IoU of things and half its range."""
    found = [(split, arch_trained.score(key, split, "things_iou")) for split in SIZES]
    return [(split.replace("-", "–"), *one) for split, one in found if one is not None]
