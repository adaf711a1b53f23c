"""Is the hot part what the network used? Take it out, or leave only it, and watch the probability.

Conventions: heat (H, W) float, of the picture's size, orders the pixels, the hottest first; `share` is how much of the
picture was changed, 0..1; `probability` is the target's, the mean over its region as in `seglab.explain.score`, after
each share. An area is that under the curve over the shares, by the trapezoid rule, 0..1. The picture is asked at most
SMALL pixels high, on the network that predictions run on. Pixels of equal heat are in an order of chance, always the
same: in the picture's own order the lower rows would count as the colder ones. A map after its ReLU is equal over much
of the picture, so hand over the signed one.

- Deletion and insertion (Petsiuk, Das & Saenko 2018, RISE, arXiv:1806.07421, section 4.1): the hottest pixels become
  the picture's mean colour (a low area is good), or come back into a blurred picture (a high area is good).
- ROAD (Rong et al. 2022, arXiv:2202.00449): the pixels are filled in from their neighbours (`seglab.explain.impute`),
  the hottest first and the coldest first. The score is the mean of (coldest − hottest)/2 over the shares: above 0 if
  the map is right, 0 if it is no better than chance.

They all ask the network about pictures that nobody takes; take them as a comparison between maps of one picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from seglab.explain.impute import noisy_linear
from seglab.explain.passes import SMALL, Passes, load, network_input
from seglab.explain.report import check_heat, enlarge
from seglab.explain.score import Score
from seglab.explain.targets import Target
from seglab.runtime import Cancelled, Loaded
from seglab.types import Image

STEPS = 20
SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)  # of ROAD
BATCH = 4  # pictures at once
BLUR = 5 / 224  # deviation of the insertion's blur, as a share of the shorter side: 5 px on RISE's pictures

Cancel = Callable[[], bool]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Curve:
    """The probability (n,) after each share (n,) of the pixels was changed, and the area under it."""

    share: NDArray[np.float64]
    probability: NDArray[np.float64]

    @property
    def area(self) -> float:
        """Area under the curve, 0..1."""
        return float(np.trapezoid(self.probability, self.share))


@dataclass(frozen=True, eq=False)
class Road:
    """The probability after each share, hottest first and coldest first, and the score."""

    hottest: Curve
    coldest: Curve

    @property
    def score(self) -> float:
        """Mean of (coldest − hottest)/2 over the shares that were removed, −0.5..0.5."""
        return float((self.coldest.probability - self.hottest.probability)[1:].mean() / 2)


def deletion(
    image: Image, model: str | Loaded, target: Target, heat: NDArray[np.floating], *, steps: int = STEPS,
    cancel: Cancel | None = None, progress: Progress | None = None,
) -> Curve:  # fmt: skip
    """Return how the probability falls while the hottest pixels become the picture's mean colour.

    Args:
        image: (H, W, 3) uint8.
        model: a key, or what `runtime` loaded.
        target: as for `explain`.
        heat: (H, W), any scale.
        steps: of equal share, 1 or more.
        cancel: asked before each pass; true raises Cancelled.
        progress: called with (passes done, in all).

    Raises:
        ValueError: heat of another size or the same everywhere; what `explain` says of targets. Cancelled.

    """
    return _faded(image, load(model), target, heat, steps, False, cancel, progress)


def insertion(
    image: Image, model: str | Loaded, target: Target, heat: NDArray[np.floating], *, steps: int = STEPS,
    cancel: Cancel | None = None, progress: Progress | None = None,
) -> Curve:  # fmt: skip
    """Return how the probability rises while the hottest pixels come back into the blurred picture; as `deletion`."""
    return _faded(image, load(model), target, heat, steps, True, cancel, progress)


def road(
    image: Image, model: str | Loaded, target: Target, heat: NDArray[np.floating], *,
    shares: Sequence[float] = SHARES, seed: int = 0, cancel: Cancel | None = None, progress: Progress | None = None,
) -> Road:  # fmt: skip
    """Return how the probability falls while the hottest, and while the coldest pixels are filled in.

    Args:
        image: (H, W, 3) uint8.
        model: a key, or what `runtime` loaded.
        target: as for `explain`.
        heat: (H, W), any scale.
        shares: of the pixels, above 0 and below 1, in increasing order.
        seed: of the noise.
        cancel: asked before each pass; true raises Cancelled.
        progress: called with (passes done, in all).

    Raises:
        ValueError: shares out of their range, or as `deletion`. Cancelled.

    """
    if not shares or not all(a < b for a, b in zip([0.0, *shares], [*shares, 1.0], strict=True)):
        raise ValueError(f"shares must increase, above 0 and below 1; got {tuple(shares)}.")
    check_heat(heat, image)
    loaded = load(model)
    x = network_input(image, loaded, most=SMALL)
    order, picture = _order(heat, x), x[0].numpy()
    n = [round(s * len(order)) for s in shares]
    taken = [order[:m] for m in n] + [order[len(order) - m :] for m in n]

    def pictures() -> Iterator[Tensor]:
        for pixels in taken:
            if cancel and cancel():  # filling in takes as long as a pass
                raise Cancelled("Cancelled.")
            keep = np.ones(picture.shape[1:], bool)
            keep.flat[pixels] = False
            yield torch.from_numpy(noisy_linear(picture, keep, seed=seed))[None]

    found = _ask(image, loaded, target, x, pictures(), len(taken), cancel, progress)
    at = np.array([0, *shares])
    return Road(Curve(at, found[: len(at)]), Curve(at, np.append(found[:1], found[len(at) :])))


def _faded(
    image: Image, loaded: Loaded, target: Target, heat: NDArray[np.floating], steps: int, back: bool,
    cancel: Cancel | None, progress: Progress | None,
) -> Curve:  # fmt: skip
    if steps < 1:
        raise ValueError(f"steps must be at least 1; got {steps}.")
    check_heat(heat, image)
    x = network_input(image, loaded, most=SMALL)
    order = _order(heat, x)
    start, end = (blurred(x), x) if back else (x, x.mean((2, 3), keepdim=True).expand_as(x))
    share = np.linspace(0, 1, steps + 1)

    def pictures() -> Iterator[Tensor]:
        changed = torch.zeros(x.shape[2] * x.shape[3], dtype=torch.bool)
        for s in share:
            changed[order[: round(s * len(order))]] = True
            yield torch.where(changed.view(x.shape[2:]), end, start)

    found = _ask(image, loaded, target, x, pictures(), steps + 1, cancel, progress)
    return Curve(share, found[1:])


def blurred(x: Tensor) -> Tensor:
    """Return x (1, 3, h, w) under a Gaussian whose deviation is BLUR of the shorter side."""
    sigma = BLUR * min(x.shape[2:])
    side = 2 * max(1, min(round(3 * sigma), (min(x.shape[2:]) - 1) // 2)) + 1
    return gaussian_blur(x, [side, side], [sigma, sigma])


def _order(heat: NDArray[np.floating], x: Tensor) -> NDArray[np.intp]:
    """Return the pixels of x, as flat indices, the hottest first, those of equal heat in an order of chance."""
    flat = enlarge(heat.astype(np.float32), (x.shape[2], x.shape[3])).ravel()
    chance = np.random.default_rng(0).permutation(len(flat))
    return chance[np.argsort(-flat[chance], kind="stable")]


def _ask(
    image: Image, loaded: Loaded, target: Target, x: Tensor, pictures: Iterator[Tensor], n: int,
    cancel: Cancel | None, progress: Progress | None,
) -> NDArray[np.float64]:  # fmt: skip
    """Return the target's probability in the picture x, which fixes the region, and then in each of n pictures."""
    score = Score(loaded.folded, target, loaded.palette, (image.shape[0], image.shape[1]))
    passes = Passes(loaded, 1 + -(-n // BATCH), cancel, progress)

    def work(x: Tensor) -> list[float]:
        with torch.inference_mode():
            return score.probability(x).tolist()

    found = passes.run(work, x)
    while batch := list(islice(pictures, BATCH)):
        found += passes.run(work, torch.cat(batch).contiguous(memory_format=torch.channels_last))
    return np.array(found)
