"""Three panes of one picture, in step: what the semantic, the instance and the panoptic answer say about it."""

from __future__ import annotations

from html import escape

import streamlit as st

from seglab.draw_objects import panoptic_colors
from seglab.types import Palette, PanopticResult
from ui import viewer as v
from ui.compare_names import colors, lights, names, things
from ui.compare_run import Run
from ui.texts import compare as text

LINK = "compare"
BESIDE = "compare.beside"  # the truth is shown on the left of the last pane
HEIGHT = 420  # px a pane takes at most
STYLE = """<style>
.sl-classes{display:flex;flex-wrap:wrap;gap:.25rem 1rem;font-size:.875rem}
.sl-classes i{display:inline-block;width:.9em;height:.9em;margin-right:.4em;border-radius:2px;
border:1px solid rgba(128,128,128,.6);vertical-align:-.1em}
.sl-classes small{opacity:.7}
</style>"""


def show(run: Run, sent: v.Sent) -> tuple[int, int] | None:
    """Show the panes; return the pixel (x, y) that was clicked last in the third one, of this picture."""
    columns = st.columns(3)
    panes: tuple[v.LabelLayer | v.IdLayer, ...] = (semantic(run), instances(run), panoptic(run))
    event = v.ViewerEvent()
    for column, layer, key in zip(columns, panes, text.PANES, strict=True):
        with column:
            st.markdown(f"**{text.PANES[key]}**")
            true = [truth_layer(run)] if key == "panoptic" and run.source.sample is not None else []
            beside = bool(true) and st.session_state.get(BESIDE, False)
            event = v.viewer(
                sent, [layer], key=f"compare.pane.{key}{'.truth' * beside}", link=LINK, height=HEIGHT, before=true,
                divider=beside,
                opacity=opacity(run), outlines=key != "semantic", legend=False, controls=False,
                tools=("click",) if key == "panoptic" else (), alt=text.ALT[key].format(what=run.source.photo.alt),
            )  # fmt: skip
            st.markdown(says(run, key))
    if event.click:
        st.session_state["compare.clicked"] = (run.source.photo.hash, event.click)
    kept_for, at = st.session_state.get("compare.clicked", (None, None))
    return at if kept_for == run.source.photo.hash else None


def opacity(run: Run) -> float:
    """Return how strong the colours are at first: weak where one of them lies over the whole background."""
    return 0.6 if run.semantic.palette.background is None else 0.35


def semantic(run: Run) -> v.LabelLayer:
    """Return the semantic map; a class lights its segments and objects in the other panes."""
    of_class: dict[int, tuple[int, ...]] = {}
    for s in run.fused().segments:
        of_class[s.label] = (*of_class.get(s.label, ()), s.id)
    objects: dict[int, tuple[int, ...]] = {}
    for i, thing in enumerate(things(run), 1):
        objects[thing.label] = (*objects.get(thing.label, ()), i)
    both = (text.PANES["panoptic"], of_class), (text.PANES["instance"], objects)
    lit = {k: {pane: of[k] for pane, of in both if k in of} for k in range(len(run.semantic.palette))}
    return v.LabelLayer(run.labels(), run.semantic.palette, text.PANES["semantic"], lights=lit)


def instances(run: Run) -> v.IdLayer:
    """Return the objects, with hatching where two or more claim a pixel."""
    entries = tuple(
        v.Entry(i + 1, f"{thing.name} · {thing.score:.2f}", thing.color, run.palette.names[thing.label],
                others(run, "instance", index=i))
        for i, thing in enumerate(things(run))
    )  # fmt: skip
    return v.IdLayer(
        run.found().ids(), entries, text.PANES["instance"], text.NO_OBJECT, run.claims() > 1, text.CONTESTED
    )


def panoptic(run: Run, result: PanopticResult | None = None, name: str = "") -> v.IdLayer:
    """Return the fused map, or a part of it under another name."""
    part, called, color = result or run.fused(), names(run, run.fused()), colors(run)
    entries = tuple(
        v.Entry(s.id, called[s.id], color[s.id], part.palette.names[s.label], others(run, "panoptic", segment=s.id))
        for s in part.segments
    )
    return v.IdLayer(part.segment_ids, entries, name or text.PANES["panoptic"], text.VOID)


def truth_layer(run: Run) -> v.IdLayer:
    """Return the truth, for the left side of the last pane's divider."""
    true = run.true()
    assert true is not None
    table, called = panoptic_colors(true), names(run, true)
    entries = tuple(
        v.Entry(s.id, called[s.id], (int(table[s.id][0]), int(table[s.id][1]), int(table[s.id][2])),
                true.palette.names[s.label])
        for s in true.segments
    )  # fmt: skip
    return v.IdLayer(true.segment_ids, entries, text.TRUTH_LAYER, text.VOID)


def others(run: Run, pane: str, *, segment: int = 0, index: int = -1) -> dict[str, tuple[int, ...]]:
    """Return what lights up in the panes other than its own."""
    return {name: ids for name, ids in lights(run, segment=segment, index=index).items() if name != text.PANES[pane]}


def says(run: Run, key: str) -> str:
    """Return what a pane answers to the question how many objects there are."""
    if key == "semantic":
        areas = {k: n for k, n in run.areas().items() if k < len(run.semantic.palette)}
        called = ", ".join(run.palette.names[k] for k in areas)
        total = sum(areas.values())
        said = text.ONE_AREA if total == 1 else text.MANY_AREAS.format(n=total)
        says = text.SAYS_SEMANTIC_NUCLEI if run.semantic.palette.title == "Nuclei" else text.SAYS_SEMANTIC
        return says.format(areas=said, names=called) if areas else text.SAYS_SEMANTIC_NONE
    if key == "instance":
        n = len(run.found())
        if not n:
            return text.SAYS_INSTANCE_ONLY if run.settings.only else text.SAYS_INSTANCE_NONE
        said = text.ONE_OBJECT if n == 1 else text.MANY_OBJECTS.format(n=n)
        told = text.SAYS_INSTANCE.format(objects=said, twice=int((run.claims() > 1).sum()))
        full = n == run.settings.limit
        return f"{told} {text.LIMIT_REACHED.format(n=n)}" if full else told
    result = run.fused()
    counted = sum(s.thing for s in result.segments)
    kinds = len(result.segments) - counted
    void = int((result.segment_ids == 0).sum())
    return text.SAYS_PANOPTIC.format(
        things=text.ONE_THING if counted == 1 else text.MANY_THINGS.format(n=counted),
        stuff=text.ONE_STUFF if kinds == 1 else text.MANY_STUFF.format(n=kinds),
        void=100 * void / result.segment_ids.size,
    )


def legend(palette: Palette, present: set[int]) -> str:
    """Return the one legend of the three panes as HTML: the classes that occur, things marked as such."""
    items = []
    for k in sorted(present, key=lambda k: (k not in palette.things, k)):
        kind = text.THING if k in palette.things else text.STUFF
        color = f"rgb{palette.colors[k]}"
        items.append(f'<span><i style="background:{color}"></i>{escape(palette.names[k])} <small>{kind}</small></span>')
    return f'{STYLE}<div class="sl-classes">{"".join(items)}</div>'
