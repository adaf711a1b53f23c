"""Run a network on how far things reach, instead of on numbers.

Within `Reaching`, torch's operations compute no numbers: they compute, for every element of what they make, which input
cells it depends on (see `reach_ends`). Hand `picture(shape)` in as the input; `ends(y)` tells of any tensor that was
made of it. Weights don't matter, only their shapes, and nothing cancels.

That is exact where each output reads a box of inputs, as convolutions, pools and interpolations do; a kernel with holes
reaches as far as its outermost taps. One liberty: a place that reads nothing but padding counts as what stands beside
it, which only borders notice. Operations whose window grows with the picture are told apart from the others.

The rules are written for torch's own operations (aten), of which there are few, so any module that is built from them
will do, whatever its Python. An operation without a rule is refused (`NoRule`), never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from seglab import reach_ends
from seglab import reach_windows as windows
from seglab.reach_ends import Ends

Given = Mapping[str, Any]


class NoRule(ValueError):
    """An operation of which it isn't known how far its outputs reach."""


class Reaching(TorchDispatchMode):
    """Within it, and `torch.no_grad()`, what is made of `picture(…)` has ends and no numbers; all else is as ever.

    >>> with torch.no_grad(), Reaching():
    ...     y = torch.nn.Conv1d(3, 8, 3, stride=2)(picture((1, 3, 9)))
    >>> y.shape, ends(y).tensors[1].flatten().tolist()  # the last input cell that each of the 4 outputs reads
    (torch.Size([1, 8, 4]), [2.0, 4.0, 6.0, 8.0])
    """

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = {}  # the arguments by name, in torch's order, those left out as torch has them
        for i, argument in enumerate(func._schema.arguments):
            if i < len(args):
                given[argument.name] = _plain(args[i])
            elif argument.name in (kwargs or {}) or argument.has_default_value():
                given[argument.name] = _plain((kwargs or {}).get(argument.name, argument.default_value))
        if not any(
            isinstance(v, Ends) for value in given.values() for v in (value if type(value) is list else [value])
        ):
            return func(*args, **(kwargs or {}))
        in_place = func._schema.is_mutable
        name = func.overloadpacket.__name__.removesuffix("_" if in_place else "")
        rule = RULES.get(name, _elementwise if torch.Tag.pointwise in func.tags else None)
        if rule is None or (in_place and ends(args[0]) is None):
            raise NoRule(
                f"How far {func} reaches isn't known: seglab.reach has no rule for it. Ask for a part of the network "
                "that does without it, or add a rule to RULES."
            )
        found = rule(func, given)
        if in_place:
            args[0].reach = found
            return args[0]
        return _stand_in(found) if isinstance(found, Ends) else [_stand_in(e) for e in found]


def picture(shape: Sequence[int], felt: bool = False) -> Tensor:
    """Return a stand-in for the input, (1, C, H, W) or (1, C, D, H, W): each cell reaches itself.

    felt: whoever reads padding reaches the border cell on that side; if not, padding is nothing.
    """
    return _stand_in(reach_ends.picture(shape, felt))


def ends(tensor: Tensor) -> Ends | None:
    """Return how far the elements of a tensor reach; None for one that wasn't made of a picture."""
    return getattr(tensor, "reach", None)


def _stand_in(found: Ends | Tensor) -> Tensor:
    """Return a tensor of that shape, on the CPU (indices go to its device), of 4 bytes; `reach` is its real content."""
    if isinstance(found, Tensor):
        return found
    tensor = torch.zeros(()).expand(found.shape)
    tensor.reach = found  # type: ignore[attr-defined]
    return tensor


def _plain(value: Any) -> Any:
    """Put ends in the place of stand-ins in an argument, which may be a list of tensors."""
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return getattr(value, "reach", value)


def _elementwise(func: Any, given: Given) -> Ends:
    return reach_ends.union([t for t in given.values() if isinstance(t, Ends | Tensor)])


def _view(func: Any, given: Given) -> Any:
    """Take the numbers elsewhere as torch's own operation does."""
    x, *_ = given.values()
    rest = dict(list(given.items())[1:])
    return reach_ends.moved(x, lambda e: func(e, **rest))


def _reshape(func: Any, given: Given) -> Ends:
    x, shape = list(given.values())[:2]
    return reach_ends.moved(x, lambda e: e.reshape(shape))


def _reduce(func: Any, given: Given) -> Any:
    found = reach_ends.reduced(given["self"], given.get("dim"), given.get("keepdim", False))
    return (found,) * len(func._schema.returns) if len(func._schema.returns) > 1 else found


def _batch_norm(func: Any, given: Given) -> tuple[Ends, Tensor, Tensor]:
    """With fixed statistics each number is for itself; with those of the batch it depends on the whole map."""
    x, none = given["input"], torch.empty(0)
    return reach_ends.over(x, [0, *range(2, len(x.shape))]) if given["training"] else x, none, none


def _layer_norm(func: Any, given: Given) -> tuple[Ends, Tensor, Tensor]:
    x, none = given["input"], torch.empty(0)
    return reach_ends.over(x, range(-len(given["normalized_shape"]), 0)), none, none


def _group_norm(func: Any, given: Given) -> tuple[Ends, Tensor, Tensor]:
    x, none = given["input"], torch.empty(0)
    return reach_ends.over(x, range(1, len(x.shape))), none, none


def _cat(func: Any, given: Given) -> Ends:
    return reach_ends.joined(given["tensors"], given["dim"])


def _stack(func: Any, given: Given) -> Ends:
    dim = given["dim"]
    parts = [
        reach_ends.moved(t, lambda e: e.unsqueeze(dim)) if isinstance(t, Ends) else t.unsqueeze(dim)
        for t in given["tensors"]
    ]
    return reach_ends.joined(parts, dim)


def _select(func: Any, given: Given) -> Ends:
    x = given["self"]
    return windows.select(x, {given["dim"] % len(x.shape): [given["index"]]})


def _of(rule: Callable[[Given], Ends], outputs: int = 1) -> Callable[[Any, Given], Any]:
    """A rule that doesn't ask which operation it is; max-pools also give the places of their maxima."""
    return lambda func, given: rule(given) if outputs == 1 else [rule(given)] * outputs


def _product(a: str, b: str) -> Callable[[Any, Given], Ends]:
    return lambda func, given: reach_ends.product(given[a], given[b])


def _all(names: str, rule: Callable[[Any, Given], Any]) -> dict[str, Callable[[Any, Given], Any]]:
    return dict.fromkeys(names.split(), rule)


RULES: dict[str, Callable[[Any, Given], Any]] = {
    "convolution": _of(windows.convolution),
    **_all("avg_pool2d avg_pool3d", _of(windows.pool)),
    **_all("max_pool2d_with_indices max_pool3d_with_indices", _of(windows.pool, 2)),
    **_all("_adaptive_avg_pool2d _adaptive_avg_pool3d", _of(windows.adaptive_pool)),
    **_all("adaptive_max_pool2d adaptive_max_pool3d", _of(windows.adaptive_pool, 2)),
    **_all("max_unpool2d max_unpool3d", _of(windows.unpool)),
    **_all("upsample_nearest1d upsample_nearest2d upsample_nearest3d", _of(partial(windows.enlarge, "nearest"))),
    **_all("upsample_linear1d upsample_bilinear2d upsample_trilinear3d", _of(partial(windows.enlarge, "linear"))),
    "upsample_bicubic2d": _of(partial(windows.enlarge, "cubic")),
    "constant_pad_nd": _of(windows.constant_pad),
    **_all("reflection_pad1d reflection_pad2d reflection_pad3d", _of(partial(windows.mirror_pad, "reflect"))),
    **_all("replication_pad1d replication_pad2d replication_pad3d", _of(partial(windows.mirror_pad, "replicate"))),
    "cat": _cat,
    "stack": _stack,
    "index_select": _select,
    **_all("mean sum prod amax amin max min var std logsumexp argmax", _reduce),
    **_all("_softmax _log_softmax", lambda func, given: reach_ends.over(given["self"], given["dim"])),
    "native_batch_norm": _batch_norm,
    "native_layer_norm": _layer_norm,
    "native_group_norm": _group_norm,
    **_all("mm bmm", _product("self", "mat2")),
    "addmm": _product("mat1", "mat2"),  # what is added is a bias
    "baddbmm": _product("batch1", "batch2"),
    **_all("view _unsafe_view _reshape_alias", _reshape),
    **_all("permute transpose t unsqueeze squeeze slice select expand split split_with_sizes unbind unfold", _view),
    **_all("repeat flip roll pixel_shuffle pixel_unshuffle channel_shuffle", _view),
    # Each number for itself, though torch doesn't tag them so.
    **_all("hardswish _prelu_kernel _to_copy detach alias clone", _elementwise),
}
