"""What the losses say of the two masks; everything is kept by content, so that moving one thing computes one thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from ui import cache
from ui.losses_masks import Pair
from ui.losses_state import parameters
from ui.texts import losses as text

if TYPE_CHECKING:
    from seglab.losses.catalogue import Loss
    from seglab.losses.gradients import Shares

LARGE = 512 * 512  # pixels


@dataclass(frozen=True)
class Said:
    """What a loss says of a pair: its value, its steepest slope |∂L/∂z|, and what share of it is the object's."""

    value: float
    steepest: float
    shares: Shares


def loss(key: str) -> Loss:
    """Return the row of the library's table."""
    from seglab.losses.catalogue import find

    return find(key)


def settings(key: str, now: Mapping[Any, Any]) -> dict[str, float]:
    """Return a loss's parameters as the session wants them, within what the table allows."""
    asked = parameters(now["with"])
    return {p.name: min(max(asked.get((key, p.name), p.default), p.low), p.high) for p in loss(key).parameters}


def wanted(pair: Pair, what: str) -> bool:
    """Whether to compute `what` of the pair: of large masks only once that is asked for, as it takes seconds."""
    height, width = pair.size
    if height * width <= LARGE:
        return True
    st.info(text.LARGE.format(w=width, h=height))
    return st.toggle(text.COMPUTE, key=f"losses.compute.{what}")


def said(pair: Pair, key: str, now: Mapping[Any, Any]) -> Said:
    """Return the numbers of a loss on the pair."""
    found: Said = cache.kept(cache.NUMBERS, _name(pair, key, now), lambda: _computed(pair, key, now)[0])
    return found


def slopes(pair: Pair, key: str, now: Mapping[Any, Any]) -> NDArray[np.float32]:
    """Return the map ∂L/∂z of a loss on the pair, (H, W).

    It is kept in 16 bits, of the steepest slope: so that the two of large masks don't drive out all other maps.
    """
    name = _name(pair, key, now)

    def make() -> NDArray[np.float16]:
        numbers, found = _computed(pair, key, now)
        cache.kept(cache.NUMBERS, name, lambda: numbers)
        return (found / (numbers.steepest or 1)).astype(np.float16)

    kept = cache.kept(cache.MAPS, name, make)
    return kept.astype(np.float32) * np.float32(said(pair, key, now).steepest)


def _name(pair: Pair, key: str, now: Mapping[Any, Any]) -> tuple[Any, ...]:
    return "losses", "gradient", pair.key, key, tuple(settings(key, now).items())


def _computed(pair: Pair, key: str, now: Mapping[Any, Any]) -> tuple[Said, NDArray[np.float64]]:
    from seglab.losses import gradients

    found = gradients.gradient(key, gradients.logits(pair.probs), pair.truth, **settings(key, now))
    steepest = float(np.abs(found.map).max())
    return Said(found.value, steepest, gradients.shares(found, pair.truth)), found.map
