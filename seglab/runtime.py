"""Where and how networks run: device, precision, loaded models, turns, memory.

One process serves many visitors, a thread each, with one copy of every network. So networks are read-only here: in eval
mode, without gradients, never changed once loaded. Forward passes take turns (`forward`); whoever hooks into a network
gets a copy of it, alone (`hooks_lock`).

Passes in float32 run a copy with BatchNorm folded into the convolutions (`seglab.folding`) and, on a CPU, with wide
3×3 convolutions done Winograd's way (`seglab.winograd`): exact up to rounding, and up to three times as fast. Passes in
half precision run a half-precision copy of the folded one, checked when it is made.
On a GPU float32's convolutions are those of torch's default, which is TF32 where there is such a thing.

Settings, by environment variables: SEGLAB_DEVICE (cpu, cuda, cuda:1, mps), SEGLAB_MODEL_CACHE_MB (1024),
SEGLAB_FORWARDS, the number of forward passes at once (2 on a GPU; on a CPU one for every four cores, because one
pass uses several cores anyway), and SEGLAB_ALLOCATOR=system, which leaves malloc alone (see `seglab.allocator`).
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from seglab import copies, machine, peak, trained, zoo
from seglab.cost import Cost
from seglab.devices import OutOfMemory, check_precision, device, is_out_of_memory, precisions, release
from seglab.download import Progress, WeightsError
from seglab.layout import channels_last
from seglab.loaded import Loaded
from seglab.peak import Peak, peak_memory
from seglab.sharing import ByteCache, Cancelled, Places, whole_setting
from seglab.types import Palette
from seglab.zoo import ModelSpec, Preprocess

__all__ = [
    "Cancelled", "Cost", "Loaded", "OutOfMemory", "Peak", "check_precision", "checkpoint", "cost", "device",
    "for_autocast", "forward", "forward_passes", "free", "hooks_lock", "in_turn", "model", "model_or_default",
    "peak_memory", "places", "precisions", "ready",
]  # fmt: skip


T = TypeVar("T")


_models: ByteCache[Loaded] = ByteCache(
    whole_setting("SEGLAB_MODEL_CACHE_MB", 1024) << 20, sizeof=lambda loaded: loaded.bytes
)
_lock = threading.Lock()  # for the two below
_passes = 0
_hook_locks: weakref.WeakKeyDictionary[nn.Module, Places] = weakref.WeakKeyDictionary()


@cache
def places() -> Places:
    """Return the places for forward passes; `.waiting` and `.running` are what a page can show."""
    default = max(1, machine.cores() // 4) if device().type == "cpu" else 2
    return Places(whole_setting("SEGLAB_FORWARDS", default))


def ready(
    key: str, net: nn.Module, palette: Palette, preprocess: Preprocess, weights_hash: str, spec: ModelSpec | None = None
) -> Loaded:
    """Make a network ready to run: eval mode, no gradients, on the device. Changes `net`, which belongs to us now."""
    net = net.eval().requires_grad_(False)
    folded = copies.folded(net, quick=device().type == "cpu")  # a GPU's library knows that way
    # On a CPU 4 % (street) to 30 % (LR-ASPP) faster, same labels, and gradients of `net` gain as well. On a GPU the
    # pictures' layout, channels last, would win anyway, and the weights be turned round in every pass.
    net, folded = (n.to(device()) for n in (net, folded))
    if device().type != "mps":
        net, folded = channels_last(net), channels_last(folded)
    return Loaded(key, net, folded, palette, preprocess, weights_hash, copies.weight_bytes(net, folded), spec)


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


def model_or_default(
    key: str, progress: Progress | None = None, default: str | None = None
) -> tuple[Loaded, str | None]:
    """Return (model `key`, None); or, if its weights can't be had, an embedded model and a message for people.

    That is `default`, or the zoo's if it isn't given.
    """
    other = default or zoo.DEFAULT
    try:
        return model(key, progress=progress), None
    except WeightsError as error:
        if key == other:
            raise
        titles = zoo.get(key).title, zoo.get(other).title
        return model(other), f"{titles[0]} isn't here, so “{titles[1]}” answers instead. {error}"


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
        ValueError: a precision this device lacks or this network can't stand, or logits that aren't (N, K, h, w) or
            not finite.

    """

    def chosen() -> Loaded:
        return loaded if precision == "fp32" else copies.half(loaded, precision, _models)

    def run(x: Tensor) -> tuple[Tensor, bool]:
        return _pass(chosen().folded, x)

    logits, finite = in_turn(loaded, x, run, copy=chosen, precision=precision, cancel=cancel)
    if logits.ndim != 4 or logits.shape[1] != len(loaded.palette):
        raise ValueError(
            f"{loaded.key} gave {tuple(logits.shape)}; wanted (N, {len(loaded.palette)}, h, w), "
            f"a score for each class of {loaded.palette.title}."
        )
    if not finite:
        what = "choose fp32" if precision != "fp32" else "its weights are damaged or were trained badly"
        raise ValueError(f"{loaded.key} gave scores that aren't numbers in {precision}: {what}.")
    return logits


def in_turn(
    loaded: Loaded,
    x: Tensor,
    run: Callable[[Tensor], T],
    *,
    copy: Callable[[], Loaded] | None = None,
    precision: str = "fp32",
    cancel: Callable[[], bool] | None = None,
) -> T:
    """Wait for a place, and return `run(x)`, x being float32 on the device; counts it as a pass, with time and memory.

    `copy`: makes, or finds, the copy that `run` runs, in the same place. That isn't in the time, its bytes are in the
    memory.

    Raises:
        OutOfMemory, Cancelled, ValueError for the precision: as `forward`.

    """
    global _passes
    check_precision(precision)
    found = None
    with places().place(cancel):
        peak.ask_for_memory(loaded.key, loaded.net, loaded.device, x, precision)
        try:
            ran = copy() if copy else loaded
            began = time.perf_counter()
            found = (run(x.to(loaded.device, torch.float32)),)
            ms = 1000 * (time.perf_counter() - began)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        with _lock:
            _passes += 1
    # Raised here, not above: the error caught there holds the network's frames, and with them all they had computed.
    if found is None:
        raise OutOfMemory.of(loaded.key, loaded.device, x)
    kept = loaded.bytes + (ran.bytes if ran is not loaded else 0)
    peak.note(loaded.net, kept, x, precision, ms)
    return found[0]


def _pass(net: nn.Module, x: Tensor) -> tuple[Tensor, bool]:
    """Return the logits in float32 on the CPU, and whether all are finite; waits until a GPU is done."""
    with torch.inference_mode():
        logits = net(x)
        finite = torch.isfinite(logits).all()  # before they leave a GPU, which takes no time for it
        return logits.float().cpu(), bool(finite)


def forward_passes() -> int:
    """Return how many forward passes this process has run; tests compare it before and after."""
    with _lock:
        return _passes


@contextmanager
def hooks_lock(loaded: Loaded, cancel: Callable[[], bool] | None = None) -> Iterator[nn.Module]:
    """Give a float32 copy of the network for hooks and gradients, to one thread at a time; who comes first is next.

    A copy, because a hook on the shared network would fire in every other visitor's forward passes as well. Remove your
    hooks before you leave, and don't ask again inside. `cancel` is asked while waiting; true raises Cancelled.
    """
    with _lock:
        lock = _hook_locks.setdefault(loaded.net, Places(1))
    with lock.place(cancel):
        yield copies.for_hooks(loaded, _models).net


def for_autocast(loaded: Loaded) -> Loaded:
    """Return what runs under autocast, cached beside the models."""
    return copies.for_autocast(loaded, _models)


def free() -> None:
    """Give back all memory that can be had again: cached models, and what torch and malloc keep for later.

    A model in use stays whole, and its memory is free once its user is done.
    """
    _models.clear()
    release()


def cost(loaded: Loaded, h: int, w: int) -> Cost:
    """Return what a float32 forward pass on an h×w picture costs (see `seglab.cost`); remembered, and runs nothing."""
    return peak.cost(loaded.net, h, w)
