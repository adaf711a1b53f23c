"""Pictures of cell nuclei under a fluorescence microscope, drawn by code: image, class map and ids, exactly.

Made to look like the grey pictures of the 2018 Data Science Bowl (`seglab.datasets.nuclei`), which can't be shipped:
bright, slightly irregular ellipses with mottled chromatin and dark nucleoli, of unequal brightness, a few condensed
and glaring; clumps whose members touch; blur, haze around what is bright, uneven light, shot and read noise. Each
picture is decided by (seed, index, Parameters) alone. Nuclei never share a pixel in the truth: where two meet, each
pixel belongs to the one it lies deeper in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from seglab.palettes import NUCLEI
from seglab.types import Ids, Sample

TRIES = 30  # places tried for a nucleus before it is left out
FULL = 20  # nuclei left out before the picture counts as full
GAP = 3.0  # pixels kept free around a nucleus that touches no other
BITE = 0.05  # of a touching nucleus' area, at most this share may lie on others,
BITTEN = 0.3  # and of those at most this share may lie under it
ANGLES = 256  # directions in which an outline is known
MIN_VISIBLE = 12  # pixels of a nucleus that the picture's edge must leave


@dataclass(frozen=True)
class Parameters:
    """What students move. Lengths in pixels, shares 0..1.

    count: how many nuclei, fewer if there is no room; size: mean radius; touching: share of the nuclei (after the
    first tenth) that are put against another one; blur: the microscope's, as a standard deviation, threefold for the
    quarter of the nuclei that lie out of focus; unevenness: share of the light that is lost in the darkest corner;
    noise: standard deviation at full brightness, of 0..1.
    """

    count: int = 40
    size: float = 10.0
    touching: float = 0.3
    blur: float = 0.7
    unevenness: float = 0.3
    noise: float = 0.03
    height: int = 256
    width: int = 256

    def __post_init__(self) -> None:
        ranges = {
            "count": (0, 1000), "size": (3, 100), "touching": (0, 1), "blur": (0, 10), "unevenness": (0, 1),
            "noise": (0, 0.5), "height": (16, 4096), "width": (16, 4096),
        }  # fmt: skip
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"Cells: {name} must be {low} to {high}; got {value}.")
            if name in ("count", "height", "width") and not isinstance(value, int):
                raise ValueError(f"Cells: {name} must be a whole number (int); got {value!r}.")


def draw(seed: int = 0, index: int = 0, parameters: Parameters | None = None) -> Sample:
    """Draw picture `index` of the endless series `seed`: image (H, W, 3) grey, labels and ids.

    Raises:
        ValueError: seed or index is negative.

    >>> sample = draw(seed=1, index=2, parameters=Parameters(count=5))
    >>> sample.image.shape, int(sample.ids.max())
    ((256, 256, 3), 5)
    """
    how = parameters or Parameters()
    if seed < 0 or index < 0:
        raise ValueError(f"seed and index must be 0 or more; got {seed} and {index}.")
    rng = np.random.default_rng([seed, index])
    ids, sharp, hazy = _nuclei(how, rng)
    grey = _microscope(sharp, hazy, how, rng)
    image = np.repeat(grey[:, :, None], 3, axis=2)
    return Sample(image, (ids > 0).astype(np.uint8), NUCLEI, f"cells-{seed}-{index}", "cells", ids)


@dataclass(frozen=True)
class _Nucleus:
    """A shape before it has a place: depth (h, w) is 0 at the centre and 1 on the outline; outside: pixels from it."""

    radii: NDArray[np.float64]  # (ANGLES,), the outline around the centre
    depth: NDArray[np.float64]
    outside: NDArray[np.float64]  # < 0 inside
    bright: float

    @property
    def half(self) -> int:
        return self.depth.shape[0] // 2


def _nucleus(how: Parameters, rng: Generator) -> _Nucleus:
    condensed = rng.random() < 0.06  # about to divide: small, and all its DNA glows at once
    radius = how.size * math.exp(rng.normal(0, 0.18)) * (0.7 if condensed else 1)
    long = min(math.sqrt(1 + abs(rng.normal(0.15, 0.35))), 1.4)  # semi-axes radius·long and radius/long
    angle = np.arange(ANGLES) * (2 * np.pi / ANGLES)
    turned = angle - rng.uniform(0, 2 * np.pi)
    radii = radius / np.hypot(np.cos(turned) / long, np.sin(turned) * long)
    for waves in (2, 3, 4, 5):
        radii = radii * (1 + rng.normal(0, 0.1 / waves) * np.cos(waves * angle + rng.uniform(0, 2 * np.pi)))
    half = math.ceil(radii.max() + GAP + 1)
    y, x = np.mgrid[-half : half + 1, -half : half + 1] + rng.uniform(-0.5, 0.5, (2, 1, 1))
    outline = radii[np.rint(np.arctan2(y, x) * (ANGLES / (2 * np.pi))).astype(int) % ANGLES]
    distance = np.hypot(y, x)
    bright = 0.45 * math.exp(rng.normal(0, 0.3)) * (1.9 if condensed else 1)
    return _Nucleus(radii, distance / outline, distance - outline, bright)


def _nuclei(how: Parameters, rng: Generator) -> tuple[Ids, NDArray[np.float32], NDArray[np.float32]]:
    """Place the nuclei one by one: ids (H, W), and the light of those in focus and of those out of focus."""
    ids = np.zeros((how.height, how.width), np.uint16)
    depth = np.ones(ids.shape)  # how deep each pixel lies in its nucleus
    layers = np.zeros((2, how.height, how.width), np.float32)
    placed: list[tuple[int, int, _Nucleus]] = []
    misses, areas = 0, [0]  # by id, of what is visible
    for i in range(how.count):
        new = _nucleus(how, rng)
        clumps = i > how.count // 10  # a tenth start clumps of their own
        place = _beside(new, placed, areas, ids, rng) if placed and clumps and rng.random() < how.touching else None
        place = place or _alone(new, ids, rng)
        if place is None:
            misses += 1
            if misses == FULL:
                break
            continue
        placed.append((*place, new))
        there, part = _window(new, *place, ids.shape)
        won = new.depth[part] < depth[there]
        ids[there][won], depth[there][won] = len(placed), new.depth[part][won]
        areas.append(int(np.count_nonzero(won)))
        # Thickest in the middle, falling off over the outline's pixel: what a round thing looks like from above.
        thickness = 0.65 + 0.35 * np.sqrt(np.clip(1 - new.depth[part] ** 2, 0, 1))
        layers[int(rng.random() < 0.25)][there] += new.bright * thickness * np.clip(0.5 - new.outside[part], 0, 1)
    return ids, layers[0], layers[1]


def _window(new: _Nucleus, y: int, x: int, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a nucleus centred on (y, x) lies in the picture, and which part of its own arrays that is."""
    top, left, size = y - new.half, x - new.half, new.depth.shape[0]
    there = slice(max(0, top), min(shape[0], top + size)), slice(max(0, left), min(shape[1], left + size))
    return there, (slice(there[0].start - top, there[0].stop - top), slice(there[1].start - left, there[1].stop - left))


def _alone(new: _Nucleus, ids: Ids, rng: Generator) -> tuple[int, int] | None:
    """Find a centre with no other nucleus within GAP."""
    for y, x in rng.integers(0, ids.shape, (TRIES, 2)):
        there, part = _window(new, y, x, ids.shape)
        outside = new.outside[part]
        if not ids[there][outside < GAP].any() and np.count_nonzero(outside < 0) >= MIN_VISIBLE:
            return int(y), int(x)
    return None


def _beside(
    new: _Nucleus, placed: list[tuple[int, int, _Nucleus]], areas: list[int], ids: Ids, rng: Generator
) -> tuple[int, int] | None:
    """Push the nucleus against another one, along a ray to its centre, until they overlap by a little."""
    for _ in range(TRIES):
        y0, x0, other = placed[rng.integers(len(placed))]
        ray = int(rng.integers(ANGLES))
        angle, wanted = ray * (2 * np.pi / ANGLES), rng.uniform(0, BITE)
        apart = other.radii[ray] + new.radii[(ray + ANGLES // 2) % ANGLES] + 2
        for distance in np.arange(apart, apart / 2, -1):
            y, x = round(y0 + distance * math.sin(angle)), round(x0 + distance * math.cos(angle))
            if not (0 <= y < ids.shape[0] and 0 <= x < ids.shape[1]):
                break
            there, part = _window(new, y, x, ids.shape)
            inside = new.outside[part] < 0
            area, taken = np.count_nonzero(inside), np.count_nonzero(ids[there][inside])
            if taken > BITE * area or area < MIN_VISIBLE:
                break
            if taken > max(1, wanted * area):
                hit = np.bincount(ids[there][inside])
                if all(hit[k] <= BITTEN * areas[k] for k in range(1, len(hit))):
                    return y, x
                break
    return None


def _microscope(
    sharp: NDArray[np.float32], hazy: NDArray[np.float32], how: Parameters, rng: Generator
) -> NDArray[np.uint8]:
    """Turn light (H, W) into a picture: chromatin, focus, haze, uneven light, noise, 8 bits."""
    shape = sharp.shape
    chromatin, nucleoli = (_noise(shape, how.size * share, rng) for share in (0.07, 0.13))
    chromatin = 1 + 0.13 * chromatin - 0.4 * np.clip(nucleoli - 1.5, 0, 1)
    light = ndimage.gaussian_filter(sharp * chromatin, how.blur) + ndimage.gaussian_filter(
        hazy * chromatin, 3 * how.blur
    )
    light += 0.035 + 0.15 * _coarse(light, how.size) + 0.004 * _noise(shape, 2, rng)
    y, x = np.ogrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    away = np.hypot(y - rng.uniform(-0.7, 0.7), x - rng.uniform(-0.7, 0.7)) ** 2
    light = np.maximum(light * (1 - how.unevenness * away / away.max()), 0)
    light = light + how.noise * np.sqrt(light + 0.02) * rng.standard_normal(shape, np.float32)
    return np.clip(255 * light + 0.5, 0, 255).astype(np.uint8)


def _noise(shape: tuple[int, ...], sigma: float, rng: Generator) -> NDArray[np.float32]:
    """Smooth noise (H, W) of mean 0 and standard deviation 1, with grains of `sigma` pixels."""
    step = max(1, int(sigma / 1.5))  # large grains need few samples
    small = rng.standard_normal((shape[0] // step + 2, shape[1] // step + 2), np.float32)
    small = ndimage.gaussian_filter(small, sigma / step)
    return _enlarge(small / small.std(), step, shape)


def _coarse(light: NDArray[np.float32], size: float) -> NDArray[np.float32]:
    """Blur (H, W) widely: light scattered by what is bright, four times as wide as a nucleus."""
    step = max(1, int(size / 2))
    small = light[::step, ::step]
    return _enlarge(ndimage.gaussian_filter(small, 2 * size / step), step, light.shape)


def _enlarge(small: NDArray[np.float32], step: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Enlarge by a whole step, bilinear, to (H, W)."""
    y, x = (np.minimum(np.arange(n) / step, m - 1.0) for n, m in zip(shape, small.shape, strict=True))
    at_y, at_x = y.astype(int), x.astype(int)
    below = np.minimum(at_y + 1, small.shape[0] - 1)
    right = np.minimum(at_x + 1, small.shape[1] - 1)
    part_y, part_x = (y - at_y).astype(np.float32)[:, None], (x - at_x).astype(np.float32)
    rows = small[at_y] * (1 - part_y) + small[below] * part_y
    return rows[:, at_x] * (1 - part_x) + rows[:, right] * part_x
