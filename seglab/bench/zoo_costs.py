"""What an architecture costs, measured on its small network: see `seglab.bench.zoo`."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seglab import cost, zoo
from seglab.architectures import Architecture
from seglab.cost import Counter
from seglab.memory import activation_bytes
from seglab.receptive_field import of_calls, receptive_field

SCENE, VOLUME = (1, 3, 128, 128), (1, 1, 32, 64, 64)
WARM_UP = 3
CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@dataclass(frozen=True)
class Costs:
    """Costs of one input, float32: see `seglab.bench.zoo`.

    field: rows of the theoretical receptive field, whole: + a path from all of the input; score_stride: of the finest
    map of scores; coarsest_stride: of the coarsest map. None for a detector, which has no map of scores.
    """

    parameters: int
    macs: int
    ms_cpu: float
    ms_gpu: float | None
    activation_bytes: int
    field: int | None
    whole: bool | None
    score_stride: int | None
    coarsest_stride: int | None


def measure(row: Architecture, repeats: int) -> Costs:
    """Measure an architecture's small network, with random weights: none of this depends on them (a detector's do)."""
    net = zoo.get(str(row.model)).build().eval().requires_grad_(False)
    parameters = sum(p.numel() for p in net.parameters())
    if row.stands_for_it:
        return _detector(net, str(row.model), parameters, repeats)
    shape = VOLUME if row.volumes else SCENE
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    field = receptive_field(net, "", shape)
    scored, coarsest = strides(net, shape)
    return Costs(
        parameters,
        cost.of_net(net, shape).macs,
        milliseconds(net, x, repeats),
        _on_gpu(net, x, repeats),
        # Of two, because BatchNorm refuses to learn from a single number.
        activation_bytes(net, torch.empty((2, *shape[1:]), device="meta")) // 2,
        field.height,
        field.whole,
        scored,
        coarsest,
    )


def strides(net: nn.Module, shape: Sequence[int]) -> tuple[int, int]:
    """Return the stride of the finest map that the last convolution gives, and of the coarsest map of any.

    The last convolution to run gives scores; a head that is used at several levels gives several maps. Maps whose size
    doesn't grow with the picture's (pooled to n×n) have no stride.

    >>> half = nn.Conv2d(3, 4, 3, stride=2, padding=1)
    >>> strides(nn.Sequential(half, nn.Conv2d(4, 4, 2, 2), nn.ConvTranspose2d(4, 2, 2, 2)), SCENE)
    (2, 4)
    """
    names = [name for name, module in net.named_modules() if isinstance(module, CONVOLUTIONS)]
    calls = of_calls(net, names, shape)
    by_name: dict[str, list[float]] = {}
    for name, fields in calls:
        by_name.setdefault(name, []).extend(f.stride[-1] for f in fields if f and math.isfinite(f.stride[-1]))
    last = calls[-1][0]
    return round(min(by_name[last])), round(max(max(found) for found in by_name.values() if found))


def milliseconds(net: nn.Module, x: Tensor, repeats: int) -> float:
    """Return the median time of a forward pass, on the device where x is."""
    times = []
    with torch.inference_mode():
        for _ in range(WARM_UP + repeats):
            began = time.perf_counter()
            net(x)
            if x.is_cuda:
                torch.cuda.synchronize()
            times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times[WARM_UP:])


def _on_gpu(net: nn.Module, x: Tensor, repeats: int) -> float | None:
    """Return the time on a GPU, None where there is none; moves the network, so it comes last."""
    if not torch.cuda.is_available():
        return None
    return milliseconds(net.to("cuda"), x.to("cuda"), repeats)


def _detector(net: nn.Module, model: str, parameters: int, repeats: int) -> Costs:
    """Measure a detector on a real scene with its real weights: what it does depends on what it finds."""
    from seglab.datasets import scenes
    from seglab.preprocess import normalize, resize

    if zoo.weights_here(model):
        net.load_state_dict(zoo.state_dict(model))
    side = zoo.get(model).preprocess.short_side
    scene = scenes.test_set().scene(0)
    x = normalize(resize(scene.sample.image, (side, side))[None].float() / 255)
    counter = Counter(x)
    with torch.no_grad(), counter:
        net(x)
    scale = side / scene.sample.labels.shape[0]
    truth = {
        "boxes": torch.tensor(scene.boxes) * scale,
        # Numbered as a detector numbers them: 1 for the first thing.
        "labels": torch.tensor([scene.sample.palette.things.index(k) + 1 for k in scene.classes.tolist()]),
        "masks": torch.zeros(len(scene), side, side, dtype=torch.uint8),  # what they hold doesn't change what is kept
    }
    keeps = activation_bytes(_Learning(net, truth), torch.cat([x, x])) // 2
    return Costs(parameters, counter.flops // 2, milliseconds(net, x, repeats), _on_gpu(net, x, repeats), keeps,
                 None, None, None, None)  # fmt: skip


class _Learning(nn.Module):
    """A detector that learns the same truth from every picture: its input is pictures alone."""

    def __init__(self, net: nn.Module, truth: dict[str, Any]) -> None:
        super().__init__()
        self.net, self.truth = net, truth

    def forward(self, x: Tensor) -> Tensor:
        """Pictures → the sum of the losses."""
        return sum(self.net(x, [dict(self.truth) for _ in x]).values())  # type: ignore[no-any-return]
