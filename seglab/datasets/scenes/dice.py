"""Random numbers that are the same everywhere: from the raw bits of PCG64, whose stream NumPy guarantees (NEP 19).

The methods of `numpy.random.Generator` may change their streams between versions; the bits below them may not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
AHEAD = 512  # numbers drawn at a time: one by one costs ten times as much


class Dice:
    """A stream of random numbers that depends on the given whole numbers (≥ 0) alone.

    >>> Dice(1, 2).unit() == Dice(1, 2).unit()
    True
    >>> 5 <= Dice(0).whole(5, 6) <= 6
    True
    """

    def __init__(self, *entropy: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence(entropy))
        self._numbers: list[float] = []

    def unit(self) -> float:
        """Return a number in [0, 1), with 53 random bits."""
        if not self._numbers:
            self._numbers = ((self._bits.random_raw(AHEAD) >> np.uint64(11)) * 2.0**-53).tolist()
        return self._numbers.pop()

    def between(self, low: float, high: float) -> float:
        """Return a number between low and high, all alike."""
        return low + (high - low) * self.unit()

    def ratio(self, low: float, high: float) -> float:
        """Return a number between low and high (> 0) whose logarithm is uniform: as many in 8..16 as in 16..32."""
        return low * math.exp(math.log(high / low) * self.unit()) if high > low else low

    def chance(self, p: float) -> bool:
        """Return True with probability p."""
        return self.unit() < p

    def whole(self, low: int, high: int) -> int:
        """Return a whole number from low to high, both included."""
        return low + int(self.unit() * (high - low + 1))

    def pick(self, items: Sequence[T], weights: Sequence[float] | None = None) -> T:
        """Return one of the items; weights (≥ 0, any sum) make some more likely."""
        if weights is None:
            return items[int(self.unit() * len(items))]
        left = self.unit() * math.fsum(weights)
        for item, weight in zip(items, weights, strict=True):
            left -= weight
            if left < 0:
                return item
        return items[-1]

    def grain(self, *shape: int) -> NDArray[np.float32]:
        """Return noise: float32, mean 0, variance 1, nearly normal (the sum of four random bytes)."""
        n = math.prod(shape)
        raw = np.asarray(self._bits.random_raw(-(-n // 2)), "<u8").view(np.uint8).reshape(4, -1)
        total = raw[0].astype(np.int16)
        for row in raw[1:]:
            total += row
        sigma = math.sqrt(4 * (256**2 - 1) / 12)  # four uniform bytes
        return ((total[:n] - np.float32(510.0)) * np.float32(1 / sigma)).reshape(shape)
