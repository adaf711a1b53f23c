"""Objects in a picture by whatever finds them: a detector, or a net that tells one thing from the background."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from seglab import inference, instances, maps, runtime
from seglab.nets.mask_rcnn import Detector
from seglab.options import Options
from seglab.runtime import Loaded
from seglab.types import Image, InstanceResult
from seglab.watershed import split

LIMIT = 1000  # nuclei come in hundreds


def find(
    image: Image,
    model: str | Loaded,
    options: Options | None = None,
    *,
    notice: Callable[[str], None] | None = None,
) -> InstanceResult:
    """Find the objects in a picture (H, W, 3) uint8, best score first, with the usual settings.

    A detector's are those of its usual selection (`ModelSpec.selection`); for other settings use `instances.detect` and
    `instances.select`. A semantic net's are split from its probability by seeded watershed (`watershed.split`).

    Raises:
        ValueError: a semantic net that knows other than one thing, or what `detect` and `segment` refuse. WeightsError:
            no weights. OutOfMemory: a smaller picture may fit.

    """
    loaded = runtime.model(model) if isinstance(model, str) else model
    options = options or Options()
    if isinstance(loaded.folded, Detector):
        usual = asdict(loaded.spec.selection) if loaded.spec else {}
        return instances.select(instances.detect(image, loaded, options), limit=LIMIT, **usual)
    if len(loaded.palette.things) != 1:
        raise ValueError(f"{loaded.key} gives a class for each pixel and can't tell objects of one class apart.")
    logits = inference.logits(image, loaded, options, notice=notice)
    probability = maps.probability(logits, (image.shape[0], image.shape[1]), loaded.palette.things[0])
    return split(probability, palette=loaded.palette)
