"""The numbers of the diagrams as tables: all stages of a network, and the difference between two."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING

import streamlit as st

from ui import arch_controls, arch_stage, arch_svg, files
from ui.arch_charts import table as table_of
from ui.arch_charts import times
from ui.arch_net import Drawn
from ui.cost_strip import amount
from ui.texts import architectures as text

if TYPE_CHECKING:
    from seglab.stages import Stage

Row = tuple[str, ...]


def rows(drawn: Drawn) -> list[Row]:
    """Return a row for each stage, in the order of the pass, as text, and one for the whole."""
    found: list[Row] = []
    for spot in drawn.stages:
        stage = spot.stage
        assert stage is not None
        found.append(_row(spot.id, stage))
    return [*found, _row(text.TOTAL, drawn.whole)]


def _row(name: str, stage: Stage) -> Row:
    memory = text.UNKNOWN if stage.activation_bytes is None else f"{stage.activation_bytes:,}"
    return (name, stage.kind, arch_svg.size(stage.shape), f"{stage.parameters:,}", f"{stage.macs:,}",
            arch_stage.field_of(stage).words, arch_stage.stride_of(stage), memory)  # fmt: skip


def table(drawn: Drawn, key: str) -> None:
    """Show the stages of a network as a table that can be saved."""
    found = rows(drawn)
    right = {name: st.column_config.TextColumn(alignment="right") for name in text.COLUMNS[3:]}
    st.dataframe(
        {name: [row[i] for row in found] for i, name in enumerate(text.COLUMNS)}, column_config=right,
        hide_index=True, height=35 * min(len(found) + 1, 16) + 3,
    )  # fmt: skip
    st.caption(text.TABLE_NOTE)
    files.offer(text.OFFER_TABLE, lambda: as_csv(found), f"{drawn.spec.key}.csv", "text/csv", key=key)


def as_csv(found: list[Row]) -> str:
    """Return the table as comma-separated values, numbers without separators."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(text.COLUMNS)
    writer.writerows([cell.replace(",", "") for cell in row] for row in found)
    return out.getvalue()


def strides(drawn: Drawn) -> tuple[float, float] | None:
    """Return the strides of the finest map of scores, which the last stage gives, and of the coarsest map of all."""
    by_stage = [(s.place.name, s.stage.field.stride[-1]) for s in drawn.stages
                if s.place and s.stage and s.stage.field and math.isfinite(s.stage.field.stride[-1])]  # fmt: skip
    last = drawn.stages[-1].place
    scores = [stride for name, stride in by_stage if last is not None and name == last.name]
    return (min(scores), max(stride for _, stride in by_stage)) if scores else None


def difference(a: Drawn, b: Drawn) -> list[Row]:
    """Return what differs between two networks: name, A, B, and B in units of A."""
    found: list[Row] = [(text.INPUT_SIZE, arch_svg.size(a.shape), arch_svg.size(b.shape), "")]
    for name, number, unit in ((text.PARAMETERS, "parameters", ""), (text.MACS, "macs", ""),
                               (text.MEMORY, "activation_bytes", "B")):  # fmt: skip
        one, other = getattr(a.whole, number), getattr(b.whole, number)
        ratio = text.RATIO.format(ratio=times(other / one)) if one and other is not None else ""
        found.append((name, *(text.UNKNOWN if n is None else amount(n, unit) for n in (one, other)), ratio))
    fields = [arch_stage.field_of(drawn.whole).words for drawn in (a, b)]
    found.append((text.FIELD, *fields, ""))
    both = [strides(drawn) for drawn in (a, b)]
    found.append((text.STRIDES, *(f"{s[0]:g} · {s[1]:g}" if s else text.UNKNOWN for s in both), ""))
    return found


def compare(a: Drawn, b: Drawn) -> None:
    """Show the difference as a table."""
    st.markdown(f"**{text.DIFFERENCE}**")
    names = [arch_controls.full_title(drawn.spec) for drawn in (a, b)]
    heads = [name.format(a=names[0], b=names[1]) for name in text.DIFFERENCE_COLUMNS]
    table_of(heads, difference(a, b))
    if a.shape != b.shape:
        st.caption(text.INPUTS_DIFFER)
