"""The controls of the page "Architectures". Each one's key is its name in the link (`ui.arch_state.FIELDS`)."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from seglab import architectures, zoo
from ui import arch_net, arch_state, picture
from ui.arch_layouts import KEYS
from ui.arch_net import Spec
from ui.compare_source import Source
from ui.state import plain
from ui.texts import architectures as text


def title(key: str) -> str:
    """Return an architecture's title, or "nothing" for ""."""
    if not key:
        return text.NONE
    return text.OWN_TITLE if key == arch_net.OWN else architectures.get(key).title


def build_name(build: str) -> str:
    """Return what a way to build is called: a size, or a trained model's title."""
    return text.BUILDS.get(build) or text.TRAINED_AS.format(title=zoo.get(build).title)


def full_title(spec: Spec) -> str:
    """Return a network's title with its size, as "U-Net, padded (small)"."""
    return f"{title(spec.key)} ({build_name(spec.build)})"


def networks() -> tuple[Spec, Spec | None]:
    """Choose one or two networks and their size; return them."""
    now = st.session_state
    first, second, third = st.columns([3, 3, 2], vertical_alignment="bottom")
    first.selectbox(text.ARCH, KEYS, format_func=title, key="arch", persist_state="session")
    if now["versus"] == now["arch"]:
        now["versus"] = ""
    others = tuple(key for key in KEYS if key != now["arch"])
    second.selectbox(text.VERSUS, ("", *others), format_func=title, key="versus", persist_state="session")
    wanted = now["abuild"]
    if wanted not in (there := arch_net.builds(now["arch"])):
        now["abuild"] = there[0]
        st.info(text.NO_SUCH_SIZE.format(title=title(now["arch"]), wanted=build_name(wanted),
                                         now=build_name(there[0])), icon=":material/straighten:")  # fmt: skip
    third.selectbox(text.BUILD, there, format_func=build_name, key="abuild", persist_state="session")
    one = arch_state.spec(now, now["arch"])
    other = arch_state.spec(now, now["versus"]) if now["versus"] else None
    if other is not None and other.build != one.build and one.build in text.BUILDS:
        st.info(text.NO_SUCH_SIZE.format(title=title(other.key), wanted=build_name(one.build),
                                         now=build_name(other.build)), icon=":material/straighten:")  # fmt: skip
    return one, other


def several(label: str, key: str, there: Sequence[str], usual: Sequence[str], most: int) -> list[str]:
    """Choose some architectures; the link has them under `key`."""
    now, widget = st.session_state, f"arch.{key}"
    asked = [] if now[key] in ("", arch_state.NOBODY) else list(dict.fromkeys(now[key].split(",")))
    shown = [name for name in asked if name in there][:most]
    if gone := [name for name in asked if name not in shown]:
        st.info(text.NOT_SHOWN.format(names=", ".join(map(plain, gone)), most=most))
        now[key] = ",".join(shown)
    now[widget] = [] if now[key] == arch_state.NOBODY else shown or list(usual)

    def take() -> None:
        now[key] = ",".join(now[widget]) or arch_state.NOBODY

    return st.multiselect(label, there, format_func=title, key=widget, max_selections=most, on_change=take)


def source() -> Source:
    """Choose the picture."""
    return picture.choose(text.SOURCES, text.ANOTHER)


def shade(one: Spec) -> None:
    """Choose what the stages' colour says, and random weights where trained ones are here."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    left.segmented_control(
        text.SHADE, arch_state.SHADES, format_func=text.SHADES.__getitem__, key="shade", required=True,
        persist_state="session",
    )  # fmt: skip
    if Spec(one.key, one.build).model is not None:
        right.toggle(text.RANDOM, key="fresh", persist_state="session")
