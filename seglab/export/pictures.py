"""Results as pictures and arrays: indexed PNG, overlay JPEG, cut-out PNG, .npz, and the table of areas."""

from __future__ import annotations

import csv
import io

import numpy as np
from PIL import Image as Pil

from seglab import draw
from seglab.types import Image, Labels, Palette, SemanticResult, check_labels


def indexed_png(labels: Labels, palette: Palette) -> bytes:
    """Write labels as a PNG of one 8-bit channel of class indices with the palette's colours; 255 = unsure, white.

    Pillow opens it in mode "P"; `np.asarray` of it gives the labels back.
    """
    check_labels(labels, palette)
    picture = Pil.fromarray(labels)
    picture.putpalette(palette.lut().tobytes())
    out = io.BytesIO()
    picture.save(out, "PNG", bits=8, optimize=False)
    return out.getvalue()


def overlay_jpeg(image: Image, labels: Labels, palette: Palette, opacity: float = 0.5) -> bytes:
    """Write the photo under the classes' colours (see `draw.overlay`) as a JPEG of quality 90."""
    out = io.BytesIO()
    Pil.fromarray(draw.overlay(image, labels, palette, opacity)).save(out, "JPEG", quality=90, subsampling=0)
    return out.getvalue()


def cutout_png(image: Image, alpha: draw.Alpha) -> bytes:
    """Write the object alone (see `draw.cut_out`) as an RGBA PNG; `alpha` (H, W) in 0..1."""
    out = io.BytesIO()
    Pil.fromarray(draw.cut_out(image, alpha)).save(out, "PNG", compress_level=3)
    return out.getvalue()


def npz(result: SemanticResult) -> bytes:
    """Write the raw arrays: labels (H, W) uint8, logits (K, h, w) float16, class_names (K,) str, colors (K, 3) uint8.

    `np.load` opens it without pickles. The logits have the network's resolution: scale them up bilinearly before
    softmax and argmax.
    """
    out = io.BytesIO()
    np.savez_compressed(
        out,
        labels=result.labels,
        logits=result.logits.astype(np.float16, copy=False),
        class_names=np.array(result.palette.names),
        colors=np.array(result.palette.colors, np.uint8),
    )
    return out.getvalue()


def areas_csv(labels: Labels, palette: Palette) -> bytes:
    """Write the area of every class as CSV (RFC 4180, UTF-8): class, pixels, percent of the picture; last row "unsure".

    A name that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    check_labels(labels, palette)
    counts = np.bincount(labels.ravel(), minlength=256)
    out = io.StringIO(newline="")
    table = csv.writer(out)
    table.writerow(["class", "pixels", "percent"])
    for name, count in [*zip(palette.names, counts, strict=False), ("unsure", counts[palette.ignore_index])]:
        safe = f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name
        table.writerow([safe, int(count), f"{100 * count / max(labels.size, 1):.4f}"])
    return out.getvalue().encode("utf-8", errors="backslashreplace")
