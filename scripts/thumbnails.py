"""Compute the home page's thumbnails: `python -m scripts.thumbnails` runs every experiment that has a card there.

Each becomes ui/assets/thumbnails/<key>.webp: the photograph on the left of a slanted line, on its right what the
network gives with the experiment's choices. Nothing is drawn by hand; run it again when models or experiments change.
An experiment whose model isn't on this machine is skipped and named; the home page then shows the photograph.
"""

from __future__ import annotations

import sys

import numpy as np
from PIL import Image as PILImage

from seglab import draw, draw_objects, inference, maps, objects, panoptic, zoo
from seglab.inference import Options
from seglab.types import Image
from ui import (
    compare_presets,
    compare_source,
    compare_state,
    gallery,
    losses_masks,
    losses_presets,
    losses_state,
    state,
)
from ui.cards import SIZE, THUMBNAILS, crop
from ui.presets import PRESETS, Preset
from ui.segment_state import FIELDS, SCALES, short_side

OPACITY = 0.65
SHARE = 0.32  # of the width shows the photograph


def main() -> int:
    """Write all thumbnails; return 1 if one had to be skipped."""
    THUMBNAILS.mkdir(parents=True, exist_ok=True)
    skipped = 0
    for preset in (*PRESETS, *compare_presets.PRESETS, *losses_presets.PRESETS):
        path = THUMBNAILS / f"{preset.key}.webp"
        lacking = [model for model in models(preset) if not zoo.weights_here(model)]
        if lacking:
            print(f"{path.name}: skipped, the weights of {lacking[0]} aren't on this machine", file=sys.stderr)
            skipped += 1
            continue
        if preset in PRESETS:
            photo = gallery.load(preset.params.get("image", gallery.DEFAULT))
            found = result(preset, photo)
        elif preset in losses_presets.PRESETS:
            photo, found = outcomes(preset)
        else:
            photo, found = fused(preset)
        split(photo, found).save(path, "WEBP", quality=82, method=6)
        print(f"{path.name}: {path.stat().st_size} bytes")
    return int(skipped > 0)


def models(preset: Preset) -> tuple[str, ...]:
    """Return the models that an experiment needs."""
    if preset in PRESETS:
        return (preset.params.get("model", zoo.DEFAULT),)
    if preset in losses_presets.PRESETS:
        return ()
    return ("nuclei-unet",) if preset.params.get("what") == "cells" else ("scenes", "scenes-instances")


def fused(preset: Preset) -> tuple[Image, Image]:
    """Return an experiment of "Compare tasks": its drawn picture, and the panoptic map over it, (H, W, 3) uint8."""
    values, problems = state.read(compare_state.FIELDS, preset.params)
    if problems:
        raise ValueError(f"The experiment {preset.key} isn't a valid link: {' '.join(problems)}")
    draw_it = compare_source.cells if values["what"] == "cells" else compare_source.scene
    image = draw_it(values).photo.image
    keys = models(preset)
    stuff, found = inference.segment(image, keys[0]), objects.find(image, keys[-1])
    whole = panoptic.fuse(stuff, found, score=float(values["score"]))
    return image, draw_objects.overlay_ids(image, whole.segment_ids, draw_objects.panoptic_colors(whole), OPACITY)


def outcomes(preset: Preset) -> tuple[Image, Image]:
    """Return an experiment of "Losses & metrics": its truth, and where the prediction is right and wrong."""
    values, problems = state.read(losses_state.FIELDS, preset.params)
    if problems:
        raise ValueError(f"The experiment {preset.key} isn't a valid link: {' '.join(problems)}")
    pair = losses_masks.pair(values, {})
    larger = -(-SIZE[0] // pair.size[1])  # so that pixels stay squares with sharp edges
    truth, found = (
        np.array(palette.colors, np.uint8)[labels].repeat(larger, 0).repeat(larger, 1)
        for labels, palette in ((pair.truth, losses_masks.MASK), (pair.outcomes(), losses_masks.OUTCOMES))
    )
    return truth, found


def result(preset: Preset, photo: Image) -> Image:
    """Run an experiment on its photograph and draw its view, (H, W, 3) uint8."""
    values, problems = state.read(FIELDS, preset.params)
    if problems:
        raise ValueError(f"The experiment {preset.key} isn't a valid link: {' '.join(problems)}")
    options = Options(
        short_side=short_side(str(values["short"])),
        tile=int(values["tile"]),
        overlap=float(values["overlap"]),
        blend="constant" if values["blend"] == "constant" else "gaussian",
        flip=bool(values["flip"]),
        scales=SCALES[str(values["scales"])],
    )
    logits = inference.logits(photo, str(values["model"]), options)
    size, temperature = photo.shape[:2], float(values["temp"])
    palette = zoo.get(str(values["model"])).palette
    if values["view"] == "labels":
        labels = maps.labels(logits, size, temperature=temperature, threshold=float(values["conf"]))
        return draw.overlay(photo, labels, palette, opacity=OPACITY)
    if values["view"] == "probability":
        k = palette.index(str(values["cls"]))
        heat = maps.probability(logits, size, k, temperature=temperature)
    else:
        view = maps.entropy if values["view"] == "entropy" else maps.margin
        heat = view(logits, size, temperature=temperature)
    return draw.heat(heat, vmin=0.0, vmax=1.0)


def split(photo: Image, result: Image) -> PILImage.Image:
    """Put the photograph on the left and the result on the right of a slanted white line.

    >>> black, grey = np.zeros((300, 480, 3), np.uint8), np.full((300, 480, 3), 99, np.uint8)
    >>> split(black, grey).getpixel((0, 0)), split(black, grey).getpixel((479, 0))
    ((0, 0, 0), (99, 99, 99))
    """
    left, right = np.asarray(crop(PILImage.fromarray(photo))), np.asarray(crop(PILImage.fromarray(result)))
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    distance = (x - SIZE[0] * SHARE) + (y - SIZE[1] / 2) * 0.18  # of a pixel from the line, to its right
    picture = np.where((distance < 0)[..., None], left, right)
    picture[np.abs(distance) < 1.5] = 255
    return PILImage.fromarray(picture)


if __name__ == "__main__":
    sys.exit(main())
