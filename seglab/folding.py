"""BatchNorm folded into the convolution before it: the same function with fewer passes over memory.

In eval mode BatchNorm is y = γ·(x − μ)/√(σ² + ε) + β with fixed numbers, so it can be multiplied into the weights and
the bias of the convolution that made x (`torch.nn.utils.fusion`). Logits change by rounding only, some 1e-5.

Which BatchNorm follows which convolution is seen by running the network once, not by reading its graph: that works
whatever Python its `forward` holds (torch.fx gives up where sizes decide). What one run can't see, such as a second
reader of the convolution's output, shows in the answers: they are compared, and in doubt nothing is folded.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

TOLERANCE = 1e-3  # of the logits, absolute where they are below 1 and relative above
SIZES = ((64, 64), (49, 71))  # pixels of the two pictures of noise that folded answers are compared on


def fold(net: nn.Module) -> nn.Module:
    """Return a network with the same answers whose BatchNorms are folded as far as they can be; `net` stays as it is.

    That is `net` itself where there is nothing to fold, or where the folded copy's answers differ by more than
    TOLERANCE. What isn't folded is shared with `net`. Both are in eval mode, without gradients.
    """
    return _folded(net)[0]


def pairs(net: nn.Module) -> list[tuple[str, str]]:
    """Return the names of the convolutions and their BatchNorms that `fold` makes one of; none where it doesn't."""
    return _folded(net)[1]


def _folded(net: nn.Module) -> tuple[nn.Module, list[tuple[str, str]]]:
    kinds = {type(module) for module in net.modules()}
    if net.training or not (kinds & {nn.Conv2d} and kinds & {nn.BatchNorm2d}):
        return net, []
    # Made in inference mode, weights couldn't take part in gradients ever after.
    with torch.inference_mode(False), torch.no_grad():
        # Parameters are shared: folding makes new ones and changes none.
        folded = copy.deepcopy(net, {id(t): t for t in (*net.parameters(), *net.buffers())})
        try:
            found = _pairs(folded, _noise(net, SIZES[0]))
            for conv, norm in found:
                _replace(folded, conv, norm)
            same = bool(found) and all(_close(net(x), folded(x)) for x in (_noise(net, size) for size in SIZES))
        except (RuntimeError, ValueError, TypeError, AttributeError):  # not a network for pictures of this size
            return net, []
    return (folded, found) if same else (net, [])


def _pairs(net: nn.Module, x: Tensor) -> list[tuple[str, str]]:
    """Run the network, and return the names of each convolution and the BatchNorm that took its output."""
    made: dict[int, tuple[str, Tensor]] = {}  # by id of the output, which is kept so that no other gets its id
    calls: dict[str, int] = {}
    pairs: list[tuple[str, str]] = []
    hooks = []

    def watch(name: str) -> Any:
        def after(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            calls[name] = calls.get(name, 0) + 1
            if isinstance(module, nn.Conv2d):
                made[id(output)] = name, output
            elif inputs and id(inputs[0]) in made:
                pairs.append((made[id(inputs[0])][0], name))

        return after

    for name, module in net.named_modules():
        # A BatchNorm that keeps no statistics takes those of each picture: nothing to fold.
        fixed = isinstance(module, nn.BatchNorm2d) and module.running_mean is not None
        if type(module) is nn.Conv2d or (type(module) is nn.BatchNorm2d and fixed):
            hooks.append(module.register_forward_hook(watch(name)))
    try:
        net(x)
    finally:
        for hook in hooks:
            hook.remove()
    return [(conv, norm) for conv, norm in pairs if calls[conv] == calls[norm] == 1]


def _replace(net: nn.Module, conv: str, norm: str) -> None:
    before, after = net.get_submodule(conv), net.get_submodule(norm)
    assert isinstance(before, nn.Conv2d)
    assert isinstance(after, nn.BatchNorm2d)
    net.set_submodule(conv, fuse_conv_bn_eval(before, after).requires_grad_(False))
    net.set_submodule(norm, nn.Identity())


def _noise(net: nn.Module, size: tuple[int, int]) -> Tensor:
    first = next(net.parameters())
    noise = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
    return noise.to(first.device, first.dtype)


def _close(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE)
