"""Does the map depend on what the network has learnt? Forget it layer by layer, from the answer down, and look again.

If a map stays the same on a network whose weights were drawn anew, it shows the picture (its edges, say) and not what
the network knows: Adebayo et al. 2018, "Sanity Checks for Saliency Maps", arXiv:1810.03292, section 3.1, "cascading
randomization". Likeness is Spearman's rank correlation of the two maps before their ReLU, at the layer's resolution:
1 the same order of places, 0 none, −1 the opposite.

New weights are normal, with mean and deviation of the old ones, tensor by tensor; BatchNorm keeps its statistics. So
signals keep about their size, and a map doesn't vanish for that reason alone. All of it happens on a copy that is
thrown away.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor, nn

from seglab import runtime
from seglab.explain import passes
from seglab.explain.methods import METHODS, draw
from seglab.explain.report import Map
from seglab.explain.score import Score
from seglab.explain.targets import Target
from seglab.runtime import Loaded
from seglab.types import Image

DEPTH = 2  # names of modules are cut to so many parts: a group is a stage or a block, not each of its convolutions


@dataclass(frozen=True, eq=False)
class Randomisation:
    """What became of a map.

    layers (n): what was drawn anew, one after the other, the last layers first; correlation (n) with the true map after
    each, NaN where the map is the same everywhere; raw: the true map, and the n others, all (h, w).
    """

    layers: tuple[str, ...]
    correlation: NDArray[np.float64]
    raw: tuple[Map, ...]


def randomisation(
    image: Image,
    model: str | Loaded,
    target: Target,
    *,
    method: str = "grad-cam",
    layer: str | None = None,
    seed: int = 0,
    cancel: Callable[[], bool] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Randomisation:
    """Draw the weights anew from the output down to the input, and compare the map after each step with the true one.

    The region stays what the network as it was said. The picture is SMALL pixels high at most.

    Args:
        image: (H, W, 3) uint8.
        model: a key, or what `runtime` loaded.
        target: as for `explain`.
        method: a key of METHODS.
        layer: as for `explain`.
        seed: of the weights.
        cancel: asked before each pass; true raises Cancelled.
        progress: called with (passes done, in all).

    Raises:
        ValueError: as `explain`, of the true map. Cancelled.

    """
    if method not in METHODS:
        raise ValueError(f"No method {method!r}; there are {', '.join(METHODS)}.")
    loaded = passes.load(model)
    x = passes.network_input(image, loaded, most=passes.SMALL)
    with runtime.hooks_lock(loaded, cancel) as net:
        net = copy.deepcopy(net)
    # From here on on a network of our own, without the lock: others may explain meanwhile.
    with passes.with_gradients():
        score = Score(net, target, loaded.palette, (image.shape[0], image.shape[1]))
        part = passes.layer_of(net, loaded, layer)[1] if METHODS[method].by_layer else None
        turns = passes.Passes(loaded, 1, cancel, progress)
        groups = turns.run(lambda x: order(net, score, x), x)
        turns.total = 1 + METHODS[method].passes * (1 + len(groups))
        true = draw(method, score, part, x, turns).raw.cpu().numpy()
        maps, dice = [true], np.random.default_rng(seed)
        for modules in groups.values():
            for module in modules:
                redraw(module, dice)
            try:
                maps.append(draw(method, score, part, x, turns).raw.cpu().numpy())
            except ValueError:  # its gradient vanished: that is an answer too
                maps.append(np.zeros_like(true))
    return Randomisation(tuple(groups), np.array([likeness(true, m) for m in maps[1:]]), tuple(maps))


def likeness(a: Map, b: Map) -> float:
    """Return Spearman's rank correlation of two maps of one shape, −1..1; NaN where one is the same everywhere.

    >>> round(likeness(np.float32([[1, 2, 3]]), np.float32([[10, 20, 15]])), 3)
    0.5
    """
    if not np.isfinite(b).all() or a.min() == a.max() or b.min() == b.max():
        return float("nan")
    return float(spearmanr(a, b, axis=None).statistic)


def order(net: nn.Module, score: Callable[[Tensor], Tensor], x: Tensor) -> dict[str, list[nn.Module]]:
    """Return the modules with parameters that run for score(x), the last first, grouped by stage (see DEPTH)."""
    ran: list[tuple[str, nn.Module]] = []

    def note(name: str) -> Callable[[nn.Module, Any, Any], None]:
        return lambda module, inputs, output: ran.append((name, module))

    hooks = [
        module.register_forward_hook(note(name))
        for name, module in net.named_modules()
        if next(module.parameters(recurse=False), None) is not None
    ]
    try:
        with torch.no_grad():
            score(x)
    finally:
        for hook in hooks:
            hook.remove()
    groups: dict[str, list[nn.Module]] = {}
    for name, module in reversed(ran):
        group = groups.setdefault(".".join(name.split(".")[:DEPTH]), [])
        if module not in group:
            group.append(module)
    return groups


def redraw(module: nn.Module, dice: np.random.Generator) -> None:
    """Draw a module's own parameters anew, normal, each tensor with its mean and deviation.

    By NumPy: from torch's generator and the same seed a fresh network's weights would come again, in other units.
    """
    with torch.no_grad():
        for p in module.parameters(recurse=False):
            noise = torch.from_numpy(dice.standard_normal(tuple(p.shape), np.float32)).to(p)
            p.copy_(p.mean() + p.std(correction=0) * noise)
