"""All that is decided about a scene before anything is drawn: camera, weather, street, trees, things."""

from __future__ import annotations

import math
from dataclasses import dataclass

from seglab.datasets.scenes import props
from seglab.datasets.scenes.dice import Dice
from seglab.datasets.scenes.layout import Thing, place
from seglab.datasets.scenes.parameters import Parameters
from seglab.datasets.scenes.space import RGB, Camera, Light
from seglab.datasets.scenes.street import SIDES, Street, Upright, make_street

TREE, BUILT = 254, 253  # indices on the canvas of what isn't a thing but stands among them
HOME = {
    "car": ("houses", "houses"), "person": ("houses", "park"), "sign": ("park", "water"), "dog": ("park", "park"),
    "ball": ("water", "water"),
}  # the street that goes with a class, where `bias` gives it away  # fmt: skip


@dataclass(frozen=True)
class Sky:
    """The sky's colours at the zenith and at the horizon, and its share of clouds, 0..1."""

    zenith: RGB
    horizon: RGB
    clouds: float


WEATHERS = {
    "clear": Sky((58, 120, 200), (176, 208, 232), 0.15), "fair": Sky((92, 146, 205), (196, 216, 230), 0.45),
    "hazy": Sky((150, 176, 200), (214, 220, 222), 0.7), "evening": Sky((78, 110, 170), (242, 198, 150), 0.3),
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What a picture will show, but for its grain; things from far to near.

    railings: X in m of those along the street; wires: X in m and the depths of the lamps that carry them.
    """

    camera: Camera
    light: Light
    sky: Sky
    street: Street
    things: list[Thing]
    trees: list[Upright]
    railings: list[float]
    wires: list[tuple[float, list[float]]]


def make_plan(dice: Dice, parameters: Parameters, width: float) -> Plan:
    """Decide a scene for a picture of the given width in units."""
    only: str | None = None
    sides = dice.pick(SIDES, (3, 2, 2)), dice.pick(SIDES, (3, 2, 2))
    if dice.chance(parameters.bias):
        only = dice.pick(parameters.classes, parameters.weights())
        sides = HOME[only]
    camera = Camera(
        width=width, horizon=dice.between(40, 60), vanish=width * dice.between(0.3, 0.7),
        focal=dice.between(95, 125), height=dice.between(1.8, 2.8),
    )  # fmt: skip
    light, sky = _weather(dice)
    street = make_street(dice, sides, parameters.context)
    plan = Plan(camera, light, sky, street, place(dice, camera, street, parameters, only), [], [], [])
    _furnish(plan, dice, parameters.thin)
    return plan


def _weather(dice: Dice) -> tuple[Light, Sky]:
    kind = dice.pick(tuple(WEATHERS), (2, 2, 1, 1))
    sky = WEATHERS[kind]
    high = dice.between(0.25, 0.4) if kind == "evening" else dice.between(0.55, 1.0)  # the sun's elevation, radians
    azimuth = dice.between(-math.pi, math.pi)
    sun = (math.cos(high) * math.sin(azimuth), math.sin(high), math.cos(high) * math.cos(azimuth))
    tint = {"evening": (1.06, 0.98, 0.86), "hazy": (0.97, 0.99, 1.0)}.get(kind, (1.02, 1.0, 0.97))
    r, g, b = sky.horizon
    light = Light(sun, 0.28 if kind == "hazy" else 0.55, tint, (0.85 * r, 0.85 * g, 0.85 * b),
                  reach=60.0 if kind == "hazy" else 130.0)  # fmt: skip
    return light, Sky(sky.zenith, sky.horizon, sky.clouds * dice.between(0.5, 1.3))


def _furnish(plan: Plan, dice: Dice, thin: float) -> None:
    """Add the trees along the kerbs, and by `thin` the lamps, wires, railings and bare trees."""
    street, focal = plan.street, plan.camera.focal
    for i, side in enumerate((-1, 1)):
        kerb = street.road[i] + side * 0.8
        bare = dice.chance(0.7 * thin)
        if dice.chance(0.5) or bare:
            z, pitch = dice.between(5, 12), dice.between(7, 14)
            while z < 60:
                k = focal / z
                if -3 * k < plan.camera.vanish + kerb * k < plan.camera.width + 3 * k:  # not beside the picture
                    figure = props.bare_tree(dice, k) if bare else props.tree(dice, plan.light.sun[0], k)
                    plan.trees.append(Upright(figure, kerb, z, TREE, 0.0 if bare else 1.3))
                z += pitch * dice.between(0.8, 1.3)
        if dice.chance(1.5 * thin):
            start, pitch = dice.between(4, 10), dice.between(10, 16)
            depths = [start + pitch * n for n in range(6)]
            plan.trees.extend(Upright(props.lamp(-side), kerb, z, BUILT, 0.0) for z in depths)
            if dice.chance(thin):
                plan.wires.append((kerb, [1.5, *depths]))
        if street.sides[i] != "houses" and dice.chance(1.5 * thin):
            plan.railings.append(street.edge[i])
