"""From a picture to an explanation: the one function that pages call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seglab import allocator, runtime
from seglab.explain import passes
from seglab.explain.drawn import Drawn
from seglab.explain.methods import METHODS, draw
from seglab.explain.report import Explanation
from seglab.explain.score import Of, Score
from seglab.explain.targets import Target, sentence
from seglab.inference import LARGE_JOB
from seglab.runtime import Loaded
from seglab.types import Image

SHOWN = 32  # channels that an explanation keeps, to show the sum


def explain(
    image: Image,
    model: str | Loaded,
    target: Target,
    *,
    method: str = "grad-cam",
    layer: str | None = None,
    of: Of = "logit",
    short_side: int | None = None,
    flip: bool = False,
    cancel: Callable[[], bool] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Explanation:
    """Explain one number that a network gives for a picture, by a map of what speaks for it and against it.

    The network runs unfolded, in float32, on a copy that only one thread has during a pass; predictions of other
    threads go on as ever. Nothing is left in it: no hook, no gradient, no graph.

    Args:
        image: (H, W, 3) uint8, RGB; a grey one has three equal channels.
        model: a key of `zoo.MODELS`, or what `runtime` loaded.
        target: which class, and where (`seglab.explain.targets`).
        method: a key of METHODS.
        layer: a module's name in the network; the model's usual one if None. Gradients need none.
        of: what is summed over the region: "logit", as in the papers, or "probability".
        short_side: px; what the model was trained with if None, the picture's own if 0; but MOST at most, and SMALL for
            methods of many passes.
        flip: average with the map of the mirrored picture, whose region is mirrored too.
        cancel: asked before each pass and while waiting for one; true raises Cancelled.
        progress: called with (passes done, in all).

    Raises:
        ValueError: an argument that can't be, an empty region, a class that isn't predicted, a layer without gradient,
            a gradient or a map that is zero everywhere; the text says which, and what to do. OutOfMemory, Cancelled,
            WeightsError: as everywhere.

    >>> from seglab.explain.targets import Everywhere
    >>> grey = np.full((64, 64, 3), 128, np.uint8)
    >>> explain(grey, "scenes", Everywhere(0), short_side=0).raw.shape  # at a sixteenth of the picture's size
    (4, 4)

    """
    if method not in METHODS:
        raise ValueError(f"No method {method!r}; there are {', '.join(METHODS)}.")
    how, loaded = METHODS[method], passes.load(model)
    x = passes.network_input(image, loaded, short_side, how.most)
    turns = passes.Passes(loaded, how.passes * (1 + flip), cancel, progress, alone=True)
    with runtime.hooks_lock(loaded, cancel) as net:
        pass  # the lock is for passes, each by itself: what is held here is the copy
    try:
        with passes.with_gradients():
            score = Score(net, target, loaded.palette, (image.shape[0], image.shape[1]), of)
            name, part = passes.layer_of(net, loaded, layer) if how.by_layer else ("", None)
            found = draw(method, score, part, x, turns)
            raw = found.raw
            if flip:
                raw = (raw + draw(method, score.mirrored(), part, x.flip(-1), turns).raw.flip(-1)) / 2
    finally:
        if turns.done * x.shape[2] * x.shape[3] >= LARGE_JOB:
            allocator.give_back()
    return Explanation(
        method, name, sentence(target, loaded.palette), found.y, _array(raw), score.size, score.region,
        gap=found.gap, **_terms(found),
    )  # fmt: skip


def _terms(found: Drawn) -> dict[str, Any]:
    """Return what a report keeps of the sum: α, and the channels that add most to it, by Σ_ij |α_k A_ij^k|."""
    if found.A is None or found.alpha is None:
        return {}
    sums = found.alpha.abs() * found.A.abs().sum((1, 2))
    most = sums.argsort(descending=True, stable=True)[:SHOWN]
    kept = {"alpha": _array(found.alpha), "channels": most.cpu().numpy(), "activations": _array(found.A[most])}
    return kept if found.G is None else kept | {"slopes": _array(found.G[most])}


def _array(t: Tensor) -> NDArray[np.float32]:
    return t.detach().float().cpu().numpy()
