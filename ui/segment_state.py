"""The choices of the Segment page, as they stand in its link."""

from __future__ import annotations

from seglab import zoo
from seglab.palettes import SCENES
from ui import gallery
from ui.state import Field, choice, flag, number, words

SHORT_SIDES = ("auto", "128", "192", "256", "360", "480", "520", "720", "1080", "own")
TILES = (0, 128, 256, 384, 512, 768, 1024)
SCALES: dict[str, tuple[float, ...]] = {"1": (1.0,), "3": (1.0, 0.75, 1.25), "5": (1.0, 0.5, 0.75, 1.25, 1.5)}
VIEWS = ("labels", "probability", "entropy", "margin")
TEMPERATURES = (0.25, 4.0)

# `scenes` knows drawn streets alone, and pictures here are photographs.
MODELS = tuple(key for key in zoo.offered("semantic") if zoo.get(key).palette != SCENES)

FIELDS: tuple[Field, ...] = (
    choice("image", gallery.DEFAULT, (*gallery.GALLERY, gallery.UPLOAD)),
    words("file"),  # name and hash of an own picture, which a link can't carry
    words("sha", longest=16),
    choice("model", zoo.DEFAULT, MODELS),
    choice("short", "auto", SHORT_SIDES),
    choice("view", "labels", VIEWS),
    words("cls", longest=30),
    number("temp", 1.0, *TEMPERATURES),
    number("conf", 0.0, 0.0, 0.95),
    choice("tile", 0, TILES),
    number("overlap", 0.25, 0.0, 0.5),
    choice("blend", "gaussian", ("gaussian", "constant")),
    flag("flip"),
    choice("scales", "1", SCALES),
    choice("precision", "fp32", ("fp32", "bf16", "fp16")),
)


def short_side(value: str) -> int | None:
    """Turn the choice into `inference.Options.short_side`: None is the model's own, 0 the picture's own size.

    >>> short_side("auto"), short_side("own"), short_side("256")
    (None, 0, 256)
    """
    return None if value == "auto" else 0 if value == "own" else int(value)
