"""What training keeps: the activations that the forward pass leaves in memory until the backward pass has used them.

Conventions: bytes of storages, each counted once, however many views of it are kept or whoever keeps them. A number is
an activation unless it is a weight or a buffer; so the input counts where it is kept (a first convolution needs it
for its weights' gradient), and so do the indices of max-pooling and BatchNorm's mean and deviation of the batch.
Every weight is taken to learn. What is alive only during the forward pass (a BatchNorm's output that a ReLU has
replaced) isn't counted: see `seglab.cost` for peaks.

Found by `torch.autograd.graph.saved_tensors_hooks`, so this is what autograd really keeps on that device, not a sum
over layers by formula; on the "meta" device nothing is computed and the bytes are those of the CPU. What a custom
`autograd.Function` keeps elsewhere than in `save_for_backward` isn't seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.multiprocessing.reductions import StorageWeakRef

from seglab.shadow import Sketching, shadow, watch


@dataclass(frozen=True)
class Kept:
    """What one training pass keeps for its backward pass.

    bytes: of all activations; calls: (name, bytes) for each call of each part asked for, in the order in which they
    end. A storage counts for the call in which it was first kept: a convolution that begins a stage keeps its input, so
    the output of a stage without ReLU counts for the next one. What lies within two named parts counts for both.
    """

    bytes: int
    calls: tuple[tuple[str, int], ...]


def activation_bytes(net: nn.Module, x: Tensor, loss: Callable[[Any], Tensor] | None = None) -> int:
    """Return the bytes of activations that one training pass `loss(net(x))` keeps for its backward pass.

    In train mode, on a copy: the network, its statistics, gradients and mode stay as they are, and so do torch's random
    numbers.

    Args:
        net: the network.
        x: its input, (N, 3, H, W) for most; may be on the "meta" device, whatever device `net` is on.
        loss: of the network's output; what it keeps counts as well. None: the network alone.

    Raises:
        ValueError: whatever the network says, such as BatchNorm to a single number per channel: take N = 2.

    >>> conv = nn.Conv2d(3, 8, 3, padding=1)
    >>> activation_bytes(nn.Sequential(conv, nn.ReLU()), torch.zeros(2, 3, 10, 10))  # the input, and ReLU's output
    8800
    >>> activation_bytes(conv, torch.zeros(2, 3, 10, 10))  # a convolution keeps what it reads, not what it makes
    2400
    """
    return kept(net, x, loss=loss).bytes


def kept(net: nn.Module, x: Tensor, names: Iterable[str] = (), loss: Callable[[Any], Tensor] | None = None) -> Kept:
    """Return what one training pass keeps, in all and for each call of the parts `names`; else as `activation_bytes`.

    ValueError also for a name that the network doesn't have.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
    >>> kept(net, torch.zeros(2, 3, 10, 10), ["0", "1"]).calls
    (('0', 2400), ('1', 6400))
    """
    quiet = shadow(net, learning=True, meta=x.is_meta)
    ours = {t.untyped_storage()._cdata for t in (*quiet.parameters(), *quiet.buffers())}
    # A weak reference keeps the storage's address from being given to another one, and tells whether it still lives.
    found: dict[int, tuple[StorageWeakRef, int, tuple[int, ...]]] = {}
    calls: list[str] = []  # in the order in which they begin
    ended: list[int] = []
    running: list[int] = []  # calls that have begun and not ended

    def begin(name: str) -> None:
        running.append(len(calls))
        calls.append(name)

    def end(name: str, output: Any) -> None:
        ended.append(running.pop())

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        ref = StorageWeakRef(storage)
        if ref.cdata not in ours and ref.cdata not in found:
            found[ref.cdata] = ref, storage.nbytes(), tuple(running)
        return tensor.detach()  # not the tensor itself: the graph would hold itself alive

    watch(quiet, names, end, begin)
    # For dropout; on "meta" it draws nothing, and putting a state back would rewind what other threads draw meanwhile.
    devices = [x.device] if x.device.type == "cuda" else []
    with torch.inference_mode(False), torch.enable_grad(), torch.random.fork_rng(devices, enabled=not x.is_meta):
        with Sketching(), saved_tensors_hooks(pack, lambda tensor: tensor):
            output = quiet(x)
            if loss is not None:
                output = loss(output)
        # Counted while `output` holds the graph; what a branch kept that led nowhere is gone by now.
        alive = [(size, within) for ref, size, within in found.values() if not ref.expired()]
        del output
    return Kept(
        bytes=sum(size for size, _ in alive),
        calls=tuple((calls[i], sum(size for size, within in alive if i in within)) for i in ended),
    )
