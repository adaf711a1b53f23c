"""One live run, as pages read it: a generator's state, what it has shown, how fast it goes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator
from typing import Any, Literal

from seglab.live.snapshots import History, Snapshot, bytes_of

State = Literal["waiting", "going", "paused", "done", "stopped", "failed"]
Work = Generator[Snapshot | None, None, Any]
Make = Callable[[], Work]

PACE = 12  # snapshots that tell how fast it goes now


class Run:
    """One run: `state`, `history`, `latest`, `result` (once it has ended) are to be read; `Runs` alone changes them.

    `latest` is the newest snapshot of its own; None: it has shown nothing yet, whatever it goes on from.
    """

    def __init__(self, owner: str, name: str, make: Make, history: History | None = None) -> None:
        self.owner, self.name = owner, name
        self.history = history or History()
        self.latest: Snapshot | None = None
        self.result: Any = None
        self.message = ""  # why it failed or was stopped, where that needs saying
        self._state: State = "waiting"
        self._make: Make | None = make
        self._work: Work | None = None
        self._pause = self._stop = False
        self._since = 0.0  # when it was paused, or ended
        self._pace: deque[tuple[float, int, int]] = deque(maxlen=PACE)  # (time, steps, images) of the last snapshots

    @property
    def state(self) -> State:
        """Waiting for a place, going, paused, or ended: done, stopped or failed."""
        return "paused" if self._pause and self._state == "going" else self._state

    @property
    def live(self) -> bool:
        """Whether it hasn't ended yet."""
        return self._state in ("waiting", "going")

    @property
    def seconds_left(self) -> float | None:
        """How long it will take at the pace of the last snapshots, others' turns included; None: not known yet."""
        if not self.live or len(pace := list(self._pace)) < 2 or self.history.latest is None:
            return None
        (began, first, _), (now, last, _) = pace[0], pace[-1]
        left = self.history.latest.total - last
        return None if last == first else (now - began) / (last - first) * left

    @property
    def images_per_second(self) -> float | None:
        """Images a second that each network saw lately; None: not known."""
        if len(pace := list(self._pace)) < 2:
            return None
        (began, _, first), (now, _, last) = pace[0], pace[-1]
        return (last - first) / max(now - began, 1e-9)

    @property
    def bytes(self) -> int:
        """What is kept of it takes about so much."""
        return self.history.bytes + bytes_of(self.result)

    def _take(self, snapshot: Snapshot) -> None:
        self.history.add(snapshot)
        self.latest = snapshot
        self._pace.append((time.monotonic(), snapshot.done, snapshot.images))
