"""What this machine is, told without importing torch: processor, cores, memory, and whether there is a GPU."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """Processor, cores this process may use, memory in bytes (None: unknown), GPU name (None: none was seen)."""

    processor: str
    cores: int
    memory: int | None
    gpu: str | None


@lru_cache(maxsize=1)
def machine() -> Machine:
    """Describe this machine; takes a few milliseconds and never fails."""
    return Machine(_processor(), _cores(), _memory(), _gpu())


def torch_device() -> str | None:
    """Return the device torch computes on here, or None while torch isn't imported yet."""
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "backends"):  # half imported by the background thread
        return None
    if torch.cuda.is_available():
        return f"CUDA on {torch.cuda.get_device_name(0)}"
    return "Apple GPU (MPS)" if torch.backends.mps.is_available() else "CPU"


def _processor() -> str:
    name = re.search(r"model name\s*:\s*(.+)", _read("/proc/cpuinfo"))
    return (name[1] if name else platform.processor() or platform.machine()).strip()


def _cores() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _read("/sys/fs/cgroup/cpu.max").split()  # a container's share, such as "200000 100000"
    if len(quota) == 2 and quota[0].isdigit():
        cores = min(cores, max(1, int(quota[0]) // int(quota[1])))
    return cores


def _memory() -> int | None:
    sizes = []
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    limit = _read("/sys/fs/cgroup/memory.max").strip()
    if limit.isdigit():
        sizes.append(int(limit))
    return min(sizes, default=None)


def _gpu() -> str | None:
    for file in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        if name := re.search(r"Model:\s*(.+)", _read(str(file))):
            return name[1].strip()
    if shutil.which("nvidia-smi"):
        return "NVIDIA GPU"
    return "Apple GPU" if sys.platform == "darwin" and platform.machine() == "arm64" else None


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
