"""Results as files: one function for each format, bytes out, and FORMATS, the one table of them all.

Conventions: labels are uint8 (H, W) with 255 = unsure, alpha is float (H, W) in 0..1. Nothing is written to disk. Names
of classes and files may hold any characters. Every writer raises ValueError for labels that the palette lacks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from seglab import allocator
from seglab.draw import Alpha
from seglab.export.coco import coco_json, coco_objects_json, rle
from seglab.export.panoptic_png import Entry, ids_png, panoptic_json, panoptic_png, read_ids_png, read_panoptic
from seglab.export.pictures import areas_csv, cutout_png, indexed_png, npz, overlay_jpeg
from seglab.export.polygons import polygons
from seglab.export.tools import labelme_json, via_json
from seglab.images import LARGE
from seglab.types import Image, SemanticResult

__all__ = [
    "FORMATS", "Entry", "Format", "Source", "areas_csv", "coco_json", "coco_objects_json", "cutout_png", "ids_png",
    "indexed_png", "labelme_json", "npz", "overlay_jpeg", "panoptic_json", "panoptic_png", "polygons", "read_ids_png",
    "read_panoptic", "rle", "via_json",
]  # fmt: skip


@dataclass(frozen=True)
class Source:
    """All that a format may draw on: the photo, its result, its file name and size in bytes (−1 = not known).

    `alpha` (H, W) is the soft mask of the object for the cut-out; without one there is no cut-out.
    """

    image: Image
    result: SemanticResult
    file_name: str
    file_size: int = -1
    opacity: float = 0.5
    alpha: Alpha | None = None


@dataclass(frozen=True)
class Format:
    """A row of FORMATS: the file is called stem + suffix; `function` makes its bytes; `needs_alpha` for the cut-out."""

    key: str
    title: str
    suffix: str
    mime: str
    make: Callable[[Source], bytes]
    needs_alpha: bool = False

    def function(self, source: Source) -> bytes:
        """Return the file's bytes; of a large picture, malloc gives back at once what that took (up to 450 MB)."""
        try:
            return self.make(source)
        finally:
            if source.result.labels.size > LARGE:
                allocator.give_back()


def _cutout(source: Source) -> bytes:
    if source.alpha is None:
        raise ValueError("A cut-out needs an alpha map: choose the object's class and give Source its alpha.")
    return cutout_png(source.image, source.alpha)


FORMATS: tuple[Format, ...] = (
    Format("png", "Labels, indexed PNG", ".png", "image/png", lambda s: indexed_png(s.result.labels, s.result.palette)),
    Format("overlay", "Overlay, JPEG", "_overlay.jpg", "image/jpeg",
           lambda s: overlay_jpeg(s.image, s.result.labels, s.result.palette, s.opacity)),
    Format("cutout", "Cut-out, PNG with alpha", "_cutout.png", "image/png", _cutout, needs_alpha=True),
    Format("npz", "Arrays, NumPy .npz", ".npz", "application/octet-stream", lambda s: npz(s.result)),
    Format("coco", "COCO JSON (RLE)", "_coco.json", "application/json",
           lambda s: coco_json(s.result.labels, s.result.palette, s.file_name)),
    Format("labelme", "LabelMe JSON", "_labelme.json", "application/json",
           lambda s: labelme_json(s.result.labels, s.result.palette, s.file_name, s.image)),
    Format("via", "VIA JSON", "_via.json", "application/json",
           lambda s: via_json(s.result.labels, s.result.palette, s.file_name, s.file_size)),
    Format("areas", "Areas, CSV", "_areas.csv", "text/csv", lambda s: areas_csv(s.result.labels, s.result.palette)),
)  # fmt: skip
