"""glibc's malloc, told to keep large buffers for the next layer instead of giving them back after each.

A network allocates and frees buffers of many megabytes at every layer. By default glibc returns each to the system,
which has to clear and hand out every page again: more than half of a U-Net's time. `keep_buffers` sets, for the whole
process, what `MALLOC_MMAP_THRESHOLD_`, `MALLOC_TRIM_THRESHOLD_` and `MALLOC_ARENA_MAX=1` would have set before it
started; whoever has set one of them (or GLIBC_TUNABLES) keeps it, and SEGLAB_ALLOCATOR=system leaves malloc alone.
What it keeps is given back by `give_back`, which runs after large jobs.

One arena, because another thread's own arena can't grow beyond 64 MB, and its larger buffers come from the system
again. A thread keeps the arena of its first allocation: so this works best before other threads start.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from functools import cache

LARGEST = 2**30  # bytes that malloc still keeps; larger buffers are rare and always come from the system
# Numbers of /usr/include/malloc.h; each with the variable by which a user sets the same.
OPTIONS = (
    ("MALLOC_MMAP_THRESHOLD_", -3, LARGEST),
    ("MALLOC_TRIM_THRESHOLD_", -1, 2**31 - 1),
    ("MALLOC_ARENA_MAX", -8, 1),
)


@cache
def keep_buffers() -> bool:
    """Set what the module says, once; return whether something was set. Silent where malloc isn't glibc's."""
    tuned = os.environ.get("SEGLAB_ALLOCATOR") == "system" or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")
    if tuned or not sys.platform.startswith("linux"):
        return False
    try:
        libc = ctypes.CDLL(None)
        libc.gnu_get_libc_version  # noqa: B018  raises where libc is another one
        set_option = libc.mallopt
    except (OSError, AttributeError):
        return False
    done = [set_option(option, value) for name, option, value in OPTIONS if name not in os.environ]
    return any(done)


def give_back() -> None:
    """Make malloc return to the system what it keeps."""
    with contextlib.suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)
