"""Any picture a person may have → RGB uint8 (H, W, 3), safely; and label maps of a person's own ground truth.

What arrives is untrusted. The format is told by the first bytes, never by the name; only the eight formats below are
handed to a decoder; size in bytes and in pixels is checked before any pixel is decoded; and whatever goes wrong ends
in one `ImageError` whose text says what arrived and what to do. No setting of Pillow is changed, so calls may run in
several threads at once.

How pixels become RGB (orientation, profiles, alpha, deep values) stands in `seglab.pixels`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pi_heif
from numpy.typing import NDArray
from PIL import Image as PILImage

from seglab import allocator, pixels
from seglab.types import Image, Labels, Palette

MAX_BYTES = 64 * 2**20
MAX_PIXELS = 64_000_000  # the largest common camera has 61 million; Pillow itself refuses twice 89 million
LARGE = 4_000_000  # pixels, from which on malloc gives back at once what decoding needed: 10 ms after 100 or more

ACCEPTED = "JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF or HEIC"
_MAX_JPEG_SCANS = 250  # a progressive JPEG has about 10; each scan costs a pass over the whole picture

# What people upload by mistake, so that the message can name it.
_OTHERS = {
    b"%PDF": "a PDF", b"8BPS": "a Photoshop file", b"PK\x03\x04": "a zip archive or office document",
    b"\x00\x00\x00\x0cjP": "a JPEG 2000 picture", b"\xffO\xffQ": "a JPEG 2000 picture",
    b"\x00\x00\x00\x0cJXL": "a JPEG XL picture", b"\xff\x0a": "a JPEG XL picture",
    b"\x00\x00\x01\x00": "an icon (.ico)", b"<svg": "an SVG drawing", b"<?xml": "an XML or SVG file",
    b"<!DO": "a web page", b"<htm": "a web page", b"\x1f\x8b": "a gzip archive", b"\x93NUMPY": "a numpy array",
    b"\x1aE\xdf\xa3": "a video", b"P6": "a PPM picture", b"P5": "a PGM picture",
    b"#?RADIANCE": "a Radiance HDR picture", b"v/1\x01": "an OpenEXR picture",
}  # fmt: skip

_T = TypeVar("_T")


class ImageError(ValueError):
    """The picture can't be used; the text is meant for the person who chose it and says what to do."""


def decode(
    source: bytes | str | os.PathLike[str], *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS
) -> Image:
    """Decode one picture (bytes of a file, or a path) into a fresh, writable RGB uint8 array (H, W, 3).

    Accepts JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF and HEIC, of animations and multi-page files the first picture.
    EXIF orientation is applied, embedded ICC profiles (RGB, grey, CMYK) are converted to sRGB (a broken profile is
    ignored), alpha is laid over white. `max_bytes` and `max_pixels` are checked before pixels are decoded.

    Raises ImageError, and no other exception, for anything that isn't such a picture.

    >>> file = BytesIO()
    >>> PILImage.new("L", (3, 2), 128).save(file, "PNG")
    >>> decode(file.getvalue())[0, 0].tolist()
    [128, 128, 128]
    """
    data = _read(source, max_bytes)
    kind = _kind(data)
    image = _guarded(kind, lambda: _decode(data, kind, max_pixels))
    if image.size > 3 * LARGE:
        allocator.give_back()
    return image


def decode_labels(
    source: bytes | str | os.PathLike[str],
    palette: Palette,
    *,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
) -> Labels:
    """Read a ground truth: a PNG (or TIFF) whose pixels are class indices of `palette`, → uint8 (H, W).

    Accepts palette pictures (the index counts, the colour doesn't) and grey ones of 1 to 16 bits;
    `palette.ignore_index` (255) marks unlabelled pixels. Raises ImageError for colour pictures, for lossy formats
    (they change the indices) and for values without a class, which it names.
    """
    wanted = "Use an indexed (palette) or grey PNG whose pixel values are class indices."
    data = _read(source, max_bytes)
    kind = _kind(data)
    if kind not in ("PNG", "TIFF"):
        raise ImageError(f"A {kind} picture can't hold labels: it may change the class indices. {wanted}")
    values = _guarded(kind, lambda: _indices(data, kind, max_pixels))
    if values is None:
        raise ImageError(f"The label file is a {kind} in colour or with transparency, not class indices. {wanted}")
    wrong = np.unique(values[(values >= len(palette)) & (values != palette.ignore_index) | (values < 0)])
    if wrong.size:
        classes = ", ".join(f"{k} {name}" for k, name in enumerate(palette.names))
        shown = ", ".join(str(v) for v in wrong[:5].tolist()) + (", …" if wrong.size > 5 else "")
        raise ImageError(
            f"The label file holds the value {shown}, which is no class of {palette.title}. Its classes are {classes}; "
            f"{palette.ignore_index} means unlabelled. Renumber the labels or choose a model with these classes."
        )
    return values.astype(np.uint8)


def _read(source: bytes | str | os.PathLike[str], max_bytes: int) -> bytes:
    """Return the file's bytes; never reads more than `max_bytes` + 1."""
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
    elif isinstance(source, str | os.PathLike):
        name = Path(source).name or str(source)
        try:
            path = Path(source)
            if not path.exists():
                raise ImageError(f"There is no file {name!r}; check the name.")
            if not path.is_file():
                raise ImageError(f"{name!r} is a folder or a device, not a file; choose a picture file.")
            with path.open("rb") as file:
                data = file.read(max_bytes + 1)
        except (OSError, ValueError) as error:
            if isinstance(error, ImageError):
                raise
            reason = getattr(error, "strerror", None) or str(error)
            raise ImageError(
                f"The file {name!r} can't be read ({reason}); check the name and its permissions."
            ) from error
    else:
        raise ImageError(f"A picture must come as bytes or as a path; got {type(source).__name__}.")
    if len(data) > max_bytes:
        raise ImageError(
            f"The file is larger than {max_bytes / 2**20:.3g} MB, the most that is accepted. "
            "Scale the picture down or save it as JPEG."
        )
    if not data:
        raise ImageError(f"The file is empty (0 bytes). Choose a picture: {ACCEPTED}.")
    return data


def _kind(data: bytes) -> str:
    """Tell the format by the first bytes; ImageError names what arrived instead, where it can."""
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if data[:2] == b"BM":
        return "BMP"
    what = "not a picture that can be recognised"
    if data[4:8] == b"ftyp":
        major, brands = data[8:12], {data[i : i + 4] for i in range(8, min(int.from_bytes(data[:4], "big"), 256), 4)}
        if major in (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis"):
            return "HEIC"
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & {b"mif1", b"msf1", b"heic", b"heix"}:
            return "HEIC"
        what = "a video or another file of the MP4 family"
    for magic, name in _OTHERS.items():
        if data.startswith(magic):
            what = name
    raise ImageError(
        f"The file is {what}. Accepted are {ACCEPTED}: open it in a picture program and save it as one of these."
    )


def _guarded(kind: str, work: Callable[[], _T]) -> _T:
    """Run a decoder; whatever it raises becomes an ImageError (decoders raise nearly every type on hostile files)."""
    try:
        return work()
    except ImageError:
        raise
    except PILImage.DecompressionBombError as error:  # some decoders check by themselves, before their size is known
        raise ImageError(f"The {kind} has far more pixels than can be used. Scale the picture down first.") from error
    except MemoryError as error:
        raise ImageError(f"The {kind} needs more memory than there is. Scale the picture down first.") from error
    except Exception as error:
        raise ImageError(
            f"The {kind} can't be decoded: it is damaged, cut off, or of a rare variant. "
            "Send it again, or open it in a picture program and save it as PNG or JPEG."
        ) from error


def _open(data: bytes, kind: str, max_pixels: int) -> PILImage.Image:
    """Read the header alone and check what it announces."""
    # HEIC goes to its class directly: registering an opener would change Pillow for the whole process, and would make
    # AVIF files of brand mif1 go to the wrong decoder.
    im: Any = pi_heif.HeifImageFile(BytesIO(data)) if kind == "HEIC" else PILImage.open(BytesIO(data), formats=[kind])
    _check_size(im.size, max_pixels)
    if kind == "TIFF":  # a small picture may announce one huge compressed tile
        tile = (_number(im.tag_v2.get(322)), _number(im.tag_v2.get(323)))
        if tile[0] * tile[1] > max(max_pixels, 1):
            raise ImageError(f"The TIFF has tiles of {tile[0]} × {tile[1]} pixels. Save it without tiles, or as PNG.")
    if kind == "JPEG" and data.count(b"\xff\xda") > _MAX_JPEG_SCANS:
        raise ImageError("The JPEG is made of unusually many scans and would take very long. Save it again as PNG.")
    return im


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise ImageError(f"The picture is {width} × {height} pixels, so there is nothing to see. Choose another one.")
    if width * height > max_pixels:
        raise ImageError(
            f"The picture is {width} × {height} pixels, {width * height / 1e6:.3g} million; at most "
            f"{max_pixels / 1e6:.3g} million are accepted. Scale it down first."
        )


def _number(value: Any) -> int:
    """Return a TIFF tag that should be a number; odd ones (missing, several values) as 0."""
    return int(value) if isinstance(value, int | float) else 0


def _decode(data: bytes, kind: str, max_pixels: int) -> Image:
    im = _open(data, kind, max_pixels)
    im.load()
    _check_size(im.size, max_pixels)  # some containers tell the true size only now
    if kind == "PNG":
        _scale_key(im, bits=data[24])
    return pixels.to_rgb(im, negative=kind == "TIFF" and getattr(im, "tag_v2", {}).get(262) == 0)


def _scale_key(im: PILImage.Image, bits: int) -> None:
    """Bring a PNG's transparent colour to the 8 bits of the pixels; Pillow leaves it at the file's depth."""
    key = im.info.get("transparency")
    if isinstance(key, int) and im.mode == "L" and bits < 8:
        im.info["transparency"] = key * 255 // (2**bits - 1)
    elif isinstance(key, tuple) and bits == 16:
        im.info["transparency"] = tuple(value >> 8 for value in key)


def _indices(data: bytes, kind: str, max_pixels: int) -> NDArray[np.int64] | None:
    """Return pixel values as class indices, or None for a picture that has colours instead."""
    im = _open(data, kind, max_pixels)
    deep = im.mode.startswith("I")
    if im.mode not in ("1", "L", "P") and not deep:
        return None
    bits = data[24] if kind == "PNG" else _number(im.tag_v2.get(258, (8,))[0])  # type: ignore[attr-defined]
    values = np.array(im).astype(np.int64)
    # Pillow spreads grey of 2 and 4 bits over 0..255.
    return values // (255 // (2**bits - 1)) if im.mode == "L" and bits in (2, 4) else values
