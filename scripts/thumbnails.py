"""Compute the home page's thumbnails: `python -m scripts.thumbnails` runs every experiment that has a card there.

Each becomes ui/assets/thumbnails/<key>.webp: the photograph on the left of a slanted line, on its right what the
network gives with the experiment's choices. Nothing is drawn by hand; run it again when models or experiments change.
Those of "Grad-CAM" show both whole, side by side (`thumbnails_gradcam`); those of "Upsampling" are grids of numbers,
those of "Architectures" diagrams (`thumbnails_arch`).
An experiment whose model isn't on this machine is skipped and named; the home page then shows the photograph.
`python -m scripts.thumbnails up-` runs only those whose key begins with up-.
"""

from __future__ import annotations

import base64
import sys

import numpy as np
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from scripts import thumbnails_arch, thumbnails_gradcam
from seglab import draw, draw_objects, inference, maps, objects, panoptic, watershed, zoo
from seglab.inference import Options
from seglab.types import Image
from seglab.upsampling import atrous, checkerboard
from seglab.upsampling.trace import short
from ui import (
    arch_presets,
    compare_presets,
    compare_source,
    compare_state,
    gallery,
    gradcam_presets,
    losses_masks,
    losses_presets,
    losses_state,
    state,
    upsampling_checker,
    upsampling_choice,
    upsampling_labs,
    upsampling_make,
    upsampling_presets,
    upsampling_stacks,
    upsampling_views_state,
)
from ui.cards import SIZE, THUMBNAILS, crop
from ui.grid import Panel
from ui.grid.pack import pack
from ui.presets import PRESETS, Preset
from ui.segment_state import FIELDS, SCALES, short_side
from ui.viewer import encode

OPACITY = 0.65
SHARE = 0.32  # of the width shows the photograph
MARGIN, BETWEEN, LARGEST = 18, 36, 76  # px around grids, from one to the next, and of a cell at most
MIDDLE = 0.179  # luminance above which black reads better than white


def main(only: str = "") -> int:
    """Write all thumbnails, or those whose key begins with `only`; return 1 if one had to be skipped."""
    THUMBNAILS.mkdir(parents=True, exist_ok=True)
    skipped = 0
    others = compare_presets, losses_presets, upsampling_presets, gradcam_presets, arch_presets
    for preset in (*PRESETS, *(preset for module in others for preset in module.PRESETS)):
        if not preset.key.startswith(only):
            continue
        path = THUMBNAILS / f"{preset.key}.webp"
        lacking = [model for model in models(preset) if not zoo.weights_here(model)]
        if lacking:
            print(f"{path.name}: skipped, the weights of {lacking[0]} aren't on this machine", file=sys.stderr)
            skipped += 1
            continue
        if preset in upsampling_presets.PRESETS:
            grids(preset).save(path, "WEBP", lossless=True, method=6)
        elif preset in arch_presets.PRESETS:
            thumbnails_arch.diagram(preset).save(path, "WEBP", lossless=True, method=6)
        elif preset in gradcam_presets.PRESETS:
            thumbnails_gradcam.halves(preset).save(path, "WEBP", quality=82, method=6)
        else:
            split(*pictures(preset)).save(path, "WEBP", quality=82, method=6)
        print(f"{path.name}: {path.stat().st_size} bytes")
    return int(skipped > 0)


def pictures(preset: Preset) -> tuple[Image, Image]:
    """Return what an experiment starts from, and what it gives, (H, W, 3) uint8 each."""
    if preset in losses_presets.PRESETS:
        return outcomes(preset)
    if preset in compare_presets.PRESETS:
        return fused(preset)
    photo = gallery.load(preset.params.get("image", gallery.DEFAULT))
    return photo, result(preset, photo)


def models(preset: Preset) -> tuple[str, ...]:
    """Return the models that an experiment needs."""
    if preset in PRESETS:
        return (preset.params.get("model", zoo.DEFAULT),)
    if preset in gradcam_presets.PRESETS:
        return thumbnails_gradcam.models(preset)
    if preset not in compare_presets.PRESETS:
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
    if values["objects"] == compare_state.COMPONENTS:
        thing = stuff.palette.things[0]
        found = watershed.components(maps.probability(stuff.logits, stuff.labels.shape, thing), palette=stuff.palette)
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


def grids(preset: Preset) -> PILImage.Image:
    """Return an experiment of "Upsampling": its grids of numbers, coloured as on the page, on a clear ground."""
    values, problems = state.read(upsampling_labs.FIELDS, preset.params)
    if problems:
        raise ValueError(f"The experiment {preset.key} isn't a valid link: {' '.join(problems)}")
    if values["lab"] == "checker":
        kernel, stride = int(values["ck"]), int(values["cs"])
        counts = checkerboard.overlap_count(kernel, stride, upsampling_checker.inputs(kernel, stride))
        return drawn([Panel("counts", "Counts", counts.astype(np.float64))], numbers=False)
    if values["lab"] == "atrous":
        rates = upsampling_views_state.stack(str(values["rates"]))
        paths = atrous.coverage(rates, int(values["rk"])).astype(np.float64)
        return drawn([Panel("paths", "Paths", np.where(paths > 0, paths, np.nan))], numbers=False)
    panels = {panel.name: panel for panel in upsampling_make.make(upsampling_choice.choose(values)).panels}
    return drawn([panels["x0"], panels["out0"]])


def drawn(panels: list[Panel], numbers: bool = True) -> PILImage.Image:
    """Draw grids side by side, as large as they fit; a cell without a number is orange, as a hole is in the lab.

    >>> drawn([Panel("a", "A", [[0.0, 1.0]])]).size == SIZE
    True
    """
    told = pack(panels, (), (), ())["panels"]
    rows, columns = max(panel["rows"] for panel in told), sum(panel["columns"] for panel in told)
    cell = min((SIZE[0] - 2 * MARGIN - BETWEEN * (len(told) - 1)) // columns, (SIZE[1] - 2 * MARGIN) // rows, LARGEST)
    picture = PILImage.new("RGBA", SIZE)
    draw_on = ImageDraw.Draw(picture)
    words = {value: short(float(f"{value:.4g}"))[0] for panel in told for value in panel["values"] if value is not None}
    font = ImageFont.load_default(size=cell * min(0.34, 1.5 / max(map(len, words.values()))))
    left = (SIZE[0] - cell * columns - BETWEEN * (len(told) - 1)) // 2
    for panel in told:
        table = np.frombuffer(base64.b64decode(encode.color_table(panel["signed"])), np.uint8).reshape(-1, 3)
        top = (SIZE[1] - cell * panel["rows"]) // 2
        for k, value in enumerate(panel["values"]):
            y, x = (n * cell for n in divmod(k, panel["columns"]))
            box = (left + x + 1, top + y + 1, left + x + cell - 2, top + y + cell - 2)
            color = upsampling_stacks.ORANGE
            if value is not None:
                share = (value - panel["low"]) / (panel["high"] - panel["low"])
                color = tuple(table[round(share * (len(table) - 1))].tolist())
            draw_on.rounded_rectangle(box, radius=cell // 10, fill=color)
            if numbers and value is not None:
                ink = "black" if luminance(color) > MIDDLE else "white"
                at = left + x + cell / 2, top + y + cell / 2
                draw_on.text(at, words[value], ink, font, anchor="mm")
        left += cell * panel["columns"] + BETWEEN
    return picture


def luminance(color: tuple[int, ...]) -> float:
    """Return the relative luminance of an sRGB colour, 0 to 1, as WCAG 2 defines it.

    >>> luminance((255, 255, 255))
    1.0
    """
    linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in color]
    return round(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2], 6)


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
    sys.exit(main(*sys.argv[1:2]))
