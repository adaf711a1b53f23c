"""Volumes of blobs and tubes in noise, drawn by code: what V-Net learns here, as medical volumes can't be shipped.

A blob is a slightly squashed ball, a tube a bent pipe of the same radii and the same brightness, so that a slice across
a tube looks like a slice through a blob: only the third dimension tells them apart, and a voxel's own brightness, under
this noise, not even whether it is anything. Blobs touch nothing; tubes may cross each other. Each volume is decided by
(seed, index, size, noise) alone.

Conventions: axes (D, H, W) = depth, height, width, in voxels of equal sides; brightness about 0 in the background and
about 1 in things, before noise of that standard deviation; labels 0 background, 1 blob, 2 tube.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from seglab.palettes import VOLUMES as PALETTE
from seglab.types import Palette

SIZE = (32, 64, 64)
NOISE = 0.5
TEST_SEED = 20_160_615  # of the volumes that networks are measured on; train on any other
BLOBS, TUBES = (4, 8), (2, 4)  # how many in a volume of SIZE, from … to, both included; larger volumes have more
RADIUS = (2.5, 4.5)  # voxels, of both
BEND = 0.15  # of a tube's direction, per voxel
GAP = 2.0  # voxels kept free around a blob
TRIES = 30  # places tried for a blob before it is left out

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Volume:
    """One volume with its truth: voxels (D, H, W) float32, labels (D, H, W) uint8, the classes, a name."""

    voxels: Floats
    labels: NDArray[np.uint8]
    palette: Palette
    key: str


@dataclass(frozen=True)
class Volumes(Sequence[Volume]):
    """The volumes 0..n−1 of a seed, each drawn when it is asked for.

    >>> some = Volumes(seed=7, n=100)
    >>> len(some), some[3].key
    (100, 'volumes-7-3')
    """

    seed: int
    n: int
    size: tuple[int, int, int] = SIZE
    noise: float = NOISE

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> Volume:  # type: ignore[override]
        if not 0 <= index < self.n:
            raise IndexError(f"There are the volumes 0 to {self.n - 1}; got {index}.")
        return draw(self.seed, index, self.size, self.noise)


def draw(seed: int = 0, index: int = 0, size: tuple[int, int, int] = SIZE, noise: float = NOISE) -> Volume:
    """Draw volume `index` of the endless series `seed`.

    Args:
        seed: of the series, 0 or more.
        index: of the volume in it, 0 or more.
        size: (D, H, W) in voxels, each 16 or more.
        noise: standard deviation of the noise, 0 or more; things are about 1 brighter than the background.

    Raises:
        ValueError: an argument is out of its range.

    >>> volume = draw(seed=1, index=2)
    >>> volume.voxels.shape, np.unique(volume.labels).tolist()
    ((32, 64, 64), [0, 1, 2])
    """
    if seed < 0 or index < 0:
        raise ValueError(f"seed and index must be 0 or more; got {seed} and {index}.")
    if len(size) != 3 or min(size) < 16:
        raise ValueError(f"A volume's size is (depth, height, width), each 16 voxels or more; got {size}.")
    if not (math.isfinite(noise) and noise >= 0):
        raise ValueError(f"noise is a standard deviation, 0 or more; got {noise}.")
    rng = np.random.default_rng([seed, index])
    share = math.prod(size) / math.prod(SIZE)
    light = np.zeros(size, np.float32)
    tubes, blobs = (np.full(size, np.inf, np.float32) for _ in range(2))  # distance from the nearest one's surface
    for _ in range(max(1, round(share * rng.integers(TUBES[0], TUBES[1] + 1)))):
        _draw_tube(tubes, light, rng)
    room = ndimage.distance_transform_edt(tubes > 0).astype(np.float32)  # voxels from the nearest thing
    for _ in range(max(1, round(share * rng.integers(BLOBS[0], BLOBS[1] + 1)))):
        _draw_blob(blobs, light, room, rng)
    labels = np.where(blobs < 0, 1, np.where(tubes < 0, 2, 0)).astype(np.uint8)
    return Volume(_scan(light, noise, rng), labels, PALETTE, f"volumes-{seed}-{index}")


def _draw_tube(tubes: Floats, light: Floats, rng: Generator) -> None:
    """Walk both ways from a place in the volume until outside of it, bending slowly, and stamp a ball at each step."""
    radius, bright = _look(rng)
    start = rng.uniform(0.2, 0.8, 3) * tubes.shape
    heading = rng.normal(size=3)
    for direction in (heading, -heading):
        place, ahead = start.copy(), direction.copy()
        while ((place > -radius) & (place < np.array(tubes.shape) + radius)).all():
            ahead = ahead / np.linalg.norm(ahead) + BEND * rng.normal(size=3)
            place = place + ahead / np.linalg.norm(ahead)
            _stamp(tubes, light, place, np.full(3, radius), bright)


def _draw_blob(blobs: Floats, light: Floats, room: Floats, rng: Generator) -> None:
    """Stamp one ball, its axes unequal, where nothing is within GAP, and take its place out of `room`."""
    radius, bright = _look(rng)
    radii = radius * np.exp(rng.normal(0, 0.08, 3))
    for place in rng.uniform(0, 1, (TRIES, 3)) * (np.array(blobs.shape) - 1):
        if room[tuple(np.rint(place).astype(int))] > radii.max() + GAP:
            _stamp(blobs, light, place, radii, bright)
            z, y, x = (np.arange(n, dtype=np.float32) - c for n, c in zip(room.shape, place, strict=True))
            away = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
            np.minimum(room, away - np.float32(radii.max()), out=room)
            return


def _look(rng: Generator) -> tuple[float, float]:
    """Radius and brightness of a thing: drawn alike for blobs and tubes, so that neither tells which it is."""
    return rng.uniform(*RADIUS), math.exp(rng.normal(0, 0.15))


def _stamp(
    outside: Floats, light: Floats, centre: NDArray[np.float64], radii: NDArray[np.float64], bright: float
) -> None:
    """Set an ellipsoid into both arrays: the distance from its surface where it is nearest, light with a soft edge."""
    low = np.maximum(np.floor(centre - radii - 1).astype(int), 0)
    high = np.minimum(np.ceil(centre + radii + 2).astype(int), outside.shape)
    if (low >= high).any():
        return
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    z, y, x = (((np.arange(a, b) - c) / r) ** 2 for a, b, c, r in zip(low, high, centre, radii, strict=True))
    distance = (np.sqrt(z[:, None, None] + y[:, None] + x) - 1) * radii.mean()
    outside[box] = np.minimum(outside[box], distance)
    light[box] = np.maximum(light[box], bright * np.clip(0.5 - distance, 0, 1))


def _scan(light: Floats, noise: float, rng: Generator) -> Floats:
    """Blur, an uneven background, noise: what a scanner makes of it."""
    coarse = rng.normal(size=[n // 16 + 2 for n in light.shape])  # one value every 16 voxels, linear between them
    hats = [np.clip(1 - abs(np.arange(n)[:, None] / 16 - np.arange(n // 16 + 2)), 0, 1) for n in light.shape]
    uneven = np.einsum("dz,hy,wx,zyx->dhw", *hats, coarse, optimize=True)
    voxels = ndimage.gaussian_filter(light, 0.7) + 0.15 * uneven + noise * rng.standard_normal(light.shape)
    return voxels.astype(np.float32)
