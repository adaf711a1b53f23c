"""Runs that take turns: a few threads, many visitors, and nothing that goes wrong unseen.

A run is a generator that yields a `Snapshot`, or None, between two steps of its work; what it returns is its result.
A worker takes the run that has waited longest, lets it work for `TURN` seconds, and puts it at the end of the row: so
two visitors at once both get on, each at half the speed. Only `most` runs have begun at a time, for each holds its
networks; later ones wait in order of arrival. A visitor has one run going: beginning another one stops it.

Between two steps a run can be paused, stopped, or let others pass (`gives_way`). A stop throws `sharing.Cancelled` into
the generator, which may catch it and return what it has so far.

A visitor who is not `alive` gets no turns; after `GRACE` seconds, in which a broken connection may come back, all runs
of his are stopped and forgotten. What others keep stays, the newest first, as far as `budget` bytes go.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any

from seglab.live.run import Make, Run, State
from seglab.live.snapshots import History
from seglab.sharing import Cancelled

log = logging.getLogger(__name__)

TURN = 0.25  # seconds at a stretch, while others wait for their turn
LOOK = 1.0  # seconds between two looks at who is still there
GRACE = 120.0  # seconds: as long as Streamlit keeps a session whose connection broke
PAUSE_MOST = 300.0  # seconds; a longer pause ends where others wait for a place
GIVE_WAY = 0.5  # seconds before each step, at most: passes that never end must not stop a run altogether
QUEUE = 32  # runs that may wait

LEFT_OUT = f"More than {QUEUE} trainings wait already. Try again in a few minutes."
MADE_ROOM = "It was paused for some minutes while others waited for a place, so it was stopped."
REPLACED = "It was stopped because you began another training."


class Runs:
    """All runs of a server.

    Args:
        workers: threads, started with the first run.
        most: runs that have begun and not ended, at most.
        alive: whether an owner is still there.
        prepare: called in each new thread.
        gives_way: whether a step should wait a little for something more urgent.
        tidy: called after each run, to give memory back.
        budget: bytes that ended runs may keep together; the newest is kept in any case.

    >>> from seglab.live.snapshots import Line, Snapshot
    >>> def count():
    ...     for n in range(3):
    ...         yield Snapshot(n + 1, 3, n, {"a line": Line(1.0)})
    ...     return "three"
    >>> runs = Runs(1, 4)
    >>> run = runs.start("visitor", "page", count)
    >>> runs.wait(run, 10), run.state, run.history.latest.done, run.result
    (True, 'done', 3, 'three')
    >>> runs.close()
    """

    def __init__(
        self,
        workers: int,
        most: int,
        *,
        alive: Callable[[str], bool] = lambda owner: True,
        prepare: Callable[[], None] = lambda: None,
        gives_way: Callable[[], bool] = lambda: False,
        tidy: Callable[[], None] = lambda: None,
        budget: int = 256 << 20,
    ) -> None:
        if workers < 1 or most < 1:
            raise ValueError(f"There must be at least one worker and one place; got {workers} and {most}.")
        self.workers, self.most, self.budget = workers, most, budget
        self._alive, self._prepare, self._gives_way, self._tidy = alive, prepare, gives_way, tidy
        self._runs: dict[tuple[str, str], Run] = {}  # the newest of each owner and name
        self._waiting: deque[Run] = deque()
        self._ready: deque[Run] = deque()  # begun, and not at work just now; the paused ones too
        self._at_work: list[Run] = []
        self._gone: dict[str, float] = {}  # owners who aren't there, and since when
        self._looked = 0.0
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._closed = False

    def start(self, owner: str, name: str, make: Make, history: History | None = None) -> Run:
        """Begin a run, in place of the owner's earlier one of that name; it waits where all places are taken.

        Args:
            owner: the visitor's session.
            name: the page, or the part of it, that shows the run.
            make: returns the generator; called in a worker's thread.
            history: of an earlier run that this one goes on with.
        """
        run = Run(owner, name, make, history)
        with self._changed:
            for other in [other for other in self._runs.values() if other.owner == owner and other.live]:
                self._order_stop(other, "" if other.name == name else REPLACED)
            self._runs[owner, name] = run
            if len(self._waiting) >= QUEUE:
                self._end(run, "failed", LEFT_OUT)
                return run
            self._waiting.append(run)
            while len(self._threads) < self.workers and not self._closed:
                thread = threading.Thread(target=self._serve, name=f"seglab-live-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify_all()
        return run

    def find(self, owner: str, name: str) -> Run | None:
        """Return the owner's newest run of that name, ended or not; None: there is none, or it had to make room."""
        with self._changed:
            return self._runs.get((owner, name))

    def pause(self, run: Run) -> None:
        """Let it rest after the present step; it keeps its place for `PAUSE_MOST` seconds at least."""
        with self._changed:
            run._pause, run._since = True, time.monotonic()
            run._pace.clear()

    def resume(self, run: Run) -> None:
        """Let it go on."""
        with self._changed:
            run._pause = False
            self._changed.notify_all()

    def stop(self, run: Run) -> None:
        """End it after the present step; what it has shown stays."""
        with self._changed:
            self._order_stop(run, "")

    def forget(self, owner: str) -> None:
        """Stop and drop all of an owner's runs."""
        with self._changed:
            self._forget(owner)

    def place(self, run: Run) -> int:
        """Return its place among those that wait, from 1; 0: it doesn't wait."""
        with self._changed:
            return self._waiting.index(run) + 1 if run in self._waiting else 0

    @property
    def sharing(self) -> int:
        """How many runs take turns now."""
        with self._changed:
            return sum(not run._pause and run.owner not in self._gone for run in (*self._ready, *self._at_work))

    @property
    def bytes(self) -> int:
        """What is kept of all runs."""
        with self._changed:
            return sum(run.bytes for run in self._runs.values())

    def wait(self, run: Run, timeout: float) -> bool:
        """Wait until it has ended, for tests and scripts; False: it hasn't after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not run.live, timeout)

    def close(self) -> None:
        """Stop everything, and wait for the threads to end."""
        with self._changed:
            for owner in {run.owner for run in self._runs.values()}:
                self._forget(owner)
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    # From here on: called with the lock held, but for the threads' own `_serve`, `_turn` and `_make_way`.

    def _order_stop(self, run: Run, message: str) -> None:
        if run in self._waiting:
            self._waiting.remove(run)
            self._end(run, "stopped", message)
        elif run.live:
            run._stop, run.message = True, message
            self._changed.notify_all()

    def _forget(self, owner: str) -> None:
        for key in [key for key in self._runs if key[0] == owner]:
            self._order_stop(self._runs.pop(key), "")
        self._gone.pop(owner, None)

    def _end(self, run: Run, state: State, message: str = "", result: Any = None) -> None:
        run._work = run._make = None  # with it go the networks
        run._pause = False
        run.result, run.message, run._state, run._since = result, message or run.message, state, time.monotonic()
        ended = sorted((r for r in self._runs.values() if not r.live), key=lambda r: r._since)
        while len(ended) > 1 and sum(r.bytes for r in ended) > self.budget:
            oldest = ended.pop(0)
            del self._runs[oldest.owner, oldest.name]
        self._changed.notify_all()

    def _look(self) -> None:
        """See who has left, and who pauses while others wait."""
        now = time.monotonic()
        if now - self._looked < LOOK:
            return
        self._looked = now
        owners = {run.owner for run in self._runs.values()}
        self._gone = {owner: since for owner, since in self._gone.items() if owner in owners}
        for owner in owners:
            if self._is_there(owner):
                self._gone.pop(owner, None)
            elif now - self._gone.setdefault(owner, now) >= GRACE:
                self._forget(owner)
        for run in self._ready:
            if run._pause and self._waiting and now - run._since > PAUSE_MOST:
                self._order_stop(run, MADE_ROOM)

    def _is_there(self, owner: str) -> bool:
        """Ask; where the question itself fails, the owner is taken as there: his run ends by itself anyway."""
        try:
            return self._alive(owner)
        except Exception:
            log.exception("Whether a visitor is still there couldn't be found out.")
            return True

    def _next(self) -> Run | None:
        """Wait for a run whose turn it is; None once all is closed."""
        with self._changed:
            while not (self._closed and not self._ready):
                self._look()
                while self._waiting and len(self._ready) + len(self._at_work) < self.most:
                    run = self._waiting.popleft()
                    run._state = "going"
                    self._ready.append(run)
                for run in self._ready:
                    if run._stop or not (run._pause or run.owner in self._gone):
                        self._ready.remove(run)
                        self._at_work.append(run)
                        return run
                self._changed.wait(LOOK if self._runs or self._ready else None)
            return None

    def _serve(self) -> None:
        _guarded(self._prepare)
        while (run := self._next()) is not None:
            state, message, result = self._turn(run)
            with self._changed:
                self._at_work.remove(run)
                if state == "going":
                    self._ready.append(run)
                else:
                    self._end(run, state, message, result)
            ended, run = not run.live, None  # nothing here shall hold what it had
            del result
            if ended:
                _guarded(self._tidy)

    def _turn(self, run: Run) -> tuple[State, str, Any]:
        """Let it work for a turn, and return its new state, a message, and its result."""
        until = time.monotonic() + TURN
        try:
            while run._stop or (not run._pause and time.monotonic() < until):
                if run._work is None:
                    if run._stop or run._make is None:
                        return "stopped", "", None
                    run._work = run._make()
                if run._stop:
                    run._work.throw(Cancelled("The run was stopped."))
                    run._work.close()  # it yields still: it shall end all the same
                    return "stopped", "", None
                self._make_way()
                snapshot = next(run._work)
                if snapshot is not None:
                    run._take(snapshot)
        except StopIteration as end:
            return "stopped" if run._stop else "done", "", end.value
        except Cancelled:
            return "stopped", "", None
        except BaseException as error:  # whatever it is, the page shall say it, and the thread go on with other runs
            # As text: a log record that holds the error holds its frames, and with them the networks.
            log.error("The live run %r broke off.\n%s", run.name, traceback.format_exc())
            return "failed", str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}", None
        return "going", "", None

    def _make_way(self) -> None:
        until = time.monotonic() + GIVE_WAY
        while self._gives_way() and time.monotonic() < until:
            time.sleep(0.01)


def _guarded(act: Callable[[], None]) -> None:
    """Do it; if it fails, say so in the log and let the thread live: runs that need it will say it themselves."""
    try:
        act()
    except Exception:
        log.exception("A worker of the live runs couldn't do what comes before or after a run.")
