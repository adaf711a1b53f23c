"""The first lab of the page "Architectures": diagrams, a stage's numbers and maps, the question in front of them."""

from __future__ import annotations

import time
from dataclasses import dataclass

import streamlit as st

from ui import arch_controls, arch_detector, arch_kin, arch_net, arch_picture, arch_stage, arch_state, arch_table, state
from ui.arch_diagram import diagram
from ui.arch_net import Drawn
from ui.arch_picture import Given
from ui.arch_place import Spot
from ui.arch_stage import Pass
from ui.compare_source import Source
from ui.cost_strip import amount, cost_strip
from ui.segment_run import told
from ui.texts import architectures as text
from ui.texts import architectures_short as short_words
from ui.texts import shared

SAID = "arch.said"
PICTURE = ("image", "file", "sha", "what", *arch_state.DRAWN)


@dataclass(frozen=True)
class Shown:
    """One network on the page: its input, its diagram, the stage that is looked at."""

    given: Given
    drawn: Drawn
    spot: Spot
    ms: float  # that its diagram took just now


def lab() -> tuple[list[Shown], Source]:
    """Show one or two networks; return them, the first one first, and the picture."""
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        one, other = arch_controls.networks()
    with right:
        source = arch_controls.source()
    found = [_diagram(arch_picture.given(spec, source), key) for spec, key in
             zip((one, other), ("stage", "stage2"), strict=True) if spec is not None]  # fmt: skip
    if {shown.drawn.spec.key for shown in found} & set(arch_state.UNETS):
        arch_kin.kin()
    arch_controls.shade(one)
    st.caption(text.DIAGRAM_HELP)
    if not ask(found[0].drawn):
        return [], source
    if len(found) > 1:
        arch_table.compare(found[0].drawn, found[1].drawn)
    ran = [_stage(shown, key) for shown, key in zip(found, ("stage", "stage2"), strict=False)]
    costs(found[0], ran[0])
    return found, source


def _diagram(given: Given, key: str) -> Shown:
    began = time.perf_counter()
    with told():
        drawn = arch_net.draw(given.spec, given.shape)
    now = st.session_state
    spot = arch_state.stage_of(drawn, str(now[key]))
    now[key] = spot.id

    def choose(name: str) -> None:
        st.session_state[key] = name

    name = text.DIAGRAM.format(title=arch_controls.full_title(given.spec))
    diagram(drawn, name, key=f"arch.{key}", chosen=spot.id, on_choose=choose, shade=now["shade"])
    st.markdown(arch_stage.short(given.spec))
    if note := short_words.NOTES.get(given.spec.key):
        st.caption(note)
    if given.spec.key == "mask-rcnn":
        st.caption(arch_detector.note(drawn.spots))
    return Shown(given, drawn, spot, 1000 * (time.perf_counter() - began))


def _stage(shown: Shown, key: str) -> Pass | None:
    with st.container(border=True):
        left, right = st.columns(2, vertical_alignment="bottom")
        with left:
            ids = [spot.id for spot in shown.drawn.stages]
            st.selectbox(f"{text.CHOOSE} · {arch_controls.title(shown.drawn.spec.key)}", ids, key=key,
                         persist_state="session")  # fmt: skip
        with right:
            if key == "stage" and shown.drawn.spec.has_numbers:
                arch_stage.choose_count()
        arch_stage.numbers(shown.drawn, shown.spot)
        with told():
            ran = arch_stage.maps(shown.given, shown.spot)
        if shown.drawn.spec.has_numbers:
            arch_stage.notes(shown.given)
    with st.expander(f"{text.TABLE} · {arch_controls.title(shown.drawn.spec.key)}", icon=":material/table:"):
        arch_table.table(shown.drawn, f"arch.table.{key}")
    return ran


def costs(shown: Shown, ran: Pass | None) -> None:
    """Show the cost strip of a network's diagram and maps."""
    whole = shown.drawn.whole
    entries = [(text.COST_DRAWN, f"{shown.ms:.0f} ms"), (shared.MACS, amount(whole.macs, "")),
               (shared.PARAMETERS, amount(whole.parameters, "")),
               (text.MEMORY, arch_stage.memory_of(whole))]  # fmt: skip
    if ran is not None:
        place = text.DEVICES.get(ran.device, ran.device)
        entries += [(shared.MS, f"{ran.ms:.0f} ms"), (shared.PEAK, amount(ran.peak, "B")), (shared.DEVICE, place)]
    cost_strip(entries, "" if ran is None else text.COST_NOTE if ran.fresh else text.COST_KEPT)


# The question


def stands() -> bool:
    """Whether the question stands: it hasn't been answered, and the page is as it opens but for the picture."""
    now = st.session_state
    asked = [field for field in arch_state.FIELDS if field.key not in (*PICTURE, "guessed", "stage", "stage2")]
    return not now["guessed"] and not state.write(asked, now)


def ask(drawn: Drawn) -> bool:
    """Ask where weights and memory are, once; return whether the numbers may be shown."""
    now = st.session_state
    if stands():
        st.markdown(text.ASK.format(parameters=amount(drawn.whole.parameters, ""),
                                    memory=arch_stage.memory_of(drawn.whole),
                                    size=f"{drawn.shape[-2]}×{drawn.shape[-1]}"))  # fmt: skip
        for column, (key, label) in zip(st.columns(len(text.ANSWERS)), text.ANSWERS.items(), strict=True):
            column.button(label, key=f"arch.{key}", on_click=_answer, args=(key,), width="stretch")
        st.button(text.SKIP, on_click=_answer, args=("",), type="tertiary")
        return False
    if SAID in now and drawn.spec.key == "unet":
        weights, memory = shares(drawn)
        said, right = now[SAID], "split" if weights > 0.5 and memory > 0.5 else ""
        verdict = "" if not said else text.RIGHT if said == right else text.WRONG.format(said=text.ANSWERS[said])
        st.info(text.REVEALED.format(verdict=verdict, weights=weights, memory=memory).strip(),
                icon=":material/lightbulb:")  # fmt: skip
    return True


def _answer(said: str) -> None:
    st.session_state["guessed"] = True
    st.session_state[SAID] = said
    st.session_state["shade"] = "parameters"


def shares(drawn: Drawn) -> tuple[float, float]:
    """Return the share of the weights in the two lowest rows, and that of the memory in the two highest."""
    last = max(spot.row for spot in drawn.stages)
    stages = [(spot.row, spot.stage) for spot in drawn.stages if spot.stage is not None]
    weights = sum(stage.parameters for row, stage in stages if row > last - 2)
    memory = sum(stage.activation_bytes or 0 for row, stage in stages if row < 2)
    return weights / drawn.whole.parameters, memory / (drawn.whole.activation_bytes or 1)
