"""What forward passes take: time, and memory, which is measured or computed, and asked for before a large pass."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from seglab import allocator
from seglab import cost as costs
from seglab.cost import Cost
from seglab.devices import OutOfMemory, device

ASK_ABOVE = 2**20  # pixels: smaller pictures fit into any machine that torch fits into

_lock = threading.Lock()
_costs: weakref.WeakKeyDictionary[nn.Module, dict[tuple[int, int], Cost]] = weakref.WeakKeyDictionary()
_open: list[_Block] = []  # all threads' `peak_memory` blocks


@dataclass(eq=False)
class Peak:
    """What this thread's forward passes took, filled in when `peak_memory` is done.

    bytes: of memory at most; ms: milliseconds of all passes together, without the waiting for a turn.
    """

    bytes: int = 0
    ms: float = 0.0


@dataclass(eq=False)
class _Block:
    """A `peak_memory` that isn't done yet: its thread, and its passes (network, its bytes, N, H, W, precision)."""

    peak: Peak
    thread: int
    seen: set[tuple[nn.Module, int, int, int, int, str]] = field(default_factory=set)


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

    A block may lie within another one, which then counts the inner one's passes too.

    On CUDA the memory is measured: the most that torch had allocated meanwhile, other threads' tensors included.
    Elsewhere it is computed after the block, for the largest pass: all weights that are kept for it (as built, folded,
    Winograd's, and in half precision), and the peak of the intermediate results that live at once; scratch memory comes
    on top (on the CPU 6 to 114 % of the intermediate results).
    """
    block = _Block(Peak(), threading.get_ident())
    with _lock:
        _measure()
        _open.append(block)
    try:
        yield block.peak
    finally:
        with _lock:
            _measure()
            _open.remove(block)
    for net, weights, n, h, w, precision in block.seen if device().type != "cuda" else ():
        activations = n * cost(net, h, w).activation_bytes // (1 if precision == "fp32" else 2)
        block.peak.bytes = max(block.peak.bytes, weights + activations)


def _measure() -> None:
    """On CUDA, tell all open blocks the most that was allocated since this was last called, and begin anew."""
    if device().type != "cuda":
        return
    most = torch.cuda.max_memory_allocated(device())
    torch.cuda.reset_peak_memory_stats(device())
    for block in _open:
        block.peak.bytes = max(block.peak.bytes, most)


def note(net: nn.Module, weights: int, x: Tensor, precision: str, ms: float) -> None:
    """Tell each `peak_memory` that this thread is in that `net` ran on x (N, 3, H, W) for `ms`.

    weights: bytes of all that is kept of it: as it was built, folded, and what ran.
    """
    with _lock:
        for block in _open:
            if block.thread == threading.get_ident():
                block.seen.add((net, weights, x.shape[0], x.shape[2], x.shape[3], precision))
                block.peak.ms += ms


def ask_for_memory(key: str, net: nn.Module, where: torch.device, x: Tensor, precision: str) -> None:
    """Raise OutOfMemory if a large picture surely won't fit into main memory: Linux would end the whole process."""
    n, _, h, w = x.shape
    if where.type != "cpu" or n * h * w <= ASK_ABOVE:
        return
    # Of this size: a detector's heads see as many objects in a small picture as in a large one.
    needed = n * cost(net, h, w).activation_bytes * costs.WORKSPACE
    needed /= 1 if precision == "fp32" else 2

    def fits() -> bool:
        available = costs.available_memory()
        return available is None or needed <= available

    if not fits():
        allocator.give_back()  # what malloc kept of the pass before is ours to use again
        if not fits():
            raise OutOfMemory.of(key, where, x)
