"""What a forward pass costs: multiplications, parameters, and the memory that its intermediate results need.

Conventions: MACs are multiply-accumulates of convolutions and matrix products (half of what torch's FLOP counter
counts); additions, activations and interpolation are left out, as in the papers. Bytes are peaks: the largest sum, over
time, of what lives at once.

Both are found by running the network on "meta" tensors, which have shapes but no numbers: nothing is computed or
allocated, and the answer doesn't depend on what else the machine does. The peak is that of the tensors themselves:
scratch memory of the convolution library comes on top (`WORKSPACE`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

WORKSPACE = 2.2  # growth of the process over the tensors' own peak: 1.06 to 2.14 was seen on the CPU, fp32 and bf16


@dataclass(frozen=True)
class Cost:
    """Cost of one forward pass at one size.

    macs: multiply-accumulates; parameters: numbers learnt; weight_bytes: parameters and buffers;
    activation_bytes: peak of the intermediate results, input and output included, weights not.
    """

    macs: int
    parameters: int
    weight_bytes: int
    activation_bytes: int


def of_net(net: nn.Module, shape: tuple[int, ...]) -> Cost:
    """Return the cost of `net(x)` for x float32 of `shape`, without running it on numbers; `net` is not touched.

    >>> of_net(nn.Conv2d(3, 8, 3, padding=1, bias=False), (1, 3, 10, 20)).macs == 8 * 3 * 3 * 3 * 10 * 20
    True
    """
    # A deep copy whose every parameter and buffer is replaced by a meta tensor: costs no memory, and the shared
    # network stays as it is while other threads use it.
    shadow = copy.deepcopy(net, {id(t): _meta(t) for t in (*net.parameters(), *net.buffers())})
    x = torch.empty(shape, device="meta")
    counter = Counter(x)
    # no_grad, not inference_mode: there linear and conv2d would arrive whole, under names the table doesn't have.
    with torch.no_grad(), counter:
        shadow(x)
    return Cost(
        macs=counter.flops // 2,
        parameters=sum(p.numel() for p in net.parameters()),
        weight_bytes=weight_bytes(net),
        activation_bytes=counter.peak,
    )


def weight_bytes(net: nn.Module) -> int:
    """Return the bytes of a network's parameters and buffers."""
    return sum(t.numel() * t.element_size() for t in (*net.parameters(), *net.buffers()))


def available_memory() -> int | None:
    """Return the bytes of main memory that can still be had, of the machine or of our container; None if unknown.

    Where they run out Linux ends the whole process, so a page has to ask first.
    """
    found = []
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError, IndexError):
        pass
    try:
        group = Path("/sys/fs/cgroup")
        limit = (group / "memory.max").read_text().strip()
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        if limit != "max":
            # The page cache counts as used there, but gives way when memory is asked for.
            used = int((group / "memory.current").read_text()) - int(stat.get("inactive_file", 0))
            found.append(max(0, int(limit) - used))
    except (OSError, ValueError):
        pass
    return min(found, default=None)


class Counter(TorchDispatchMode):
    """Sees every operation of this thread; adds up FLOPs, and the bytes of the storages that live."""

    def __init__(self, *inputs: torch.Tensor) -> None:
        super().__init__()
        self.flops = self.peak = 0
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}
        for tensor in inputs:
            self._add(tensor)

    def _add(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        ref = StorageWeakRef(storage)
        self._alive[ref.cdata] = (ref, storage.nbytes())

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        given = {t.untyped_storage()._cdata for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)}
        out = func(*args, **kwargs)
        count: Callable[..., int] | None = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.flops += count(*args, **kwargs, out_val=out)
        self._alive = {key: entry for key, entry in self._alive.items() if not entry[0].expired()}
        for tensor in tree_leaves(out):
            # Views and in-place results share the storage of what came in: nothing new.
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata not in given:
                self._add(tensor)
        self.peak = max(self.peak, sum(size for _, size in self._alive.values()))
        return out


def _meta(tensor: torch.Tensor) -> torch.Tensor:
    empty = torch.empty_like(tensor, device="meta", dtype=torch.float32 if tensor.is_floating_point() else None)
    return nn.Parameter(empty, requires_grad=False) if isinstance(tensor, nn.Parameter) else empty
