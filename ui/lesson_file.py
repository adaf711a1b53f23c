"""The lesson file: a zip of the picture, the page's state and the corrected mask, for what a link can't carry.

Layout: `state.json` (flat object of choices, as in a link), `picture.png` (only for an own picture; decoded, so it
holds no place or camera data; `picture.jpg` where the PNG would be too large to be loaded again) and `mask.png`
(indexed, only when it was corrected). Reading treats the file as hostile: members are picked by name, never unpacked
to disk, and each has a limit on its unpacked bytes.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO

from PIL import Image as Pil

from seglab import images
from seglab.types import Image

STATE, PICTURE, SMALLER, MASK = "state.json", "picture.png", "picture.jpg", "mask.png"
LIMITS = {STATE: 64 * 2**10, PICTURE: 48 * 2**20, SMALLER: 48 * 2**20, MASK: 12 * 2**20}  # unpacked bytes
MAX_MEMBERS = 16
MAX_MB = 64  # of the zip itself, for the upload widget: more than the limits above together
VERSION = 1


class LessonError(ValueError):
    """A file that can't be taken as a lesson file; the text tells the person why and what to do."""


@dataclass(frozen=True)
class Lesson:
    """What a lesson file holds: the choices as in a link, the own picture if any, and the bytes of the mask if any."""

    state: dict[str, str]
    picture: Image | None = None
    mask: bytes | None = None


def pack(state: dict[str, str], *, picture: Image | None = None, mask: bytes | None = None) -> bytes:
    """Return the zip's bytes; `mask` is an indexed PNG."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(STATE, json.dumps({"seglab": VERSION, **state}, indent=1), zipfile.ZIP_DEFLATED)
        if picture is not None:
            name, data = PICTURE, _encoded(picture, "PNG", compress_level=1)
            if len(data) > LIMITS[PICTURE]:
                name, data = SMALLER, _encoded(picture, "JPEG", quality=95, subsampling=0)
            archive.writestr(name, data)
        if mask is not None:
            archive.writestr(MASK, mask)
    return buffer.getvalue()


def unpack(source: bytes | IO[bytes]) -> Lesson:
    """Read a lesson file; LessonError (only that) for whatever is not one.

    >>> unpack(pack({"image": "china"})).state
    {'image': 'china'}
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.namelist()
            if len(members) > MAX_MEMBERS or len(set(members)) != len(members):
                raise LessonError("This zip holds other files than a lesson does. Choose a file that SegLab saved.")
            if STATE not in members:
                raise LessonError(f"This zip has no {STATE}. Choose a lesson file that SegLab saved.")
            state = _state(_member(archive, STATE))
            picture = None
            for name in {PICTURE, SMALLER}.intersection(members):
                picture = images.decode(_member(archive, name))
            mask = _member(archive, MASK) if MASK in members else None
    except LessonError:
        raise
    except images.ImageError as error:
        raise LessonError(f"The picture in this lesson file can't be read: {error}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        # encrypted members raise RuntimeError, a later version of zip NotImplementedError
        raise LessonError("This isn't a zip that can be read, or it is damaged. Save the lesson file again.") from error
    return Lesson(state, picture, mask)


def _encoded(picture: Image, kind: str, **options: int) -> bytes:
    out = io.BytesIO()
    Pil.fromarray(picture).save(out, kind, **options)
    return out.getvalue()


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read one member, but never more than its limit: the size that a zip declares can be a lie."""
    if archive.getinfo(name).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise LessonError(f"{name} in this zip is compressed in a way SegLab doesn't use. Save the lesson file again.")
    with archive.open(name) as member:
        data = member.read(LIMITS[name] + 1)
    if len(data) > LIMITS[name]:
        raise LessonError(f"{name} in this zip is larger than {LIMITS[name] // 2**10} KiB; it can't be a lesson's.")
    return data


def _state(data: bytes) -> dict[str, str]:
    """Read the flat object of choices; every value as text, as it would stand in a link."""
    try:
        state = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise LessonError(f"{STATE} in this zip isn't JSON. Save the lesson file again.") from error
    if not isinstance(state, dict) or state.get("seglab") != VERSION:
        raise LessonError(f"{STATE} in this zip isn't of SegLab version {VERSION}. Save the lesson file again.")
    return {key: value for key, value in state.items() if key != "seglab" and isinstance(value, str)}
