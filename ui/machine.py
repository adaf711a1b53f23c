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

from seglab import machine as found
from ui import warm


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
    return Machine(found.processor(), found.cores(), _memory(), _gpu())


def torch_device() -> str | None:
    """Return the device that networks run on here, or why none can be used; None while torch is being imported."""
    if not warm.ready():
        return None
    from seglab import devices

    try:
        device = devices.device()
    except ValueError as error:
        return str(error)
    names = {"cpu": "CPU", "mps": "Apple GPU (MPS)"}
    return names.get(device.type) or f"{device} on {_gpu() or 'a GPU'}"


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
