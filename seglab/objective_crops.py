"""What a classifier of crops is trained for: the class of the thing in the middle. See `seglab.objectives`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from seglab.augment import Augment
from seglab.datasets import crops
from seglab.objectives import Loss
from seglab.preprocess import normalize, resize
from seglab.types import Image, Sample


@dataclass(frozen=True)
class Crops:
    """Cross-entropy over the things of the scenes, each in a crop of its own; all of a batch's scenes count.

    low, high: the square's side over the thing's longer one; shift: of the square, at most, as a share of its side.
    """

    low: float = 1.2
    high: float = 2.6
    shift: float = 0.12
    measure: ClassVar[str] = "accuracy"

    def begin(
        self, samples: Sequence[Sample], augment: Augment, device: torch.device, teacher: nn.Module | None
    ) -> Loss:
        """Return the loss. ValueError if there is a teacher."""
        if teacher is not None:
            raise ValueError("A classifier of crops learns from the truth alone; leave the teacher out.")

        def loss(net: nn.Module, chosen: Sequence[Sample], rng: Generator) -> Tensor:
            views, target = [], []
            for sample in chosen:
                for thing in crops.things(sample):
                    factor, dx, dy, mirror, light = torch.rand(5, generator=rng).tolist()
                    place = crops.square(
                        thing.box, sample.labels.shape, self.low + (self.high - self.low) * factor,
                        (self.shift * (2 * dx - 1), self.shift * (2 * dy - 1)),
                    )  # fmt: skip
                    view = pixels(crops.cut(sample.image, place)) * (1 + augment.light * (2 * light - 1))
                    views.append(view.flip(2) if mirror < 0.5 else view)
                    target.append(thing.k)
            if not views:  # empty streets: nothing to learn from, and nothing to divide by
                return sum(p.sum() for p in net.parameters()) * 0.0  # type: ignore[return-value]
            x = normalize(torch.stack(views).clamp(0, 1).to(device))
            return F.cross_entropy(net(x), torch.tensor(target, device=device))

        return loss

    def score(self, net: nn.Module, samples: Sequence[Sample]) -> float:
        """Share of the things that are told, each in a crop of the usual size."""
        return accuracy(net, samples)


def pixels(crop: Image) -> Tensor:
    """Return a crop as float32 (3, SIDE, SIDE) in 0..1."""
    return resize(crop, (crops.SIDE, crops.SIDE)).float() / 255


@torch.no_grad()
def told(net: nn.Module, samples: Sequence[Sample]) -> tuple[list[int], list[int]]:
    """Return of each thing in the samples its class, and what the network says, both as indices into crops.THINGS."""
    net.eval()
    device = next(net.parameters()).device
    true: list[int] = []
    said: list[int] = []
    for sample in samples:
        found = crops.things(sample)
        if not found:
            continue
        cuts = [pixels(crops.cut(sample.image, crops.square(t.box, sample.labels.shape))) for t in found]
        true += [thing.k for thing in found]
        said += net(normalize(torch.stack(cuts).to(device))).argmax(1).tolist()
    return true, said


def accuracy(net: nn.Module, samples: Sequence[Sample]) -> float:
    """Return the share of the things that the network tells, 0..1; NaN where there is none."""
    true, said = told(net, samples)
    return sum(a == b for a, b in zip(true, said, strict=True)) / len(true) if true else float("nan")
