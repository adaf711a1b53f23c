"""Names of files that come in and go out: wildcards, results that don't write over each other or over a picture."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from seglab.cli.common import UsageError


def expand(paths: Sequence[Path]) -> list[Path]:
    """Put files in the place of names with * and ?, which Windows' shells leave to the program; in order of name.

    A name that is a file's, or that fits none, stays as it is.

    >>> [path.name for path in expand([Path("no such folder/*.jpg")])]
    ['*.jpg']
    """
    found: list[Path] = []
    for path in paths:
        pattern = str(path).replace("[", "[[]")  # brackets are common in the names of downloads
        some = sorted(glob.glob(pattern)) if {"*", "?"} & set(pattern) and not os.path.exists(path) else []
        found += [Path(name) for name in some] or [path]
    return found


def unique_stems(paths: Sequence[Path]) -> list[str]:
    """Return a stem for every path, unequal even where capitals don't count; the first of equals keeps its own.

    >>> unique_stems([Path("a.jpg"), Path("b/A.png"), Path("a_2.jpg"), Path("a.png")])
    ['a', 'A_3', 'a_2', 'a_4']
    """
    own = {path.stem.casefold() for path in paths}
    taken: set[str] = set()
    stems = []
    for path in paths:
        stem, n = path.stem, 1
        while stem.casefold() in taken or (n > 1 and stem.casefold() in own):
            n += 1
            stem = f"{path.stem}_{n}"
        taken.add(stem.casefold())
        stems.append(stem)
    return stems


def spare_inputs(inputs: Sequence[Path], outputs: Sequence[Path]) -> None:
    """Refuse to write over a picture that is to be read."""
    read = {_place(path): path for path in inputs}
    for path in outputs:
        if _place(path) in read:
            raise UsageError(
                f"the result {path} would overwrite the picture {read[_place(path)]}; use another --output"
            )


def _place(path: Path) -> object:
    """Return what tells one file from another: the file itself if it exists, else its full name."""
    try:
        stat = path.stat()
    except (OSError, ValueError):
        return path.absolute()
    return stat.st_dev, stat.st_ino
