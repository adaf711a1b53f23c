"""What a classifier says of a whole picture: a score for each class."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seglab import runtime
from seglab.explain import passes
from seglab.runtime import Loaded
from seglab.types import Image


def classify(image: Image, model: str | Loaded, *, cancel: Callable[[], bool] | None = None) -> NDArray[np.float32]:
    """Return the logits (K,) float32 of a network that gives one class for the picture.

    Args:
        image: (H, W, 3) uint8, RGB.
        model: a key of `zoo.MODELS` with the task "category", or what `runtime` loaded.
        cancel: asked while waiting for a turn; true raises Cancelled.

    Raises:
        ValueError: another kind of network, or scores that aren't numbers. WeightsError, OutOfMemory, Cancelled: as
            everywhere.

    >>> from seglab.nets.classifiers import scenes_crops
    >>> from seglab.zoo import get
    >>> spec = get("scenes-crops")
    >>> loaded = runtime.ready("demo", scenes_crops(), spec.palette, spec.preprocess, "")
    >>> classify(np.zeros((50, 70, 3), np.uint8), loaded).shape
    (5,)

    """
    loaded = passes.load(model)

    def run(x: Tensor) -> Tensor:
        with torch.inference_mode():
            found = loaded.folded(x)
            return found.float().cpu() if isinstance(found, Tensor) else torch.empty(0)

    z = runtime.in_turn(loaded, passes.network_input(image, loaded), run, cancel=cancel)
    if z.shape != (1, len(loaded.palette)):
        raise ValueError(f"{loaded.key} gives no class for a whole picture but {tuple(z.shape)}: choose a classifier.")
    if not torch.isfinite(z).all():
        raise ValueError(f"{loaded.key} gave scores that aren't numbers: its weights are damaged or badly trained.")
    return z[0].numpy()
