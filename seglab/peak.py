"""What forward passes take: time, and memory, which is measured or computed, and asked for before a large pass."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from seglab import cost as costs
from seglab.cost import Cost
from seglab.devices import OutOfMemory, device

ASK_ABOVE = 2**20  # pixels: smaller pictures fit into any machine that torch fits into

_lock = threading.Lock()
_costs: weakref.WeakKeyDictionary[nn.Module, dict[tuple[int, int], Cost]] = weakref.WeakKeyDictionary()
_thread = threading.local()  # .peak: of this thread's innermost `peak_memory`


@dataclass
class Peak:
    """What this thread's forward passes took, filled in when `peak_memory` is done.

    bytes: of memory at most; ms: milliseconds of all passes together, without the waiting for a turn.
    """

    bytes: int = 0
    ms: float = 0.0
    seen: set[tuple[nn.Module, int, int, int, str]] = field(default_factory=set, repr=False)


def cost(net: nn.Module, h: int, w: int) -> Cost:
    """Return what a float32 forward pass on an h×w picture costs (see `seglab.cost`); remembered, and runs nothing."""
    with _lock:
        known = _costs.setdefault(net, {})
    if (h, w) not in known:
        known[h, w] = costs.of_net(net, (1, 3, h, w))
    return known[h, w]


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Tell, once the block is left, what this thread's forward passes in it took: milliseconds, and bytes at most.

    On CUDA the memory is measured: the most that torch had allocated meanwhile, other threads' tensors included.
    Elsewhere it is computed after the block, for the largest pass: weights, and the peak of the intermediate results
    that live at once; the library's scratch memory comes on top (on the CPU 6 to 114 % of the intermediate results).
    """
    peak, outer = Peak(), getattr(_thread, "peak", None)
    _thread.peak = peak
    on_cuda = device().type == "cuda"
    if on_cuda:
        torch.cuda.reset_peak_memory_stats(device())
    try:
        yield peak
    finally:
        _thread.peak = outer
    if on_cuda:
        peak.bytes = torch.cuda.max_memory_allocated(device())
        return
    for net, n, h, w, precision in peak.seen:
        found = cost(net, h, w)
        needed = (found.weight_bytes + n * found.activation_bytes) // (1 if precision == "fp32" else 2)
        peak.bytes = max(peak.bytes, needed)


def note(net: nn.Module, x: Tensor, precision: str, ms: float) -> None:
    """Tell the `peak_memory` that this thread is in, if it is, that `net` ran on x (N, 3, H, W) for `ms`."""
    peak: Peak | None = getattr(_thread, "peak", None)
    if peak is not None:
        peak.seen.add((net, x.shape[0], x.shape[2], x.shape[3], precision))
        peak.ms += ms


def ask_for_memory(key: str, net: nn.Module, where: torch.device, x: Tensor, precision: str) -> None:
    """Raise OutOfMemory if a large picture surely won't fit into main memory: Linux would end the whole process."""
    n, _, h, w = x.shape
    if where.type != "cpu" or n * h * w <= ASK_ABOVE:
        return
    available = costs.available_memory()
    # Intermediate results grow with the number of pixels, so one size tells about all.
    needed = cost(net, 256, 256).activation_bytes / 256**2 * n * h * w * costs.WORKSPACE
    if available is not None and needed / (1 if precision == "fp32" else 2) > available:
        raise OutOfMemory.of(key, where, x)
