"""What the machine says of itself, against the operating system's own tools, and where /proc says nothing."""

from __future__ import annotations

import mmap
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seglab import machine

LINUX = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells")


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Give the files' contents by name; all others are missing."""
    found: dict[str, str] = {}
    monkeypatch.setattr(machine, "_read", lambda path: found.get(path, ""))
    return found


def test_cores_are_those_of_the_affinity_and_of_the_container(files, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    assert machine.cores() == 8
    for quota, cores in (("max 100000", 8), ("200000 100000", 2), ("350000 100000", 3), ("50000 100000", 1),
                         ("9900000 100000", 8)):  # fmt: skip
        files["/sys/fs/cgroup/cpu.max"] = quota
        assert machine.cores() == cores
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.cores() == 1


def test_threads_follow_openmps_setting_and_it_the_containers_share(files, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(os, "environ", {})
    machine.tell_openmp()
    assert os.environ == {}, "all cores are ours: nothing to tell"
    assert machine.threads() == 8
    files["/sys/fs/cgroup/cpu.max"] = "200000 100000"
    assert machine.threads() == 2
    machine.tell_openmp()
    assert os.environ == {"OMP_NUM_THREADS": "2"}
    for given, threads in (("3", 3), ("4,2", 4), ("0", 2), ("many", 2)):
        os.environ["OMP_NUM_THREADS"] = given
        assert machine.threads() == threads
        machine.tell_openmp()
        assert os.environ["OMP_NUM_THREADS"] == given


def test_processor_by_its_name_or_by_its_kind(files):
    assert machine.processor() == platform.processor() or platform.machine()
    files["/proc/cpuinfo"] = "processor\t: 0\nmodel name\t: A CPU: 3 GHz\nprocessor\t: 1\nmodel name\t: other\n"
    assert machine.processor() == "A CPU: 3 GHz"
    assert "A CPU: 3 GHz" in machine.line()


def test_memory_is_zero_where_nothing_is_told(files):
    assert machine.memory() == (0, 0)
    files["/proc/7/status"] = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t3\n"
    assert machine.memory(7) == (2**20, 2**21)
    assert machine.memory(8) == (0, 0)


@LINUX
def test_memory_grows_with_what_is_held():
    before, _ = machine.memory()
    held = np.frombuffer(mmap.mmap(-1, 2**26), np.uint8)  # from the system: malloc may have as much in store
    held[:] = 1
    during, peak = machine.memory()
    assert held[-1]
    assert 0.9 * 2**26 < during - before < 1.5 * 2**26
    assert peak >= during


@LINUX
def test_memory_of_another_process():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        resident, peak = machine.memory(child.pid)
        assert 0 < resident <= peak
    finally:
        child.communicate(b"\n")
    assert machine.memory(child.pid) == (0, 0)
