"""The street without its things: where it runs, what stands on either side, and its drawing.

A side of the street is "houses", "park" (a hedge and trees) or "water" (a river behind the quay).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from seglab.datasets.scenes.canvas import Canvas
from seglab.datasets.scenes.dice import Dice
from seglab.datasets.scenes.figure import Figure
from seglab.datasets.scenes.houses import BUILDING, NEAR, WALLS, House, draw_house, row
from seglab.datasets.scenes.props import GREENS, tree
from seglab.datasets.scenes.space import RGB, UNITS, Camera, Light, mix, scaled
from seglab.palettes import SCENES

SIDES = ("houses", "park", "water")
ROAD, PAVEMENT, TREE, WATER = (SCENES.index(name) + 1 for name in ("road", "pavement", "tree", "water"))

ASPHALT: RGB = (104, 105, 110)
SLABS: RGB = (178, 170, 158)
PAINTED: RGB = (226, 226, 220)


@dataclass(frozen=True)
class Upright:
    """A tree or lamp at (x, z) m: its drawing, index on the canvas, and crown's radius in m (0: hardly a shadow)."""

    figure: Figure
    x: float
    z: float
    index: int
    crown: float


@dataclass(frozen=True)
class Street:
    """A straight street: the road from road[0] to road[1] m, pavements to edge[0] and edge[1], and the two sides."""

    road: tuple[float, float]
    edge: tuple[float, float]
    sides: tuple[str, str]
    houses: tuple[tuple[House, ...], tuple[House, ...]]
    crossing: float  # depth of a zebra crossing in m, 0 for none
    asphalt: RGB
    slabs: RGB
    kerb: RGB
    gutter: RGB
    dashes: float  # where the first dash of the middle line begins, m
    seed: int


def make_street(dice: Dice, sides: tuple[str, str], context: float) -> Street:
    """Lay out a street; `context` 0..1 makes pavement look like road."""
    wide = dice.between(5.5, 8.0)
    left = -wide * dice.between(0.2, 0.8)
    pavements = dice.between(1.8, 3.6), dice.between(1.8, 3.6)
    asphalt = scaled(ASPHALT, dice.between(0.85, 1.15))
    slabs = scaled(dice.pick((SLABS, SLABS, (186, 160, 140), (165, 168, 170))), dice.between(0.9, 1.08))
    return Street(
        road=(left, left + wide),
        edge=(left - pavements[0], left + wide + pavements[1]),
        sides=sides,
        houses=(row(dice), row(dice)),
        crossing=dice.between(7, 14) if dice.chance(0.3) else 0.0,
        asphalt=asphalt,
        slabs=mix(slabs, asphalt, context),
        kerb=mix(scaled(slabs, 1.16), asphalt, context),
        gutter=mix(scaled(slabs, 0.62), asphalt, context),
        dashes=dice.between(0, 6),
        seed=dice.whole(0, 2**31),
    )


def draw_street(canvas: Canvas, street: Street, camera: Camera, light: Light) -> None:
    """Draw everything that stands still, from far to near; the sky stays empty."""
    dice = Dice(street.seed)
    _skyline(canvas, camera, light, dice)
    _ground(canvas, street, camera)
    for i, side in enumerate((-1, 1)):
        if street.sides[i] == "houses":
            for house in reversed(street.houses[i]):
                draw_house(canvas, house, street.edge[i], side, camera, light)
        elif street.sides[i] == "park":
            _park(canvas, street.edge[i], side, camera, light, dice)


def _skyline(canvas: Canvas, camera: Camera, light: Light, dice: Dice) -> None:
    """Draw what closes the street at the horizon: far houses and woods, half lost in the haze."""
    x, h = -2.0, camera.horizon
    while x < camera.width + 2:
        wide = dice.between(4, 11)
        if dice.chance(0.45):
            canvas.index = BUILDING
            tone = light.tone(dice.pick(WALLS), 100, 0.8)
            canvas.rectangle(x, h - dice.between(3, 10), x + wide, h + 1, tone)
        else:
            canvas.index = TREE
            tone = light.tone(dice.pick(GREENS), 100, 0.85)
            canvas.rectangle(x, h - 1.5, x + wide, h + 1, tone)
            for _ in range(3):
                cx = x + wide * dice.unit()
                canvas.ellipse(cx, h - 1.5, wide * 0.3, dice.between(1.5, 4.5), scaled(tone, dice.between(0.92, 1.06)))
        x += wide * 0.9


def _ground(canvas: Canvas, street: Street, camera: Camera) -> None:
    """Draw the ground: what lies beyond (the water's colours come later), pavements, kerbs, the road and its marks."""
    h, far = camera.horizon, 2000.0
    for i, x0, x1 in ((0, -2.0, camera.vanish), (1, camera.vanish, camera.width + 2)):
        kind = street.sides[i]
        canvas.index = {"houses": PAVEMENT, "park": TREE, "water": WATER}[kind]
        rgb = {"houses": street.slabs, "park": (70, 104, 50), "water": street.asphalt}[kind]
        canvas.rectangle(x0, h, x1, UNITS + 1, rgb)

    def strip(x0: float, x1: float, z0: float, z1: float, rgb: RGB) -> None:
        canvas.polygon(camera.quad(((x0, 0, z0), (x1, 0, z0), (x1, 0, z1), (x0, 0, z1))), rgb)

    canvas.index = PAVEMENT
    strip(street.edge[0], street.edge[1], NEAR, far, street.slabs)
    for i, side in enumerate((-1, 1)):
        kerb, edge = street.road[i], street.edge[i]
        strip(kerb, kerb + side * 0.18, NEAR, far, street.kerb)
        strip(kerb, kerb + side * 0.04, NEAR, far, street.gutter)
        if street.sides[i] == "water":
            strip(edge - side * 0.3, edge, NEAR, far, mix(street.slabs, street.gutter, 0.5))
    canvas.index = ROAD
    strip(street.road[0], street.road[1], NEAR, far, street.asphalt)
    for i, side in enumerate((-1, 1)):
        strip(street.road[i] - side * 0.25, street.road[i] - side * 0.37, NEAR, far, mix(street.asphalt, PAINTED, 0.7))
    middle, z = sum(street.road) / 2, street.dashes + 0.5
    while z < 70:
        strip(middle - 0.07, middle + 0.07, max(NEAR, z), z + 3.0, PAINTED)
        z += 6.0
    if street.crossing:
        x = street.road[0] + 0.5
        while x < street.road[1] - 0.6:
            strip(x, x + 0.5, street.crossing, street.crossing + 3.0, PAINTED)
            x += 1.0


def _park(canvas: Canvas, edge: float, side: int, camera: Camera, light: Light, dice: Dice) -> None:
    """Draw a park: trees and bushes behind a hedge that runs along the pavement."""
    canvas.index = TREE
    z = 60.0
    while z > 3.0:
        x = edge + side * dice.between(2.0, 9.0)
        k = camera.focal / z
        px, py = camera.point(x, 0, z)
        if px + 2.2 * k < 0 or px - 2.2 * k > camera.width:
            pass  # beside the picture
        elif dice.chance(0.4):
            leaf = light.tone(dice.pick(GREENS), z, 0.85)
            for _ in range(4):
                cx, cy, r = dice.between(-1.2, 1.2), dice.between(0.3, 1.0), dice.between(0.5, 0.9)
                canvas.ellipse(px + cx * k, py - cy * k, r * k, r * k, scaled(leaf, dice.between(0.85, 1.15)))
        else:
            tree(dice, light.sun[0], k).draw(canvas, light, px, py, k, z)
        z *= dice.between(0.76, 0.9)
    height, leaf = dice.between(0.8, 1.3), dice.pick(GREENS[:4])
    top = light.tone(leaf, 12, light.on(0, 1, 0) * 1.05)
    front = light.tone(leaf, 12, light.on(-side, 0, 0) * 0.9)
    inner = edge + side * 0.8
    canvas.polygon(
        camera.quad(((edge, height, NEAR), (edge, height, 80), (inner, height, 80), (inner, height, NEAR))), top
    )
    canvas.polygon(camera.quad(((edge, 0, NEAR), (edge, 0, 80), (edge, height, 80), (edge, height, NEAR))), front)
    z = 2.5
    while z < 30:  # leaves: lighter and darker tufts on its face
        x, y = camera.point(edge, height * dice.between(0.15, 0.95), z)
        r = camera.focal / z * dice.between(0.05, 0.12)
        if 0 <= x <= camera.width:
            canvas.ellipse(x, y, r, r * 1.3, scaled(front, dice.pick((0.82, 1.15))))
        z *= 1 + dice.between(0.01, 0.06)


def draw_railing(canvas: Canvas, edge: float, camera: Camera) -> None:
    """Draw a railing along the street's edge: posts every two metres and three wires, a pixel wide at least."""
    dark: RGB = (58, 62, 66)
    far = 40.0
    for y in (0.35, 0.7, 1.05):
        canvas.line(camera.quad(((edge, y, NEAR), (edge, y, far))), 0.25 if y < 1 else 0.5, dark)
    z = 2.0
    while z < far:
        k = camera.focal / z
        canvas.line(camera.quad(((edge, 0, z), (edge, 1.1, z))), 0.06 * k, dark)
        z += 2.0 if z < 20 else 5.0


def draw_wires(canvas: Canvas, x: float, depths: list[float], camera: Camera) -> None:
    """Draw two overhead wires from lamp to lamp at x m, each sagging between them."""
    for y in (5.2, 4.8):
        points: list[float] = []
        for z0, z1 in pairwise(depths):
            for t in (0.0, 0.25, 0.5, 0.75):
                points += camera.point(x, y - 1.6 * t * (1 - t), z0 + (z1 - z0) * t)
        if len(points) >= 4:
            canvas.line(points, 0.3, (50, 52, 56))
