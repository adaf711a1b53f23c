"""Panoptic results in COCO's format, a PNG for each picture and one JSON file, and back; instance ids as 16-bit PNG.

The format (cocodataset.org, "Data format", section 4): each pixel of the PNG (RGB, 8 bits) holds the id of its segment,
id = R + 256·G + 256²·B, 0 = void; the JSON's `annotations` say for each picture which PNG it is and in `segments_info`
what each segment is: id, category_id, area and bbox [x, y, width, height] in pixels from the top left corner, iscrowd;
`categories` say what is a thing (`isthing`).

Choices: a category's id is the class index + 1, as in `coco`, unless other ids are given. Things that were found carry
their `score` too, which readers of COCO's files pass over. A picture without segments has an entry like any other.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from seglab import __version__
from seglab.export.tools import base_name
from seglab.metrics.matching import boxes
from seglab.types import Ids, Palette, PanopticResult, Segment

MOST = 2**24  # ids that fit three bytes


@dataclass(frozen=True, eq=False)
class Entry:
    """A picture's file name, its panoptic result, and the ids of those segments that are crowds.

    png: name of the result's own file; empty for the picture's name with .png, as COCO has it (in another folder).
    image_id: the picture's number in the data set; None for its place in the list, from 1 on.
    """

    file_name: str
    result: PanopticResult
    crowd: frozenset[int] = frozenset()
    png: str = ""
    image_id: int | None = None

    @property
    def png_name(self) -> str:
        """The name of the result's PNG, without folders."""
        return base_name(self.png) if self.png else f"{PurePosixPath(base_name(self.file_name)).stem}.png"


def panoptic_png(result: PanopticResult) -> bytes:
    """Write the map of segments as an RGB PNG, id = R + 256·G + 256²·B; ValueError for ids from 2²⁴ on or negative.

    >>> from seglab.types import Palette
    >>> palette = Palette("demo", ("sky",), ((9, 9, 9),))
    >>> result = PanopticResult(np.array([[0, 66051]], np.int32), (Segment(66051, 0, False, 1),), palette)
    >>> np.asarray(Pil.open(io.BytesIO(panoptic_png(result)))).tolist()
    [[[0, 0, 0], [3, 2, 1]]]
    """
    wrong = [segment.id for segment in result.segments if not 0 < segment.id < MOST]
    if wrong:
        raise ValueError(f"Ids of COCO's panoptic PNG are 1 to {MOST - 1}; got {wrong[0]}. Number the segments anew.")
    low_first = np.ascontiguousarray(result.segment_ids, "<i4").view(np.uint8).reshape(*result.segment_ids.shape, 4)
    out = io.BytesIO()
    Pil.fromarray(np.ascontiguousarray(low_first[..., :3])).save(out, "PNG", compress_level=1)
    return out.getvalue()


def panoptic_json(entries: Sequence[Entry], category_ids: Sequence[int] = ()) -> bytes:
    """Write the JSON file that belongs to the PNGs of `entries`, whose results are in one palette, as UTF-8.

    `category_ids`: an id for each class of the palette, where they are to be others than 1, 2, …. ValueError for no
    entry, unequal palettes, two pictures with one id or PNG name, or a crowd that isn't there.
    """
    if not entries:
        raise ValueError("There is no result to write.")
    palette = entries[0].result.palette
    if any(entry.result.palette != palette for entry in entries):
        raise ValueError("The results are in several palettes; write one file for each.")
    numbered = [(n if entry.image_id is None else entry.image_id, entry) for n, entry in enumerate(entries, 1)]
    if any(len(set(values)) != len(entries) for values in ([n for n, _ in numbered], [e.png_name for e in entries])):
        raise ValueError("Two pictures have one id or one name of a PNG; give each entry its own `image_id` and `png`.")
    ids = list(category_ids) or list(range(1, len(palette) + 1))
    if len(ids) != len(palette) or len(set(ids)) != len(ids):
        raise ValueError(f"{palette.title} needs {len(palette)} ids of categories, all different; got {ids}.")
    today = datetime.now(UTC).date()
    content = {
        "info": {
            "description": f"Panoptic segmentation into the classes of {palette.title}",
            "version": __version__,
            "year": today.year,
            "date_created": today.isoformat(),
            "contributor": "SegLab",
            "url": "",
        },
        "licenses": [{"id": 1, "name": "the picture's own", "url": ""}],
        "images": [
            {
                "id": n,
                "file_name": base_name(entry.file_name),
                "width": entry.result.segment_ids.shape[1],
                "height": entry.result.segment_ids.shape[0],
                "license": 1,
            }
            for n, entry in numbered
        ],
        "annotations": [
            {"image_id": n, "file_name": entry.png_name, "segments_info": _segments_info(entry, ids)}
            for n, entry in numbered
        ],
        "categories": [
            {
                "id": ids[k],
                "name": name,
                "supercategory": "thing" if k in palette.things else "stuff",
                "isthing": int(k in palette.things),
                "color": list(palette.colors[k]),
            }
            for k, name in enumerate(palette.names)
        ],
    }
    return json.dumps(content, separators=(",", ":")).encode("ascii")


def read_panoptic(content: bytes, pngs: Mapping[str, bytes], title: str = "COCO panoptic") -> tuple[Entry, ...]:
    """Read COCO's panoptic JSON and the PNGs it names (file name → bytes), ours or others' (ids may be any numbers).

    Classes are numbered in the order of `categories` (`category_ids` has their ids); what has no colour gets grey.
    ValueError for a file that isn't such a one, a missing PNG, or a PNG and a list of segments that don't agree.
    """
    try:
        data = json.loads(content)
        palette, label_of = _palette(data["categories"], title)
        names = {image["id"]: image["file_name"] for image in data["images"]}
        return tuple(_entry(annotation, names, palette, label_of, pngs) for annotation in data["annotations"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"This JSON file isn't COCO's panoptic format ({error!r}).") from error


def category_ids(content: bytes) -> tuple[int, ...]:
    """Return the ids of a panoptic JSON's categories, in the order of the palette that `read_panoptic` makes."""
    return tuple(category["id"] for category in json.loads(content)["categories"])


def ids_png(ids: Ids) -> bytes:
    """Write a map of instance ids (H, W) uint16, 0 = none, as a grey PNG of 16 bits.

    >>> read_ids_png(ids_png(np.array([[0, 1, 65535]], np.uint16))).tolist()
    [[0, 1, 65535]]
    """
    if ids.dtype != np.uint16 or ids.ndim != 2:
        raise ValueError(f"Instance ids must be uint16 (H, W); got {ids.dtype} {ids.shape}.")
    out = io.BytesIO()
    Pil.fromarray(ids).save(out, "PNG", compress_level=3)
    return out.getvalue()


def read_ids_png(content: bytes, longest: int | None = None) -> Ids:
    """Read a grey PNG of 16 (or 8) bits as instance ids (H, W) uint16; ValueError for any other file.

    `longest`: pixels a side at most; what is larger is refused before it is decoded.
    """
    picture = _open(content, "the file", longest)
    if picture.mode not in ("I;16", "L"):
        raise ValueError(f"A PNG of instance ids is grey, 16 or 8 bits a pixel; this one has mode {picture.mode}.")
    return np.asarray(picture).astype(np.uint16)


def _segments_info(entry: Entry, category_ids: Sequence[int]) -> list[dict[str, Any]]:
    ids, found = boxes(entry.result.segment_ids)
    box_of = dict(zip(ids.tolist(), found.tolist(), strict=True))
    unknown = entry.crowd - box_of.keys()
    if unknown:
        raise ValueError(f"{entry.file_name}: crowd names segments that aren't there: {sorted(unknown)}.")
    listed = []
    for segment in entry.result.segments:
        top, left, bottom, right = box_of[segment.id]
        info = {
            "id": segment.id,
            "category_id": category_ids[segment.label],
            "area": segment.area,
            "bbox": [left, top, right - left, bottom - top],
            "iscrowd": int(segment.id in entry.crowd),
        }
        listed.append(info | ({"score": segment.score} if segment.score != 1 else {}))
    return listed


def _entry(
    annotation: dict[str, Any],
    names: Mapping[int, str],
    palette: Palette,
    label_of: Mapping[int, int],
    pngs: Mapping[str, bytes],
) -> Entry:
    name, listed = annotation["file_name"], annotation["segments_info"]
    if name not in pngs:
        raise ValueError(
            f"The file names the picture {name}, which isn't there; there are {', '.join(pngs) or 'none'}."
        )
    ids = _read_ids(pngs[name], name)
    found, counts = np.unique(ids, return_counts=True)
    area = dict(zip(found.tolist(), counts.tolist(), strict=True))
    labels = [label_of[info["category_id"]] for info in listed]
    segments = tuple(
        Segment(info["id"], label, label in palette.things, area.get(info["id"], 0), info.get("score", 1.0))
        for info, label in zip(listed, labels, strict=True)
    )
    crowd = frozenset(info["id"] for info in listed if info["iscrowd"])
    number = annotation["image_id"]
    return Entry(names[number], PanopticResult(ids, segments, palette), crowd, name, number)


def _palette(categories: Sequence[dict[str, Any]], title: str) -> tuple[Palette, dict[int, int]]:
    palette = Palette(
        title,
        tuple(category["name"] for category in categories),
        tuple(tuple(category.get("color", (128, 128, 128))) for category in categories),  # type: ignore[misc]
        tuple(k for k, category in enumerate(categories) if category["isthing"]),
    )
    return palette, {category["id"]: k for k, category in enumerate(categories)}


def _read_ids(content: bytes, name: str) -> NDArray[np.int32]:
    picture = _open(content, name)
    if picture.mode != "RGB":
        raise ValueError(f"{name}: COCO's panoptic PNG has three channels, this one has mode {picture.mode}.")
    return np.asarray(picture).astype(np.int32) @ np.array([1, 256, 256**2], np.int32)


def _open(content: bytes, name: str, longest: int | None = None) -> Pil.Image:
    try:
        picture = Pil.open(io.BytesIO(content), formats=["PNG"])
        if longest is not None and max(picture.size) > longest:
            width, height = picture.size
            raise ValueError(
                f"It is {width}×{height} pixels; at most {longest} a side are taken. Cut a part out first."
            )
        picture.load()
    except (OSError, SyntaxError, Pil.DecompressionBombError) as error:
        raise ValueError(f"{name} is no PNG that can be read. Choose another file, or save it anew.") from error
    return picture
