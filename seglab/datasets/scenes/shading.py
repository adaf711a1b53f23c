"""What is painted pixel by pixel: sky, water, the ground's surface, round bodies, the lens's blur.

Colours are float32 (3, H, W), 0..255; maps are (H, W). A *unit* is 1/128 of the picture's height.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PIL

from seglab.datasets.scenes.dice import Dice
from seglab.datasets.scenes.houses import BUILDING
from seglab.datasets.scenes.layout import Thing
from seglab.datasets.scenes.plan import Sky
from seglab.datasets.scenes.space import UNITS, Camera, Light
from seglab.datasets.scenes.street import PAVEMENT, ROAD, TREE, WATER

Map = NDArray[np.float32]

RIVER = (60, 98, 112)
GRAIN = {BUILDING: 0.035, ROAD: 0.05, PAVEMENT: 0.03, TREE: 0.10, WATER: 0.0}


def _table(values: dict[int, float]) -> Map:
    table = np.zeros(256, np.float32)
    for index, value in values.items():
        table[index] = value
    return table


GRAINS = _table(GRAIN)
GROUND = _table({ROAD: 1.0, PAVEMENT: 1.0})


def smooth(dice: Dice, shape: tuple[int, int], cells: tuple[int, int]) -> Map:
    """Return noise of variance about 1 that changes over shape/cells pixels."""
    coarse = PIL.fromarray(dice.grain(*(max(2, n) for n in cells)))
    return np.asarray(coarse.resize(shape[::-1], PIL.Resampling.BICUBIC))


def draw_sky(sky: Sky, size: tuple[int, int], camera: Camera, light: Light, dice: Dice) -> Map:
    """Return the sky (3, rows, W) down to the horizon: a gradient, the sun if it is ahead, and clouds."""
    h, w = size
    unit = h / UNITS
    rows = max(1, min(h, math.ceil(camera.horizon * unit) + 1))
    y = (np.arange(rows, dtype=np.float32) + np.float32(0.5)) / np.float32(unit)
    t = np.clip(y / np.float32(camera.horizon), 0, 1)[:, None] ** 2
    top = np.empty((3, rows, w), np.float32)
    for c in range(3):
        top[c] = sky.zenith[c] + (sky.horizon[c] - sky.zenith[c]) * t
    x, up, ahead = light.sun
    if ahead > 0.1:
        sx, sy = camera.vanish + camera.focal * x / ahead, camera.horizon - camera.focal * up / ahead
        columns = (np.arange(w, dtype=np.float32) + np.float32(0.5)) / np.float32(unit) - np.float32(sx)
        d2 = (y - np.float32(sy))[:, None] ** 2 + columns[None] ** 2
        glow = 0.45 / (1 + d2 / 150) + np.clip(4.5 - np.sqrt(d2), 0, 1)
        top += (np.array([[[255]], [[248]], [[215]]], np.float32) - top) * np.minimum(glow, 1)
    if sky.clouds > 0:
        across = max(3, round(5 * w / h))
        field = smooth(dice, (rows, w), (4, across)) + 0.5 * smooth(dice, (rows, w), (10, 3 * across))
        field += 0.25 * smooth(dice, (rows, w), (22, 6 * across))
        cover = np.clip((field - np.float32(1.3 - 2.2 * sky.clouds)) * 1.1, 0, 1)
        lit = np.clip(1 + 0.25 * (field - np.roll(field, 2 + round(2 * unit), 0)), 0.78, 1.04)
        white = np.array([[[250]], [[250]], [[252]]], np.float32) * np.array(light.tint, np.float32)[:, None, None]
        top += (np.minimum(white * lit, 255) - top) * (cover * np.float32(0.85))
    return top


def shade_ground(colour: Map, index: NDArray[np.uint8], shadow: Map, camera: Camera, light: Light, sky: Sky,
                 dice: Dice, context: float) -> None:  # fmt: skip
    """Give the still street its surface, in place: grain, slabs, wheel tracks, shadows, haze, water."""
    _, h, w = colour.shape
    unit = h / UNITS
    first = min(h - 1, math.ceil(camera.horizon * unit))
    grain = dice.grain(h, w) + smooth(dice, (h, w), (h // 5, w // 5)) * np.float32(0.6)
    factor = 1 + grain * GRAINS[index]
    part = np.s_[first:]
    below = index[part]
    y = (np.arange(first, h, dtype=np.float32) + np.float32(0.5)) / np.float32(unit)
    k = np.maximum((y - np.float32(camera.horizon)) / np.float32(camera.height), np.float32(0.02))
    z = np.float32(camera.focal) / k
    columns = (np.arange(w, dtype=np.float32) + np.float32(0.5)) / np.float32(unit) - np.float32(camera.vanish)
    x = columns[None] / k[:, None]
    on_pavement = (below == PAVEMENT) * np.float32(0.25 * (1 - context))
    factor[part] -= on_pavement * np.maximum(_joints(x, 0.8, k[:, None]), _joints(z, 0.8, k * k / 60)[:, None])
    factor[part] += (below == ROAD) * (np.float32(0.05) * np.cos(x * np.float32(2 * math.pi / 1.75)))
    ground = GROUND[below]
    lit = light.on(0, 1, 0)
    factor[part] *= 1 + ground * (np.float32(lit - 1) - shadow[part] * np.float32(0.52 * lit))
    colour *= factor
    fog = (1 - np.exp(-z / np.float32(light.reach)))[:, None] * ground
    for c in range(3):
        tint = 1 + ground * (np.float32(light.tint[c] - 1) + shadow[part] * np.float32((-0.03, 0.0, 0.07)[c]))
        colour[c, part] *= tint
        colour[c, part] += (np.float32(light.haze[c]) - colour[c, part]) * fog
    wet = below == WATER
    if wet.any():
        _water(colour, wet, first, k, sky, dice, context)


def _joints(metres: Map, pitch: float, k: Map) -> Map:
    """Return lines every `pitch` metres where k units are a metre, 0..1; they fade where they get too close."""
    part = metres * np.float32(1 / pitch)
    away = np.abs(part - np.floor(part) - np.float32(0.5))  # 0.5 on a joint
    lines = np.clip(1.2 - (np.float32(0.5) - away) * np.float32(pitch) * k, 0, 1)
    return lines * np.clip(k * np.float32(pitch / 5) - np.float32(0.5), 0, 1)


def _water(colour: Map, wet: NDArray[np.bool_], first: int, k: Map, sky: Sky, dice: Dice, context: float) -> None:
    """Paint the water: what is above, mirrored and broken by ripples, over the river's own colour."""
    _, h, w = colour.shape
    rows = h - first
    ripples = smooth(dice, (rows, w), (rows, max(2, w // (12 * max(1, rows // 64)))))
    mirror = np.arange(first - 1, first - 1 - rows, -1) + np.rint(2 * dice.grain(rows)).astype(np.int64)
    mirrored = colour[:, np.clip(mirror, 0, first - 1 if first else 0)]
    own = np.float32(1 - context)  # share of the river's own looks, against those of the sky
    near = np.clip(k / k[-1], 0, 1)[:, None] * own
    murky = np.float32(0.4) * own + np.float32(0.25) * near
    shine = ripples * ((0.05 + 0.1 * near) * np.float32(1 - 0.7 * context))
    for c in range(3):
        water = mirrored[c] + (np.float32(RIVER[c]) - mirrored[c]) * murky + shine * np.float32(200)
        colour[c, first:] = np.where(wet, water, colour[c, first:])


def round_bodies(colour: Map, index: NDArray[np.uint8], things: list[Thing], light: Light, unit: float) -> None:
    """Shade things in place, balls as spheres, others lighter towards the sun; thing i has the index i + 1."""
    flat = index.ravel()
    where = np.flatnonzero((flat > 0) & (flat <= len(things)))
    if not where.size:
        return
    i = flat[where].astype(np.intp) - 1
    boxes = np.array([t.box for t in things], np.float32)
    half = np.maximum((boxes[:, 2:] - boxes[:, :2]) / 2, np.float32(0.1))
    middle = (boxes[:, 2:] + boxes[:, :2]) / 2
    rows, columns = np.divmod(where, index.shape[1])
    u = ((columns + np.float32(0.5)) / np.float32(unit) - middle[i, 0]) / half[i, 0]
    v = ((rows + np.float32(0.5)) / np.float32(unit) - middle[i, 1]) / half[i, 1]
    x, y, z = light.sun
    ball = np.array([t.name == "ball" for t in things])[i]
    ahead = np.sqrt(np.clip(1 - u * u - v * v, 0, 1))
    sphere = np.clip(np.float32(x) * u - np.float32(y) * v + ahead * np.float32(0.5 + max(0.0, -z)), 0, 1.2)
    soft = 1 + np.float32(0.16 * x) * u - np.float32(0.10) * v
    factor = np.where(ball, np.float32(0.5) + np.float32(0.62) * sphere, soft).astype(np.float32)
    planes = colour.reshape(3, -1)
    planes[:, where] *= factor
    gloss = np.clip((sphere - np.float32(1.0)) * 5, 0, 1) * ball * np.float32(60)
    planes[:, where] += gloss


def soften(colour: Map, sigma: float) -> Map:
    """Blur the last two axes by a Gaussian of standard deviation sigma px, made of passes of [a, 1 − 2a, a]."""
    if sigma < 0.1:
        return colour
    passes = max(1, math.ceil(sigma**2 / 0.5))
    a = np.float32(sigma**2 / passes / 2)
    for _ in range(passes):
        for axis in (-1, -2):
            here, there = (np.s_[..., 1:], np.s_[..., :-1]) if axis == -1 else (np.s_[..., 1:, :], np.s_[..., :-1, :])
            step = (colour[here] - colour[there]) * a
            colour = colour.copy()
            colour[there] += step
            colour[here] -= step
    return colour
