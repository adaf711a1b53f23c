"""A network's stages, measured: what each part of it makes, holds, computes, keeps and sees; and its feature maps.

Nothing here is written by hand for a network: shapes, multiply-accumulates and activations come from running it on
"meta" tensors, which have no numbers (`seglab.cost`, `seglab.memory`), receptive fields from `seglab.receptive_field`.
So it takes no forward pass, and doesn't depend on what the weights are. All on copies: the network may be shared.

Conventions: a stage is a part of the network by its name in `named_modules`, "" being the whole; shapes are torch's,
(N, C, H, W). What a network computes between its named parts (a sum, F.relu, F.interpolate) belongs to none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from seglab.cost import Counter
from seglab.memory import kept
from seglab.reach import NoRule
from seglab.receptive_field import ReceptiveField, of_calls
from seglab.shadow import Sketching, part, shadow, watch

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


@dataclass(frozen=True)
class Stage:
    """One call of one part of a network.

    name: of the part; call: 0 for its first call, 1 for the second (a pool may serve several times); kind: its class.
    shapes: of the tensors it gives, mostly one; fields: what the middle of each sees (None where that can't be told).
    parameters: numbers learnt, those of the part whichever call it is; macs: multiply-accumulates of this call.
    activation_bytes: what this call keeps for the backward pass in training, float32 (see `memory.Kept`): half of what
    two pictures keep, because BatchNorm refuses to learn from a single number. `measure` always gives it; None is for
    who knows that it doesn't hold, such as of a head that trains on some boxes of each picture.
    """

    name: str
    call: int
    kind: str
    shapes: tuple[tuple[int, ...], ...]
    fields: tuple[ReceptiveField | None, ...]
    parameters: int
    macs: int
    activation_bytes: int | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the first tensor that it gives; () if it gives none."""
        return self.shapes[0] if self.shapes else ()

    @property
    def field(self) -> ReceptiveField | None:
        """What the middle of the first tensor sees; None if that can't be told."""
        return self.fields[0] if self.fields else None


def default_names(net: nn.Module) -> tuple[str, ...]:
    """Return the names of the network's direct children, those within in the place of a list, dict or sequence.

    One level only, and "" for a network without children.

    >>> default_names(nn.ModuleDict({"stem": nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), "head": nn.ReLU()}))
    ('stem.0', 'stem.1', 'head')
    """
    names: list[str] = []
    for name, child in net.named_children():
        within = [f"{name}.{inner}" for inner, _ in child.named_children()] if isinstance(child, CONTAINERS) else []
        names += within or [name]
    return tuple(names) or ("",)


def measure(net: nn.Module, shape: Sequence[int], names: Sequence[str] | None = None) -> list[Stage]:
    """Measure the stages of a network on one picture, without running it on numbers; the network isn't touched.

    Args:
        net: the network, float32.
        shape: of its input, (1, C, H, W) or (1, C, D, H, W).
        names: of the parts; they may lie within each other, "" is the whole network. None: `default_names`, but for
            those that aren't run.

    Returns:
        A stage for each call, in the order in which calls end.

    Raises:
        ValueError: an unknown name, one that isn't run, a shape that isn't a picture's, or what the network says of it.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(2))
    >>> [(s.name, s.shape, s.macs, s.field.height) for s in measure(net, (1, 3, 64, 64))]
    [('0', (1, 8, 64, 64), 884736, 3), ('1', (1, 8, 32, 32), 0, 4)]

    """
    if len(shape) not in (4, 5) or shape[0] != 1:
        raise ValueError(f"shape must be (1, C, H, W) or (1, C, D, H, W), one picture; got {tuple(shape)}.")
    wanted = default_names(net) if names is None else tuple(dict.fromkeys(names))
    calls = _calls(net, shape, wanted)
    idle = [name for name in wanted if name not in {name for name, *_ in calls}]
    if idle and names is not None:
        raise ValueError(
            f"{type(net).__name__} doesn't run {', '.join(map(repr, idle))} (a list isn't run itself, and some parts "
            f"only serve training): name others, such as {', '.join(map(repr, default_names(net)[:6]))}."
        )
    try:
        fields = [given for _, given in of_calls(net, wanted, shape)]
    except NoRule:
        fields = [(None,) * len(shapes) for _, shapes, _ in calls]
    memory = kept(net, torch.empty((2, *shape[1:]), device="meta"), wanted).calls
    bytes_of = {key: size for key, (_, size) in zip(_keys(name for name, _ in memory), memory, strict=True)}
    stages = []
    for key, (name, shapes, macs), field in zip(_keys(name for name, *_ in calls), calls, fields, strict=True):
        module = part(net, name)
        parameters = sum(weight.numel() for weight in module.parameters())
        keeps = bytes_of.get(key, 0) // 2  # 0: this call isn't made in training
        stages.append(Stage(*key, type(module).__name__, shapes, field, parameters, macs, keeps))
    return stages


@dataclass(frozen=True)
class FeatureMaps:
    """The strongest channels of what a stage gives for one picture.

    channels (n,): their numbers, strongest first; strengths (n,) float32: the root of the mean square of each, or its
        standard deviation over the map;
    maps (n, h, w) float32, as the network computes them; of: how many channels there are.
    """

    channels: NDArray[np.int64]
    strengths: NDArray[np.float32]
    maps: NDArray[np.float32]
    of: int


def feature_maps(
    net: nn.Module, x: Tensor, name: str, n: int = 4, call: int = 0, by: Literal["size", "spread"] = "size"
) -> FeatureMaps:
    """Return the n strongest channels of the map that a stage gives for a picture.

    Args:
        net: the network as it was built (not folded: there the stages are others); run on a copy, in eval mode.
        x: (1, C, H, W) or (1, C, D, H, W), as the network takes it (normalised), on its device.
        name: of the part, "" for the network. Of several maps that it gives, the first.
        n: how many channels, 1 or more; all if there are fewer.
        call: which of its calls, from 0.
        by: what makes a channel strong: "size", its root mean square, or "spread", its standard deviation over the
            map. A channel that is large but the same everywhere has much of the one and nothing of the other.

    Raises:
        ValueError: an unknown name, a call that isn't made, a part that gives no map, several pictures, n below 1.

    >>> conv = nn.Conv2d(1, 3, 1, bias=False)
    >>> conv.weight.data = torch.tensor([1.0, -3.0, 2.0]).view(3, 1, 1, 1)
    >>> found = feature_maps(conv, torch.ones(1, 1, 2, 2), "", n=2)
    >>> found.channels.tolist(), found.strengths.tolist(), found.maps[0].tolist()
    ([1, 2], [3.0, 2.0], [[-3.0, -3.0], [-3.0, -3.0]])

    """
    if x.ndim not in (4, 5) or len(x) != 1 or n < 1:
        raise ValueError(
            f"Feature maps are of one picture, (1, C, H, W), and of 1 or more channels; got {tuple(x.shape)} and n={n}."
        )
    quiet = shadow(net)
    outputs: list[list[Tensor]] = []

    def keep(name: str, output: Any) -> None:
        # Copied, for a ReLU may change it in place.
        outputs.append(
            [t.clone() for t in tree_leaves(output) if isinstance(t, Tensor)] if len(outputs) <= call else []
        )

    watch(quiet, [name], keep)
    with torch.inference_mode(False), torch.no_grad():
        quiet(x)
    if not 0 <= call < len(outputs):
        raise ValueError(f"{name!r} is called {len(outputs)} times in one pass; there is no call {call}, from 0.")
    maps = [t for t in outputs[call] if t.ndim == x.ndim and len(t)]  # a detector may have found nothing
    if not maps:
        raise ValueError(
            f"{name!r} gives {[tuple(t.shape) for t in outputs[call]]}, which is no map: choose another part."
        )
    found = maps[0][0].float().cpu().numpy()
    over = tuple(range(1, found.ndim))
    middle = found.mean(over, keepdims=True, dtype=np.float64) if by == "spread" else 0.0
    strengths = np.sqrt(np.square(found - middle, dtype=np.float64).mean(over)).astype(np.float32)
    channels = np.argsort(-strengths, kind="stable")[:n]
    return FeatureMaps(channels, strengths[channels], found[channels], len(found))


def _calls(
    net: nn.Module, shape: Sequence[int], names: Sequence[str]
) -> list[tuple[str, tuple[tuple[int, ...], ...], int]]:
    """Return (name, shapes, macs) of each call of the named parts, in the order in which calls end."""
    quiet, x = shadow(net, meta=True), torch.empty(tuple(shape), device="meta")
    counter = Counter(x)
    calls: list[tuple[str, tuple[tuple[int, ...], ...], int]] = []
    begun: list[int] = []

    def after(name: str, output: Any) -> None:
        shapes = tuple(tuple(t.shape) for t in tree_leaves(output) if isinstance(t, Tensor))
        calls.append((name, shapes, (counter.flops - begun.pop()) // 2))

    watch(quiet, names, after, lambda name: begun.append(counter.flops))
    with torch.inference_mode(False), torch.no_grad(), Sketching(), counter:
        quiet(x)
    return calls


def _keys(names: Iterable[str]) -> list[tuple[str, int]]:
    """Number the calls of each name: (name, 0), (name, 1), …."""
    seen: dict[str, int] = {}
    keys = []
    for name in names:
        keys.append((name, seen.get(name, 0)))
        seen[name] = keys[-1][1] + 1
    return keys
