"""The models `zoo-<key>`: the architectures of the course at their small size, trained alike on drawn scenes.

Made from `seglab.architectures`; `seglab.zoo` keeps them on a shelf of their own, for they are there to be compared,
not to be used. V-Net is one of them, but reads volumes (`task` "volume").
"""

from __future__ import annotations

from functools import partial

from seglab.architectures import ARCHITECTURES, PREFIX, Architecture
from seglab.palettes import SCENES, VOLUMES
from seglab.specs import Embedded, ModelSpec, Preprocess


def _spec(row: Architecture) -> ModelSpec:
    assert row.small is not None
    key, palette = PREFIX + row.key, VOLUMES if row.volumes else SCENES
    drawn = "volumes drawn by seglab.datasets.volumes" if row.volumes else "scenes drawn by seglab.datasets.scenes"
    return ModelSpec(
        key,
        f"{row.title}, small",
        build=partial(row.small, len(palette)),
        source=Embedded(f"{key}.safetensors"),
        # Scenes are 128 px high and go in as they are; volumes have nothing of this, whatever it says.
        preprocess=Preprocess(128),
        palette=palette,
        cam_layers=row.cam_layers,
        paper=f"{row.paper.authors}, {row.paper.where}",
        licence=f"Code and weights MIT; trained on {drawn}",
        task="volume" if row.volumes else "semantic",
        shelf="zoo",
    )


ZOO_SPECS = tuple(_spec(row) for row in ARCHITECTURES if row.small is not None)
