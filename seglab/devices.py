"""The machine below: which device, which precisions it is fast in, and how its memory runs out."""

from __future__ import annotations

import gc
import os
from functools import cache

import torch

from seglab import allocator

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

allocator.keep_buffers()  # as early as can be: a thread keeps the arena it began with


class OutOfMemory(RuntimeError):
    """A picture was too large for the memory there is; the text says what to do."""

    @classmethod
    def of(cls, key: str, device: torch.device, x: torch.Tensor) -> OutOfMemory:
        """Make the error for network `key` on x (N, 3, H, W)."""
        h, w = x.shape[-2:]
        return cls(
            f"There isn't enough memory on {device} for {key} on {w}×{h} pixels at once. Choose a smaller short side, "
            "tiles (or smaller ones), half precision or a lighter model."
        )


@cache
def device() -> torch.device:
    """Return the device networks run on: SEGLAB_DEVICE if set, else CUDA, else MPS, else the CPU."""
    if name := os.environ.get("SEGLAB_DEVICE"):
        try:
            return torch.device(name)
        except RuntimeError as error:
            raise ValueError(f"SEGLAB_DEVICE must be cpu, cuda, cuda:1 or mps; got {name!r}.") from error
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


@cache
def precisions() -> tuple[str, ...]:
    """Return the precisions this device has fast kernels for, "fp32" first."""
    kind = device().type
    if kind == "cuda":
        return ("fp32", "bf16", "fp16") if torch.cuda.is_bf16_supported(including_emulation=False) else ("fp32", "fp16")
    if kind == "mps":
        return ("fp32", "fp16")
    found = ["fp32"]
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        found.append("bf16")
    if torch.ops.mkldnn._is_mkldnn_fp16_supported():
        found.append("fp16")
    return tuple(found)


def check_precision(precision: str) -> None:
    """Raise ValueError unless this device runs `precision`."""
    if precision not in precisions():
        raise ValueError(f"precision {precision!r} doesn't run on {device()}; choose among {', '.join(precisions())}.")


def release() -> None:
    """Collect garbage, and make torch and malloc give back to the system what they keep for later."""
    gc.collect()
    if device().type == "cuda":
        torch.cuda.empty_cache()
    elif device().type == "mps":
        torch.mps.empty_cache()
    allocator.give_back()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch ran out of memory: on the GPU a class of its own, on the CPU and on MPS only words."""
    words = ("out of memory", "not enough memory", "allocate memory", "defaultcpuallocator")
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(w in str(error).lower() for w in words)
