"""The choices of the page "Losses & metrics", as they stand in its link."""

from __future__ import annotations

import base64
import binascii
import json
import math
import zlib
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

from seglab.palettes import SCENES
from ui import segment_state
from ui.state import Field, choice, flag, number, whole, words
from ui.viewer import Stroke, strokes
from ui.viewer.strokes import ERASE

# What the truth is at first, before anybody paints on it, and the prediction beside it.
TRUTHS = ("ships", "disc", "discs", "thin", "pixel", "empty", "full", "scene", "photo", "upload")
GUESSES = ("background", "truth", "full", "model", "upload")
CLASSES = tuple(SCENES.names[k] for k in SCENES.things)
LONGEST_INK = 12_000  # characters of a painted mask in a link: browsers and servers take about 30 000 in all
# The keys of seglab.losses.catalogue.LOSSES: importing that table would import torch, and the page is there before it.
KEYS = (
    "bce", "weighted_bce", "balanced_bce", "focal", "dice", "dice_squared", "jaccard", "log_jaccard",
    "one_minus_log_jaccard", "bce_jaccard", "tversky", "focal_tversky", "log_cosh_dice", "combo", "lovasz_hinge",
    "boundary", "hausdorff", "sensitivity_specificity",
)  # fmt: skip
MOST_PIXELS = 2e8  # that a link's strokes may paint, over and over included: a second's work
SEGMENT = 4e3  # as many of them as a segment costs by itself, however short
INK = ("inkt", "inkp")  # strokes on the truth, and on the prediction
# What they may paint: background, object, not counted; 0 %, 10 %, …, as it was.
PAINTS = {"inkt": frozenset((0, 1, 255)), "inkp": frozenset((*range(11), 255))}
# The picture in use and the network on it, as on the page "Segment".
PICTURE = tuple(
    replace(field, only_if=("truth", "photo"))
    for field in segment_state.FIELDS
    if field.key in ("image", "file", "sha", "model", "cls")
)


def pack(painted: Iterable[Stroke]) -> str:
    """Return strokes as text for a link: JSON, compressed, base64 for addresses; "" for none.

    >>> unpack(pack([Stroke(1, 2.5, ((3, 4), (5, 6)))]))
    (Stroke(class_index=1, radius=2.5, points=((3, 4), (5, 6))),)
    """
    listed = strokes.pack(painted)
    if not listed:
        return ""
    data = zlib.compress(json.dumps(listed, separators=(",", ":")).encode(), 9)
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unpack(text: str) -> tuple[Stroke, ...]:
    """Return the strokes in a link's text; ValueError, saying what is wanted, for whatever `pack` can't have made."""
    if not text:
        return ()
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        inflate = zlib.decompressobj()
        plain = inflate.decompress(data, 10**6)
        listed: Any = json.loads(plain)
    except (ValueError, binascii.Error, zlib.error, RecursionError) as error:
        raise ValueError("the painting of a link that SegLab wrote") from error
    found = strokes.parse(listed, frozenset((*range(11), 255)))
    if not inflate.eof or not found:
        raise ValueError("the painting of a link that SegLab wrote")
    return found


def _pixels(stroke: Stroke) -> float:
    """Return how many pixels the boxes of a stroke's segments have, and what those cost: the work of painting it."""
    points = stroke.points if len(stroke.points) > 1 else stroke.points * 2
    return sum(
        SEGMENT + (abs(b[0] - a[0]) + 2 * stroke.radius + 1) * (abs(b[1] - a[1]) + 2 * stroke.radius + 1)
        for a, b in pairwise(points)
    )


def _ink(key: str) -> Field:
    def parse(value: str) -> str:
        found = unpack(value)
        if any(stroke.class_index not in (ERASE, *PAINTS[key]) for stroke in found):
            raise ValueError("paint that this mask knows")
        if sum(_pixels(stroke) for stroke in found) > MOST_PIXELS:
            raise ValueError("less paint than would take seconds to apply")
        return value

    return Field(key, "", parse, LONGEST_INK)


def _signed(key: str, most: int) -> Field:
    def parse(value: str) -> int:
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal() and int(digits) <= most):
            raise ValueError(f"a whole number from -{most} to {most}")
        return int(value)

    return Field(key, 0, parse)


FIELDS: tuple[Field, ...] = (
    flag("answered"),  # the numbers are shown at once, without the question
    choice("truth", "ships", TRUTHS),
    choice("guess", "background", GUESSES),
    whole("side", 64, 16, 256),  # pixels of what is drawn; ships have ten
    number("extent", 0.3, 0.02, 0.9),  # of the object, as a share of the side
    whole("pair", 7, 0, 9999),  # a drawn street's number
    choice("thing", "car", CLASSES),
    # what becomes of the prediction
    _signed("right", 64),
    _signed("down", 64),
    _signed("grow", 16),
    whole("punched", 0, 0, 40),
    number("salt", 0.0, 0.0, 0.5),
    number("soften", 0.0, 0.0, 10.0),
    number("sure", -0.2, -1.0, 1.0),  # masks become 10 % and 90 %: no network says 0 or 100
    number("cut", 0.5, 0.02, 0.98),
    _ink("inkt"),
    _ink("inkp"),
    # which losses are looked at, and their parameters
    choice("loss", "bce", KEYS),
    choice("beside", "dice", KEYS),
    replace(
        words("with", longest=600), longest=600
    ),  # the losses' parameters that aren't at their defaults: "focal.gamma 3, dice.epsilon 0"
    # the descent of a tiny network
    number("d_start", 0.1, 0.01, 0.99),  # every pixel's probability at first
    number("d_rate", 0.3, 0.01, 10.0),
    whole("d_steps", 150, 10, 400),
    # the training on a rare thing
    choice("t_thing", "ball", CLASSES),
    number("t_imbalance", 0.5, 0.0, 1.0),
    whole("t_things", 8, 1, 20),  # in a scene, at most
    whole("t_size", 24, 12, 64),  # of the largest thing, in pixels of a picture 128 high
    words("t_losses", "bce,dice,focal"),
    whole("t_steps", 700, 50, 2000),
    number("t_rate", 0.003, 0.0003, 0.03),
    flag("t_each"),  # each picture by itself, not the batch as one
    whole("t_seed", 0, 0, 9999),
    # the border weights of nuclei
    whole("b_seed", 7, 0, 9999),
    number("b_w0", 10.0, 0.0, 50.0),
    number("b_sigma", 5.0, 0.5, 15.0),
    number("b_touching", 1.0, 0.0, 1.0),
    whole("b_steps", 300, 50, 1000),
    *PICTURE,
)


def parameters(value: str) -> dict[tuple[str, str], float]:
    """Read the field `with`: numbers by loss and parameter; what isn't a number of a known loss is left out.

    >>> parameters("focal.gamma 3, moon 2, dice.epsilon x")
    {('focal', 'gamma'): 3.0}
    """
    found = {}
    for item in value.split(","):
        name, _, number = item.strip().partition(" ")
        loss, _, key = name.partition(".")
        try:
            there = float(number)
        except ValueError:
            continue
        if loss in KEYS and key and math.isfinite(there):
            found[loss, key] = there
    return found


def with_parameters(values: dict[tuple[str, str], float]) -> str:
    """Write the field `with`, the inverse of `parameters`."""
    return ", ".join(f"{loss}.{key} {value:g}" for (loss, key), value in values.items())
