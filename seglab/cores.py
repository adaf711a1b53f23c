"""One thread for each core, and memory that belongs to a thread: for array work that is done in pieces."""

from __future__ import annotations

import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seglab import machine


@cache
def threads() -> ThreadPoolExecutor:
    """Return `machine.threads` threads, shared by all callers: thirty visitors at once need no more memory than one."""
    return ThreadPoolExecutor(machine.threads(), thread_name_prefix="maps")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=threads.cache_clear)  # a forked process has none of its parent's threads

_mine = threading.local()


def scratch(name: str, shape: tuple[int, ...], dtype: Any = np.float32) -> NDArray[Any]:
    """Return this thread's memory of that name as an array with arbitrary content; the next call hands it out again."""
    n = math.prod(shape)
    if getattr(_mine, name, np.empty(0)).size < n:
        setattr(_mine, name, np.empty(n, dtype))
    return getattr(_mine, name)[:n].reshape(shape)
