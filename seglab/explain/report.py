"""What an explanation says: the map as it was computed, and what is needed to see how.

Conventions: `raw` (h, w) float32 is signed and has the units of the formula, at the resolution of the layer (or of the
network's input, for gradients); `heat` is made from it for showing, at the picture's size, divided by the largest
magnitude. Libraries shift each map to 0..1 by its own least and largest value, which makes a faint map look as strong
as any other, and a map that speaks against the class look like one that speaks for it: so the magnitude stays here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from seglab.explain.targets import Mask
from seglab.types import check_image

Map = NDArray[np.float32]  # (H, W) or (h, w)


class Term(NamedTuple):
    """One of the sum's terms: the channel k, its weight α_k, its activations A^k and, of Grad-CAM, ∂y/∂A^k (h, w)."""

    channel: int
    alpha: float
    activation: Map
    slope: Map | None = None


@dataclass(frozen=True, eq=False)
class Explanation:
    """One map and where it comes from.

    method: a key of METHODS; layer: the module's name ("" for gradients); target: in words; score: y; raw: see above;
    size: of the picture; region: over which pixels y is summed, bool (H, W), None of classifiers and objects;
    alpha: α of all channels (C,), None where the method has none; channels (n,) and activations (n, h, w) float32: the
    channels that add most to the map, the most first, and their maps, empty where there are none; slopes (n, h, w):
    ∂y/∂A of these channels, whose mean over the places is α, of Grad-CAM alone; gap: what integrated
    gradients miss, Σ map − (y(x) − y(baseline)), as a share of that difference; None of the other methods.

    With a mirrored picture averaged in, raw is the mean, and α and activations are those of the picture as it is.
    """

    method: str
    layer: str
    target: str
    score: float
    raw: Map
    size: tuple[int, int]
    region: Mask | None = None
    alpha: NDArray[np.float32] | None = None
    channels: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    activations: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0, 0), np.float32))
    gap: float | None = None
    slopes: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.raw.ndim != 2 or not np.isfinite(self.raw).all():
            raise ValueError(f"The map by {self.method} isn't made of numbers: choose another layer or method.")
        if not self.raw.any():
            raise ValueError(
                f"The map by {self.method} is zero everywhere: at {self.layer or 'the picture'} nothing speaks for or "
                f"against “{self.target}”. Choose another layer, or a larger region."
            )

    @property
    def magnitude(self) -> float:
        """The largest |raw|: what `heat` was divided by; maps are compared by it, not by their colours."""
        return float(np.abs(self.raw).max())

    def heat(self, *, relu: bool = True, magnitude: float | None = None) -> Map:
        """Return the map at the picture's size, float32 (H, W): 0..1 with the ReLU, −1..1 without.

        Args:
            relu: leave out what speaks against (eq. 2's ReLU).
            magnitude: divide by that instead of this map's own, so that several maps share one scale.

        Raises:
            ValueError: with the ReLU nothing would be left, or the magnitude isn't above 0.

        """
        if relu and not (self.raw > 0).any():
            raise ValueError(
                f"Everything at {self.layer or 'the picture'} speaks against “{self.target}”, so that the ReLU leaves "
                "nothing: look at the signed map."
            )
        by = (float(self.raw.max()) if relu else self.magnitude) if magnitude is None else magnitude
        if not by > 0:
            raise ValueError(f"magnitude, which maps are divided by, must be above 0; got {magnitude}.")
        shown = np.maximum(self.raw, 0) if relu else self.raw
        return enlarge((shown / by).astype(np.float32), self.size)

    def terms(self) -> list[Term]:
        """Return the largest terms α_k A^k of the sum, the largest first; none where the map is no such sum."""
        if self.alpha is None:
            return []
        slopes = [None] * len(self.channels) if self.slopes is None else list(self.slopes)
        rows = zip(self.channels, self.activations, slopes, strict=True)
        return [Term(int(k), float(self.alpha[k]), a, slope) for k, a, slope in rows]


def enlarge(small: Map, size: tuple[int, int]) -> Map:
    """Return a map (h, w) at the picture's size, bilinearly, pixel centres; float32 (H, W).

    >>> enlarge(np.float32([[0, 1]]), (1, 4)).tolist()
    [[0.0, 0.25, 0.75, 1.0]]
    """
    if small.shape == size:
        return small.astype(np.float32, copy=False)
    z = torch.from_numpy(np.ascontiguousarray(small, np.float32))[None, None]
    return F.interpolate(z, size, mode="bilinear", align_corners=False)[0, 0].numpy()


def check_heat(heat: Map, image: NDArray[np.uint8]) -> None:
    """Raise ValueError unless `heat` is a finite map of the picture's size that isn't the same everywhere."""
    check_image(image)
    if heat.shape != image.shape[:2]:
        raise ValueError(f"A map of heat has the picture's size, {image.shape[:2]}; got {heat.shape}.")
    if not np.isfinite(heat).all() or heat.min() == heat.max():
        raise ValueError("The map of heat must be finite and not the same everywhere: it puts pixels in no order.")
