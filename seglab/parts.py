"""Files that are there whole or not at all, and the tidying up after processes that were killed while they wrote one.

A file is written under another name in the folder where it belongs and moved to its own name once it is complete. The
unfinished part is locked for as long as its writer lives: what isn't locked was left over, whoever wrote it, on this
machine or on another that shares the folder.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".seglab-part"
OLD = 24 * 3600  # seconds without a byte, after which a part is left over where files can't be locked


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write to, which gets its name when the block is left, or vanishes if that is by an exception.

    Whoever finds `path`, at any moment, finds all of the new file, or what was there before.
    """
    part, file = _create(path.parent)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # a name that is on the disk before its content would outlive a power cut empty
            if fcntl:
                os.replace(part, path)  # while it is still locked: nobody may take it for left over
        if not fcntl:
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write(path: Path, data: bytes) -> None:
    """Write a file as `writing` does."""
    with writing(path) as file:
        file.write(data)


def _create(folder: Path) -> tuple[Path, BinaryIO]:
    """Open a part of our own in `folder`, locked until it is closed."""
    while True:
        part = folder / f".{uuid.uuid4().hex[:12]}{SUFFIX}"  # short: the file's own name may be as long as names can be
        file = part.open("xb")
        try:
            ours = _lock(file) and part.exists()  # not, if remove_leftovers came between open and lock: try another
        except OSError:
            ours = True  # a file system without locks
        if ours:
            return part, file
        file.close()


def remove_leftovers(folder: Path) -> None:
    """Delete the parts in `folder` whose writer is gone (killed, or the power went); never raises."""
    try:
        found = [entry for entry in folder.iterdir() if entry.name.endswith(SUFFIX)]
    except OSError:
        return
    for part in found:
        try:
            with part.open("r+b") as file:
                left_over = _left_over(file)
                if left_over and fcntl:
                    part.unlink()
            if left_over and not fcntl:
                part.unlink()
        except OSError:  # gone already; in use (Windows); somebody else's
            continue


def _left_over(file: BinaryIO) -> bool:
    if fcntl:
        try:
            return _lock(file)
        except OSError:
            pass
    return time.time() - os.fstat(file.fileno()).st_mtime > OLD


def _lock(file: BinaryIO) -> bool:
    """Lock an open file until it is closed; False if another has it; OSError where files can't be locked."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
