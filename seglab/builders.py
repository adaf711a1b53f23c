"""Networks by module and function of `seglab.nets`, imported when they are built; and some that no module has.

`of(module, function, **options)` gives a function that builds: `of("fcn", "small", stride=32)(11)`. Free of torch until
then.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

HRNET: dict[str, Any] = {"w": 10, "plan": (1, 1, 1, 2, 16)}  # as `seglab.nets.hrnet.small`


def of(module: str, function: str, **options: Any) -> Callable[..., nn.Module]:
    """Return what builds a network, with these options, and takes the other arguments when it is called.

    >>> type(of("fcn", "small", stride=32)(n_classes=11)).__name__
    'FCN'
    """
    return partial(_net, module, function, **options)


def undilated(n_classes: int, encoder: str) -> nn.Module:
    """Return torchvision's FCN over an encoder at its own stride of 32: the twin of the dilated one."""
    return _net("fcn_torchvision", "DilatedFCN", _net("encoders", "encoder", encoder), n_classes)


def fine(n_classes: int, encoder: str) -> nn.Module:
    """Return torchvision's FCN at its stride of 8, with no kernel dilated: a twin that shows what dilation does."""
    net = _net("fcn_torchvision", "DilatedFCN", _net("encoders", "encoder", encoder, 8), n_classes)
    for conv in (part for part in net.modules() if type(part).__name__ == "Conv2d"):
        conv.dilation, conv.padding = (1, 1), tuple(k // 2 for k in conv.kernel_size)  # type: ignore[assignment, union-attr]
    return net


def plus_on_xception(n_classes: int) -> nn.Module:
    """Return DeepLab V3+ over the small Xception, of stride 16, with the paper's rates for it; 0.46 M parameters."""
    return _net("deeplab_v3plus", "DeepLabV3Plus", _net("xception", "small_encoder"), n_classes, width=48, low=16)


def hrnet_v2p(n_classes: int) -> nn.Module:
    """Return the small HRNet with head V2p of 24 channels; the published 256 alone would be 3 M parameters."""
    net = _net("hrnet", "HRNet", n_classes, **HRNET, head="V2p")
    net.head = _net("hrnet_heads", "HeadV2p", [HRNET["w"] * 2**n for n in range(4)], n_classes, width=24)
    return net


def _net(module: str, function: str, *args: Any, **options: Any) -> nn.Module:
    return getattr(import_module(f"seglab.nets.{module}"), function)(*args, **options)  # type: ignore[no-any-return]
