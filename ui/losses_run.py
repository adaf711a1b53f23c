"""What the losses say of the two masks; everything is kept by content, so that moving one thing computes one thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ui import cache
from ui.losses_masks import Pair
from ui.losses_state import parameters

if TYPE_CHECKING:
    from seglab.losses.catalogue import Loss
    from seglab.losses.gradients import Gradient


def loss(key: str) -> Loss:
    """Return the row of the library's table."""
    from seglab.losses.catalogue import find

    return find(key)


def settings(key: str, now: Mapping[Any, Any]) -> dict[str, float]:
    """Return a loss's parameters as the session wants them, within what the table allows."""
    asked = parameters(now["with"])
    return {p.name: min(max(asked.get((key, p.name), p.default), p.low), p.high) for p in loss(key).parameters}


def gradient(pair: Pair, key: str, now: Mapping[Any, Any]) -> Gradient:
    """Return value, gradient and terms of a loss on the pair."""
    from seglab.losses import gradients

    chosen = settings(key, now)
    name = ("losses", "gradient", pair.key, key, tuple(chosen.items()))
    found: Gradient = cache.kept(
        cache.MAPS, name, lambda: gradients.gradient(key, gradients.logits(pair.probs), pair.truth, **chosen)
    )
    return found


def largest(*found: Gradient) -> float:
    """Return the largest slope of all maps: their common scale; 0 where none has a gradient."""
    return max((float(np.abs(one.map).max()) for one in found), default=0.0)
