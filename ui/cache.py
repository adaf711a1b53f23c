"""The bounded caches that all sessions share: the logits, and the maps computed from them, as CPU arrays.

`st.cache_data` bounds the number of entries, and copies each one at every read. Logits of a large photo weigh a
hundred megabytes, so these count bytes and hand out the array itself, marked read-only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

from seglab.sharing import ByteCache
from seglab.types import Image

T = TypeVar("T")


def size_of(value: Any) -> int:
    """Bytes of an array, a sparse matrix, of bytes, or of a tuple, dict or dataclass of them; 64 for anything else.

    >>> size_of((np.zeros(10, np.uint8), b"abc", 1.5))
    77
    """
    if isinstance(value, tuple):
        return sum(size_of(part) for part in value)
    if isinstance(value, dict):
        return sum(size_of(part) for part in value.values())
    if hasattr(value, "indptr"):  # a sparse matrix
        return int(value.data.nbytes + value.indices.nbytes + value.indptr.nbytes)
    if is_dataclass(value):
        return sum(size_of(getattr(value, field.name)) for field in fields(value))
    return value.nbytes if isinstance(value, np.ndarray) else len(value) if isinstance(value, bytes) else 64


LOGITS: ByteCache[Any] = ByteCache(512 * 2**20, size_of)  # what networks gave: fp16 (K, h, w)
# What was computed from them: labels, probabilities, entropy. Small, because those of a 1080p photo are made again in
# some 30 ms, and one visitor who moves a slider makes hundreds that nobody will ask for again; but a phone's photo of
# 12 megapixels has 24 MB of entropy (kept as fp16).
MAPS: ByteCache[Any] = ByteCache(24 * 2**20, size_of)
NUMBERS: ByteCache[Any] = ByteCache(2**17, size_of)  # single numbers and areas, of about a thousand runs


def kept(cache: ByteCache[Any], key: Hashable, make: Callable[[], T]) -> T:
    """Return the value kept under `key`, or make and keep it; its arrays become read-only.

    `make` must not call Streamlit: what it raises goes to all visitors who wait for the same value, and Streamlit
    interrupts a script by an exception.
    """

    def sealed() -> T:
        value = make()
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, np.ndarray):
                part.flags.writeable = False
        return value

    result: T = cache.get(key, sealed)
    return result


def image_hash(image: Image) -> str:
    """Return 16 hex digits that name the pixels and the size of `image`.

    >>> image_hash(np.zeros((2, 3, 3), np.uint8)) == image_hash(np.zeros((3, 2, 3), np.uint8))
    False
    """
    digest = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=8)
    digest.update(str(image.shape).encode())
    return digest.hexdigest()
