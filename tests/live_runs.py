"""For the tests of trainings behind live runs: all that a generator gives, and one thread, so that numbers repeat."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread, and with as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def ended(generator: Generator[Any, None, Any]) -> tuple[list[Any], Any]:
    """All snapshots of a generator, and what it returns."""
    snapshots = []
    while True:
        try:
            snapshot = next(generator)
        except StopIteration as end:
            return snapshots, end.value
        if snapshot is not None:
            snapshots.append(snapshot)
