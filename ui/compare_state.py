"""The choices of the page "Compare tasks", as they stand in its link, and what they mean for the library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from seglab import zoo
from ui import gallery
from ui.state import Field, choice, flag, number, whole, words

if TYPE_CHECKING:
    from seglab.datasets import cells, scenes

SOURCES = ("scene", "cells", "photo")
SEEDS = 9999  # drawn pictures have the numbers 0 to this
SMALLEST, LARGEST = 256, 1024  # pixels a side of drawn nuclei
COVERED = 0.25  # share of the picture that they cover, where it isn't one of these two sizes
# Where the semantic map and the objects may come from; "components" and "watershed" read objects off the semantic map.
COMPONENTS, WATERSHED = "components", "watershed"
SEMANTIC = {
    "scene": ("scenes",),
    "cells": ("nuclei-unet", "nuclei-unet-30"),
    "photo": ("street", "street-fast", "deeplabv3-mobilenet", "deeplabv3-resnet101", "nuclei-unet", "nuclei-unet-30"),
}
OBJECTS = {
    "scene": ("scenes-instances",),
    "cells": ("nuclei-instances", WATERSHED, COMPONENTS),
    "photo": ("street-instances", "maskrcnn-resnet50-fpn-v2", "maskrcnn-resnet50-fpn"),
}

COCO = ("maskrcnn-resnet50-fpn-v2", "maskrcnn-resnet50-fpn")
MOST = 1000  # objects: nuclei come in hundreds
LONGEST = 1000  # characters of a list of classes: all of COCO's take 700


def _only(what: str, *fields: Field) -> list[Field]:
    """Return fields that count for one kind of picture alone."""
    return [replace(field, only_if=("what", what)) for field in fields]


FIELDS: tuple[Field, ...] = (
    choice("what", "scene", SOURCES),
    *_only("photo", choice("image", gallery.DEFAULT, (*gallery.GALLERY, gallery.UPLOAD)), words("file"),
           words("sha", longest=16)),
    flag("open"),  # the answers are shown at once, without a guess
    choice("semantic", "", ("", *dict.fromkeys(key for keys in SEMANTIC.values() for key in keys))),
    choice("objects", "", ("", *dict.fromkeys(key for keys in OBJECTS.values() for key in keys))),
    whole("seed", 11, 0, SEEDS),  # of a drawn picture
    *_only(
        "scene", whole("things", 8, 0, 50), number("size", 1.0, 0.5, 2.0), number("crowding", 0.5, 0.0, 1.0),
        number("thin", 0.3, 0.0, 1.0), number("contrast", 1.0, 0.1, 1.0), number("grain", 0.02, 0.0, 0.3),
        number("imbalance", 0.0, 0.0, 1.0),
    ),
    *_only(
        "cells", whole("count", 40, 0, 300), number("radius", 10.0, 4.0, 30.0), number("touching", 0.5, 0.0, 1.0),
        number("blur", 0.7, 0.0, 4.0), number("uneven", 0.3, 0.0, 1.0),
    ),
    # which objects count, and how they are fused
    number("score", 0.5, 0.05, 0.95),
    number("mask", 0.5, 0.1, 0.9),
    number("nms", 0.5, 0.0, 0.9),
    whole("limit", 300, 1, MOST),
    number("visible", 0.5, 0.0, 1.0),
    whole("stuff", 256, 0, 4096),
    choice("first", "score", ("score", "smaller")),
    words("switched", longest=LONGEST),  # classes that go from stuff to thing or back, joined by commas
    words("only", longest=LONGEST),  # the classes of objects that take part; all if empty
    whole("step", 0, 0, 2 * MOST),
)  # fmt: skip


def scene_parameters(now: Mapping[Any, Any]) -> scenes.Parameters:
    """Return what the session asks of a drawn street."""
    from seglab.datasets import scenes

    n = now["things"]
    return scenes.Parameters(
        things=(n, n), size=now["size"], crowding=now["crowding"], thin=now["thin"], contrast=now["contrast"],
        noise=now["grain"], imbalance=now["imbalance"],
    )  # fmt: skip


def cell_parameters(now: Mapping[Any, Any]) -> cells.Parameters:
    """Return what the session asks of drawn nuclei, in a picture that has room for them."""
    from seglab.datasets import cells

    wanted = math.sqrt(now["count"] * math.pi * now["radius"] ** 2 / COVERED)
    side = min(max(SMALLEST, 32 * math.ceil(wanted / 32)), LARGEST)
    return cells.Parameters(
        count=now["count"], size=now["radius"], touching=now["touching"], blur=now["blur"],
        unevenness=now["uneven"], height=side, width=side,
    )  # fmt: skip


def semantic_options(source: str) -> tuple[str, ...]:
    """Return the models that may give the semantic map; those that this installation lacks are left out."""
    return tuple(key for key in SEMANTIC[source] if key in zoo.offered())


def object_options(source: str, semantic: str) -> tuple[str, ...]:
    """Return what may give the objects beside a semantic model: of nuclei, the map itself as well.

    >>> object_options("photo", "nuclei-unet")[-1]
    'components'
    """
    keys = OBJECTS["cells" if zoo.get(semantic).palette.title == "Nuclei" else source]
    there = [key for key in keys if key in (COMPONENTS, WATERSHED) or key in zoo.offered()]
    # COCO's Mask R-CNN knows more, and has true instances: it comes first where it needn't be downloaded.
    return tuple(sorted(there, key=lambda key: not (key in COCO and zoo.weights_here(key))))


def sources() -> tuple[str, ...]:
    """Return the sources whose embedded models are all in this installation, so that each answers without a network."""
    needed = {
        "scene": ("scenes", "scenes-instances"), "cells": ("nuclei-unet", "nuclei-instances"),
        "photo": ("street-instances",),
    }  # fmt: skip
    return tuple(what for what in SOURCES if set(needed[what]) <= set(zoo.offered()))


def names(value: object, known: Sequence[str]) -> tuple[str, ...]:
    """Return the names in a link's value that are known, in the order of `known`.

    >>> names("car,moon", ("sky", "car"))
    ('car',)
    """
    asked = {name.strip().casefold() for name in str(value).split(",")}
    return tuple(name for name in known if name.casefold() in asked)
