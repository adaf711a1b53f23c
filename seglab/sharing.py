"""What many threads share: a cache with a byte budget, and a fixed number of places with a fair queue.

A page runs in a thread per visitor, all with the same networks: one copy of each is loaded, however many ask at once,
and only so many run at a time.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from typing import Generic, TypeVar

V = TypeVar("V")


class Cancelled(Exception):
    """The caller's `cancel` said so; nothing is wrong."""


class ByteCache(Generic[V]):
    """Values by key, within a byte budget: the least recently used go first. Safe to call from many threads.

    Going means that the cache forgets the value: its memory is free as soon as nobody else holds it, and who holds it
    can go on using it. The newest value always stays, even if it alone is over the budget.

    >>> cache = ByteCache(10, sizeof=len)
    >>> [cache.get(key, lambda key=key: key * 4) for key in "abc"], cache.bytes, "a" in cache
    (['aaaa', 'bbbb', 'cccc'], 8, False)
    """

    def __init__(self, budget: int, sizeof: Callable[[V], int]) -> None:
        self.budget = budget
        self._sizeof = sizeof
        self._values: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._loading: dict[Hashable, Future[V]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        """Return the value of `key`, calling `load` if it isn't there; threads that ask meanwhile wait for that call.

        An error that `load` raises goes to all who wait, and is forgotten: the next to ask tries again. If the loading
        thread was stopped instead (a visitor left), one of those who wait loads in its place.
        """
        while True:
            with self._lock:
                if key in self._values:
                    self._values.move_to_end(key)
                    return self._values[key][0]
                future = self._loading.get(key)
                if future is None:
                    mine = self._loading[key] = Future()
            if future is None:
                return self._load(key, load, mine)
            try:
                return future.result()
            except CancelledError:
                continue

    def peek(self, key: Hashable) -> V | None:
        """Return the value of `key`, which counts as used, or None if it isn't there; loads nothing, waits for nobody.

        >>> cache = ByteCache(10, sizeof=len)
        >>> cache.peek("a"), cache.get("a", lambda: "there"), cache.peek("a")
        (None, 'there', 'there')
        """
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def _load(self, key: Hashable, load: Callable[[], V], future: Future[V]) -> V:
        try:
            value = load()
        except BaseException as error:
            with self._lock:
                del self._loading[key]
            if isinstance(error, Exception) and not isinstance(error, Cancelled):
                future.set_exception(error)
            else:
                future.cancel()
            raise
        with self._lock:
            self._values[key] = value, self._sizeof(value)
            del self._loading[key]
            # What is forgotten is destroyed after the lock is given back: a destructor may take its time.
            gone = [self._values.popitem(last=False) for _ in range(self._excess())]
        future.set_result(value)
        del gone
        return value

    def _excess(self) -> int:
        total, n = sum(size for _, size in self._values.values()), 0
        for _, size in list(self._values.values())[:-1]:
            if total <= self.budget:
                break
            total, n = total - size, n + 1
        return n

    def clear(self) -> None:
        """Forget all values."""
        with self._lock:
            gone, self._values = self._values, OrderedDict()
        del gone

    @property
    def bytes(self) -> int:
        """Size of all values together."""
        with self._lock:
            return sum(size for _, size in self._values.values())

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._values


class Places:
    """A fixed number of places; who comes first gets the next free one.

    A plain semaphore isn't fair: a picture of 200 tiles, which takes a place for each, would always be the quickest
    to take the one it has just given back, and nobody else would get a turn before it is done.
    """

    def __init__(self, n: int) -> None:
        if n < 1:
            raise ValueError(f"There must be at least one place; got {n}.")
        self.n = n
        self._taken = 0
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """How many wait for a place now."""
        with self._changed:
            return len(self._queue)

    @property
    def running(self) -> int:
        """How many places are taken now."""
        with self._changed:
            return self._taken

    @contextmanager
    def place(self, cancel: Callable[[], bool] | None = None) -> Iterator[None]:
        """Wait for a place and hold it; `cancel` is asked some times a second meanwhile and may raise `Cancelled`."""
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            try:
                while self._queue[0] is not ticket or self._taken >= self.n:
                    if cancel and cancel():
                        raise Cancelled("Cancelled while waiting for a free place.")
                    self._changed.wait(0.1 if cancel else None)
                self._taken += 1
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._taken -= 1
                self._changed.notify_all()


def whole_setting(name: str, default: int) -> int:
    """Return the environment variable `name` as a whole number of at least 1; ValueError says what is wrong with it."""
    text = os.environ.get(name, "").strip() or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{name} must be a whole number of at least 1; got {text!r}. Unset it for {default}.")
    return int(text)
