"""The machine below, told without torch: its processor, its cores, and what a process takes of its memory."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def processor() -> str:
    """Return the processor's name."""
    lines = _read("/proc/cpuinfo").splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def cores() -> int:
    """Return how many cores this process may use, at least 1: its affinity, and its container's share of time.

    >>> 1 <= cores() <= os.cpu_count()
    True
    """
    allowed = _allowed()
    quota = _read("/sys/fs/cgroup/cpu.max").split()  # microseconds of each period, such as "200000 100000", or "max …"
    if len(quota) == 2 and quota[0].isdigit():
        return min(allowed, max(1, int(quota[0]) // int(quota[1])))
    return allowed


def threads() -> int:
    """Return how many threads to compute with: OMP_NUM_THREADS, which torch follows too, or one for each core."""
    given = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return int(given) if given.isdecimal() and int(given) > 0 else cores()


def tell_openmp() -> None:
    """Where a container has a smaller share of time than cores, have torch start as many threads; before it is loaded.

    It would start one for each core that it sees, and they would be stopped in turns.
    """
    if cores() < _allowed():
        os.environ.setdefault("OMP_NUM_THREADS", str(cores()))


def memory(process: int | None = None) -> tuple[int, int]:
    """Return the bytes (resident now, at most so far) of a process, by its id; None: of this one.

    Zeros where the system doesn't tell, or there is no such process.
    """
    lines = [line.split() for line in _read(f"/proc/{process or 'self'}/status").splitlines() if line.startswith("Vm")]
    kilobytes = {name: int(number) for name, number, *_ in lines}
    return 1024 * kilobytes.get("VmRSS:", 0), 1024 * kilobytes.get("VmHWM:", 0)


def line() -> str:
    """Return the machine in a line: system, processor, cores, Python."""
    n = "1 core" if cores() == 1 else f"{cores()} cores"
    return f"{platform.system()}, {processor()}, {n}, Python {platform.python_version()}"


def _allowed() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
