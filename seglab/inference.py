"""From a picture to logits and labels: resize, normalise, run the network, whole or in tiles, once or several times.

Everything in `Options` is used before the logits, and everything after them (temperature, threshold, maps) is read
off them by `seglab.maps`: so logits can be kept, and moving a temperature runs no network.

Test-time augmentation averages **logits**, over mirrored and resized versions of the picture. That is the normalised
geometric mean of their probabilities. The arithmetic mean is as usual in papers, but only this one lets the temperature
come last: dividing the average by T is the same as averaging what each version gives at T.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seglab import maps, runtime, tiling
from seglab.options import MIN_SIDE, Options, input_size
from seglab.runtime import Cancelled, Loaded, OutOfMemory
from seglab.tiling import Tile
from seglab.types import Image, Logits, SemanticResult, check_image
from seglab.zoo import Preprocess

Cancel = Callable[[], bool]
Progress = Callable[[int, int], None]  # (forward passes done, in all)

DEFAULTS = Options()

log = logging.getLogger(__name__)


def segment(
    image: Image,
    model: str | Loaded,
    options: Options = DEFAULTS,
    *,
    temperature: float = 1.0,
    threshold: float = 0.0,
    cancel: Cancel | None = None,
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
) -> SemanticResult:
    """Segment a picture: a class for each pixel, 255 where the best one's probability is below `threshold`.

    Args:
        image: (H, W, 3) uint8, RGB.
        model: a key of `zoo.MODELS`, or what `runtime.model` or `runtime.checkpoint` gave.
        options: all that is used before the logits.
        temperature: above 0; the logits are divided by it.
        threshold: 0..1.
        cancel: asked before each forward pass; true raises Cancelled.
        progress: called with (forward passes done, in all).
        notice: called with a sentence for the person when something was done otherwise than asked.

    Raises:
        ValueError: an argument out of its range. WeightsError: no weights. OutOfMemory: not even small tiles fit.

    """
    found = runtime.model(model) if isinstance(model, str) else model
    maps.check_settings(temperature, threshold)  # before the network runs, not after
    raw = logits(image, found, options, cancel=cancel, progress=progress, notice=notice)
    labels = maps.labels(raw, (image.shape[0], image.shape[1]), temperature=temperature, threshold=threshold)
    return SemanticResult(labels, raw, found.palette)


def logits(
    image: Image,
    model: str | Loaded,
    options: Options = DEFAULTS,
    *,
    cancel: Cancel | None = None,
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
) -> Logits:
    """Return the logits (K, h, w), fp16, at the network's resolution; arguments and errors as for `segment`.

    Each pixel's largest logit is 0: a constant per pixel says nothing about its classes (`tiling.to_fp16`).
    Where memory runs out it tries again in smaller and smaller tiles, and says so through `notice`.
    """
    check_image(image)
    loaded = runtime.model(model) if isinstance(model, str) else model
    runtime.check_precision(options.precision)
    tile = options.tile
    while True:
        try:
            return _average(image, loaded, options, tile, cancel, progress)
        except OutOfMemory as error:
            message = str(error)
        runtime.free()
        long_side = max(max(input_size(image.shape[:2], loaded.preprocess, options, s)) for s in options.scales)
        smaller = tiling.round_up(min(tile or 2048, long_side) // 2)
        if smaller < 2 * MIN_SIDE or smaller >= (tile or long_side):
            raise OutOfMemory(message)
        tile = smaller
        said = f"Memory ran out: the picture was cut into tiles of {tile} pixels, and near their borders it may err."
        log.warning(said)
        if notice:
            notice(said)


def passes(size: tuple[int, int], preprocess: Preprocess, options: Options) -> list[tuple[int, int]]:
    """Return the (height, width) of every forward pass that a picture of `size` takes, for progress and cost.

    >>> passes((360, 480), Preprocess(short_side=360), Options(flip=True))
    [(360, 480), (360, 480)]
    """
    sizes = [input_size(size, preprocess, options, scale) for scale in options.scales]
    tiles = [t for s in sizes for row in tiling.plan(*s, options.tile, options.overlap) for t in row]
    return [(t.h, t.w) for t in tiles] * (2 if options.flip else 1)


def _average(
    image: Image, loaded: Loaded, options: Options, tile: int, cancel: Cancel | None, progress: Progress | None
) -> Logits:
    """Mean of the logits over scales and flips."""
    sizes = [input_size(image.shape, loaded.preprocess, options, scale) for scale in options.scales]
    plans = [tiling.plan(*size, tile, options.overlap) for size in sizes]
    mirrors = (False, True) if options.flip else (False,)
    total = len(mirrors) * sum(len(row) for rows in plans for row in rows)
    done = 0

    def forward(pixels: Tensor, t: Tile) -> Tensor:
        nonlocal done
        if cancel and cancel():
            raise Cancelled("Cancelled.")
        x = normalize(pixels[:, t.y : t.y + t.h, t.x : t.x + t.w], loaded.preprocess)
        z = runtime.forward(loaded, x, precision=options.precision, cancel=cancel)[0]
        done += 1
        if progress:
            progress(done, total)
        return z

    if progress:
        progress(0, total)
    mean: Tensor | None = None
    for size, rows in zip(sizes, plans, strict=True):
        pixels = resize(image, size)
        for mirror in mirrors:
            # The mirrored picture, not mirrored tiles: it is cut anew, at other places.
            view = pixels.flip(-1) if mirror else pixels
            one = tiling.run(rows, lambda t, view=view: forward(view, t), options.blend)  # type: ignore[misc]
            if len(mirrors) * len(sizes) == 1:
                return one
            z = torch.from_numpy(one).float()
            z = z.flip(-1) if mirror else z
            if mean is None:
                mean = z
            elif z.shape == mean.shape:
                mean += z
            else:
                mean += F.interpolate(z[None], mean.shape[1:], mode="bilinear", align_corners=False)[0]
    assert mean is not None  # there is a scale
    return tiling.to_fp16(mean.div_(len(mirrors) * len(sizes)))


def resize(image: Image, size: tuple[int, int]) -> Tensor:
    """Return the picture as uint8 (3, h, w), resized bilinearly with anti-aliasing, as torchvision's presets do."""
    pixels = torch.from_numpy(image.copy() if not image.flags.writeable else np.ascontiguousarray(image))
    pixels = pixels.permute(2, 0, 1)
    if pixels.shape[1:] == size:
        return pixels
    return F.interpolate(pixels[None], size, mode="bilinear", align_corners=False, antialias=True)[0]


def normalize(pixels: Tensor, preprocess: Preprocess) -> Tensor:
    """Return uint8 (3, h, w) as the network's input (1, 3, h, w): 0..1, less the mean, divided by the deviation."""
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (preprocess.mean, preprocess.std))
    x = pixels.float().div_(255).sub_(mean).div_(std)
    return x[None].contiguous(memory_format=torch.channels_last)
