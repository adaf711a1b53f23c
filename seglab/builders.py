"""Networks by module and function of `seglab.nets`, imported when they are built; and four that no module has.

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


def patch(n_classes: int) -> nn.Module:
    """Return `seglab.nets.patch.small`, but with 16 channels first instead of 24; 0.06 M parameters.

    On CPUs oneDNN's gradient of a dilated convolution's weights is wrong in bf16, mostly NaN, where its input has an
    odd number of eights of channels above 8: 24, 40 and 56 were seen (torch 2.15).
    """
    return _net("patch", "PatchClassifier", n_classes, kernels=(4, 3, 3), widths=(16, 32, 48), hidden=96)


def undilated(n_classes: int, encoder: str) -> nn.Module:
    """Return torchvision's FCN over an encoder at its own stride of 32: the twin of the dilated one."""
    return _net("fcn_torchvision", "DilatedFCN", _net("encoders", "encoder", encoder), n_classes)


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
