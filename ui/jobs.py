"""Long work in the background, watched from a page: shared by those who want the same, stopped when nobody does.

Streamlit interrupts a script, when the visitor moves a control, by an exception at its next call of Streamlit. Work
done inside the script would be torn; here it runs in a thread of its own, and the script only watches.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import Any, TypeVar

from seglab.sharing import Cancelled

T = TypeVar("T")
Progress = Callable[[int, int], None]  # (done, of all); of all = 0: not known
Work = Callable[[Progress, Callable[[], bool]], T]  # work(progress, cancel)

POLL = 0.1  # seconds between two looks


class _Job:
    def __init__(self) -> None:
        self.watchers = 0
        self.state = (0, 0)
        self.future: Future[Any]

    def progress(self, done: int, total: int) -> None:
        self.state = done, total

    def deserted(self) -> bool:
        return self.watchers == 0


_threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="seglab-job")
_long_threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="seglab-long-job")
_jobs: dict[Hashable, _Job] = {}
_lock = threading.Lock()


def watch(key: Hashable, work: Work[T], show: Progress, *, long: bool = False) -> T:
    """Return what `work(progress, cancel)` returns, calling `show` with its progress meanwhile, in this thread.

    Whoever asks for the same key meanwhile watches the same work. `cancel()` is true once all watchers have gone; the
    work may then raise `Cancelled`. Anything else that it raises is raised here. `long` work, of dozens of passes, has
    threads of its own, so that however much of it is asked for, the answer to a click never waits for its end.
    """
    threads = _long_threads if long else _threads
    while True:
        with _lock:
            job = _jobs.get(key)
            new = job is None
            if job is None:
                job = _jobs[key] = _Job()
            job.watchers += 1  # before it begins, or it would find itself deserted
            if new:
                job.future = threads.submit(_run, key, job, work)
        try:
            result: T = _wait(job, show)
            return result
        except Cancelled:
            continue  # the others left at the moment when this one came: begin anew
        finally:
            with _lock:
                job.watchers -= 1


def _run(key: Hashable, job: _Job, work: Work[T]) -> T:
    try:
        return work(job.progress, job.deserted)
    finally:
        with _lock:
            _jobs.pop(key, None)


def _wait(job: _Job, show: Progress) -> Any:
    while True:
        try:
            return job.future.result(timeout=POLL)
        except NotYet:
            if job.future.done():
                return job.future.result()  # done just now, or the work itself raised this exception
            show(*job.state)
