"""Balls, signs, trees and lamps: what stands in the street and doesn't live."""

from __future__ import annotations

import math

from seglab.datasets.scenes.dice import Dice
from seglab.datasets.scenes.figure import Figure
from seglab.datasets.scenes.space import RGB, scaled

VIVID = ((214, 40, 40), (28, 92, 190), (245, 200, 30), (30, 150, 80), (235, 120, 20), (120, 50, 150), (240, 240, 240))
GREENS = ((58, 104, 46), (74, 122, 52), (92, 132, 58), (50, 92, 60), (112, 130, 52), (150, 120, 50))
BARK = ((92, 70, 52), (74, 60, 50), (110, 92, 76))
METAL: RGB = (120, 124, 130)
RED: RGB = (200, 30, 35)
BLUE: RGB = (25, 80, 170)
WHITE: RGB = (240, 240, 238)
BLACK: RGB = (28, 28, 30)
FACES = ("entry", "limit", "arrow", "way", "ban")


def face(figure: Figure, kind: str, x: float, y: float, r: float) -> None:
    """Add the round face of a sign with radius r around (x, y): balls carry it too, where only the place tells."""
    rim = RED if kind in ("limit", "ban", "entry") else BLUE
    figure.ellipse(x, y, r, r, rim)
    if kind in ("limit", "ban"):
        figure.ellipse(x, y, 0.78 * r, 0.78 * r, WHITE)
    if kind == "entry":
        figure.polygon(_bar(x, y, 0.62 * r, 0.17 * r), WHITE)
    elif kind == "limit":
        for side in (-1, 1):
            figure.ellipse(x + side * 0.28 * r, y, 0.22 * r, 0.38 * r, BLACK)
            figure.ellipse(x + side * 0.28 * r, y, 0.10 * r, 0.24 * r, WHITE)
    elif kind == "arrow":
        figure.polygon(_bar(x, y - 0.2 * r, 0.14 * r, 0.42 * r), WHITE)
        figure.polygon((x - 0.45 * r, y + 0.1 * r, x, y + 0.7 * r, x + 0.45 * r, y + 0.1 * r), WHITE)
    elif kind == "way":
        figure.ellipse(x, y + 0.42 * r, 0.15 * r, 0.15 * r, WHITE)
        figure.polygon((x - 0.2 * r, y + 0.25 * r, x + 0.2 * r, y + 0.25 * r, x + 0.28 * r, y - 0.6 * r, x - 0.28 * r,
                        y - 0.6 * r), WHITE)  # fmt: skip
    else:
        figure.polygon((x - 0.62 * r, y + 0.45 * r, x - 0.45 * r, y + 0.62 * r, x + 0.62 * r, y - 0.45 * r,
                        x + 0.45 * r, y - 0.62 * r), RED)  # fmt: skip


def _bar(x: float, y: float, rx: float, ry: float) -> tuple[float, ...]:
    return x - rx, y - ry, x + rx, y - ry, x + rx, y + ry, x - rx, y + ry


def sign(dice: Dice, thin: float, context: float) -> Figure:
    """Draw a traffic sign on its post, 1.7 to 2.8 m high; `thin` makes the post thinner, `context` the plate round."""
    height, r = dice.between(1.5, 2.3), dice.between(0.32, 0.46)
    figure = Figure()
    figure.line(0, 0, 0, height, 0.12 - 0.08 * thin, METAL)
    figure.cores = [(-0.7 * r, height - 0.6 * r, 0.7 * r, height + 0.6 * r), (-0.3, 0, 0.3, height)]  # nearly: the post
    shape, kind = dice.pick(("round", "round", "triangle", "square", "stop", "way")), dice.pick(FACES)
    if dice.chance(context) or shape == "round":  # always drawn: `context` changes nothing else in the scene
        figure.ellipse(0, height, r + 0.02, r + 0.02, WHITE)
        face(figure, kind, 0, height, r)
    elif shape == "triangle":
        for size, rgb in ((1.15, RED), (0.75, WHITE)):
            figure.polygon(_regular(0, height - 0.05, r * size, 3, math.pi / 2), rgb)
        figure.polygon(_bar(0, height + 0.04, 0.05, 0.12), BLACK)
        figure.ellipse(0, height - 0.16, 0.05, 0.05, BLACK)
    elif shape == "square":
        figure.polygon(_bar(0, height, r, r), WHITE)
        figure.polygon(_bar(0, height, r * 0.92, r * 0.92), BLUE)
        figure.polygon(_bar(-0.12 * r, height, 0.13 * r, 0.65 * r), WHITE)  # the P of a car park
        figure.ellipse(0.12 * r, height + 0.3 * r, 0.38 * r, 0.35 * r, WHITE)
        figure.ellipse(0.14 * r, height + 0.3 * r, 0.16 * r, 0.14 * r, BLUE)
    elif shape == "stop":
        for size, rgb in ((1.08, WHITE), (0.98, RED)):
            figure.polygon(_regular(0, height, r * size, 8, math.pi / 8), rgb)
        figure.polygon(_bar(0, height, 0.62 * r, 0.14 * r), WHITE)
    else:
        for size, rgb in ((1.15, WHITE), (0.95, (245, 195, 25))):
            figure.polygon(_regular(0, height, r * size, 4, 0), rgb)
    return figure


def _regular(x: float, y: float, r: float, corners: int, start: float) -> list[float]:
    points: list[float] = []
    for i in range(corners):
        angle = start + 2 * math.pi * i / corners
        points += (x + r * math.cos(angle), y + r * math.sin(angle))
    return points


def ball(dice: Dice, context: float) -> Figure:
    """Draw a ball of 0.4 to 0.9 m: beach ball, football, striped or plain; with chance `context` a sign's face."""
    r = dice.between(0.2, 0.45)
    first, second = dice.pick(VIVID), dice.pick(VIVID)
    if first == second:
        second = WHITE if first != WHITE else RED
    figure = Figure()
    figure.cores = [(-0.7 * r, 0.3 * r, 0.7 * r, 1.7 * r)]
    kind = dice.pick(("beach", "football", "stripe", "plain"))
    tilt, sign_face = dice.between(0, math.pi), dice.pick(FACES)
    if dice.chance(context):
        figure.ellipse(0, r, r, r, WHITE)
        face(figure, sign_face, 0, r, 0.95 * r)
        return figure
    figure.ellipse(0, r, r, r, WHITE if kind == "football" else first)
    if kind == "beach":  # three lunes that meet in a pole
        px, py = 0.35 * math.cos(tilt), 0.35 * math.sin(tilt)
        for i in range(3):
            start = tilt + i * 2 * math.pi / 3
            arc = [start + math.pi / 3 * step / 6 for step in range(7)]
            points = [v for a in arc for v in (r * math.cos(a), r + r * math.sin(a))]
            figure.polygon([px * r, r + py * r, *points], WHITE if i == 1 and first != WHITE else second)
        figure.ellipse(px * r, r + py * r, 0.12 * r, 0.12 * r, WHITE)
    elif kind == "football":
        figure.polygon(_regular(0, r, 0.34 * r, 5, tilt), BLACK)
        for i in range(5):
            a = tilt + 2 * math.pi * i / 5 + math.pi / 5
            x, y = math.cos(a), math.sin(a)
            cap = (x * 0.98 - y * 0.22, y * 0.98 + x * 0.22, x * 0.98 + y * 0.22, y * 0.98 - x * 0.22,
                   x * 0.72 + y * 0.2, y * 0.72 - x * 0.2, x * 0.72 - y * 0.2, y * 0.72 + x * 0.2)  # fmt: skip
            figure.polygon([v * r + (r if n % 2 else 0) for n, v in enumerate(cap)], BLACK)
    elif kind == "stripe":
        c, s = math.cos(tilt), math.sin(tilt)
        ends = [(a + tilt) for a in (-0.35, 0.35, math.pi - 0.35, math.pi + 0.35)]
        figure.polygon([v for a in ends for v in (r * math.cos(a), r + r * math.sin(a))], second)
        figure.line(-0.9 * r * c, r - 0.9 * r * s, 0.9 * r * c, r + 0.9 * r * s, 0.08 * r, WHITE)
    return figure


def tree(dice: Dice, sun_x: float, k: float) -> Figure:
    """Draw a tree in leaf, 4 to 7 m high, lighter where the sun comes from (sun_x: −1 left .. 1 right).

    k: units to the metre where it stands; far ones have fewer tufts of leaves.
    """
    figure = Figure()
    leaf, bark = dice.pick(GREENS, (3, 3, 3, 2, 2, 1)), dice.pick(BARK)
    trunk, r = dice.between(1.7, 2.6), dice.between(1.2, 2.0)
    figure.limb((0, 0), (dice.between(-0.15, 0.15), trunk + 0.6), dice.between(0.14, 0.22), 0.1, bark)
    if dice.chance(0.2):  # a conifer
        top = trunk + 2.2 * r
        for i in range(5):
            low, wide = trunk * 0.4 + i * 0.19 * (top - trunk * 0.4), r * (1 - 0.18 * i)
            tip = min(top, low + 0.42 * (top - trunk * 0.4))
            figure.polygon((-wide, low, 0, low - 0.15 * r, wide, low, 0, tip), scaled(leaf, 0.62 + 0.06 * i))
            figure.polygon((0.2 * wide * sun_x, low, wide * sun_x * 0.9, low, 0, tip), scaled(leaf, 0.85 + 0.04 * i))
        return figure
    n = 12 if k > 12 else 9 if k > 6 else 6
    middle, blobs = trunk + r * 0.9, []
    for i in range(n):
        a = 2 * math.pi * (i + dice.unit()) / n
        d = r * dice.between(0.5, 0.85) if i % 3 else r * 0.25
        blobs.append((d * math.cos(a), middle + 0.8 * d * math.sin(a), r * dice.between(0.34, 0.52)))
    for x, y, size in blobs:
        figure.ellipse(x, y, size, size * 0.92, scaled(leaf, 0.6))
    for x, y, size in sorted(blobs, key=lambda blob: blob[1]):  # the upper ones lie on top, in the light
        up, side = (y - middle) / r, x / r * sun_x
        light = 0.9 + 0.28 * up + 0.22 * side
        figure.ellipse(x + 0.1 * size * sun_x, y + 0.14 * size, size * 0.84, size * 0.74, scaled(leaf, light))
        for _ in range(4 if k > 12 else 2 if k > 6 else 0):
            a, d = dice.between(0, 2 * math.pi), size * dice.between(0.2, 0.75)
            tuft = scaled(leaf, light * dice.between(0.86, 1.22))
            w = size * dice.between(0.14, 0.28)
            figure.ellipse(x + d * math.cos(a), y + 0.12 * size + d * math.sin(a), w, w * 0.8, tuft)
    return figure


def bare_tree(dice: Dice, k: float) -> Figure:
    """Draw a tree without leaves, 4 to 6 m high; k units are a metre where it stands: far ones fork less often."""
    figure = Figure()
    bark = scaled(dice.pick(BARK), 0.9)

    def bough(x: float, y: float, angle: float, length: float, width: float, left: int) -> None:
        x1, y1 = x + length * math.sin(angle), y + length * math.cos(angle)
        figure.line(x, y, x1, y1, width, bark)
        if left:
            for turn in (-0.45, 0.4) if y else (-0.55, 0.0, 0.5):
                bough(x1, y1, angle + turn + dice.between(-0.2, 0.2), length * dice.between(0.6, 0.8), width * 0.6,
                      left - 1)  # fmt: skip

    bough(0, 0, dice.between(-0.05, 0.05), dice.between(1.6, 2.1), 0.3, 4 if k > 6 else 2)
    return figure


def lamp(side: int) -> Figure:
    """Draw a street lamp of 5.5 m whose arm reaches to the left (side −1) or right (1)."""
    figure = Figure()
    dark: RGB = (62, 66, 72)
    figure.line(0, 0, 0, 5.4, 0.12, dark)
    figure.line(0, 5.4, side * 1.1, 5.6, 0.08, dark)
    figure.ellipse(side * 1.15, 5.56, 0.28, 0.12, (225, 225, 210))
    figure.ellipse(0, 0.25, 0.14, 0.3, dark)
    return figure
