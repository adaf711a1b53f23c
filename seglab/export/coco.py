"""Results as COCO JSON with run-length-encoded masks: a label map (`coco_json`) or objects (`coco_objects_json`).

Objects get an annotation each, with its score, and may overlap. Choices for a label map: one annotation for each class
in the picture (COCO's stuff format: "each category present in an image is encoded with a single RLE annotation"),
things too, because a label map doesn't say where one car ends and the next begins. For that reason `iscrowd` is 1,
COCO's mark for RLE masks of several objects; loaders that leave out crowds must be told not to. The background class is
exported like the others, so that the file holds all of the labels; unsure pixels are in no annotation. A category's id
is the class index + 1, as COCO's ids begin at 1.

Source: the COCO data format (cocodataset.org, "Data format", sections 1 and 3) and its mask API for the encoding.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seglab import __version__
from seglab.export.tools import base_name
from seglab.types import InstanceResult, Labels, Palette, check_labels


def coco_json(labels: Labels, palette: Palette, file_name: str) -> bytes:
    """Write a COCO data set of one picture: info, licenses, images, annotations (RLE) and categories, as UTF-8 JSON.

    `area` is in pixels, `bbox` [x, y, width, height] in pixels from the top left corner.
    """
    check_labels(labels, palette)
    height, width = labels.shape
    starts, lengths, values = _runs(labels)
    annotations: list[dict[str, Any]] = []
    for k in range(len(palette)):
        own = values == k
        if not own.any():
            continue
        first, last = starts[own], starts[own] + lengths[own] - 1
        left, right = int(first[0] // height), int(last[-1] // height)
        # A run that goes on into the next column covers the picture's first and last row.
        wraps = (first // height != last // height).any()
        top = 0 if wraps else int((first % height).min())
        bottom = height - 1 if wraps else int((last % height).max())
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": 1,
                "category_id": k + 1,
                "segmentation": {"size": [height, width], "counts": _compress(_counts(first, last, labels.size))},
                "area": int(lengths[own].sum()),
                "bbox": [left, top, right - left + 1, bottom - top + 1],
                "iscrowd": 1,
            }
        )
    return _data_set(annotations, palette, file_name, (height, width))


def coco_objects_json(result: InstanceResult, file_name: str) -> bytes:
    """Write a COCO data set of one picture with an annotation (RLE) for each object; masks may overlap.

    `bbox` and `area` are those of the mask; besides COCO's keys there is `score`, 0..1. An object whose mask is empty
    is left out.
    """
    height, width = result.size
    annotations: list[dict[str, Any]] = []
    for crop, k, score in zip(result.crops, result.classes, result.scores, strict=True):
        mask = crop.mask()
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            continue
        strip = np.zeros((height, crop.width), bool)  # whole columns, so that runs are counted as in the whole picture
        strip[crop.top : crop.top + crop.height] = mask
        starts, lengths, values = _runs(strip)
        first = starts[values] + crop.left * height
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": 1,
                "category_id": int(k) + 1,
                "segmentation": {
                    "size": [height, width],
                    "counts": _compress(_counts(first, first + lengths[values] - 1, height * width)),
                },
                "area": int(np.count_nonzero(mask)),
                "bbox": [
                    crop.left + int(columns[0]), crop.top + int(rows[0]),
                    int(columns[-1] - columns[0]) + 1, int(rows[-1] - rows[0]) + 1,
                ],
                "iscrowd": 0,
                "score": round(float(score), 4),
            }
        )  # fmt: skip
    return _data_set(annotations, result.palette, file_name, (height, width))


def _data_set(annotations: list[dict[str, Any]], palette: Palette, file_name: str, size: tuple[int, int]) -> bytes:
    """Return the whole file: info, licenses, the one picture, annotations and categories."""
    height, width = size
    today = datetime.now(UTC).date()
    info = {
        "description": f"Segmentation of {base_name(file_name)} into the classes of {palette.title}",
        "version": __version__,
        "year": today.year,
        "date_created": today.isoformat(),
        "contributor": "SegLab",
        "url": "",
    }
    content = {
        "info": info,
        "licenses": [{"id": 1, "name": "the picture's own", "url": ""}],
        "images": [{"id": 1, "file_name": base_name(file_name), "width": width, "height": height, "license": 1}],
        "annotations": annotations,
        "categories": [
            {
                "id": k + 1,
                "name": name,
                "supercategory": "thing" if k in palette.things else "stuff",
                "isthing": int(k in palette.things),
            }
            for k, name in enumerate(palette.names)
        ],
    }
    return json.dumps(content, separators=(",", ":")).encode("ascii")


def rle(mask: NDArray[np.bool_]) -> str:
    """Encode a bool mask (H, W) as the `counts` of COCO's compressed RLE (column by column, zeros first).

    >>> rle(np.array([[0, 1], [1, 1]], bool))
    '13'
    """
    starts, lengths, values = _runs(mask)
    first = starts[values]
    return _compress(_counts(first, first + lengths[values] - 1, mask.size))


def _runs(labels: NDArray) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray]:
    """Cut the map, read column by column, into runs of one value: start, length and value of each."""
    flat = labels.ravel(order="F")
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    return starts, np.diff(starts, append=len(flat)), flat[starts]


def _counts(first: NDArray[np.intp], last: NDArray[np.intp], size: int) -> NDArray[np.int64]:
    """Lengths of the runs of 0, 1, 0, 1, … from the first and last positions of the ones; the first may be empty."""
    edges = np.stack([first, last + 1], axis=1).ravel()
    counts = np.diff(edges, prepend=0, append=size)
    return counts if counts[-1] or len(counts) == 1 else counts[:-1]


def _compress(counts: NDArray[np.int64]) -> str:
    """Write numbers as COCO does: each as difference to the one before the last, in digits of 5 bits, lowest first."""
    rest = counts.astype(np.int64)
    rest[3:] -= counts[1:-2]
    digits, used = [], np.ones(len(rest), bool)
    in_use = []
    while used.any():
        digit = rest & 0x1F
        rest >>= 5
        more = np.where(digit & 0x10, rest != -1, rest != 0) & used  # the sign is in the top bit of the last digit
        digits.append((digit | (more << 5)) + 48)
        in_use.append(used)
        used = more
    letters = np.stack(digits, axis=1)[np.stack(in_use, axis=1)]
    return letters.astype(np.uint8).tobytes().decode("ascii")
