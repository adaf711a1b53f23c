"""A/B: keep one result, move one thing, and see the difference picture and the change in each number.

The kept result lives in the visitor's session. Pages hand in what they have: labels, palette, numbers and choices;
this part knows nothing about networks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import streamlit as st

from seglab.types import Image, Labels, Palette
from ui.still import still
from ui.texts import shared as text


class Number(NamedTuple):
    """A value, and how many digits after the point are worth reading."""

    value: float
    digits: int


@dataclass(frozen=True)
class Pinned:
    """One result worth comparing with: `choices` by the names that the page gives them, `numbers` by name."""

    labels: Labels
    palette: Palette
    numbers: Mapping[str, Number]
    choices: Mapping[str, str]


def moved(a: Pinned, b: Pinned) -> list[str]:
    """Name the choices that differ, as "Temperature T: 1 → 4"; one that isn't there on one side shows a dash."""
    names = dict.fromkeys([*a.choices, *b.choices])
    pairs = [(name, a.choices.get(name, "–"), b.choices.get(name, "–")) for name in names]
    return [f"{name}: {before} → {after}" for name, before, after in pairs if before != after]


def changes(a: Pinned, b: Pinned) -> list[tuple[str, str, str, str]]:
    """Return (name, A, B, B − A) as text for each number of either; one that is missing, such as an area, is 0."""
    rows = []
    for name in dict.fromkeys([*a.numbers, *b.numbers]):
        digits = (a.numbers.get(name) or b.numbers[name]).digits
        before, after = (side.numbers[name].value if name in side.numbers else 0.0 for side in (a, b))
        change = round(after, digits) - round(before, digits)  # of what is shown, so that the line adds up
        rows.append((name, f"{before:.{digits}f}", f"{after:.{digits}f}", f"{change:+.{digits}f}" if change else "0"))
    return rows


def difference(a: Labels, b: Labels) -> Image:
    """Return a picture (H, W, 3) uint8: white where the labels differ, dark grey where they agree.

    >>> difference(np.array([[0, 1]], np.uint8), np.array([[0, 2]], np.uint8))[0, :, 0].tolist()
    [40, 255]
    """
    if a.shape != b.shape:
        raise ValueError(f"A is {a.shape} and B is {b.shape} (height, width); keep a result of the same picture.")
    return np.repeat(np.where(a != b, np.uint8(255), np.uint8(40))[..., None], 3, axis=2)


def pin(key: str, now: Callable[[], Pinned]) -> Pinned | None:
    """Show the button that keeps the result, which `now` gives, as A, or lets go of it; return A, if there is one."""
    session = st.session_state
    kept: Pinned | None = session.get(f"{key}.pin")
    if session.pop(f"{key}.pin.asked", False):
        kept = session[f"{key}.pin"] = now() if kept is None else None
    label, tip = (text.PIN, text.PIN_HELP) if kept is None else (text.UNPIN, None)
    st.button(label, key=f"{key}.pin.button", help=tip, icon=":material/push_pin:", width="stretch", on_click=_ask,
              args=(key,))  # fmt: skip
    return kept


def _ask(key: str) -> None:
    """Remember the press until the result is there: its own run may have been begun anew before that."""
    st.session_state[f"{key}.pin.asked"] = True


def compare(a: Pinned, b: Pinned) -> None:
    """Show what moved, where A and B differ, and each number's change."""
    st.subheader(text.PIN_TITLE)
    what = moved(a, b)
    if what:
        st.write(text.PIN_MOVED.format(moved=", ".join(f"`{one}`" for one in what)))
    elif np.array_equal(a.labels, b.labels):
        st.write(text.PIN_SAME)
    left, right = st.columns(2)
    if a.palette.title != b.palette.title:
        left.info(text.PIN_OTHER_CLASSES.format(a=a.palette.title))
    elif a.labels.shape != b.labels.shape:
        left.info(text.PIN_OTHER_SIZE.format(a=a.labels.shape))
    else:
        share = 100 * float((a.labels != b.labels).mean())
        left.image(
            still(difference(a.labels, b.labels)),
            caption=text.PIN_CHANGED.format(share=share),
            alt=text.PIN_ALT,
            width="stretch",
        )
    rows = changes(a, b)
    right.dataframe(
        {name: [row[i] for row in rows] for i, name in enumerate(text.PIN_COLUMNS)},
        column_config={name: st.column_config.TextColumn(alignment="right") for name in text.PIN_COLUMNS[1:]},
        hide_index=True,
    )
