"""What the lab "There and back" computes: a photo or a mask, down and up by each way, with scores; kept by content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image as Pil

from seglab import zoo
from seglab.sharing import ByteCache
from seglab.types import Image, Labels, Palette
from ui import cache, segment_run
from ui.picker import Photo
from ui.texts import upsampling_photos as text

MOST = 1920 * 1080  # pixels of a photo: all nine ways, with their scores, take about two seconds
MASK_SIDE = 640  # pixels of a mask's longer side: each way up goes once for each class
DRAWN = (384, 384)
RATIO = 0.005  # of the diagonal, for boundary IoU: as its authors take it for Cityscapes' whole streets
MODEL = zoo.DEFAULT
WINDOW = 7

# Nine pictures of 1080p are 56 MB: one such set stays, or some hundred of the gallery's size.
KEPT: ByteCache[Any] = ByteCache(96 * 2**20, cache.size_of)


@dataclass(frozen=True)
class Row:
    """A way up in the table. `scores` are (PSNR, SSIM) of a photo, (mean IoU, boundary IoU) of a mask."""

    method: str
    scores: tuple[float, float]
    seconds: float
    bytes: int
    kept: float


@dataclass(frozen=True, eq=False)
class Rebuilt:
    """All ways, in the library's order: their rows, and their pictures uint8 (H, W, 3) or labels uint8 (H, W).

    `shrunk`: whether `small`, which they start from, was found right.
    """

    rows: tuple[Row, ...]
    pictures: tuple[NDArray[np.uint8], ...]
    small: NDArray[np.uint8]
    shrunk: bool = False

    def of(self, method: str) -> tuple[Row, NDArray[np.uint8]]:
        """Return the row and the picture of a way."""
        n = [row.method for row in self.rows].index(method)
        return self.rows[n], self.pictures[n]


@dataclass(frozen=True, eq=False)
class Mask:
    """A mask to take apart: labels uint8 (H, W), its classes, and a name of its content."""

    labels: Labels
    palette: Palette
    key: str


@dataclass(frozen=True)
class Window:
    """SSIM's numbers in the 7 × 7 window around (x, y), in its own order: means, variances, covariance, value."""

    x: int
    y: int
    mx: float
    my: float
    vx: float
    vy: float
    cov: float
    value: float


@dataclass(frozen=True, eq=False)
class Look:
    """A picture against its original: luma's difference, int16 (H, W), its mean square, and SSIM at the worst place.

    `worst` is (x, y) of the pixel that is furthest off, in the window; None where none is off at all.
    """

    difference: NDArray[np.int16]
    error: float
    window: Window
    worst: tuple[int, int] | None


def bounded(photo: Photo) -> Image:
    """Return the picture, made smaller where it has more than `MOST` pixels."""
    height, width = photo.size
    if height * width <= MOST:
        return photo.image
    scale = (MOST / (height * width)) ** 0.5
    size = max(1, int(width * scale)), max(1, int(height * scale))

    def make() -> Image:
        return np.asarray(Pil.fromarray(photo.image).resize(size, Pil.Resampling.BOX, reducing_gap=2.0)).copy()

    return cache.kept(cache.MAPS, ("upsampling", "bounded", photo.hash), make)


def picture(photo: Photo, factor: int) -> Rebuilt:
    """Return a picture brought back by each way; ValueError for one below 7 × 7 pixels."""
    from seglab.upsampling.reconstruction import reconstruct, shrink
    from ui import upsampling_equal

    def make() -> Rebuilt:
        image = bounded(photo)
        found = reconstruct(image, factor)
        rows = tuple(Row(one.method, (one.psnr, one.ssim), one.seconds, one.bytes, one.kept) for one in found)
        small = shrink(image, factor)
        pictures = tuple(one.picture for one in found)
        return Rebuilt(rows, pictures, small, upsampling_equal.shrunk(image, factor, small))

    return cache.kept(KEPT, ("photo", photo.hash, factor), make)


def labelled(mask: Mask, factor: int) -> Rebuilt:
    """Return a mask brought back by each way."""
    from seglab.upsampling.reconstruction import reconstruct_mask, shrink_mask
    from ui import upsampling_equal

    def make() -> Rebuilt:
        found = reconstruct_mask(mask.labels, factor)
        rows = tuple(Row(one.method, scores(mask, one.labels), one.seconds, one.bytes, one.kept) for one in found)
        small = shrink_mask(mask.labels, factor)
        pictures = tuple(one.labels for one in found)
        return Rebuilt(rows, pictures, small, upsampling_equal.shrunk_mask(mask.labels, factor, small))

    return cache.kept(KEPT, ("mask", mask.key, factor), make)


def equal(mask: Mask, factor: int, method: str) -> bool:
    """Whether a mask brought back by a way, of all of them, equals what PyTorch makes."""
    from ui import upsampling_equal

    def make() -> bool:
        found = labelled(mask, factor)
        return upsampling_equal.mask(mask.labels, found.small, factor, method, found.of(method)[1])

    return cache.kept(cache.NUMBERS, ("upsampling", "equal", mask.key, factor, method), make)


def equal_skips(mask: Mask) -> tuple[bool, ...]:
    """Whether the three FCNs' masks equal what PyTorch makes."""
    from ui import upsampling_equal

    key = "upsampling", "equal skips", mask.key
    return cache.kept(cache.NUMBERS, key, lambda: upsampling_equal.skips(mask.labels, skips(mask).pictures))


def skips(mask: Mask) -> Rebuilt:
    """Return a mask brought back by FCN-32s, 16s and 8s; time, memory and what was kept aren't told (0)."""
    from seglab.upsampling.skips import fcn_skips

    def make() -> Rebuilt:
        found = fcn_skips(mask.labels)
        rows = tuple(Row(name, scores(mask, labels), 0.0, 0, 0.0) for name, labels in found.items())
        return Rebuilt(rows, tuple(found.values()), mask.labels[:0])

    return cache.kept(KEPT, ("skips", mask.key), make)


def scores(mask: Mask, found: Labels) -> tuple[float, float]:
    """Return mean IoU, and boundary IoU as the mean over the classes of the original."""
    from seglab.metrics.boundary import boundary_iou
    from seglab.metrics.confusion import confusion_matrix, mean_iou

    there = [k for k in np.unique(mask.labels).tolist() if k != mask.palette.ignore_index]
    borders = [boundary_iou(mask.labels == k, found == k, RATIO) for k in there]
    matrix = confusion_matrix(mask.labels, found, len(mask.palette))
    return mean_iou(matrix), float(np.mean(borders)) if borders else float("nan")


def can_label() -> bool:
    """Whether the network for labels is installed."""
    return MODEL in zoo.offered("semantic")


def labels(photo: Photo) -> Mask:
    """Return what the embedded network says of the picture, at most 640 pixels a side; shows its progress."""
    from seglab import maps
    from seglab.inference import Options

    loaded, _ = segment_run.load(MODEL)
    run = segment_run.run(photo, loaded, Options(), 1.0, 0.0)
    scale = min(1.0, MASK_SIDE / max(photo.size))
    height, width = (max(1, round(side * scale)) for side in photo.size)
    key = f"{photo.hash} {loaded.weights_hash}"
    found = cache.kept(cache.MAPS, ("upsampling", "labels", key), lambda: maps.labels(run.logits, (height, width)))
    return Mask(found, loaded.palette, key)


def drawn(number: int) -> Mask:
    """Return the truth of a drawn street."""
    from seglab.datasets import scenes
    from seglab.palettes import SCENES

    found = cache.kept(
        cache.MAPS, ("upsampling", "drawn", number), lambda: scenes.render(number, 0, None, DRAWN).sample.labels
    )
    return Mask(found, SCENES, f"drawn {number}")


def mask_of(now: Any, photo: Photo) -> Mask:
    """Return the mask that is chosen: a drawn street's, or what the network says of the picture."""
    return drawn(now["rseed"]) if now["of"] == "drawn" or not can_label() else labels(photo)


def look(original: Image, picture: Image) -> Look:
    """Compare a picture with the original, by luma; SSIM's numbers are of a window with the pixel furthest off."""
    from seglab.upsampling.quality import luma, ssim

    x, y = luma(original), luma(picture)
    gap = y - x
    row, column = np.unravel_index(int(np.abs(gap).argmax()), x.shape)
    top = min(max(int(row) - WINDOW // 2, 0), x.shape[0] - WINDOW)
    left = min(max(int(column) - WINDOW // 2, 0), x.shape[1] - WINDOW)
    a, b = (part[top : top + WINDOW, left : left + WINDOW] for part in (x, y))
    (vx, cov), (_, vy) = np.cov(a.ravel().astype(np.float64), b.ravel().astype(np.float64)).tolist()
    middle = left + WINDOW // 2, top + WINDOW // 2
    window = Window(*middle, float(a.mean()), float(b.mean()), vx, vy, cov, ssim(a, b))
    error = float(np.mean(np.square(gap), dtype=np.float64))
    worst = (int(column), int(row)) if error else None
    return Look(np.rint(gap).astype(np.int16), error, window, worst)


def looked(photo: Photo, factor: int, method: str) -> tuple[Row, Image, Look, bool]:
    """Return a way's row and picture, how it compares with the original, and whether it equals PyTorch."""
    from ui import upsampling_equal

    image = bounded(photo)
    found = picture(photo, factor)
    row, back = found.of(method)
    key = photo.hash, factor, method
    seen = cache.kept(KEPT, ("look", *key), lambda: look(image, back))
    equal = cache.kept(cache.NUMBERS, ("upsampling", "equal", *key), lambda: upsampling_equal.photo(
        image, found.small, factor, method, back))  # fmt: skip
    return row, back, seen, equal


def title(method: str) -> str:
    """Return what the page calls a way up."""
    return text.R_NAMES.get(method, method)


def source(now: Any) -> str:
    """Return what is made small: as chosen, or a drawn street where the network for labels isn't installed."""
    chosen: str = now["of"]
    if chosen == "mask" and not can_label():
        st.info(text.R_NO_MODEL, icon=":material/cloud_off:")
        return "drawn"
    return chosen
