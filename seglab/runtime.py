"""Where and how networks run: device, precision, loaded models, turns, memory.

One process serves many visitors, a thread each, with one copy of every network. So networks are read-only here: in eval
mode, without gradients, never changed once loaded. Forward passes take turns (`forward`); whoever hooks into a network
gets a copy of it, alone (`hooks_lock`).

Settings, by environment variables: SEGLAB_DEVICE (cpu, cuda, cuda:1, mps), SEGLAB_MODEL_CACHE_MB (1024), and
SEGLAB_FORWARDS, the number of forward passes at once (2 on a GPU; on a CPU one for every four cores, because one
pass uses several cores anyway).
"""

from __future__ import annotations

import copy
import itertools
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from seglab import cost as costs
from seglab import trained, zoo
from seglab.cost import Cost
from seglab.devices import DTYPES, OutOfMemory, check_precision, device, is_out_of_memory, precisions, release
from seglab.download import Progress, WeightsError
from seglab.sharing import ByteCache, Cancelled, Places, whole_setting
from seglab.types import Palette
from seglab.zoo import ModelSpec, Preprocess

__all__ = [
    "Cancelled", "Cost", "Loaded", "OutOfMemory", "Peak", "check_precision", "checkpoint", "cost", "device", "forward",
    "forward_passes", "free", "hooks_lock", "model", "model_or_default", "peak_memory", "places", "precisions", "ready",
]  # fmt: skip

ASK_ABOVE = 2**20  # pixels: smaller pictures fit into any machine that torch fits into


@dataclass(frozen=True, eq=False)
class Loaded:
    """A network ready to run, with what belongs to its weights. Equal only to itself; `net` is shared: don't change it.

    key: the model's, or the checkpoint's file name; bytes: of parameters and buffers; spec: None for a network that
    isn't in the zoo.
    """

    key: str
    net: nn.Module
    palette: Palette
    preprocess: Preprocess
    weights_hash: str
    bytes: int
    spec: ModelSpec | None = None

    @property
    def device(self) -> torch.device:
        """Where the network's parameters are."""
        first = next(self.net.parameters(), None)
        return device() if first is None else first.device


@dataclass
class Peak:
    """Peak memory in bytes, filled in when `peak_memory` is done."""

    bytes: int = 0


_models: ByteCache[Loaded] = ByteCache(
    whole_setting("SEGLAB_MODEL_CACHE_MB", 1024) << 20, sizeof=lambda loaded: loaded.bytes
)
_lock = threading.Lock()  # for the four below
_passes = 0
_numbers: weakref.WeakKeyDictionary[nn.Module, int] = weakref.WeakKeyDictionary()
_hook_locks: weakref.WeakKeyDictionary[nn.Module, threading.RLock] = weakref.WeakKeyDictionary()  # type: ignore[valid-type]
_costs: weakref.WeakKeyDictionary[nn.Module, dict[tuple[int, int], Cost]] = weakref.WeakKeyDictionary()
_count = itertools.count()
_thread = threading.local()  # .seen: forward passes within this thread's `peak_memory`


@cache
def places() -> Places:
    """Return the places for forward passes; `.waiting` and `.running` are what a page can show."""
    default = max(1, (os.cpu_count() or 1) // 4) if device().type == "cpu" else 2
    return Places(whole_setting("SEGLAB_FORWARDS", default))


def ready(
    key: str, net: nn.Module, palette: Palette, preprocess: Preprocess, weights_hash: str, spec: ModelSpec | None = None
) -> Loaded:
    """Make a network ready to run: eval mode, no gradients, on the device. Changes `net`, which belongs to us now."""
    net = net.eval().requires_grad_(False).to(device())
    if device().type == "cpu":
        # 4 % (street) to 30 % (LR-ASPP) faster, same labels.
        net = net.to(memory_format=torch.channels_last)
    return Loaded(key, net, palette, preprocess, weights_hash, costs.weight_bytes(net), spec)


def model(key: str, *, progress: Progress | None = None) -> Loaded:
    """Return model `key` of the zoo, float32; loaded once, however many threads ask, and kept while there is room.

    Args:
        key: a key of `zoo.MODELS`.
        progress: called with (bytes so far, bytes in all) while weights are downloaded, by the thread that loads.

    Raises:
        ValueError: unknown key.
        DownloadError, WeightsError: the weights can't be had; the text says what to do.

    """
    spec = zoo.get(key)

    def load() -> Loaded:
        net = spec.build()
        weights = zoo.state_dict(key, progress)
        trained.fill(net, weights, f"the weights of {key}", WeightsError)
        return ready(key, net, spec.palette, spec.preprocess, zoo.weights_hash(key), spec)

    return _models.get(("model", key, zoo.weights_hash(key)), load)


def model_or_default(key: str, progress: Progress | None = None) -> tuple[Loaded, str | None]:
    """Return (model `key`, None); or, if its weights can't be had, the embedded default and a message for people."""
    try:
        return model(key, progress=progress), None
    except WeightsError as error:
        if key == zoo.DEFAULT:
            raise
        title, default = zoo.get(key).title, zoo.get(zoo.DEFAULT).title
        return model(zoo.DEFAULT), f"{title} isn't here, so “{default}” answers instead. {error}"


def checkpoint(path: str | Path, *, key: str | None = None) -> Loaded:
    """Return a network trained here, from its file; kept like the models, until the file changes.

    Args:
        path: `.safetensors` as `seglab.train` writes it, or `.pt`/`.pth`: train's last.pt, {"model", "state_dict"}, or
            a plain state dict. Nothing in it is ever run.
        key: which model it is, where the file doesn't say.

    Raises:
        ValueError: no such file, another kind of file, damaged, or weights of another network; the text says which.

    """
    path = Path(path)
    stat = trained.stat(path)

    def load() -> Loaded:
        found = trained.read(path, key)
        net = found.spec.build()
        trained.fill(net, found.state, path.name, ValueError)
        return ready(path.name, net, found.palette, found.spec.preprocess, found.weights_hash, found.spec)

    return _models.get(("file", str(path.absolute()), stat.st_mtime_ns, stat.st_size, key), load)


def forward(loaded: Loaded, x: Tensor, *, precision: str = "fp32", cancel: Callable[[], bool] | None = None) -> Tensor:
    """Run the network on x (N, 3, H, W) float32 and return logits (N, K, h, w) float32 on the CPU; waits for its turn.

    Raises:
        OutOfMemory: there isn't enough memory; nothing was freed yet (see `free`).
        Cancelled: `cancel()` was true while waiting.
        ValueError: a precision this device lacks, or logits that aren't (N, K, h, w) or not finite.

    """
    global _passes
    check_precision(precision)
    _ask_for_memory(loaded, x, precision)
    logits = None
    with places().place(cancel):
        try:
            copied = _copy(loaded, precision)
            with torch.inference_mode():
                moved = x.to(copied.device, DTYPES[precision])
                logits = copied.net(moved).float().cpu()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        with _lock:
            _passes += 1
    # Raised here, not above: the error caught there holds the network's frames, and with them all they had computed.
    if logits is None:
        raise OutOfMemory.of(loaded.key, loaded.device, x)
    if (seen := getattr(_thread, "seen", None)) is not None:
        seen.add((loaded, x.shape[0], x.shape[2], x.shape[3], precision))
    if logits.ndim != 4 or logits.shape[1] != len(loaded.palette):
        raise ValueError(
            f"{loaded.key} gave {tuple(logits.shape)}; wanted (N, {len(loaded.palette)}, h, w), "
            f"a score for each class of {loaded.palette.title}."
        )
    if not torch.isfinite(logits).all():
        what = "choose fp32" if precision != "fp32" else "its weights are damaged or were trained badly"
        raise ValueError(f"{loaded.key} gave scores that aren't numbers in {precision}: {what}.")
    return logits


def forward_passes() -> int:
    """Return how many forward passes this process has run; tests compare it before and after."""
    with _lock:
        return _passes


@contextmanager
def hooks_lock(loaded: Loaded) -> Iterator[nn.Module]:
    """Give a float32 copy of the network for hooks and gradients, to one thread at a time.

    A copy, because a hook on the shared network would fire in every other visitor's forward passes as well. Remove your
    hooks before you leave.
    """
    with _lock:
        lock = _hook_locks.setdefault(loaded.net, threading.RLock())
    with lock:
        yield _copy(loaded, "hooks").net


def free() -> None:
    """Give back all memory that can be had again: cached models, and what torch and malloc keep for later.

    A model in use stays whole, and its memory is free once its user is done.
    """
    _models.clear()
    release()


def cost(loaded: Loaded, h: int, w: int) -> Cost:
    """Return what a float32 forward pass on an h×w picture costs (see `seglab.cost`); remembered, and runs nothing."""
    with _lock:
        known = _costs.setdefault(loaded.net, {})
    if (h, w) not in known:
        known[h, w] = costs.of_net(loaded.net, (1, 3, h, w))
    return known[h, w]


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Tell, once the block is left, how much memory this thread's forward passes in it needed, in bytes.

    On CUDA that is measured: the most that torch had allocated meanwhile, other threads' tensors included. Elsewhere it
    is computed after the block, for the largest pass: weights, and the peak of the intermediate results that live at
    once; the library's scratch memory comes on top (on the CPU 6 to 114 % of the intermediate results).
    """
    peak, outer = Peak(), getattr(_thread, "seen", None)
    seen: set[tuple[Loaded, int, int, int, str]] = set()
    _thread.seen = seen
    on_cuda = device().type == "cuda"
    if on_cuda:
        torch.cuda.reset_peak_memory_stats(device())
    try:
        yield peak
    finally:
        _thread.seen = outer
    if on_cuda:
        peak.bytes = torch.cuda.max_memory_allocated(device())
        return
    for loaded, n, h, w, precision in seen:
        found = cost(loaded, h, w)
        needed = (found.weight_bytes + n * found.activation_bytes) // (1 if precision == "fp32" else 2)
        peak.bytes = max(peak.bytes, needed)


def _copy(loaded: Loaded, use: str) -> Loaded:
    """Return a copy of the network for a precision or for hooks, cached beside the models; for fp32, itself."""
    first = next(loaded.net.parameters(), None)
    dtype = DTYPES.get(use, torch.float32)
    if use != "hooks" and (first is None or first.dtype == dtype):
        return loaded

    def make() -> Loaded:
        # Tensors made in inference mode can't take part in gradients ever after.
        with torch.inference_mode(False), torch.no_grad():
            net = copy.deepcopy(loaded.net).to(dtype)
            if use != "hooks" and loaded.device.type != "mps":
                net = net.to(memory_format=torch.channels_last)  # half precision hardly pays without it
        return replace(loaded, net=net, bytes=costs.weight_bytes(net))

    with _lock:
        # By a number of our own: an id() may be given again once its network is gone.
        number = _numbers.setdefault(loaded.net, next(_count))
    return _models.get(("copy", number, use), make)


def _ask_for_memory(loaded: Loaded, x: Tensor, precision: str) -> None:
    """Raise OutOfMemory if a large picture surely won't fit into main memory: Linux would end the whole process."""
    n, _, h, w = x.shape
    if loaded.device.type != "cpu" or n * h * w <= ASK_ABOVE:
        return
    available = costs.available_memory()
    # Intermediate results grow with the number of pixels, so one size tells about all.
    needed = cost(loaded, 256, 256).activation_bytes / 256**2 * n * h * w * costs.WORKSPACE
    if available is not None and needed / (1 if precision == "fp32" else 2) > available:
        raise OutOfMemory.of(loaded.key, loaded.device, x)
