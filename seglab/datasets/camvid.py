"""CamVid, 11 classes (Brostow et al. 2008, in the version used since SegNet): street scenes from a driving car.

Expected on disk: ROOT/<split>/<stem>.webp|png|jpg beside ROOT/<split>annot/<stem>.png, one 8-bit channel of class
indices, where 11 means unlabelled. Frames of one video are near-duplicates, so the splits must be kept as they are;
the part of a file's name before the underscore names its video ("sequence").
Terms: CC BY-NC, research and education. Nothing of it is shipped with SegLab.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as PIL

from seglab.palettes import CAMVID
from seglab.types import Sample

UNLABELLED = 11
SUFFIXES = (".webp", ".png", ".jpg")


def load(root: str | Path, split: str = "train", *, hold_out: str | None = None) -> tuple[list[Sample], list[Sample]]:
    """Read a split into memory: (samples, held-out samples).

    Args:
        root: the folder that holds `train` and `trainannot`, or its parent.
        split: "train", "val", "test" or several joined by "+", as in "train+val".
        hold_out: a sequence, as in "0006R0", that goes into the second list instead of the first.

    Raises:
        ValueError: no such folder, split or sequence, or a label file is missing or malformed.
    """
    root = Path(root)
    if (root / "camvid").is_dir():
        root = root / "camvid"
    samples = [sample for name in split.split("+") for sample in _split(root, name.strip())]
    if hold_out is None:
        return samples, []
    sequences = sorted({s.sequence for s in samples})
    if hold_out not in sequences:
        raise ValueError(f"No sequence {hold_out!r} in {split}; there are {', '.join(sequences)}.")
    return [s for s in samples if s.sequence != hold_out], [s for s in samples if s.sequence == hold_out]


def _split(root: Path, split: str) -> list[Sample]:
    folder, truth = root / split, root / f"{split}annot"
    if not folder.is_dir() or not truth.is_dir():
        there = [p.name.removesuffix("annot") for p in sorted(root.glob("*annot"))]
        raise ValueError(
            f"{root} has no split {split!r}: wanted the folders {split} and {split}annot"
            + (f"; there are the splits {', '.join(there)}." if there else ". Is this the CamVid folder?")
        )
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    if not files:
        raise ValueError(f"{folder} holds no pictures ({', '.join(SUFFIXES)}).")
    return [_sample(path, truth / f"{path.stem}.png") for path in files]


def _sample(path: Path, truth: Path) -> Sample:
    if not truth.is_file():
        raise ValueError(f"{path.name} has no label file; wanted {truth}.")
    try:
        with PIL.open(path) as file:
            image = np.array(file.convert("RGB"))
        with PIL.open(truth) as file:
            labels = np.array(file)
    except Exception as error:  # Pillow reports damaged files by many types: OSError, SyntaxError, bombs, …
        raise ValueError(f"{path.name} or its label file can't be read: {error}") from error
    if labels.ndim != 2 or labels.dtype != np.uint8:
        raise ValueError(
            f"{truth.name} must have one 8-bit channel of class indices; got {labels.dtype} {labels.shape}."
        )
    labels = np.where(labels == UNLABELLED, np.uint8(CAMVID.ignore_index), labels)
    try:
        return Sample(image, labels, CAMVID, path.stem, path.stem.split("_")[0])
    except ValueError as error:
        raise ValueError(f"{truth} doesn't fit {path.name}: {error}") from error
