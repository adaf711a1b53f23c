"""The formula of Grad-CAM being summed: the strongest channels, their weights, and the sum as it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from ui import gradcam_run
from ui import viewer as v
from ui.gradcam_run import Asked, Kept, Map
from ui.texts import gradcam_more as text

if TYPE_CHECKING:
    from seglab.explain import Explanation
    from seglab.explain.report import Term

PICTURES = 4  # channels that are shown one by one
IN_FORMULA = 3  # terms that are written out
HEIGHT = 150
WRITTEN = 4  # slopes that are written out
CHANNEL = "gradcam.sum.mean"  # the widget's; the link has "mean"


def sums(asked: Asked, kept: Kept) -> None:
    """Show the tab: Σ_k α_k A^k, term by term; of a method without weights its formula."""
    if kept.found is None:
        st.info(text.NO_MAP)
        return
    st.latex(text.FORMULAS[asked.method])
    if asked.method in text.FORMULA_NOTES:
        from seglab.explain.methods import STRONGEST

        st.caption(text.FORMULA_NOTES[asked.method].format(n=STRONGEST))
    terms = kept.found.terms()
    if not terms:
        st.info(text.NO_TERMS.format(method=gradcam_run.how(asked.method).title))
        return
    n = st.slider(text.TERMS, 1, 32, key="terms", persist_state="session")
    n = min(n, len(terms))
    so_far = partial_sum(terms[:n])
    most = max(kept.found.magnitude, float(np.abs(so_far).max()))
    columns = st.columns(PICTURES)
    for column, term in zip(columns, terms, strict=False):
        with column:
            _picture(term.activation, f"A.{term.channel}", text.ALT_CHANNEL.format(k=term.channel))
            st.caption(text.CHANNEL.format(k=term.channel, alpha=_signed(term.alpha), most=term.activation.max()))
    left, right = st.columns(2)
    with left:
        st.markdown(text.SO_FAR.format(n=n, s="s" * (n > 1)))
        _picture(so_far, "sum", text.ALT_SUM.format(n=n), most)
    with right:
        st.markdown(text.ALL.format(n=0 if kept.found.alpha is None else np.count_nonzero(kept.found.alpha)))
        _picture(kept.found.raw, "all", text.ALT_ALL, most)
    st.caption(text.LIKE.format(n=n, like=likeness(so_far, kept.found.raw), most=most))
    st.markdown(text.AT_HOTTEST if not asked.mirror else f"{text.AT_HOTTEST} {text.MIRRORED}")
    st.latex(at_hottest(kept.found))
    _mean(terms[:PICTURES])


def _mean(terms: list[Term]) -> None:
    """Show of one strong channel how its α is a mean, with the numbers put in; of Grad-CAM alone."""
    known = {term.channel: term for term in terms if term.slope is not None}
    if not known:
        return
    first = next(iter(known.values()))
    assert first.slope is not None
    st.markdown(text.MEAN.format(z=first.slope.size))
    left, right = st.columns([1, 2])
    with left:
        asked = st.session_state["mean"]
        st.session_state[CHANNEL] = int(asked) if asked in map(str, known) else next(iter(known))
        k = st.selectbox(
            text.MEAN_CHANNEL, list(known), key=CHANNEL, on_change=_take,
            format_func=lambda k: text.MEAN_NAME.format(k=k, alpha=_signed(known[k].alpha)),
        )  # fmt: skip
        slope = known[k].slope
        assert slope is not None
        most = float(np.abs(slope).max())
        _picture(slope, f"slope.{k}", text.ALT_SLOPE.format(k=k), most)
    with right:
        st.latex(mean_of(known[k]))
        st.caption(text.MEAN_NOTE)


def _take() -> None:
    st.session_state["mean"] = str(st.session_state[CHANNEL])


def mean_of(term: Term) -> str:
    r"""Return α_k = (1/Z) Σ ∂y/∂A_ij as LaTeX, with the first and the last slopes, their sum and the mean.

    >>> from seglab.explain.report import Term
    >>> mean_of(Term(7, 2.0, np.ones((1, 2)), np.float32([[1, 3]]))).endswith(r"= \frac{4}{2} = 2\end{aligned}")
    True
    """
    assert term.slope is not None
    values, (h, w) = term.slope.ravel().astype(np.float64), term.slope.shape
    written = [_signed(float(v)) for v in (values if len(values) <= WRITTEN else (*values[:3], *values[-1:]))]
    written = [value if value[0] != "-" or n == 0 else f"({value})" for n, value in enumerate(written)]
    if len(values) > WRITTEN:
        written.insert(3, r"\dots")
    return _lines(
        rf"\alpha_{{{term.channel}}} &= \frac{{1}}{{{h}\cdot {w}}}\sum_{{ij}}\frac{{\partial y}}{{\partial "
        rf"A^{{{term.channel}}}_{{ij}}}}",
        rf"&= \frac{{1}}{{{len(values)}}}\big({' + '.join(written)}\big)",
        rf"&= \frac{{{values.sum():.6g}}}{{{len(values)}}} = {_signed(float(values.mean()))}",
    )


def _lines(*lines: str) -> str:
    r"""Return lines of LaTeX one below the other, each with an & where they meet: a phone is narrow."""
    return r"\begin{aligned}\vphantom{\Big|}" + r" \\[4pt] ".join(lines) + r"\end{aligned}"


def partial_sum(terms: list[Term]) -> Map:
    """Return Σ α_k A^k of some terms, (h, w)."""
    return np.sum([term.alpha * term.activation for term in terms], axis=0, dtype=np.float32)


def likeness(a: Map, b: Map) -> float:
    """Return the correlation of two maps over their cells, −1..1; NaN where one is the same everywhere.

    >>> round(likeness(np.float32([[1, 2]]), np.float32([[2, 4]])), 3)
    1.0
    """
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def at_hottest(found: Explanation) -> str:
    """Return the sum in its hottest cell as LaTeX, with the numbers of the largest terms there, and the rest."""
    i, j = np.unravel_index(int(found.raw.argmax()), found.raw.shape)
    terms = sorted(found.terms(), key=lambda t: -abs(t.alpha * float(t.activation[i, j])))[:IN_FORMULA]
    parts = [rf"({_signed(t.alpha)})\cdot {t.activation[i, j]:.3g}" for t in terms]
    total = float(found.raw[i, j])
    rest = total - sum(t.alpha * float(t.activation[i, j]) for t in terms)
    names = " + ".join(rf"\alpha_{{{t.channel}}}A^{{{t.channel}}}_{{{i},{j}}}" for t in terms)
    return _lines(
        rf"L_{{{i},{j}}} &= {names} + \dots",
        rf"&= {' + '.join(parts)} + \underbrace{{({rest:.3g})}}_{{\text{{the others}}}}",
        rf"&= {total:.4g}",
    )


def _picture(values: Map, key: str, alt: str, most: float | None = None) -> None:
    """Show a small map: of activations from 0, or signed up to ±most."""
    if most is None:
        layer = v.HeatLayer(values, text.ACTIVATION, min(0.0, float(values.min())), float(values.max()) or 1.0)
    else:
        layer = v.HeatLayer(values, text.SUM, -most, most, diverging=True)
    v.viewer(None, [layer], key=f"gradcam.sum.{key}", height=HEIGHT if most is None else 2 * HEIGHT, opacity=1.0,
             legend=most is not None, controls=False, alt=alt)  # fmt: skip


def _signed(value: float) -> str:
    return f"{value:.3g}"
