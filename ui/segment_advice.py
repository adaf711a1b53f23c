"""When a model has nothing to say about a picture: the reason in words, and which other models to try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seglab import zoo
from seglab.types import Palette
from ui.segment_state import MODELS
from ui.texts import segment as text

# Below the card's figure by this much, a picture is foreign. With `street`: of its own kind 95 % have 0.94 and up, the
# palace 0.88, the gallery's face, cup and rocket 0.68 to 0.78. Not the cat: a Building, says `street`, and has 0.95.
SLACK = 0.07
ALL_BACKGROUND = 0.995  # share of background from which a picture holds none of the classes


@dataclass(frozen=True)
class Advice:
    """`reason` for the person; `models` are keys worth trying, those whose weights are here first."""

    reason: str
    models: tuple[str, ...]


def advise(
    model: str,
    palette: Palette,
    areas: NDArray[np.int64],
    mean_confidence: float,
    familiar: float | None,
    suits: Sequence[str] | None,
) -> Advice | None:
    """Return why `model` doesn't suit the picture, or None if it does.

    `areas` are pixels per class (K,), at temperature 1 and without a threshold; `familiar` is the card's
    `confidence_p05`, None if it has none; `suits` are the gallery's models for this picture, None for an own picture
    (what the gallery says, somebody has looked at: it counts more than the confidence).
    """
    if palette.background is not None and areas[palette.background] >= ALL_BACKGROUND * max(int(areas.sum()), 1):
        reason = text.ALL_BACKGROUND.format(palette=palette.title, n=len(palette) - 1)
    elif suits is not None and model not in suits:
        reason = text.UNSUITABLE.format(title=zoo.get(model).title) if suits else text.UNSUITABLE_ALL
    elif suits is None and familiar is not None and mean_confidence < familiar - SLACK:
        reason = text.UNFAMILIAR.format(confidence=mean_confidence, familiar=familiar)
    else:
        return None
    others = [key for key in MODELS if zoo.get(key).palette.title != palette.title]
    others = [key for key in (others if suits is None else suits) if key != model]
    here = [key for key in others if zoo.weights_here(key)]
    return Advice(reason, tuple(here + [key for key in others if key not in here])[:2])
