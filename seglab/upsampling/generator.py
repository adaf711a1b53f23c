"""The article's three ways to upsample twice, on a photo: with random kernels, and with kernels fitted to the photo.

A generator of images ends in layers that double its size. Here two such layers bring a photo back from a quarter of its
size, each with one kernel k × k for all three colours, and no bias or ReLU: all that a checkerboard needs, and small
enough to be fitted in a moment. Conventions:

- Pictures are float64 (h, w) or (h, w, 3), in grey levels 0..255, not clipped; a layer makes (2h, 2w) of (h, w).
- "transposed": a transposed convolution of stride 2, cropped to the doubled size. "resize": nearest ×2, and then an
  ordinary convolution. Both see the picture continued beyond its border by the outermost pixels.
- Random kernels are uniform in 0..2, so positive with one mean, and scaled to keep the mean brightness. With zero-mean
  ones the phases of the output differ by chance alone; with positive ones the number of overlaps shows, as in a wide
  layer, which averages many kernels.
- **Trained** means fitted to the photo by least squares: the output is linear in each kernel, so that the best kernel,
  given the other, is the solution of k² equations, and solving for one and the other in turn goes where gradient
  descent would go, in a few rounds. It is done on the mean of the colours.

What to expect, and what not to: random, every transposed layer shows its overlaps, with a period of 2 for the last and
4 for the last but one, and the resize layers show nothing. Trained on a *given* picture, the 3/2 kernels learn to
balance themselves: what makes each of the four phases of the output sums to 1 but for a per cent. That per cent is
still there to see: the spike falls from hundreds to between 1 and 30, above that of the resize layers. The article's
trained generators keep more: they have no picture to match at each pixel, and many kernels to balance. And even overlap
is no promise: `learn_pattern` gives a 4/2 kernel a picture with the pattern, and it learns the pattern; the resize
layer can't.

Source: Odena, Dumoulin & Olah, "Deconvolution and Checkerboard Artifacts", Distill 2016, doi:10.23915/distill.00003.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seglab.upsampling.checkerboard import spike

Picture = NDArray[np.float64]  # (h, w) or (h, w, 3), grey levels
Kernel = NDArray[np.float64]  # (k, k)
Layer = Literal["transposed", "resize"]

WAYS: dict[str, tuple[Layer, Layer]] = {
    "transposed in the last two layers": ("transposed", "transposed"),
    "transposed in the last layer": ("resize", "transposed"),
    "resize in every layer": ("resize", "resize"),
}
SIDE = 384  # pixels of a picture's longer side: enough to see pixels, and quick to fit
PERIOD = 4  # of the pattern that two layers of stride 2 can make


@dataclass(frozen=True, eq=False)
class Outcome:
    """One way's pictures, uint8 (H, W, 3), before and after training, with its kernels and the spike of each.

    `errors` are the root mean square errors against the photo, in grey levels of the mean of the colours: before, and
    after each round of training.
    """

    way: str
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    spike_before: float
    spike_after: float
    kernels_before: tuple[Kernel, Kernel]
    kernels_after: tuple[Kernel, Kernel]
    errors: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Learnt:
    """A kernel fitted to a picture with a checkerboard: what it makes, uint8 (H, W, 3), and the spike in that.

    `kernel` is (k, k); `phases` (2, 2) are the sums of its entries that make each of the four outputs of an input: the
    pattern on a flat picture, 1 everywhere for none.
    """

    layer: Layer
    picture: NDArray[np.uint8]
    spike: float
    kernel: Kernel
    phases: Kernel


def prepare(photo: NDArray[np.uint8]) -> tuple[Picture, Picture]:
    """Return a photo (H, W, 3), made at most 384 px by means over blocks, and its fourth by means over 4 × 4.

    Crops what doesn't fill a block. ValueError for another shape, or below 32 × 32 pixels.

    >>> [picture.shape for picture in prepare(np.zeros((100, 803, 3), np.uint8))]
    [(32, 264, 3), (8, 66, 3)]
    """
    if photo.ndim != 3 or photo.shape[-1] != 3 or photo.dtype != np.uint8:
        raise ValueError(f"A photo is uint8 (H, W, 3); got {photo.dtype} {photo.shape}.")
    shrunk = _means(photo.astype(np.float64), -(-max(photo.shape) // SIDE))
    target = shrunk[: shrunk.shape[0] // 4 * 4, : shrunk.shape[1] // 4 * 4]
    if min(target.shape[:2]) < 8 * PERIOD:
        raise ValueError(
            f"A photo {photo.shape[0]}×{photo.shape[1]} is shown {target.shape[0]}×{target.shape[1]}, too small for "
            f"a spectrum: use one of 32×32 pixels or more, not longer than 12 times its width."
        )
    return target, _means(target, 4)


def random_kernels(seed: int, layers: tuple[Layer, ...]) -> tuple[Kernel, ...]:
    """A random 3 × 3 kernel for each layer, uniform around one positive mean and scaled to keep the brightness.

    The same seed gives the same kernels to every way, but for that scale: 4 in all for a transposed layer, whose
    outputs see a quarter of the kernel each, and 1 for a resize layer.

    >>> [round(float(kernel.sum()), 6) for kernel in random_kernels(0, ("transposed", "resize"))]
    [4.0, 1.0]
    """
    dice = np.random.default_rng(seed).uniform(0, 2, (len(layers), 3, 3))
    return tuple(w / w.sum() * (4 if layer == "transposed" else 1) for w, layer in zip(dice, layers, strict=True))


def upsample(x: Picture, kernel: Kernel, layer: Layer) -> Picture:
    """Double a picture (h, w) or (h, w, 3) by one layer with a kernel (k, k): (2h, 2w) or (2h, 2w, 3).

    A transposed layer is `transposed_convolve(x, kernel, stride=2)` from row and column ⌊(k−1)/2⌋ on, a resize layer
    `convolve(nearest(x), kernel)` with k // 2 of padding; both with x continued by its outermost pixels.

    Raises:
        ValueError: the kernel isn't square, or not of a size for the layer: 2 to 4, or odd for a resize layer.

    >>> upsample(np.full((2, 2), 6.0), np.full((3, 3), 4 / 9), "transposed").round(2).tolist()  # 1, 2, 2, 4 stamps
    [[2.67, 5.33, 2.67, 5.33], [5.33, 10.67, 5.33, 10.67], [2.67, 5.33, 2.67, 5.33], [5.33, 10.67, 5.33, 10.67]]
    """
    out = np.zeros((2 * x.shape[0], 2 * x.shape[1], *x.shape[2:]))
    for weight, (cells, values) in zip(kernel.ravel(), _taps(x, kernel.shape, layer), strict=True):
        out[cells] += weight * values
    return out


def generate(small: Picture, kernels: tuple[Kernel, ...], layers: tuple[Layer, ...]) -> Picture:
    """Bring a small picture up through all layers, ×2 each.

    >>> flat = np.ones((4, 4))
    >>> bool(np.ptp(generate(flat, random_kernels(1, ("resize", "resize")), ("resize", "resize"))) < 1e-12)
    True
    """
    for kernel, layer in zip(kernels, layers, strict=True):
        small = upsample(small, kernel, layer)
    return small


def train(
    small: Picture, target: Picture, kernels: tuple[Kernel, Kernel], layers: tuple[Layer, Layer], rounds: int = 4
) -> tuple[tuple[Kernel, Kernel], tuple[float, ...]]:
    """Fit two layers' kernels to a target by least squares, one given the other, in turn.

    Args:
        small: (h, w), what goes in.
        target: (4h, 4w), what should come out.
        kernels: (k, k) each, to begin with.
        layers: what they are kernels of.
        rounds: how often both are solved for.

    Returns:
        The fitted kernels, and the root mean square error before and after each round; it never rises.

    >>> layers = ("transposed", "transposed")
    >>> small = np.random.default_rng(0).normal(size=(8, 8))
    >>> target = generate(small, random_kernels(1, layers), layers)
    >>> errors = train(small, target, random_kernels(2, layers), layers, rounds=20)[1]
    >>> errors[-1] < 0.05 * errors[0]
    True
    """
    first, last = kernels
    errors = [_error(generate(small, kernels, layers), target)]
    for _ in range(rounds):
        # As the last layer is linear: each tap of the first one, brought up through it.
        first = _solve([upsample(tap, last, layers[1]) for tap in _whole_taps(small, first.shape, layers[0])], target)
        if abs(first.sum()) > 1e-9:  # one of them may be scaled at the cost of the other: keep the brightness here too
            first = first / first.sum() * (4 if layers[0] == "transposed" else 1)
        middle = upsample(small, first, layers[0])
        last = _solve(_whole_taps(middle, last.shape, layers[1]), target)
        errors.append(_error(upsample(middle, last, layers[1]), target))
    return (first, last), tuple(errors)


def three_ways(photo: NDArray[np.uint8], seed: int = 0, rounds: int = 4) -> tuple[Outcome, ...]:
    """Run the article's comparison on a photo uint8 (H, W, 3): each of `WAYS`, with random kernels and trained.

    All ways start from the same small picture and the same random numbers. ValueError as `prepare`.

    >>> [outcome.way for outcome in three_ways(np.zeros((32, 32, 3), np.uint8) + np.arange(3, dtype=np.uint8))][2]
    'resize in every layer'
    """
    target, small = prepare(photo)
    outcomes = []
    for way, layers in WAYS.items():
        first, last = random_kernels(seed, layers)
        kernels, errors = train(small.mean(-1), target.mean(-1), (first, last), layers, rounds)
        before, after = generate(small, (first, last), layers), generate(small, kernels, layers)
        spikes = spike(before, PERIOD), spike(after, PERIOD)
        outcomes.append(Outcome(way, _bytes(before), _bytes(after), *spikes, (first, last), kernels, errors))
    return tuple(outcomes)


def learn_pattern(photo: NDArray[np.uint8], seed: int = 0) -> tuple[NDArray[np.uint8], float, tuple[Learnt, Learnt]]:
    """Fit a transposed 4/2 kernel, and a resize layer's 3 × 3, to a picture with a checkerboard.

    The picture is the photo's half brought back by a random transposed 3/2 kernel. The even overlap of 4/2 doesn't
    forbid the pattern: each of the four phases has four entries of its own, and they learn to differ. In a resize
    layer all outputs share the same nine, so that a flat picture stays flat whatever they learn.

    Returns:
        The picture with the pattern, uint8 (H, W, 3), its spike of period 2, and what the two layers learnt from it.

    >>> picture, before, (divisible, resize) = learn_pattern(np.random.default_rng(0).integers(
    ...     90, 110, (64, 64, 3), dtype=np.uint8))
    >>> bool(np.ptp(divisible.phases) > 0.5), bool(np.ptp(resize.phases) < 1e-12)
    (True, True)
    """
    target = prepare(photo)[0]
    small = _means(target, 2)
    (uneven,) = random_kernels(seed, ("transposed",))
    patterned = upsample(small, uneven, "transposed")
    grey = small.mean(-1)
    learnt = []
    sizes: tuple[tuple[Layer, int], ...] = (("transposed", 4), ("resize", 3))
    for layer, k in sizes:
        kernel = _solve(_whole_taps(grey, (k, k), layer), patterned.mean(-1))
        picture = upsample(small, kernel, layer)
        phases = upsample(np.ones((1, 1)), kernel, layer)
        learnt.append(Learnt(layer, _bytes(picture), spike(picture, 2), kernel, phases))
    return _bytes(patterned), spike(patterned, 2), (learnt[0], learnt[1])


def _taps(x: Picture, shape: tuple[int, ...], layer: Layer) -> Iterator[tuple[Any, Picture]]:
    """For each entry of a kernel, row by row: the output's cells it writes to, and the values that it multiplies."""
    k, height, width = shape[0], *x.shape[:2]
    if shape not in ((2, 2), (3, 3), (4, 4)) or (layer == "resize" and k % 2 == 0):
        raise ValueError(f"A kernel is 2×2, 3×3 or 4×4 for a transposed layer, 3×3 for a resize layer; got {shape}.")
    beyond = ((1, 1), (1, 1), (0, 0))[: x.ndim]
    if layer == "resize":
        large = np.pad(x.repeat(2, 0).repeat(2, 1), beyond, "edge")
        for i, j in np.ndindex(k, k):
            yield np.s_[:, :], large[i : i + 2 * height, j : j + 2 * width]
        return
    padded, crop = np.pad(x, beyond, "edge"), (k - 1) // 2
    for i, j in np.ndindex(k, k):
        row, column = (i - crop) % 2, (j - crop) % 2  # the phase of the outputs that entry (i, j) writes to
        top, left = 1 + (row - i + crop) // 2, 1 + (column - j + crop) // 2  # and where their inputs begin
        yield np.s_[row::2, column::2], padded[top : top + height, left : left + width]


def _whole_taps(x: Picture, shape: tuple[int, ...], layer: Layer) -> list[Picture]:
    """What each entry of a kernel alone would make, were it 1: the output is their sum, weighted."""
    alone = []
    for cells, values in _taps(x, shape, layer):
        out = np.zeros((2 * x.shape[0], 2 * x.shape[1], *x.shape[2:]))
        out[cells] = values
        alone.append(out)
    return alone


def _solve(taps: list[Picture], target: Picture) -> Kernel:
    """The kernel (k, k) for which the weighted sum of the taps is nearest to the target."""
    matrix = np.stack([tap.ravel() for tap in taps])
    weights = np.linalg.lstsq(matrix @ matrix.T, matrix @ target.ravel(), rcond=None)[0]
    k = round(len(taps) ** 0.5)
    return weights.reshape(k, k).astype(np.float64)


def _error(picture: Picture, target: Picture) -> float:
    return float(np.sqrt(np.mean((picture - target) ** 2)))


def _means(picture: Picture, n: int) -> Picture:
    """Means over n × n blocks; what doesn't fill a block is cropped."""
    height, width = (side // n for side in picture.shape[:2])
    cropped = picture[: height * n, : width * n]
    return cropped.reshape(height, n, width, n, *picture.shape[2:]).mean((1, 3))


def _bytes(picture: Picture) -> NDArray[np.uint8]:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
