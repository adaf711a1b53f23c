"""The machine below: which device, which precisions it is fast in, and how its memory runs out."""

from __future__ import annotations

import gc
import os
import re
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
    """Return the device networks run on: SEGLAB_DEVICE if set, else CUDA, else MPS, else the CPU.

    Raises:
        ValueError: SEGLAB_DEVICE names none of these, or the device can't be used here; the text says why.

    """
    asked = os.environ.get("SEGLAB_DEVICE")
    name = asked or ("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", name):
        raise ValueError(f"SEGLAB_DEVICE must be cpu, cuda, cuda:1 or mps; got {name!r}.")
    try:
        torch.zeros(1, device=name).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # torch says it in many ways, and for pages
        reason = str(error).partition("\n")[0].partition(". ")[0] or type(error).__name__
        said = f"SEGLAB_DEVICE={name}" if asked else f"The device {name}"
        raise ValueError(f"{said} can't be used here ({reason}); SEGLAB_DEVICE=cpu always can.") from error
    return torch.device(name)


@cache
def precisions() -> tuple[str, ...]:
    """Return the precisions this device has fast kernels for, "fp32" first.

    Of CPUs, some have instructions for fp16 too, but torch has no convolutions for them that pay: on a Xeon with AMX,
    U-Net took 3.6 times as long as in bf16, and a StreetNet longer than in fp32 (`bench inference`).
    """
    kind = device().type
    if kind == "cuda":
        return ("fp32", "bf16", "fp16") if torch.cuda.is_bf16_supported(including_emulation=False) else ("fp32", "fp16")
    if kind == "mps":
        return ("fp32", "fp16")
    return ("fp32", "bf16") if torch.ops.mkldnn._is_mkldnn_bf16_supported() else ("fp32",)


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
    """Whether torch ran out of memory: on the GPU a class of its own, on the CPU, on MPS and in libraries only words.

    cuDNN that finds no room for any of a convolution's algorithms says that it found no engine (pytorch#108645).
    """
    words = ("out of memory", "not enough memory", "allocate memory", "defaultcpuallocator", "status_alloc_failed",
             "unable to find an engine")  # fmt: skip
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(w in str(error).lower() for w in words)
