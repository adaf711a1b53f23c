"""The choices of the page "Grad-CAM", as they stand in its link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from seglab import zoo
from ui import compare_state, segment_state
from ui.losses_state import LONGEST_INK, unpack
from ui.state import Field, choice, flag, number, whole, words

SOURCES = ("scene", "photo")
REGIONS = ("predicted", "all", "pixel", "box", "painted")
# The keys of seglab.explain.METHODS: importing that table would import torch, and the page is there before it.
METHODS = (
    "grad-cam", "grad-cam++", "hirescam", "xgrad-cam", "layer-cam", "eigencam", "score-cam", "ablation-cam", "gradient",
    "integrated-gradients",
)  # fmt: skip
LAYERLESS = ("gradient", "integrated-gradients")  # they look at the picture itself
GRID = "grad-cam,layer-cam,eigencam"  # the methods of the grid at first
SEED = 15  # of the street that the page opens with: a car that is found well, and hardly looked at
DRAWN = ("seed", "things", "size", "crowding", "thin", "contrast", "grain", "imbalance")
# A drawn street is asked of the network that knows it first; the others may try.
SCENE_MODELS = tuple(key for key in ("scenes", *segment_state.MODELS) if key in zoo.offered())
CLASSIFIERS = zoo.offered(shelf="classes")
DETECTORS = ("scenes-instances", "maskrcnn-resnet50-fpn", "maskrcnn-resnet50-fpn-v2")  # of streets; of photos, if here
TABS = ("try", "sum", "grid", "trust", "two", "fail", "other", "bias", "download", "code")
PICTURE = tuple(
    replace(field, only_if=("what", "photo"))
    for field in segment_state.FIELDS
    if field.key in ("image", "file", "sha", "model")
)


def place(value: str, n: int) -> tuple[int, ...]:
    """Return the n whole numbers of a link's place, "x,y" or "x0,y0,x1,y1"; ValueError if it is no such thing.

    >>> place("3,4", 2)
    (3, 4)
    """
    parts = value.split(",")
    if len(parts) != n or not all(part.isascii() and part.isdecimal() and len(part) <= 5 for part in parts):
        raise ValueError(f"{n} whole numbers joined by commas")
    return tuple(int(part) for part in parts)


def _place(key: str, n: int) -> Field:
    def parse(value: str) -> str:
        if value:
            place(value, n)
        return value

    return Field(key, "", parse)


def _ink(value: str) -> str:
    if any(stroke.class_index > 1 for stroke in unpack(value)):
        raise ValueError("the painting of a link that this page wrote")
    return value


def chosen_methods(value: object) -> tuple[str, ...]:
    """Return the methods in a link's list that there are, in its order, each once.

    >>> chosen_methods("eigencam,moon,grad-cam,eigencam")
    ('eigencam', 'grad-cam')
    """
    return tuple(dict.fromkeys(key for key in str(value).split(",") if key in METHODS))


FIELDS: tuple[Field, ...] = (
    flag("reveal"),  # the map is shown at once, without the question
    choice("what", "scene", SOURCES),
    *PICTURE,
    *(
        replace(field, only_if=("what", "scene"), default=SEED if field.key == "seed" else field.default)
        for field in compare_state.FIELDS
        if field.key in DRAWN
    ),
    replace(choice("net", SCENE_MODELS[0], SCENE_MODELS), only_if=("what", "scene")),
    words("cls", longest=30),
    words("layer", longest=40),
    # what is explained: where the class's scores are summed
    choice("where", "predicted", REGIONS),
    _place("spot", 2),
    _place("frame", 4),
    Field("inkg", "", _ink, LONGEST_INK),
    choice("y", "logit", ("logit", "probability")),
    # how, and how it is shown
    choice("cam", "grad-cam", METHODS),
    flag("signed"),
    number("low", 0.0, 0.0, 95.0),  # per cent of the pixels, the coldest, that aren't shown
    flag("mirror"),
    choice("short", "auto", segment_state.SHORT_SIDES),
    whole("terms", 4, 1, 32),  # channels that are summed, the strongest first
    words("mean", longest=5),  # the channel whose mean is shown; none: the strongest
    # the other tabs
    words("cams", GRID, longest=120),
    choice("gscale", "own", ("own", "one")),
    choice("other", "", ("", *SCENE_MODELS)),
    words("pair", longest=50),  # the mistake that is explained, "true>said"; none: the largest
    choice("gtab", TABS[0], TABS),
    # a classifier, and one object
    choice("kind", "classifier", ("classifier", "object")),
    choice("cnet", CLASSIFIERS[0], CLASSIFIERS),
    _place("cspot", 2),
    words("ccls", longest=40),
    words("clayer", longest=40),
    _place("ospot", 2),
    choice("oof", "class", ("class", "mask")),
    words("olayer", longest=40),
    # the bias lab
    number("bias", 1.0, 0.5, 1.0),
    whole("bsteps", 400, 60, 1000),
    whole("bseed", 0, 0, 9999),
)


def region_key(now: Mapping[Any, Any]) -> tuple[str, str]:
    """Return what of the choices says where the scores are summed: the kind of region, and its place or paint."""
    where = str(now["where"])
    return where, str(now[{"pixel": "spot", "box": "frame", "painted": "inkg"}.get(where, "where")])
