"""The picture that is compared on: drawn, with its whole truth (a street, nuclei), or a photo without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seglab.types import Sample
from ui import cache
from ui.cache import image_hash
from ui.compare_state import cell_parameters, scene_parameters
from ui.picker import Photo
from ui.texts import compare as text

# Of a drawn street. The networks see it at 128 px, as in training; at three times that it is worth looking at, and is
# answered as well (on 40 scenes PQ 0.727 at 128 px, 0.730 at 384).
SIZE = (384, 384)


@dataclass(frozen=True)
class Source:
    """A picture, and its truth if it is known."""

    photo: Photo
    sample: Sample | None = None

    @property
    def question(self) -> str:
        """What a guess is about: a photo, or a drawn picture by its number, whatever is moved in it."""
        return self.photo.hash if self.sample is None else self.photo.name

    @property
    def things(self) -> int | None:
        """How many things there are; None where nobody knows."""
        if self.sample is None or self.sample.ids is None:
            return None
        return int(np.count_nonzero(np.unique(self.sample.ids)))


def scene(now: Mapping[Any, Any]) -> Source:
    """Draw the street that the session asks for."""
    from seglab.datasets import scenes

    seed, how = now["seed"], scene_parameters(now)
    sample = _kept(("scene", seed, how), lambda: scenes.render(seed, 0, how, SIZE).sample)
    return _drawn(sample, "scene", text.SCENE.format(seed=seed), text.SCENE_ALT, text.SCENE_CREDIT)


def cells(now: Mapping[Any, Any]) -> Source:
    """Draw the nuclei that the session asks for."""
    from seglab.datasets import cells

    seed, how = now["seed"], cell_parameters(now)
    sample = _kept(("cells", seed, how), lambda: cells.draw(seed, 0, how))
    return _drawn(sample, "cells", text.CELLS.format(seed=seed), text.CELLS_ALT, text.CELLS_CREDIT)


def _drawn(sample: Sample, key: str, name: str, alt: str, credit: str) -> Source:
    return Source(Photo(sample.image, key, name, image_hash(sample.image), alt, credit), sample)


def _kept(key: tuple[Any, ...], make: Any) -> Sample:
    found: Sample = cache.kept(cache.MAPS, key, make)
    return found
