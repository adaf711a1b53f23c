"""What everything is called, coloured and lit by: one answer for the panes, the tables, the steps and the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seglab.draw_objects import shades
from seglab.types import PanopticResult, Step
from ui.compare_run import Run
from ui.texts import compare as text

Color = tuple[int, int, int]
Lights = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Thing:
    """An object that was found: name ("dog 2"), class in the joined palette, colour, score, segment (0: none)."""

    name: str
    label: int
    color: Color
    score: float
    segment: int


def things(run: Run) -> list[Thing]:
    """Return the objects in their order, the best score first, numbered in each class."""
    return _once(run, "things", lambda: _things(run))


def names(run: Run, result: PanopticResult) -> dict[int, str]:
    """Return what each segment of a map is called: a thing as its object, or by class and number; stuff by class."""
    return _once(run, ("names", id(result)), lambda: _names(run, result))


def reason(run: Run, step: Step) -> str:
    """Return why a step ended as it did, with the page's name for the segment that was most in its way.

    The library calls it by its class and its id in the map ("dog 5"), the page by class and number ("dog 2").
    """
    if not step.lost_to:
        return step.reason
    owner, result = step.lost_to[0][0], run.fused()
    own = result.palette.names[_labels(run)[owner]]
    return step.reason.replace(f"{own} {owner}", names(run, result)[owner])


def colors(run: Run) -> dict[int, Color]:
    """Return the colour of each segment of the fused map: a thing's is its object's."""
    return _once(run, "colors", lambda: _colors(run))


def lights(run: Run, *, segment: int = 0, index: int = -1, label: int = -1) -> Lights:
    """Return what lights up in the panes for a segment, an object or a class of the semantic map; give one of them."""
    if segment:
        of = _once(run, "of", lambda: {thing.segment: i for i, thing in enumerate(things(run)) if thing.segment})
        index = of.get(segment, -1)
        label = _labels(run)[segment]
    elif index >= 0:
        segment, label = things(run)[index].segment, things(run)[index].label
    found: Lights = {}
    if segment:
        found[text.PANES["panoptic"]] = (segment,)
    if index >= 0:
        found[text.PANES["instance"]] = (index + 1,)
    if 0 <= label < len(run.semantic.palette):
        found[text.PANES["semantic"]] = (label,)
    return found


def _labels(run: Run) -> dict[int, int]:
    return _once(run, "labels of segments", lambda: {s.id: s.label for s in run.fused().segments})


def _things(run: Run) -> list[Thing]:
    result, found = run.fused(), run.found()
    steps = {step.index: step for step in result.steps if step.index >= 0}
    labels = [steps[i].label for i in range(len(found))]
    seen = dict.fromkeys(labels, 0)
    made = []
    for i, (label, color) in enumerate(zip(labels, shades(labels, result.palette), strict=True)):
        seen[label] += 1
        rgb = (int(color[0]), int(color[1]), int(color[2]))
        name = f"{result.palette.names[label]} {seen[label]}"
        made.append(Thing(name, label, rgb, float(found.scores[i]), steps[i].segment))
    return made


def _names(run: Run, result: PanopticResult) -> dict[int, str]:
    called = {thing.segment: thing.name for thing in things(run)} if result is run.fused() else {}
    seen: dict[int, int] = {}
    made = {}
    for s in result.segments:
        seen[s.label] = seen.get(s.label, 0) + 1
        own = result.palette.names[s.label]
        made[s.id] = called.get(s.id, f"{own} {seen[s.label]}") if s.thing else own
    return made


def _colors(run: Run) -> dict[int, Color]:
    result = run.fused()
    of = {thing.segment: thing.color for thing in things(run)}
    return {s.id: of.get(s.id, result.palette.colors[s.label]) for s in result.segments}


def _once(run: Run, key: Any, make: Any) -> Any:
    """Return what was made in this run already, or make it."""
    if key not in run.made:
        run.made[key] = make()
    return run.made[key]
