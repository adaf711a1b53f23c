"""Results for annotation tools that hold polygons: LabelMe and the VGG Image Annotator (VIA).

Each region of a class becomes a polygon without holes (see `polygons`). The background class, if there is one, and
unsure pixels become none: in these tools what isn't drawn is "nothing". A map with more borders than `MAX_BORDER`
(noise) is traced at half the size, or a quarter, and so on, so that time and file stay bounded. Class and file names
may hold any characters; of a file name with folders the last part is kept, as the tools look for the picture beside it.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from typing import Any

from PIL import Image as Pil

from seglab.export.polygons import Points, polygons
from seglab.types import Image, Labels, Palette, check_image, check_labels

LABELME_VERSION = "5.5.0"  # the version of the format; LabelMe 4 to 6 read it
MAX_BORDER = 150_000  # pixel sides of border in a map, three times a street scene's at 1080p
VIA_VERSION = "2.0.10"  # `_via_data_format_version` of VIA 2.0.9 and later


def labelme_json(labels: Labels, palette: Palette, file_name: str, image: Image | None = None) -> bytes:
    """Write LabelMe's JSON file of one picture, largest region first.

    Points are in LabelMe's coordinates, where the first pixel is the square from (0, 0) to (1, 1). With `image` the
    picture is inside the file (as JPEG), so that it opens alone; without it LabelMe looks for `file_name` beside it.

    Source of the format: LabelMe's `LabelFile.load` and `save`.
    """
    check_labels(labels, palette)
    height, width = labels.shape
    shapes: list[dict[str, Any]] = [
        {
            "label": palette.names[k],
            "points": _rounded((points + 0.5).clip(0, (width, height))),
            "group_id": None,
            "description": "",
            "shape_type": "polygon",
            "flags": {},
        }
        for k, points in _regions(labels, palette)
    ]
    return _json(
        {
            "version": LABELME_VERSION,
            "flags": {},
            "shapes": shapes,
            "imagePath": base_name(file_name),
            "imageData": None if image is None else _picture(image, labels),
            "imageHeight": height,
            "imageWidth": width,
        }
    )


def via_json(labels: Labels, palette: Palette, file_name: str, file_size: int = -1) -> bytes:
    """Write a project of VIA 2 with one picture: open it in VIA by "Load project", then add the picture.

    Points are in the coordinates that VIA's readers rasterise by, with the middle of the first pixel at (0, 0); none
    lies outside the picture. The class is the region attribute "class", a drop-down menu with the palette's names.
    `file_size` is the picture's in bytes: VIA's key is file name + size, and −1 stands for "not known".

    Source of the format: VIA's code documentation, section "Core Data Structures", and its `_via_img_metadata`.
    """
    check_labels(labels, palette)
    height, width = labels.shape
    name = base_name(file_name)
    key = f"{name}{file_size}"
    regions = []
    for k, points in _regions(labels, palette):
        x, y = zip(*_rounded(points.clip(0, (width - 1, height - 1))), strict=True)
        shape = {"name": "polygon", "all_points_x": list(x), "all_points_y": list(y)}
        regions.append({"shape_attributes": shape, "region_attributes": {"class": palette.names[k]}})
    menu = {
        "type": "dropdown",
        "description": f"Class of {palette.title}",
        "options": dict.fromkeys(palette.names, ""),
        "default_options": {},
    }
    return _json(
        {
            "_via_settings": _VIA_SETTINGS | {"project": {"name": f"SegLab {name}"}},
            "_via_img_metadata": {
                key: {"filename": name, "size": file_size, "regions": regions, "file_attributes": {}}
            },
            "_via_attributes": {"region": {"class": menu}, "file": {}},
            "_via_data_format_version": VIA_VERSION,
            "_via_image_id_list": [key],
        }
    )


def base_name(file_name: str) -> str:
    r"""Return the last part of a path of any system.

    >>> base_name("C:\\photos\\a b.jpg"), base_name("../x/y.png"), base_name("")
    ('a b.jpg', 'y.png', 'image')
    """
    return re.split(r"[/\\]", file_name)[-1] or "image"


def _regions(labels: Labels, palette: Palette) -> Iterator[tuple[int, Points]]:
    """Yield (class, polygon) of every region, largest class first."""
    step = 1
    while _border(labels[step // 2 :: step, step // 2 :: step]) > MAX_BORDER:
        step *= 2
    labels = labels[step // 2 :: step, step // 2 :: step]
    found = [(int((labels == k).sum()), k) for k in range(len(palette)) if k != palette.background]
    for _, k in sorted(found, reverse=True):
        yield from ((k, points * step + (step - 1) / 2) for points in polygons(labels == k))


def _border(labels: Labels) -> int:
    """Length of all borders between labels, in pixel sides."""
    return int((labels[1:] != labels[:-1]).sum() + (labels[:, 1:] != labels[:, :-1]).sum())


def _rounded(points: Points) -> list[list[float]]:
    rounded: list[list[float]] = points.round(2).tolist()
    return rounded


def _picture(image: Image, labels: Labels) -> str:
    check_image(image)
    if image.shape[:2] != labels.shape:
        raise ValueError(f"The image is {image.shape[:2]} and the labels {labels.shape} (height, width).")
    out = io.BytesIO()
    Pil.fromarray(image).save(out, "JPEG", quality=95, subsampling=0)
    return base64.b64encode(out.getvalue()).decode("ascii")


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")


# The settings VIA saves with a new project; it reads them all when the project is opened.
_VIA_SETTINGS: dict[str, Any] = {
    "ui": {
        "annotation_editor_height": 25,
        "annotation_editor_fontsize": 0.8,
        "leftsidebar_width": 18,
        "image_grid": {
            "img_height": 80,
            "rshape_fill": "none",
            "rshape_fill_opacity": 0.3,
            "rshape_stroke": "yellow",
            "rshape_stroke_width": 2,
            "show_region_shape": True,
            "show_image_policy": "all",
        },
        "image": {
            "region_label": "class",
            "region_color": "class",
            "region_label_font": "10px Sans",
            "on_image_annotation_editor_placement": "NEAR_REGION",
        },
    },
    "core": {"buffer_size": 18, "filepath": {}, "default_filepath": ""},
}
