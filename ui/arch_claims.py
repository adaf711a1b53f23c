"""What the course claims of the architectures, and whether it shows in the small networks' scores."""

from __future__ import annotations

import streamlit as st

from seglab.bench import zoo as bench
from seglab.bench.zoo import Claim, Longer
from ui import arch_controls
from ui.arch_charts import table
from ui.texts import architectures_zoo as text


def claims() -> None:
    """Show the claims of which both sides are trained, by the cards alone; nothing where there are none."""
    found = bench.claims()
    if not found:
        return
    st.markdown(text.Q_TITLE)
    table(text.Q_HEADS, [row(claim) for claim in found])
    st.caption(text.Q_NOTE)
    if told := bench.longer():
        st.caption(text.Q_LONGER.format(each=", ".join(map(longer, told))))


def longer(one: Longer) -> str:
    """Return what an architecture scores with longer training, beside what it did."""
    return text.Q_LONGER_EACH.format(title=arch_controls.title(one.key), times=one.times, before=one.before,
                                     after=one.after)  # fmt: skip


def row(claim: Claim) -> tuple[str, str, str]:
    """Return a claim in words, whether it shows, and the difference; of one that doesn't show, why."""
    said = text.Q_CLAIM.format(higher=arch_controls.title(claim.higher), lower=arch_controls.title(claim.lower),
                               what=text.Q_WHAT[claim.column])  # fmt: skip
    why = "" if claim.shows else text.WHY.get((claim.column, claim.lower, claim.higher), "")
    return (f"{said}. {why}" if why else said, text.Q_SHOWS if claim.shows else text.Q_NOT,
            difference(claim.gap, claim.spread))  # fmt: skip


def difference(gap: float, spread: float) -> str:
    """Write a difference and its spread in one piece, with a proper minus.

    >>> difference(-0.012, 0.02).split()
    ['−0.012', '±', '0.020']
    """
    return f"{gap:+.3f} ± {spread:.3f}".replace("-", "−").replace(" ", "\N{NO-BREAK SPACE}")
