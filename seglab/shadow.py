"""A copy of a network to look into: its weights are the original's own, its hooks, buffers and mode are not.

Networks are shared by all visitors (see `seglab.runtime`), so nothing may be hooked into them, and no training pass may
move their BatchNorm statistics. A shadow costs little, for it holds no weights of its own, and whatever is done to it
is gone when it is.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode


def shadow(net: nn.Module, *, learning: bool = False, meta: bool = False) -> nn.Module:
    """Return a copy of `net`, which stays as it is, with the same weights in memory and with buffers of its own.

    Args:
        net: any network.
        learning: in train mode, every weight with a gradient; else in eval mode, none.
        meta: on the "meta" device: tensors have shapes but no numbers, and nothing is computed.

    >>> net = nn.Sequential(nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1))
    >>> twin = shadow(net, learning=True)
    >>> twin(torch.ones(2, 1, 4, 4)).requires_grad, twin[1].running_mean.equal(net[1].running_mean)
    (True, False)
    >>> twin[0].weight.data_ptr() == net[0].weight.data_ptr(), net.training
    (True, True)
    """
    # Tensors made in inference mode can't take part in gradients ever after.
    with torch.inference_mode(False), torch.no_grad():
        twins: dict[int, Any] = {}
        for weight in net.parameters():
            data = torch.empty_like(weight, device="meta") if meta else weight.detach()
            twins[id(weight)] = nn.Parameter(data, requires_grad=learning and weight.is_floating_point())
        for buffer in net.buffers():
            twins[id(buffer)] = torch.empty_like(buffer, device="meta") if meta else buffer.clone()
        return copy.deepcopy(net, twins).train(learning)


class Sketching(TorchDispatchMode):
    """Within it, three operations on "meta" tensors take no time: torch works their shapes out in Python.

    A bilinear enlargement takes 30 ms there and a BatchNorm 5, hundreds of times what they take on a small map's
    numbers. Shapes, and what autograd keeps, are as ever.
    """

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        x = args[0] if args else None
        if isinstance(x, Tensor) and x.is_meta and not kwargs:
            if func is torch.ops.aten.native_batch_norm.default:
                statistics = x.new_empty(x.shape[1] if args[5] else 0)  # args[5]: whether they are the batch's
                return torch.empty_like(x), statistics, torch.empty_like(statistics)
            if func is torch.ops.aten.upsample_bilinear2d.default:
                return x.new_empty((*x.shape[:2], *args[1]))
            if func is torch.ops.aten.relu.default:
                return torch.empty_like(x)
        return func(*args, **(kwargs or {}))


def part(net: nn.Module, name: str) -> nn.Module:
    """Return the module of that name, "" being the whole network; ValueError names those that are alike.

    >>> part(nn.Sequential(nn.ReLU()), "0")
    ReLU()
    """
    parts = dict(net.named_modules(remove_duplicate=False))
    if name not in parts:
        near = difflib.get_close_matches(name, parts, n=5, cutoff=0.4) or [n for n, _ in net.named_children()][:8]
        raise ValueError(
            f"{type(net).__name__} has no part called {name!r}; it has, for instance, "
            f"{', '.join(map(repr, near)) or 'none at all'}. Names are those of `named_modules()`."
        )
    return parts[name]


def watch(
    net: nn.Module,
    names: Iterable[str],
    after: Callable[[str, Any], Any],
    before: Callable[[str], None] | None = None,
) -> None:
    """Have `before(name)` and `after(name, output)` called at each call of the named parts of a shadow.

    What `after` returns, unless it is None, goes on through the network instead of the output. The hooks stay: they
    are on a copy. ValueError: an unknown name.
    """
    for name in names:
        module = part(net, name)
        if before is not None:
            module.register_forward_pre_hook(_before(before, name))
        module.register_forward_hook(_after(after, name))


def _before(call: Callable[[str], None], name: str) -> Callable[..., None]:
    def hook(module: nn.Module, inputs: Any) -> None:
        call(name)

    return hook


def _after(call: Callable[[str, Any], Any], name: str) -> Callable[..., Any]:
    def hook(module: nn.Module, inputs: Any, output: Any) -> Any:
        return call(name, output)

    return hook
