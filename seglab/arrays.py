"""Large arrays whose memory goes back to the system the moment nobody holds them."""

from __future__ import annotations

import math
import mmap

import numpy as np
from numpy.typing import DTypeLike, NDArray

LARGE = 2**24  # bytes; below, a mapping of its own costs more than it is worth


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
    """Return a new, writable array; from 16 MiB up it has a mapping of its own instead of malloc's memory.

    malloc is told to keep what is freed (`seglab.allocator`), which suits the networks' buffers, but not a result of
    a hundred megabytes that a page lets go of hours later.

    >>> empty((2, 3), np.uint8).shape, empty((2**24 + 1,), np.uint8).flags.writeable
    ((2, 3), True)
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    try:
        # A private mapping where there is such a thing: a child process must not write into ours.
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE) if hasattr(mmap, "MAP_PRIVATE") else mmap.mmap(-1, size)
    except OSError as error:
        raise MemoryError(f"There is no memory for an array of {size / 1e6:.0f} MB.") from error
    return np.frombuffer(memory, dtype).reshape(shape)
