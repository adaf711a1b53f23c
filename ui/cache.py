"""One bounded cache for all sessions: the logits, and the maps computed from them, as CPU arrays.

`st.cache_data` bounds the number of entries, and copies each one at every read. Logits of a large photo weigh a
hundred megabytes, so this cache counts bytes and hands out the array itself, marked read-only. Two visitors who ask
for the same thing at once wait for one computation instead of doing it twice.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar

import numpy as np

from seglab.types import Image

T = TypeVar("T")


class ByteCache:
    """Least recently used out first, once the arrays' bytes exceed `budget`; safe to use from many threads.

    >>> cache = ByteCache(budget=100)
    >>> for k in range(3): _ = cache.get(k, lambda: np.zeros(50, np.uint8))
    >>> sorted(cache), cache.bytes
    ([1, 2], 100)
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.bytes = 0
        self._entries: OrderedDict[Hashable, object] = OrderedDict()
        self._lock = threading.Lock()
        self._making: dict[Hashable, threading.Lock] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries

    def __iter__(self):  # noqa: ANN204 — iterator over keys, for tests
        return iter(list(self._entries))

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the value kept under `key`, or make, keep and return it. What `make` raises is passed on, unkept."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key]  # type: ignore[return-value]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._entries:  # another thread made it while this one waited
                    return self._entries[key]  # type: ignore[return-value]
            try:
                value = make()
                self._keep(key, value)
            finally:
                with self._lock:
                    self._making.pop(key, None)
            return value

    def _keep(self, key: Hashable, value: object) -> None:
        for array in value if isinstance(value, tuple) else (value,):
            if isinstance(array, np.ndarray):
                array.flags.writeable = False
        with self._lock:
            self._entries[key] = value
            self.bytes += size_of(value)
            while self.bytes > self.budget and self._entries:
                self.bytes -= size_of(self._entries.popitem(last=False)[1])

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self.bytes = 0


def size_of(value: object) -> int:
    """Bytes of an array, of bytes, or of a tuple of them; 64 for anything else."""
    if isinstance(value, tuple):
        return sum(size_of(part) for part in value)
    return value.nbytes if isinstance(value, np.ndarray) else len(value) if isinstance(value, bytes) else 64


def image_hash(image: Image) -> str:
    """Return 16 hex digits that name the pixels and the size of `image`.

    >>> image_hash(np.zeros((2, 3, 3), np.uint8)) == image_hash(np.zeros((3, 2, 3), np.uint8))
    False
    """
    digest = hashlib.blake2b(np.ascontiguousarray(image), digest_size=8)
    digest.update(str(image.shape).encode())
    return digest.hexdigest()


LOGITS = ByteCache(512 * 2**20)  # what networks gave: fp16 (K, h, w)
MAPS = ByteCache(256 * 2**20)  # what was computed from them: labels, probabilities, entropy, encoded pictures
