"""A decoded picture of any mode → RGB: orientation, deep values, colour profiles, transparency.

Embedded ICC profiles are converted to sRGB, transparency is laid over white, 16-bit and float greys are scaled and not
clipped. Wide-gamut or HDR pictures that say so only by code points (nclx), without a profile, are taken as sRGB;
16-bit colour keeps its upper 8 bits.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, ImageCms
from PIL import Image as PILImage

from seglab import arrays
from seglab.types import Image

BAND = 2**20  # pixels copied at a time


def to_rgb(im: PILImage.Image, *, negative: bool = False) -> Image:
    """Return a loaded picture as a fresh RGB uint8 array (H, W, 3), upright, in sRGB, over white.

    `negative`: deep grey values are stored with white as zero (TIFF); Pillow inverts the 8-bit ones itself.

    >>> to_rgb(PILImage.new("RGBA", (1, 1), (0, 0, 0, 0))).tolist()
    [[[255, 255, 255]]]
    """
    im = upright(im)
    colours, alpha = _colours_and_alpha(im, negative)
    rgb = _to_srgb(colours, im.info.get("icc_profile"))
    if alpha is not None:
        page = PILImage.new("RGB", rgb.size, (255, 255, 255))
        page.paste(rgb, mask=alpha)
        rgb = page
    return _array(rgb)


def _array(rgb: PILImage.Image) -> Image:
    """Copy an RGB picture to an array by bands: as a whole, Pillow would hold its bytes twice meanwhile."""
    width, height = rgb.size
    out = arrays.empty((height, width, 3), np.uint8)
    rows = max(1, BAND // width)
    for y in range(0, height, rows):
        out[y : y + rows] = np.asarray(rgb.crop((0, y, width, min(y + rows, height))))
    return out


def _convert(im: PILImage.Image, mode: str) -> PILImage.Image:
    """Convert to a mode, without a copy where it has it already."""
    return im if im.mode == mode else im.convert(mode)


def upright(im: PILImage.Image) -> PILImage.Image:
    """Apply the EXIF orientation; broken EXIF is ignored."""
    turn = PILImage.Transpose
    turns = {
        2: turn.FLIP_LEFT_RIGHT, 3: turn.ROTATE_180, 4: turn.FLIP_TOP_BOTTOM, 5: turn.TRANSPOSE,
        6: turn.ROTATE_270, 7: turn.TRANSVERSE, 8: turn.ROTATE_90,
    }  # fmt: skip
    try:
        method = turns.get(im.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return im
    return im if method is None else im.transpose(method)


def _colours_and_alpha(im: PILImage.Image, negative: bool) -> tuple[PILImage.Image, PILImage.Image | None]:
    """Split into colours (mode L, RGB, CMYK or LAB) and alpha (mode L) or None."""
    if im.mode.startswith("I") or im.mode == "F":
        values = np.asarray(im)
        grey = to_8_bit(values)
        key = im.info.get("transparency")
        alpha = PILImage.fromarray(np.where(values == key, 0, 255).astype(np.uint8)) if isinstance(key, int) else None
        return PILImage.fromarray(255 - grey if negative else grey), alpha
    grey_modes = ("1", "L", "LA", "La")
    if im.has_transparency_data:
        rgba = im.convert("RGBA")
        return (im if im.mode == "L" else rgba).convert("L" if im.mode in grey_modes else "RGB"), rgba.getchannel("A")
    if im.mode in ("CMYK", "LAB"):
        return im, None
    return _convert(im, "L" if im.mode in grey_modes else "RGB"), None


def to_8_bit(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale deep grey values to 0..255 without clipping.

    Integers: white is 65535, unless all values fit into 12 bits, which would look black; then it is the largest
    value of the fewest bits, 8, 10 or 12, that hold them all (microscopes and scanners store 12 bits in 16).
    Floats: white is 1 if all lie in 0..1, 255 if all lie in 0..255. Anything else is stretched from its smallest
    to its largest value.

    >>> to_8_bit(np.array([[0, 257, 65535]], np.uint16)).tolist(), to_8_bit(np.array([[0, 4095]], np.uint16)).tolist()
    ([[0, 1, 255]], [[0, 255]])
    """
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(values.shape, np.uint8)
    low, high = float(values[finite].min()), float(values[finite].max())
    limits = (1.0, 255.0) if values.dtype.kind == "f" else (255.0, 1023.0, 4095.0, 65535.0)
    white = next((limit for limit in limits if low >= 0 and high <= limit), None)
    black, white = (low, high) if white is None else (0.0, white)
    scaled = np.empty(values.shape, np.uint8)
    for row, line in enumerate(values):  # by rows: a whole float copy of a large picture would be eight times its size
        inside = np.clip(np.nan_to_num(line.astype(np.float64)), black, white)
        scaled[row] = np.rint((inside - black) * (255.0 / max(white - black, 1e-300)))
    return scaled


def _to_srgb(im: PILImage.Image, icc: bytes | None) -> PILImage.Image:
    """Convert to RGB through the embedded profile if it fits the picture's mode; else as Pillow does."""
    if not icc:
        return _convert(im, "RGB")
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        space = profile.profile.xcolor_space.strip()
        if space == "RGB" and im.mode in ("L", "RGB"):
            im = _convert(im, "RGB")
        elif {"GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}.get(space) != im.mode:
            return im.convert("RGB")
        transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), im.mode, "RGB")
        if im.mode == "RGB" and _is_identity(transform):
            return im
        return ImageCms.applyTransform(im, transform) or im.convert("RGB")
    except Exception:  # a broken profile is no reason to refuse the picture
        return im.convert("RGB")


def _is_identity(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether no colour of a 9³ cube moves by more than one level: an sRGB profile, whose pixels then stay exact."""
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(27, 27, 3)
    moved = np.asarray(ImageCms.applyTransform(PILImage.fromarray(cube), transform))
    return bool(np.abs(moved.astype(int) - cube).max() <= 1)
