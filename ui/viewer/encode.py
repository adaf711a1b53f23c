"""Pictures and layers → small payloads for the browser, each encoded once.

A photo goes as JPEG (tiny ones as PNG, so that their pixels stay exact), a label or heat map as its 8-bit values:
differences along the rows, zlib, base64. Ids take two such planes, low byte and high byte, and go as a file. The
browser unpacks these bytes itself instead of reading a PNG back from a canvas, because some browsers add noise to what
a canvas gives back, and one wrong bit is another class.
What is larger than `MAX_SIDE` is shown smaller; `sample` says which pixel of the original a shown pixel stands for.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zlib
from functools import lru_cache
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from seglab import draw
from seglab.sharing import ByteCache
from seglab.types import Image, Labels
from ui.legend import STRIP, counts

MAX_SIDE = 2000  # px of the longer side as shown: two million pixels blend smoothly on a phone
LOSSLESS_PIXELS = 256 * 256  # up to here PNG costs no more than JPEG's blur is worth
JPEG_QUALITY = 92
PHOTO_BYTES = 64 * 2**20  # of photos kept for all sessions: some sixty of 1080p
LAYER_BYTES = 8 * 2**20  # of layers: quickly made again, and a slider makes hundreds

# Anchors of the diverging map (Tol's BuRd without its ends); blue is negative, white is zero, red is positive.
DIVERGING = ((33, 102, 172), (67, 147, 195), (146, 197, 222), (247, 247, 247), (244, 165, 130), (214, 96, 77), (178, 24, 43))  # fmt: skip  # noqa: E501


_photos: ByteCache[dict[str, Any]] = ByteCache(PHOTO_BYTES, sizeof=lambda made: len(made["file"]))
_layers: ByteCache[dict[str, Any]] = ByteCache(LAYER_BYTES, sizeof=lambda made: len(made.get("z") or made["file"]))


def digest(array: NDArray[Any], *more: object) -> str:
    """Return a name for the content of `array` (and `more`, by its repr): equal content, equal name.

    >>> digest(np.zeros((2, 3), np.uint8)) == digest(np.zeros((3, 2), np.uint8))
    False
    """
    hasher = hashlib.blake2b(repr((array.shape, array.dtype.str, more)).encode(), digest_size=12)
    hasher.update(np.ascontiguousarray(array).data)
    return hasher.hexdigest()


def shown_size(height: int, width: int) -> tuple[int, int]:
    """Return height and width as shown: the same, or the longer side brought down to `MAX_SIDE`.

    >>> shown_size(300, 400), shown_size(3000, 4000)
    ((300, 400), (1500, 2000))
    """
    scale = min(1.0, MAX_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def sample(length: int, shown: int) -> NDArray[np.intp]:
    """Return, for each of `shown` pixels in a row, the index of the original pixel (of `length`) that it shows.

    The browser computes the same numbers, so that a brush stroke on a reduced picture hits the same pixels.

    >>> sample(6, 3).tolist()
    [1, 3, 5]
    """
    return np.floor((np.arange(shown) + 0.5) * length / shown).astype(np.intp)


def photo(image: Image) -> dict[str, Any]:
    """Return {"id", "file"}: the picture as the bytes of a JPEG or PNG, at most `MAX_SIDE` px long; by content."""
    key = digest(image)

    def make() -> dict[str, Any]:
        height, width = image.shape[:2]
        shown = shown_size(height, width)
        picture = PIL.Image.fromarray(image)
        if shown != (height, width):
            picture = picture.resize((shown[1], shown[0]), PIL.Image.Resampling.LANCZOS, reducing_gap=2.0)
        buffer = io.BytesIO()
        if height * width <= LOSSLESS_PIXELS:
            picture.save(buffer, "PNG", compress_level=4)
        else:
            picture.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
        return {"id": key, "file": buffer.getvalue()}

    return _photos.get(key, make)


def as_shown(values: NDArray[Any]) -> NDArray[Any]:
    """Return the values (H, W) that are shown: `values` itself, or every few of a large one."""
    height, width = values.shape
    h, w = shown_size(height, width)
    return values if (h, w) == (height, width) else values[sample(height, h)[:, None], sample(width, w)]


def pack(values: NDArray[np.uint8], full: tuple[int, ...]) -> dict[str, Any]:
    """Return {"w", "h", "full": [W, H], "z"}: 8-bit values (h, w) as shown, in differences along rows, zlib, base64."""
    height, width = values.shape
    text = base64.b64encode(deflate(values)).decode("ascii")
    return {"w": width, "h": height, "full": [full[1], full[0]], "z": text}


def deflate(values: NDArray[np.uint8]) -> bytes:
    """Return 8-bit values (…, h, w) in differences along rows, as zlib packs them."""
    steps = values.copy()
    np.subtract(values[..., 1:], values[..., :-1], out=steps[..., 1:])  # wraps around, and so does the browser's sum
    return zlib.compress(steps.tobytes(), 1)


def labels(array: Labels) -> dict[str, Any]:
    """Return `pack`'s fields and "areas", the pixels of each class index that occurs ([[k, n], …]); cached."""
    key = digest(array)

    def make() -> dict[str, Any]:
        total = counts(array)
        areas = [[int(k), int(total[k])] for k in np.flatnonzero(total)]
        return {"id": key, "areas": areas, **pack(as_shown(array), array.shape)}

    return _layers.get(("labels", key), make)


def ids(array: NDArray[Any], hatched: NDArray[np.bool_] | None) -> dict[str, Any]:
    """Return {"id", "w", "h", "full", "planes", "areas", "file"} of ids 0..65535 (H, W), cached by content.

    "file" is what `deflate` makes of the planes (low byte, high byte, and `hatched` where there is one) as shown;
    "areas" has the pixels of each id that occurs, all in the whole map: {id: n}, and {-1: n} for `hatched`.
    """
    small = np.ascontiguousarray(array, np.uint16)
    key = digest(small, hatched is not None and digest(hatched))

    def make() -> dict[str, Any]:
        shown = as_shown(small)
        planes = [(shown & 255).astype(np.uint8), (shown >> 8).astype(np.uint8)]
        total = np.zeros(int(small.max()) + 1, np.int64)
        for top in range(0, len(small), STRIP):
            total += np.bincount(small[top : top + STRIP].ravel(), minlength=len(total))
        areas = {int(k): int(total[k]) for k in np.flatnonzero(total)}
        if hatched is not None:
            planes.append(as_shown(hatched).astype(np.uint8))
            areas[-1] = int(hatched.sum())
        (h, w), (height, width) = shown.shape, small.shape
        file = deflate(np.stack(planes))
        return {"id": key, "w": w, "h": h, "full": [width, height], "planes": len(planes), "areas": areas, "file": file}

    return _layers.get(("ids", key), make)


def heat(values: NDArray[Any], vmin: float, vmax: float) -> dict[str, Any]:
    """Return `pack`'s fields for values (H, W): vmin → 1, vmax → 255, outside clipped, NaN → 0; cached."""
    key = digest(values, vmin, vmax)

    def make() -> dict[str, Any]:
        level = (np.asarray(as_shown(values), np.float32) - vmin) * np.float32(254.0 / (vmax - vmin))
        known = ~np.isnan(level)
        level = np.clip(np.where(known, level, 0), 0, 254) + 1.5
        return {"id": key, **pack(np.where(known, level, 0).astype(np.uint8), values.shape)}

    return _layers.get(("heat", key), make)


@lru_cache(maxsize=2)
def color_table(diverging: bool) -> str:
    """Return the colours of levels 1 … 255 as base64 of 255 RGB triples: `seglab.draw`'s map, or the diverging."""
    if diverging:
        anchors = np.array(DIVERGING, float)
        at = np.linspace(0, len(anchors) - 1, 255)
        rgb = np.stack([np.interp(at, np.arange(len(anchors)), anchors[:, c]) for c in range(3)], axis=1)
        rgb = rgb.round().astype(np.uint8)
    else:
        rgb = draw.heat_colors()[:255]  # the last one is for "no value", which is clear here
    return base64.b64encode(rgb.tobytes()).decode("ascii")
