"""Compare ways to do the same thing: every side in a process of its own, the sides taking turns.

A *side* names a function: `target="package.module:function"`. In a child process `function(argument)` sets something
up and returns what is to be timed: a callable without arguments that returns a NumPy array, or a dict of them. Only
that callable is timed, never the set-up, nor how its result is carried over to be compared. (Is the result a function
instead, it is called when it is carried over: for what must be computed to compare, but is no part of the work.)

    def plain(size):                       # in my/module.py
        x = numpy.random.default_rng(0).random((size, size))
        return lambda: x.argsort(0)

    plain, ours = alternate([Side("plain", "my.module:plain", 512, plain=True), Side("ours", "my.module:ours", 512)])
    print(speedup(plain, ours), equal_share(plain.output, ours.output))

**plain** sides are what somebody writes who doesn't know this library: they start without the allocator's and OpenMP's
settings of the parent (all but OMP_NUM_THREADS, so that every side has as many threads), SEGLAB_ALLOCATOR=system keeps
this library from tuning malloc, and they run in the main thread, as a script does. The others run in a second thread,
as pages do. All sides are alive at once and run in turns (in the opposite order every second round), so that a machine
that gets slower meanwhile is slow for all of them. Times are wall-clock milliseconds.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import numpy as np

from seglab import allocator, machine

Output: TypeAlias = np.ndarray | dict[str, np.ndarray]
Run: TypeAlias = Callable[[], Output | Callable[[], Output]]

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD", "OMP_", "KMP_", "GOMP_", "MKL_", "THP_MEM_ALLOC", "TORCH")
KEPT = ("OMP_NUM_THREADS", "TORCH_HOME")
PAUSE = 0.03  # seconds after each run, in which its worker threads stop spinning and leave the cores to the next


class SideError(RuntimeError):
    """A side couldn't be set up or run; the text has its name and what it said."""


@dataclass(frozen=True)
class Side:
    """One way to do it: see the module. `argument` must survive JSON; who may fail gets a Timing with `error`."""

    name: str
    target: str
    argument: Any = None
    plain: bool = False
    may_fail: bool = False


@dataclass(frozen=True)
class Timing:
    """What a side took: median, lowest and highest of its times in ms, memory in bytes, and the last run's result.

    resident_bytes: of the process after its last run; peak_bytes: the most it ever had (both 0 where the system doesn't
    tell). error: why there are no times (they are NaN then), else None.
    """

    name: str
    median_ms: float
    low_ms: float
    high_ms: float
    resident_bytes: int
    peak_bytes: int
    times_ms: tuple[float, ...]
    output: Output
    error: str | None = None


def alternate(sides: Sequence[Side], repeats: int, warmup: int = 2) -> list[Timing]:
    """Run every side `warmup` times untimed and then `repeats` times, in turns; return their timings in order.

    Raises:
        SideError: a side that may not fail did.
        ValueError: no repeats.

    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1; got {repeats}.")
    times: dict[int, list[float]] = {n: [] for n in range(len(sides))}
    errors: dict[int, str] = {}
    with contextlib.ExitStack() as stack:
        children: dict[int, _Child] = {}

        def attempt(n: int, act: Callable[[], Any]) -> Any:
            try:
                return act()
            except SideError as error:
                if not sides[n].may_fail:
                    raise
                errors[n] = str(error)
                children.pop(n, None)
                return None

        for n, side in enumerate(sides):  # one after the other: set-ups must not disturb each other's measurements
            if child := attempt(n, lambda side=side: stack.enter_context(_Child(side))):  # type: ignore[misc]
                children[n] = child
        for turn in range(warmup + repeats):
            for n in list(children) if turn % 2 == 0 else reversed(list(children)):
                reply = attempt(n, children[n].run)
                if reply and turn >= warmup:
                    times[n].append(reply["ms"])
                time.sleep(PAUSE)
        found = [
            attempt(n, lambda n=n, side=side: _timing(side, times[n], children[n])) if n in children else None  # type: ignore[misc]
            for n, side in enumerate(sides)
        ]
        return [timing or _failed(side, errors[n]) for n, (side, timing) in enumerate(zip(sides, found, strict=True))]


def speedup(reference: Timing, other: Timing) -> float:
    """Return how many times faster `other` is, by medians; NaN where one failed."""
    return reference.median_ms / other.median_ms


def equal_share(a: Output, b: Output) -> float:
    """Return the share of equal values, 0..1, over all arrays together.

    >>> equal_share(np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5]))
    0.75
    """
    ours, theirs = (x if isinstance(x, dict) else {"": x} for x in (a, b))
    if ours.keys() != theirs.keys() or any(ours[k].shape != theirs[k].shape for k in ours):
        shapes = [{k: v.shape for k, v in x.items()} for x in (ours, theirs)]
        raise ValueError(f"Only results of the same shapes can be compared; got {shapes[0]} and {shapes[1]}.")
    total = sum(v.size for v in ours.values())
    return sum(int((ours[k] == theirs[k]).sum()) for k in ours) / total if total else float("nan")


def environment(plain: bool, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment a side starts with, made from `base` (ours)."""
    env = dict(os.environ if base is None else base)
    path = env.get("PYTHONPATH")
    env["PYTHONPATH"] = f"{ROOT}{os.pathsep}{path}" if path else str(ROOT)
    if plain:
        env = {k: v for k, v in env.items() if k in KEPT or not k.startswith(SETTINGS)}
        env["SEGLAB_ALLOCATOR"] = "system"
    return env


class _Child:
    """The parent's end: a process that is set up on entry, and gone on exit."""

    def __init__(self, side: Side) -> None:
        self.side = side

    def __enter__(self) -> _Child:
        self._said = tempfile.TemporaryFile()  # closed in __exit__
        task = json.dumps({"target": self.side.target, "argument": self.side.argument})
        self._process = subprocess.Popen(
            [sys.executable, "-X", "utf8", "-m", "seglab.bench.sides", "plain" if self.side.plain else "tuned"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True, encoding="utf-8",
            env=environment(self.side.plain),
        )  # fmt: skip
        try:
            self._ask(task)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._said.close()

    def run(self) -> dict[str, Any]:
        """Run it once; return ms, resident and peak."""
        return self._ask("run")

    def output(self) -> Output:
        """Return what the last run returned."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "output.npz"
            self._ask(f"save {file}")
            with np.load(file) as saved:
                arrays = {name: saved[name] for name in saved.files}
        return arrays[_ALONE] if set(arrays) == {_ALONE} else arrays

    def _ask(self, request: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(request + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        reply = json.loads(line) if line else {"error": f"its process ended with status {self._process.wait()}"}
        if "error" in reply:
            self._said.seek(0)
            heard = self._said.read().decode(errors="replace").strip()[-2000:]
            raise SideError(f"{self.side.name}: {reply['error']}" + (f"\n{heard}" if heard else ""))
        return reply  # type: ignore[no-any-return]


_ALONE = "the array"  # its name in the file where a side returns an array and no dict


def _timing(side: Side, times: list[float], child: _Child) -> Timing:
    last = child.run()  # untimed: its memory and its result
    return Timing(
        side.name, statistics.median(times), min(times), max(times), last["resident"], last["peak"], tuple(times),
        child.output(),
    )  # fmt: skip


def _failed(side: Side, error: str) -> Timing:
    nan = float("nan")
    return Timing(side.name, nan, nan, nan, 0, 0, (), np.empty(0), error)


def _serve() -> None:
    """Do what the parent asks for, until it closes the pipe; anything printed meanwhile goes to stderr."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    run: Run | None = None
    result: Output | Callable[[], Output] = np.empty(0)
    for line in sys.stdin:
        try:
            reply: dict[str, Any] = {}
            if run is None:
                task = json.loads(line)
                run = _load(task["target"])(task["argument"])
            elif line.startswith("save "):
                found: Any = result() if callable(result) else result
                np.savez(line[5:].rstrip("\n"), **(found if isinstance(found, dict) else {_ALONE: found}))
            else:
                result = np.empty(0)  # the last one's memory is free before the next one is made
                began = time.perf_counter()
                result = run()
                reply = {"ms": (time.perf_counter() - began) * 1000}
                reply["resident"], reply["peak"] = machine.memory()
        except Exception as error:
            traceback.print_exc()
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=replies, flush=True)


def _load(target: str) -> Callable[[Any], Run]:
    module, _, function = target.partition(":")
    return getattr(importlib.import_module(module), function)  # type: ignore[no-any-return]


def _main(kind: str) -> None:
    """Serve: in the main thread for a plain side, else in a second one, as pages run."""
    if kind == "plain":
        _serve()
        return
    allocator.keep_buffers()  # before there is another thread
    thread = threading.Thread(target=_serve)
    thread.start()
    thread.join()


if __name__ == "__main__":
    _main(sys.argv[1])
