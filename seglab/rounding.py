"""Weights in half precision: those we train are numbers that it holds; others are rounded so that errors cancel.

Of the labels that bf16 changes, as many are changed by weights and biases, which are rounded once, as by maps, which
are rounded everywhere anew: a filter whose weights happen to err to one side, or whose bias does, is off by the same
amount at every pixel. Bias correction (Nagel et al. 2019, "Data-free quantization through weight equalization and bias
correction", section 4.2) takes such an amount from the bias; but in half precision a bias is itself too coarse to hold
it, so here a few weights of the filter are rounded the other way instead.

What `seglab.train` writes needs none of that (`street` and the U-Nets of nuclei; older weights aren't so, and detectors
fold in ways of their own): it is rounded already (`held`), so that float32 has the very weights of bf16. That way bf16
changes 0.034 % of `street`'s labels on CamVid instead of 0.043 % (34 pictures of `val`), and 0.067 % instead of 0.114 %
on the photo of `bench inference`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from seglab import folding

TURNS = 3  # weights of each filter that may be rounded the other way
EXACT = 2**-15  # of a filter's largest weight: what fp16 files and folding change in weights that were held
Hook = Callable[[str, nn.Conv2d, Tensor | None, Tensor], Tensor | None]


def held(net: nn.Module, dtype: torch.dtype = torch.bfloat16) -> nn.Module:
    """Return a copy, on the CPU, whose parameters are numbers that `dtype` holds, also once BatchNorm is folded.

    A BatchNorm behind a convolution is multiplied into the weights before they are rounded, and only adds a bias then.
    Detectors, which are folded in a way of their own, are only copied.
    """
    with torch.inference_mode(False), torch.no_grad():
        made = copy.deepcopy(net).cpu().eval()
        if callable(getattr(net, "folded", None)):
            return made
        for conv, norm in folding.pairs(made):
            before, after = made.get_submodule(conv), made.get_submodule(norm)
            assert isinstance(before, nn.Conv2d)
            assert isinstance(after, nn.BatchNorm2d)
            if not after.affine:
                continue  # nowhere to put the bias
            one = fuse_conv_bn_eval(before, after)
            assert one.bias is not None
            before.weight.copy_(one.weight)
            if before.bias is not None:
                before.bias.zero_()
            after.reset_parameters()  # mean 0, weight 1
            assert after.running_var is not None
            after.running_var.fill_(1 - after.eps)  # so that it divides by 1
            after.bias.copy_(one.bias)
        for parameter in made.parameters():
            parameter.copy_(parameter.to(dtype))
        return made


def keep_means(full: nn.Module, half: nn.Module, run: nn.Module, picture: Tensor, dtype: torch.dtype) -> None:
    """Round weights of `half` the other way, so that on a picture its maps have the means of `full`'s.

    Layer by layer, each seeing what the layers before it give by then; not those that are used more than once.

    Args:
        full: the network in float32; it gets hooks meanwhile, so nobody else may run it. It may be on another device.
        half: its copy in `dtype`, whose modules have the same names; convolutions in another one stay as they are.
        run: what runs `half` on a float32 picture: itself, or what it stands in.
        picture: (N, 3, H, W) float32, on `full`'s device.
        dtype: torch.bfloat16 or torch.float16.

    """
    means: dict[str, list[Tensor]] = {}

    def learn(name: str, conv: nn.Conv2d, x: Tensor | None, out: Tensor) -> None:
        means.setdefault(name, []).append(out.mean((0, 2, 3)))

    def mend(name: str, conv: nn.Conv2d, x: Tensor | None, out: Tensor) -> Tensor | None:
        if x is None or conv.weight.dtype != dtype or len(means.get(name, ())) != 1:
            return None
        device = conv.weight.device
        off = out.float().mean((0, 2, 3)) - means[name][0].to(device)
        inputs = x.float().mean((0, 2, 3)).view(conv.groups, -1)
        inputs = inputs.repeat_interleave(conv.out_channels // conv.groups, 0)  # of each filter
        weights = full.get_submodule(name).get_parameter("weight").to(device)
        conv.weight.copy_(turned(weights, conv.weight, inputs, off))
        return conv._conv_forward(x, conv.weight, conv.bias)

    _hooked(full, learn, full, picture)
    _hooked(half, mend, run, picture.to(next(half.parameters()).device))


def turned(weights: Tensor, rounded: Tensor, inputs: Tensor, off: Tensor) -> Tensor:
    """Return `rounded` with up to TURNS weights of each filter rounded the other way, to bring `off` to zero.

    Filters that rounding hasn't changed stay as they are: whatever is off there comes from the maps.

    Args:
        weights: (O, I, kh, kw) float32.
        rounded: the same in half precision, each weight rounded to the nearest.
        inputs: (O, I), the mean of the map that each of the filter's kernels reads.
        off: (O,), by how much the filter's mean output is too large.

    >>> weights = torch.tensor([1.003, 0.5, 0.25]).view(1, 3, 1, 1)  # bf16 near 1 has steps of 1/128: 1.003 → 1
    >>> inputs = torch.tensor([[1.0, 1.0, 0.0]])  # so the output is 0.003 too small
    >>> turned(weights, weights.bfloat16(), inputs, torch.tensor([-0.003])).flatten().tolist()
    [1.0, 0.50390625, 0.25]
    """
    shape, weights, found = rounded.shape, weights.flatten(1), rounded.flatten(1).clone()
    inputs = inputs.repeat_interleave(weights.shape[1] // inputs.shape[1], 1)  # (O, I·kh·kw)
    changed = (found.float() - weights).abs().amax(1) > EXACT * weights.abs().amax(1)
    off = torch.where(changed, off, 0.0)
    for _ in range(TURNS):
        other = torch.nextafter(found, torch.where(found > weights, -torch.inf, torch.inf).to(found.dtype))
        left = off[:, None] + (other.float() - found.float()) * inputs
        at = left.abs().argmin(1, keepdim=True)
        after = left.gather(1, at)[:, 0]
        better = after.abs() < off.abs()
        found.scatter_(1, at, torch.where(better[:, None], other.gather(1, at), found.gather(1, at)))
        off = torch.where(better, after, off)
    return found.view(shape)


def _hooked(net: nn.Module, at: Hook, run: nn.Module, picture: Tensor) -> None:
    """Run, calling `at` after each of the network's convolutions; what it returns replaces the map."""

    def hook(name: str) -> Any:
        return lambda conv, inputs, out: at(name, conv, inputs[0] if inputs else None, out)

    convolutions = {name: part for name, part in net.named_modules() if type(part) is nn.Conv2d}
    handles = [part.register_forward_hook(hook(name)) for name, part in convolutions.items()]
    try:
        run(picture)
    finally:
        for handle in handles:
            handle.remove()
