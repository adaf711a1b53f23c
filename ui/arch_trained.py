"""Labs with the small networks' trained weights: FCN at three strides, skips cut, streets on which two differ most."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from seglab import architectures, zoo
from seglab.cards import Score
from seglab.palettes import SCENES
from seglab.types import Labels, Sample
from ui import arch_controls, arch_net, cache
from ui import viewer as v
from ui.arch_charts import table
from ui.arch_net import Spec
from ui.legend import colors
from ui.texts import architectures_zoo as text

if TYPE_CHECKING:
    from torch import nn

FCNS = ("fcn-32s", "fcn-16s", "fcn-8s")
CUTS = {1: "join.3", 2: "join.2", 4: "join.1", 8: "join.0"}  # strides of a U-Net's skips, and who reads them
STREETS, WORST = 24, 3


def trained() -> tuple[str, ...]:
    """Return the architectures whose small networks have trained weights here; those that take pictures."""
    rows = (row for row in architectures.ARCHITECTURES if row.small is not None and not row.volumes)
    return tuple(row.key for row in rows if Spec(row.key, "small").model is not None)


def available() -> tuple[str, ...]:
    """Return the labs for which all weights are here."""
    there = trained()
    some = len(there) > 1
    found = {"strides": set(FCNS) <= set(there), "cut": "unet" in there, "sizes": some, "differ": some, "scatter": some}
    return tuple(lab for lab, here in found.items() if here)


def score(key: str, split: str, measure: str) -> tuple[float, float] | None:
    """Return a measure's mean and half its range over the seeds, from the network's card; None where it isn't there."""
    found = zoo.card(str(Spec(key, "small").model)).scores.get(split)
    if not isinstance(found, Score) or measure not in ("mean_iou", *found.also):
        return None
    return found.over_seeds(measure)


def written(mean: float, half: float) -> str:
    """Write a score over the seeds, in one piece; without a range where there is none.

    >>> written(0.61, 0.012).split(), written(0.61, 0)
    (['0.610', '±', '0.012'], '0.610')
    """
    return f"{mean:.3f}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{half:.3f}" if half else f"{mean:.3f}"


@dataclass(frozen=True)
class Answer:
    """A network's labels for a street, and their mean and boundary IoU, 0..1."""

    labels: Labels
    mean_iou: float
    boundary_iou: float


def street(number: int) -> Sample:
    """Draw a test street of 128×128, which no network here has seen: that one alone."""
    from seglab.datasets.scenes import TEST_SEED, TEST_SIZE, Scenes

    def make() -> Sample:
        return replace(Scenes(TEST_SEED, TEST_SIZE)[number], ids=None)

    found: Sample = cache.kept(cache.MAPS, ("arch", "street", number), make)
    return found


def answer(key: str, number: int, cut: tuple[int, ...] = ()) -> Answer:
    """Return what a trained small network says of a street; `cut`: strides of the U-Net's skips that carry zeros."""
    spec = Spec(key, "small")

    def make() -> Answer:
        import torch

        from seglab import runtime
        from seglab.evaluate_zoo import inputs

        sample = street(number)
        net = without(arch_net.net(spec), cut) if cut else arch_net.net(spec)
        with torch.inference_mode(), runtime.places().place(None):
            x = inputs(sample)[None].to(next(net.parameters()).device)
            labels = net(x).argmax(1)[0].to(torch.uint8).cpu().numpy()
        return Answer(labels, *scores(np.asarray(sample.labels), labels))

    weights = zoo.weights_hash(str(spec.model))
    found: Answer = cache.kept(cache.MAPS, ("arch", "answer", key, weights, number, cut), make)
    return found


def without(net: nn.Module, cut: tuple[int, ...]) -> nn.Module:
    """Return a copy of a U-Net whose skips at some strides carry zeros."""
    import torch

    from seglab.shadow import part, shadow

    quiet = shadow(net)

    def zeros(module: Any, given: Any) -> Any:
        across, below = given[0].chunk(2, 1)
        return (torch.cat([torch.zeros_like(across), below], 1),)

    for stride in cut:
        part(quiet, CUTS[stride]).register_forward_pre_hook(zeros)
    return quiet


def scores(truth: Labels, labels: Labels) -> tuple[float, float]:
    """Return mean IoU and boundary IoU of one picture, over the classes that are there; both 0..1."""
    from seglab.evaluate_zoo import boundary_counts
    from seglab.metrics.confusion import confusion_matrix, mean_iou

    both, either = boundary_counts(truth, labels, len(SCENES))
    edges = both[either > 0] / either[either > 0]
    return float(mean_iou(confusion_matrix(truth, labels, len(SCENES)))), float(edges.mean())


def _choose() -> int:
    left, _ = st.columns(2)
    left.number_input(text.PICTURE, 0, 99, key="zstreet", persist_state="session")
    return int(st.session_state["zstreet"])


def _pictures(number: int, answers: dict[str, Labels], key: str, names: bool = True) -> None:
    """Show the street's truth and some answers side by side, zoomed together; the colours' names stand below them."""
    sample = street(number)
    every = {text.TRUTH: np.asarray(sample.labels), **answers}
    for n, (column, (title, labels)) in enumerate(zip(st.columns(len(every)), every.items(), strict=True)):
        with column:
            st.markdown(f"**{title}**")
            alt = text.ALT_TRUTH.format(n=number) if n == 0 else text.ALT.format(title=title, n=number)
            v.viewer(sample.image, [labels], key=f"arch.{key}.{n}", palette=SCENES, height=280, opacity=0.7,
                     link=f"arch.{key}", legend=False, controls=False, alt=alt)  # fmt: skip
    if names:
        colors(SCENES)


def strides() -> None:
    """Show the lab: FCN-32s, 16s and 8s on one street."""
    st.markdown(text.F_INTRO)
    number = _choose()
    found = {key: answer(key, number) for key in FCNS}
    _pictures(number, {arch_controls.title(key): one.labels for key, one in found.items()}, "strides")
    rows = [(arch_controls.title(k), f"{one.mean_iou:.3f}", f"{one.boundary_iou:.3f}") for k, one in found.items()]
    table(text.COLUMNS, rows)
    edges = [one for key in FCNS if (one := score(key, "test", "boundary_iou"))]
    said = ", ".join(written(*one) for one in edges) or text.F_NOTHING
    a, b, c = (one.boundary_iou for one in found.values())
    cards = text.F_SEEDS.format(cards=said) if any(half for _, half in edges) else said
    st.markdown(text.F_NOTICE.format(a=a, b=b, c=c, cards=cards))


def cuts() -> None:
    """Show the lab: a trained U-Net with its skips, and with some of them cut."""
    now = st.session_state
    st.markdown(text.C_INTRO)
    number = _choose()
    for column, stride in zip(st.columns(len(CUTS)), CUTS, strict=True):
        column.toggle(text.C_CUT.format(s=stride), key=f"cut{stride}", persist_state="session")
    cut = tuple(stride for stride in CUTS if now[f"cut{stride}"])
    whole, left = answer("unet", number), answer("unet", number, cut)
    name = text.C_WITHOUT.format(strides=", ".join(map(str, cut)) or text.C_NONE)
    _pictures(number, {text.C_WITH: whole.labels, name: left.labels}, "cut")
    said = text.C_NOTICE.format(a=whole.boundary_iou, b=left.boundary_iou, c=whole.mean_iou, d=left.mean_iou)
    st.markdown(said if cut else text.C_ASK)
    if cut:
        pairs = [(answer("unet", n), answer("unet", n, cut)) for n in range(STREETS)]
        means = [[float(np.mean([getattr(one, name) for one in side])) for side in zip(*pairs, strict=True)]
                 for name in ("boundary_iou", "mean_iou")]  # fmt: skip
        (a, b), (c, d) = means
        st.caption(text.C_OVERALL.format(n=STREETS, a=a, b=b, c=c, d=d))


def differ() -> None:
    """Show the lab: the streets on which two networks differ most."""
    now, there = st.session_state, trained()
    st.markdown(text.X_INTRO.format(n=STREETS))
    for key, usual in (("za", "segnet"), ("zb", "unet")):
        if now[key] not in there:
            wanted, now[key] = now[key], usual if usual in there else there[key == "zb"]
            st.info(text.X_GONE.format(wanted=arch_controls.title(wanted), now=arch_controls.title(now[key])))
    for column, key, label in zip(st.columns(2), ("za", "zb"), (text.X_A, text.X_B), strict=True):
        column.selectbox(label, there, format_func=arch_controls.title, key=key, persist_state="session")
    a, b = now["za"], now["zb"]
    if a == b:
        st.info(text.X_SAME)
        return
    with st.spinner():
        pairs = [(answer(a, n), answer(b, n)) for n in range(STREETS)]
    gaps = [one.mean_iou - other.mean_iou for one, other in pairs]
    st.caption(text.X_ONE_SIDED.format(wins=sum(gap > 0 for gap in gaps), n=STREETS))
    names = [arch_controls.title(key) for key in (a, b)]
    for n in sorted(range(STREETS), key=lambda n: -abs(gaps[n]))[:WORST]:
        one, other = pairs[n]
        st.markdown(text.X_ROW.format(key=n, a=names[0], p=one.mean_iou, b=names[1], q=other.mean_iou))
        _pictures(n, {names[0]: one.labels, names[1]: other.labels}, f"differ.{n}", names=False)
    colors(SCENES)
