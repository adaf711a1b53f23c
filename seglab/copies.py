"""Copies of a loaded network that `seglab.runtime` runs or lends: folded, in half precision, for autocast, for hooks.

All but the folded one, which every pass needs, are made when they are first asked for, and cached beside the models.
"""

from __future__ import annotations

import copy
import itertools
import threading
import weakref
from dataclasses import replace

import torch
from torch import nn

from seglab import folding, halves, winograd
from seglab.devices import DTYPES
from seglab.layout import channels_last
from seglab.loaded import Loaded
from seglab.sharing import ByteCache

Models = ByteCache[Loaded]

_lock = threading.Lock()
_numbers: weakref.WeakKeyDictionary[nn.Module, int] = weakref.WeakKeyDictionary()
_count = itertools.count()


def folded(net: nn.Module, *, quick: bool) -> nn.Module:
    """Return a network with the same answers, BatchNorm folded; if `quick`, with wide convolutions Winograd's way.

    Folded where it was built, on the CPU: a GPU's convolutions round float32 to TF32's 11 bits (torch's default), and
    the check would take that for a fault. Detectors, whose answers are lists, know how to fold themselves.
    """
    own = getattr(net, "folded", None)
    made: nn.Module = own() if callable(own) else folding.fold(net)
    return winograd.quicken(made) if quick else made


def half(loaded: Loaded, precision: str, models: Models) -> Loaded:
    """Return the copy in half precision; ValueError if it is too far from fp32."""
    if next(loaded.net.parameters(), None) is None:
        return loaded

    def make() -> Loaded:
        # On a CPU folded anew, for the folded one's wide convolutions are Winograd's, whose rounding bf16 can't stand.
        plain = folded(loaded.net, quick=False) if loaded.device.type == "cpu" else loaded.folded
        net = halves.half(plain, DTYPES[precision], channels_last=loaded.device.type != "mps")
        agreed = halves.agreement(loaded.folded, net)
        if agreed < halves.LEAST:
            raise ValueError(
                f"{loaded.key} gives other labels in {precision} than in fp32 (on {1 - agreed:.1%} of the test "
                "picture): choose fp32."
            )
        return replace(loaded, net=net, folded=net, bytes=weight_bytes(net))

    return models.get(("copy", _number(loaded), precision), make)


def for_autocast(loaded: Loaded, models: Models) -> Loaded:
    """Return what runs under autocast: on a CPU without Winograd's convolutions, whose rounding bf16 can't stand."""
    if loaded.device.type != "cpu":
        return loaded

    def make() -> Loaded:
        net = channels_last(folded(loaded.net, quick=False))
        return replace(loaded, net=net, folded=net, bytes=weight_bytes(net))

    return models.get(("copy", _number(loaded), "autocast"), make)


def for_hooks(loaded: Loaded, models: Models) -> Loaded:
    """Return an unfolded copy."""

    def make() -> Loaded:
        # Tensors made in inference mode can't take part in gradients ever after.
        with torch.inference_mode(False), torch.no_grad():
            net = copy.deepcopy(loaded.net)
        return replace(loaded, net=net, folded=net, bytes=weight_bytes(net))

    return models.get(("copy", _number(loaded), "hooks"), make)


def weight_bytes(*nets: nn.Module) -> int:
    """Return the bytes of the networks' parameters and buffers; what they share counts once."""
    tensors = {id(t): t for net in nets for t in (*net.parameters(), *net.buffers())}
    return sum(t.numel() * t.element_size() for t in tensors.values())


def _number(loaded: Loaded) -> int:
    """Return the network's number of our own: an id() may be given again once its network is gone."""
    with _lock:
        return _numbers.setdefault(loaded.net, next(_count))
