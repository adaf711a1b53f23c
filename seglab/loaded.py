"""A network ready to run, with what belongs to its weights: what `seglab.runtime` hands out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from seglab.devices import device
from seglab.types import Palette
from seglab.zoo import ModelSpec, Preprocess


@dataclass(frozen=True, eq=False)
class Loaded:
    """A network ready to run, with what belongs to its weights. Equal only to itself; its nets are shared: read-only.

    key: the model's, or the checkpoint's file name; net: as it was built; folded: what passes run, which shares with
    `net` all that isn't folded; bytes: of the parameters and buffers of both; spec: None for a network that isn't in
    the zoo.
    """

    key: str
    net: nn.Module
    folded: nn.Module
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
