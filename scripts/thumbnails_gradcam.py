"""The thumbnails of the page "Grad-CAM": each experiment's picture, and the map that its choices give over it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Literal

from PIL import Image as PILImage
from PIL import ImageOps

from seglab import explain, runtime, zoo
from seglab.live import bias
from seglab.live.bias import Outcome
from seglab.types import Image
from ui import compare_source, gallery, gradcam_class, gradcam_object, gradcam_state, state
from ui.cards import SIZE
from ui.presets import Preset


def models(preset: Preset) -> tuple[str, ...]:
    """Return the model that an experiment of "Grad-CAM" explains; none where it is trained on the spot."""
    if preset.params.get("gtab") == "bias":
        return ()
    if preset.params.get("gtab") != "other":
        return ("scenes",)
    one_object = preset.params.get("kind") == "object"
    return ("scenes-instances" if one_object else preset.params.get("cnet", "scenes-crops"),)


def pictures(preset: Preset) -> tuple[Image, Image]:
    """Return an experiment of "Grad-CAM": its picture, and the map over it, (H, W, 3) uint8."""
    values, problems = state.read(gradcam_state.FIELDS, preset.params)
    if problems:
        raise ValueError(f"The experiment {preset.key} isn't a valid link: {' '.join(problems)}")
    if values["gtab"] == "bias":
        outcome = finished(bias.train(float(values["bias"]), seed=int(values["bseed"])))
        n = 1  # a dog between houses
        return outcome.shown.images[n], bias.painted(outcome.shown.images[n], outcome.looked[bias.NAMES[0]].raw[n])
    if values["what"] == "photo":
        image = gallery.load(str(values["image"]))
        names = zoo.get(str(values["cnet"])).palette.names
        k = int(explain.classify(image, str(values["cnet"])).argmax())
        print(f"{preset.key}: {names[k]}")
        found = explain.explain(image, str(values["cnet"]), explain.Category(k), layer=str(values["clayer"]))
        return image, bias.painted(image, found.raw)
    source = compare_source.scene(values)
    image, model, layer = source.photo.image, models(preset)[0], str(values["layer"])
    target: explain.Target
    if values["gtab"] == "other" and values["kind"] == "object":
        loaded = runtime.model(model)
        objects_there = gradcam_object.objects(source, loaded)
        i = objects_there.rows[gradcam_object.chosen(objects_there, str(values["ospot"]))[0]]
        of: Literal["class", "mask"] = "mask" if values["oof"] == "mask" else "class"
        target = explain.of_detection(image, loaded, objects_there.detections, i, of)
        layer = str(values["olayer"])
    elif values["gtab"] == "other":
        image, layer = gradcam_class.cut(source, str(values["cspot"])).image, str(values["clayer"])
        target = explain.Category(int(explain.classify(image, model).argmax()))
    else:
        k = zoo.get(model).palette.index(str(values["cls"]))
        target = explain.Predicted(k)
        if values["where"] == "pixel":
            target = explain.Pixel(k, *gradcam_state.place(str(values["spot"]), 2))
    found = explain.explain(
        image, model, target, method=str(values["cam"]), layer=layer,
        of="probability" if values["y"] == "probability" else "logit",
    )  # fmt: skip
    return image, bias.painted(image, found.raw)


def finished(work: Generator[object, None, Outcome]) -> Outcome:
    """Run a live run's generator to its end, and return its result."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome


def halves(preset: Preset) -> PILImage.Image:
    """Return an experiment's picture and the map over it side by side, the middle of each."""
    whole, half = PILImage.new("RGB", SIZE, "white"), (SIZE[0] // 2 - 1, SIZE[1])
    for image, left in zip(pictures(preset), (0, SIZE[0] - half[0]), strict=True):
        whole.paste(ImageOps.fit(PILImage.fromarray(image), half), (left, 0))
    return whole
