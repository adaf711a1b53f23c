"""Networks with the first random weights of a seed, whatever other threads do with torch's random numbers meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_FILLS = (Tensor.uniform_, Tensor.normal_)  # what torch fills weights with, where it names no generator


class Seeded(TorchFunctionMode):
    """Within it, this thread's networks are filled from a generator of their own: as after `torch.manual_seed(seed)`.

    Torch's own generator is the whole process's: one thread's seed, and the state that `fork_rng` puts back, change
    what another thread draws. Here it is neither asked nor changed. For building on the CPU; other random numbers
    (torch.rand, dropout) are drawn as ever.

    >>> with Seeded(5):
    ...     weight = torch.nn.Conv2d(3, 4, 3).weight
    >>> _ = torch.manual_seed(5)
    >>> torch.equal(weight, torch.nn.Conv2d(3, 4, 3).weight)
    True
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if given.get("generator") is None and (func in _FILLS or "generator" in given):
            given["generator"] = self.generator
        return func(*args, **given)
