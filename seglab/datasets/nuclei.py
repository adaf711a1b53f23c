"""Cell nuclei of the 2018 Data Science Bowl, stage 1 (BBBC038; Caicedo et al. 2019, Nature Methods 16:1247): CC0.

Expected on disk: ROOT/images/<id>.png (8-bit grey or RGB), ROOT/instances/<id>.png (one 16-bit channel: 0 background,
1, 2, … per nucleus) and ROOT/index.csv with at least the columns id, height, width, kind ("gray" or "colour") and
nuclei. Two nuclei never share a pixel. Colour means stained tissue. Grey means fluorescence, bright on dark and often
very dark (half of the pictures have a mean below 13 of 255), but for 14 of 469: dark nuclei on bright ground.

A fifth of the pictures is kept aside as "test". A picture belongs to it by the hash of its id alone, so the split is
the same on every machine, whatever else lies in the folder. It isn't a split by experiment, which the set doesn't
tell: pictures of one slide may lie on both sides, as in most papers on it. Nothing of the set is shipped with SegLab.
"""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
from PIL import Image as PIL

from seglab.palettes import NUCLEI
from seglab.types import Ids, Image, Sample

SPLITS = ("train", "test")
KINDS = {"gray": "grey", "grey": "grey", "colour": "colour", "color": "colour"}
COLUMNS = ("id", "height", "width", "kind", "nuclei")


def load(root: str | Path, split: str = "train", *, grey: bool | None = True, limit: int | None = None) -> list[Sample]:
    """Read a split into memory, in the order of the ids; `sequence` of a sample is "grey" or "colour".

    Args:
        root: the folder that holds `index.csv`, or its parent with the name `dsb2018` inside.
        split: "train" (four fifths), "test" (the fifth kept aside) or both joined by "+", as in "train+test".
        grey: True for grey pictures only, False for colour only, None for all.
        limit: at most so many pictures, those with the smallest hashes: a fixed choice that looks random, and each
            smaller one is part of each larger one. `nuclei-unet-30` is trained on `limit=30`.

    Raises:
        ValueError: no such folder or split, no picture left, or a file is missing, malformed or not as listed.
    """
    root = Path(root)
    if (root / "dsb2018").is_dir():
        root = root / "dsb2018"
    wanted = [name.strip() for name in split.split("+")]
    if unknown := [name for name in wanted if name not in SPLITS]:
        raise ValueError(f"There is no split {unknown[0]!r} of the nuclei; there are {', '.join(SPLITS)}.")
    if limit is not None and limit < 1:
        raise ValueError(f"limit is a number of pictures, 1 or more; got {limit}. Leave it out to have them all.")
    kinds = {None: ("grey", "colour"), True: ("grey",), False: ("colour",)}[grey]
    rows = [r for r in _index(root) if split_of(r["id"]) in wanted and KINDS[r["kind"]] in kinds]
    if not rows:
        raise ValueError(f"{root / 'index.csv'} lists no {' or '.join(kinds)} picture of the split {split!r}.")
    rows = sorted(rows, key=lambda row: _hash(row["id"]))[:limit]
    return [_sample(root, row) for row in sorted(rows, key=lambda row: row["id"])]


def split_of(key: str) -> str:
    """Say which split the picture with this id belongs to: "test" if the hash of the id divides by 5.

    >>> split_of("00071198d059ba7f"), split_of("003cee89357d9fe1")
    ('test', 'train')
    """
    return "test" if _hash(key) % 5 == 0 else "train"


def _hash(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big")


def _index(root: Path) -> list[dict[str, str]]:
    path = root / "index.csv"
    if not path.is_file():
        raise ValueError(f"{root} has no index.csv, images and instances. Is this the nuclei folder (dsb2018)?")
    with path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        rows = list(table)
    if missing := [name for name in COLUMNS if name not in (table.fieldnames or ())]:
        raise ValueError(f"{path} lacks the column {missing[0]!r}; wanted {', '.join(COLUMNS)}.")
    for row in rows:
        if row["kind"] not in KINDS:
            raise ValueError(f"{path}: {row['id']} is of the kind {row['kind']!r}; wanted gray or colour.")
    return rows


def _sample(root: Path, row: dict[str, str]) -> Sample:
    path, truth = root / "images" / f"{row['id']}.png", root / "instances" / f"{row['id']}.png"
    for file in (path, truth):
        if not file.is_file():
            raise ValueError(f"{row['id']} is listed in index.csv, but its file is missing; wanted {file}.")
    image, ids = _read(path, truth)
    found = [str(n) for n in (*ids.shape, np.count_nonzero(np.bincount(ids.ravel())[1:]))]
    listed = [row["height"], row["width"], row["nuclei"]]
    if found != listed:
        raise ValueError(
            f"{truth} doesn't fit index.csv: height, width and nuclei are {', '.join(found)}, "
            f"listed are {', '.join(map(str, listed))}."
        )
    try:
        return Sample(image, (ids > 0).astype(np.uint8), NUCLEI, row["id"], KINDS[row["kind"]], ids)
    except ValueError as error:
        raise ValueError(f"{truth} doesn't fit {path.name}: {error}") from error


def _read(path: Path, truth: Path) -> tuple[Image, Ids]:
    try:
        with PIL.open(path) as file:
            image = np.array(file.convert("RGB"))
        with PIL.open(truth) as file:
            ids = np.array(file)
    except Exception as error:  # Pillow reports damaged files by many types: OSError, SyntaxError, bombs, …
        raise ValueError(f"{path.name} or its instance file can't be read: {error}") from error
    if ids.ndim != 2 or ids.dtype != np.uint16:
        raise ValueError(f"{truth} must have one 16-bit channel of instance ids; got {ids.dtype} {ids.shape}.")
    return image, ids
