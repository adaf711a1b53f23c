"""The settings that the server was started with, seen through before a page meets one that can't be used."""

from __future__ import annotations

import os
from functools import cache

NAMES = ("SEGLAB_DEVICE", "SEGLAB_FORWARDS", "SEGLAB_MODEL_CACHE_MB")


@cache
def problem() -> str:
    """Return what is wrong with a setting and what to do, as `python -m seglab` says it, or "" where all is well.

    Imports torch, which takes seconds, if any of them is set: only torch knows which devices can be used.
    """
    if not any(name in os.environ for name in NAMES):
        return ""
    from seglab.cli.common import Failure, prepare

    try:
        prepare()
    except Failure as error:
        return str(error)
    return ""
