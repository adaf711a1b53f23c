"""What a network of volumes is trained for: a class per voxel, by the same two losses as a class per pixel.

Conventions: samples are `datasets.volumes.Volume`; a volume is float32 (D, H, W), about 0 in the background and 1 in
things, and goes in as it is, as (N, 1, D, H, W); labels are (D, H, W).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Generator, Tensor, nn

from seglab.augment import Augment
from seglab.losses import cross_entropy, soft_dice
from seglab.objectives import Loss, class_weights


@dataclass(frozen=True)
class Voxels:
    """A class per voxel: class-weighted cross-entropy + soft Dice, as `objectives.Classes` for pictures.

    In float32, not bf16: on CPUs oneDNN's gradients of 5×5×5 kernels are wrong there, some of them NaN (torch 2.15).
    A view is the volume, mirrored along any of its axes; brightness changes by the share `light` of the augmentation.
    """

    dice: float = 1.0
    measure: ClassVar[str] = "mean IoU"

    def begin(self, samples: Sequence[Any], augment: Augment, device: torch.device, teacher: nn.Module | None) -> Loss:
        """Count the classes, and return the loss. ValueError if there is a teacher."""
        if teacher is not None:
            raise ValueError("A network of volumes learns from the truth alone; leave the teacher out.")
        weights = class_weights(samples, len(samples[0].palette), at_most=100).to(device)

        def loss(net: nn.Module, chosen: Sequence[Any], rng: Generator) -> Tensor:
            views = [_view(sample, augment.light, rng) for sample in chosen]
            x, target = (torch.stack(part).to(device) for part in zip(*views, strict=True))
            logits = net(x[:, None])
            # The losses take pictures: a volume's planes, one below the other, are one.
            logits, target = logits.flatten(2, 3), target.flatten(1, 2)
            return cross_entropy(logits, target, weights) + self.dice * soft_dice(logits, target)

        return loss

    def score(self, net: nn.Module, samples: Sequence[Any]) -> float:
        """Mean IoU, from one confusion matrix of all volumes."""
        from seglab.metrics.confusion import confusion_matrix, mean_iou

        net.eval()
        k = len(samples[0].palette)
        matrix = np.zeros((k, k + 1), np.int64)
        for sample in samples:
            with torch.inference_mode():
                x = torch.from_numpy(sample.voxels)[None, None].to(next(net.parameters()).device)
                labels = net(x)[0].argmax(0).to(torch.uint8).cpu().numpy()
            matrix += confusion_matrix(sample.labels, labels, k)
        return float(mean_iou(matrix))


def _view(sample: Any, light: float, rng: Generator) -> tuple[Tensor, Tensor]:
    """Return voxels float32 and labels int64, both (D, H, W)."""
    flips = [axis for axis in range(3) if torch.rand((), generator=rng) < 0.5]
    factor = 1 + light * (2 * torch.rand((), generator=rng) - 1)
    voxels, labels = torch.tensor(sample.voxels), torch.tensor(sample.labels)
    return voxels.flip(flips) * factor, labels.flip(flips).long()
