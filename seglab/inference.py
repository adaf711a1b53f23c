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
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from seglab import allocator, arrays, maps, runtime, tiling
from seglab.options import MIN_SIDE, Options, input_size
from seglab.preprocess import normalize, prepared, resize
from seglab.runtime import Cancelled, Loaded, OutOfMemory
from seglab.stretch import check_settings
from seglab.tiling import Tile
from seglab.types import Image, Logits, SemanticResult, check_image
from seglab.zoo import Preprocess

Cancel = Callable[[], bool]
Progress = Callable[[int, int], None]  # (forward passes done, in all)

DEFAULTS = Options()
# From this many pixels in all forward passes on, malloc gives back what it keeps for the next layer: 200 MB and more
# for a StreetNet. It takes 10 to 20 ms, at most a twentieth of the fastest network's time on so many pixels.
LARGE_JOB = 2**20

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
        temperature: 1e-6 to 1e6; the logits are divided by it.
        threshold: 0..1.
        cancel: asked before each forward pass; true raises Cancelled.
        progress: called with (forward passes done, in all).
        notice: called with a sentence for the person when something was done otherwise than asked.

    Raises:
        ValueError: an argument out of its range. WeightsError: no weights. OutOfMemory: not even small tiles fit.

    """
    found = runtime.model(model) if isinstance(model, str) else model
    check_settings(temperature, threshold)  # before the network runs, not after
    raw = logits(image, found, options, cancel=cancel, progress=progress, notice=notice)
    labels = maps.labels(raw, (image.shape[0], image.shape[1]), temperature=temperature, threshold=threshold)
    if labels.size >= LARGE_JOB:
        allocator.give_back()
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
    try:
        return _logits(prepared(image, loaded.preprocess), loaded, options, cancel, progress, notice)
    finally:  # cancelled ones too
        if sum(h * w for h, w in passes(image.shape[:2], loaded.preprocess, options)) >= LARGE_JOB:
            allocator.give_back()


def _logits(
    image: Image,
    loaded: Loaded,
    options: Options,
    cancel: Cancel | None,
    progress: Progress | None,
    notice: Callable[[str], None] | None,
) -> Logits:
    """Run with the tiles asked for, and with smaller ones while memory runs out."""
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
    views = len(mirrors) * len(sizes)
    total = len(mirrors) * sum(len(row) for rows in plans for row in rows)
    done = 0

    def forward(pixels: Tensor, t: Tile, mirror: bool) -> Tensor:
        nonlocal done
        if cancel and cancel():
            raise Cancelled("Cancelled.")
        # The mirrored picture, not mirrored tiles: it is cut anew, at other places.
        left = pixels.shape[2] - t.x - t.w if mirror else t.x
        crop = pixels[:, t.y : t.y + t.h, left : left + t.w]
        view = crop.flip(-1) if mirror else crop
        x = normalize(view[None].float().div_(255), loaded.preprocess.mean, loaded.preprocess.std)
        z = runtime.forward(loaded, x, precision=options.precision, cancel=cancel)[0]
        done += 1
        if progress:
            progress(done, total)
        return z

    if progress:
        progress(0, total)
    mean: NDArray[np.float32] | None = None
    for size, rows in zip(sizes, plans, strict=True):
        pixels = resize(image, size)
        for mirror in mirrors:
            one = tiling.run(rows, partial(forward, pixels, mirror=mirror), options.blend)
            if views == 1:
                return one
            if mean is None:
                mean = arrays.empty(one.shape, np.float32)
                mean[:] = one[:, :, ::-1] if mirror else one
            else:
                _add(mean, one[:, :, ::-1] if mirror else one)
            del one  # not to be kept while the next one comes into being; a large picture has 130 MB of logits
        del pixels
    assert mean is not None  # there is a scale
    mean /= views
    return tiling.to_fp16(torch.from_numpy(mean))


def _add(mean: NDArray[np.float32], one: Logits) -> None:
    """Add logits of any resolution to the sum; class by class, because all of them in float32 are large."""
    for sums, scores in zip(mean, one, strict=True):
        if scores.shape == sums.shape:
            sums += scores
        else:
            z = torch.from_numpy(scores.astype(np.float32))[None, None]
            sums += F.interpolate(z, sums.shape, mode="bilinear", align_corners=False)[0, 0].numpy()
