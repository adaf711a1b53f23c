"""From a layout's places and a network's wiring to a diagram: nodes with their places, and the lines between them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ui.arch_layouts import Layout, Place

if TYPE_CHECKING:
    from seglab.links import Wiring
    from seglab.stages import Stage

Stages = dict[tuple[str, int], "Stage"]  # by name and call
RESIZING = ("Upsample", "MaxPool", "AvgPool")  # autograd's words


@dataclass(frozen=True)
class Spot:
    """A node of the diagram: what it is, where it stands, and, of a stage, what was measured."""

    kind: str  # "input", "stage", "sum", "concat" or "output"; of a detector also "align" and, at its end, "found"
    column: float
    row: float
    shape: tuple[int, ...]
    stage: Stage | None = None
    place: Place | None = None

    @property
    def id(self) -> str:
        """Its name in the link: the part's, with the call where it isn't the first."""
        if self.place is None:
            return self.kind
        return self.place.name + (f"#{self.place.call}" if self.place.call else "")


@dataclass(frozen=True)
class Line:
    """From a node to a node, by their numbers, and the operations on the way.

    joined: as a term ("sum", "concat") of what the target reads; height: of what arrives, 0 where it isn't known;
    word: what goes this way, where it is no map.
    """

    source: int
    target: int
    operations: tuple[str, ...]
    indices: bool
    joined: str = ""
    height: int = 0
    word: str = ""


def placed(
    plan: Layout, stages: Stages, found: Wiring, shape: tuple[int, ...]
) -> tuple[tuple[Spot, ...], tuple[Line, ...]]:
    """Give every node of the wiring its place; calls of a run of parts become one node, lone joins none."""
    by_call = {(place.name, place.call): place for place in plan.places}
    by_call |= {(name, 0): place for place in plan.places for name in place.also}
    of: dict[int, int] = {}  # node of the wiring → of the diagram
    spots: list[Spot] = []
    here: dict[Place, int] = {}
    joins: list[int] = []
    for n, node in enumerate(found.nodes):
        if node.kind == "stage":
            place = by_call.get((node.name, node.call))
            if place is None:
                continue
            if place not in here:
                here[place] = len(spots)
                spots.append(_spot(place, stages, shape))
            of[n] = here[place]
        elif node.kind in ("input", "output"):
            column, row = plan.input if node.kind == "input" else plan.output
            of[n] = len(spots)
            spots.append(Spot(node.kind, column, float(row or 0), node.shape))
        elif _alone(found, n) and not plan.circles:
            joins.append(n)
        else:
            of[n] = len(spots)
            spots.append(Spot(node.kind, math.nan, math.nan, node.shape))
    lines = []
    for link in found.links:
        if link.target in joins or (link.source not in of and link.source not in joins):
            continue
        kind: str = found.nodes[link.source].kind if link.source in joins else ""
        after = found.into(link.source) if kind else (link,)
        for term in after:
            if term.source in of and of[term.source] != of[link.target]:
                operations = term.operations + (link.operations if kind else ())
                arrives = found.nodes[link.source if kind else link.target]
                height = arrives.shape[-2] if arrives.kind != "stage" and len(arrives.shape) > 2 else 0
                lines.append(Line(of[term.source], of[link.target], operations, term.indices, kind, height))
    return _settled(spots, lines), tuple(lines)


def _alone(found: Wiring, join: int) -> bool:
    """Whether a join is read, as it is, by a single node that is no join, so that it can be drawn at its entrance."""
    (first, *more) = [link for link in found.links if link.source == join]
    resized = any(operation.startswith(RESIZING) for operation in first.operations)
    return not more and not resized and found.nodes[first.target].kind in ("stage", "output")


def _spot(place: Place, stages: Stages, shape: tuple[int, ...]) -> Spot:
    """Return a stage's node; a run's numbers are sums, its shape and field those of its last part."""
    stage = stages[place.name, place.call]
    before = [stages[name, 0] for name in place.also]
    if before:
        run = (*before, stage)
        stage = replace(
            stage, parameters=sum(one.parameters for one in run), macs=sum(one.macs for one in run),
            activation_bytes=sum(one.activation_bytes or 0 for one in run),
        )  # fmt: skip
    row = place.row
    if row is None:
        row = math.log2(shape[-2] / stage.shape[-2]) if len(stage.shape) == len(shape) else 0
        row = float(round(row))
    return Spot("stage", place.column, row, stage.shape, stage, place)


def _settled(spots: list[Spot], lines: list[Line]) -> tuple[Spot, ...]:
    """Place the joins: beside the stages of their own size that they read, in the row of one, or of a near reader."""
    placed = list(spots)
    for n, spot in enumerate(placed):
        if not math.isnan(spot.column):
            continue
        terms = [placed[line.source] for line in lines if line.target == n]
        readers = [placed[line.target] for line in lines if line.source == n]
        same = [t for t in terms if t.shape[-2:] == spot.shape[-2:] and t.stage is not None and not math.isnan(t.row)]
        beside = same or [t for t in terms if not math.isnan(t.row)]
        rows = sorted({t.row for t in beside})
        ahead = [r.row for r in readers if not math.isnan(r.row)]
        near = [row for row in ahead if min(abs(row - other) for other in rows) < 1.5]
        row = near[0] if near and len(rows) > 1 else rows[0]
        placed[n] = replace(spot, column=max(t.column for t in beside) + 0.75, row=row)
    return tuple(placed)
