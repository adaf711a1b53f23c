"""Small generators that differ in how they double the size: who draws a checkerboard, and for how long.

Each draws nuclei, grey, 32 × 32, from a code of 32 numbers, which a small encoder reads off the picture: three times
×2, the last time to the picture itself, so that nothing comes after which could smooth a pattern. Codes come from an
encoder, and not from noise as in a GAN, because that trains in seconds and every time: so each pixel has a target, and
a pattern costs. In the article's generators it doesn't, and more of it stays.

**The pattern** is measured where it can't be confused with what is drawn: the mean error of all held-out pictures at
each place of a block of 4 × 4 pixels, and the standard deviation of these 16 numbers, in grey levels. That is the root
of the power at the frequencies where a checkerboard's spikes stand (multiples of ¼ per pixel). The score, for which
larger is better, is **evenness**, 1 / (1 + pattern).

Seen here (300 steps, seeds 0 to 2, in grey levels; some 11 s of one core for three):

- Transposed 3/2 begins with its overlaps: 6.1 to 7.4 at most, 0.9 to 5.4 after 100 steps, 0.16 to 0.6 after 300.
- Transposed 4/2 begins with what its random weights make: 2.5 to 8.1 at most, 0.9 to 2.3 after 100, 0.14 to 0.4 after
  300. An even overlap is no promise.
- Resize never has more than 0.43, nearest or bilinear, and 0.10 to 0.24 after 300 steps.
- Sub-pixel begins with what its random filters make: 3.5 to 23 at most, 1.3 to 7.4 after 100, 0.2 to 0.4 after 300.
- Sub-pixel with ICNR begins as nearest does; training parts the filters a little: 0.5 to 0.7 at most, 0.1 to 0.24 after
  300.
- The ratio of `seglab.upsampling.checkerboard.spike` tells them apart worse: what is drawn is smooth, so that next to
  nothing surrounds the spike, and the edges of a few nuclei are one.

Source: Odena, Dumoulin & Olah, "Deconvolution and Checkerboard Artifacts", Distill 2016, doi:10.23915/distill.00003.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from seglab.datasets import cells
from seglab.live.race import Racer, Trained, race
from seglab.live.small import begin
from seglab.live.snapshots import Pictures, Snapshot
from seglab.sharing import ByteCache

Up = Literal["transposed 3/2", "transposed 4/2", "resize", "bilinear", "sub-pixel", "sub-pixel ICNR"]

UPS: tuple[Up, ...] = get_args(Up)
RACE: tuple[Up, ...] = UPS[:3]  # those that race unless others are asked for
SIDE, CODE, WIDTH = 32, 32, 24  # pixels, numbers of a code, channels at 4 × 4
BLOCK = 4  # pixels after which a pattern of two layers of stride 2 repeats
POOL, HELD_OUT, SHOWN = 100, 40, 4  # pictures to train on, to measure on, shown
TRAIN_SEED, HELD_OUT_SEED = 31, 32
BATCH, EVERY = 8, 10  # pictures a step, steps a snapshot
PARAMETERS = cells.Parameters(count=2, size=7, touching=0.5, blur=1.0, height=SIDE, width=SIDE)

_pictures: ByteCache[NDArray[np.uint8]] = ByteCache(2**20, lambda pictures: pictures.nbytes)


class Resize(nn.Module):
    """Nearest or bilinear ×2, and then a 3 × 3 convolution.

    >>> Resize(3, 5)(torch.zeros(1, 3, 4, 4)).shape
    torch.Size([1, 5, 8, 8])
    """

    def __init__(self, c_in: int, c_out: int, mode: Literal["nearest", "bilinear"] = "nearest") -> None:
        super().__init__()
        self.mode = mode
        self.convolve = nn.Conv2d(c_in, c_out, 3, padding=1, padding_mode="replicate")

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, H, W) → (N, c_out, 2H, 2W)."""
        return self.convolve(F.interpolate(x, scale_factor=2.0, mode=self.mode))


class SubPixel(nn.Module):
    """A 3 × 3 convolution to four channels for each, and the shuffle that weaves them (Shi et al., CVPR 2016).

    `icnr`: `start_equal` makes the four filters behind each channel one (Aitken et al., arXiv:1707.02937).

    >>> SubPixel(3, 5)(torch.zeros(1, 3, 4, 4)).shape
    torch.Size([1, 5, 8, 8])
    """

    def __init__(self, c_in: int, c_out: int, icnr: bool = False) -> None:
        super().__init__()
        self.icnr = icnr
        self.convolve = nn.Conv2d(c_in, 4 * c_out, 3, padding=1, padding_mode="replicate")

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, H, W) → (N, c_out, 2H, 2W)."""
        return F.pixel_shuffle(self.convolve(x), 2)

    @torch.no_grad()
    def start_equal(self) -> None:
        """Copy the first filter of each four to the other three, with its bias; nothing without `icnr`."""
        if self.icnr:
            for values in self.convolve.parameters():
                values.copy_(values[::4].repeat_interleave(4, 0))


class Drawer(nn.Module):
    """An encoder to a code, and the generator that draws from it; all layers but `up`'s are the same for each kind.

    >>> Drawer("resize")(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 1, 32, 32])
    """

    def __init__(self, up: Up) -> None:
        super().__init__()
        self.encode = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 16, 3, 2, 1),
            nn.ReLU(), nn.Flatten(), nn.Linear(16 * (SIDE // 8) ** 2, CODE),
        )  # fmt: skip
        self.start = nn.Linear(CODE, WIDTH * (SIDE // 8) ** 2)
        self.to_quarter = upsampler(up, WIDTH, WIDTH)
        self.to_half = upsampler(up, WIDTH, WIDTH // 2)
        self.to_full = upsampler(up, WIDTH // 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, 1, 32, 32) in 0..1 → what is drawn of them, of the same shape."""
        code = self.encode(x)  # (N, 32)
        x = F.relu(self.start(code)).view(-1, WIDTH, SIDE // 8, SIDE // 8)  # (N, w, 4, 4)
        x = F.relu(self.to_quarter(x))  # (N, w, 8, 8)
        x = F.relu(self.to_half(x))  # (N, w/2, 16, 16)
        return self.to_full(x)  # (N, 1, 32, 32)


def upsampler(up: Up, c_in: int, c_out: int) -> nn.Module:
    """Return the layer that doubles the size; ValueError for another name.

    >>> upsampler("transposed 3/2", 1, 1)(torch.zeros(1, 1, 4, 4)).shape
    torch.Size([1, 1, 8, 8])
    """
    match up:
        case "transposed 3/2":
            return nn.ConvTranspose2d(c_in, c_out, 3, 2, padding=1, output_padding=1)
        case "transposed 4/2":
            return nn.ConvTranspose2d(c_in, c_out, 4, 2, padding=1)
        case "resize":
            return Resize(c_in, c_out)
        case "bilinear":
            return Resize(c_in, c_out, "bilinear")
        case "sub-pixel" | "sub-pixel ICNR":
            return SubPixel(c_in, c_out, icnr=up == "sub-pixel ICNR")
    raise ValueError(f"A way to double the size is one of {', '.join(UPS)}; got {up!r}.")


def started(up: Up, seed: int) -> Drawer:
    """Return a generator with its first random weights; ICNR's filters begin equal.

    >>> layer = started("sub-pixel ICNR", 0).to_full
    >>> bool((layer.convolve.weight[1] == layer.convolve.weight[0]).all())
    True
    """
    net = Drawer(up)
    begin(net, torch.Generator().manual_seed(seed))
    for module in net.modules():
        if isinstance(module, SubPixel):
            module.start_equal()
    return net


def pattern(pictures: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Height of the pattern of period 4 in what is drawn, in the units of the pictures.

    Args:
        pictures: (n, H, W), sides multiples of 4.
        truth: what should be there, of the same shape.

    Returns:
        The standard deviation, over the 16 places of a block of 4 × 4, of the mean error at each place.

    Raises:
        ValueError: unequal shapes, or sides that aren't multiples of 4.

    >>> board = np.indices((8, 8)).sum(0)[None] % 2
    >>> pattern(10.0 * board, np.zeros((1, 8, 8))), pattern(np.full((1, 8, 8), 7.0), np.zeros((1, 8, 8)))
    (5.0, 0.0)
    """
    if pictures.shape != truth.shape or pictures.ndim != 3 or pictures.shape[1] % BLOCK or pictures.shape[2] % BLOCK:
        raise ValueError(
            f"Pictures and truth are (n, H, W) of one shape, with sides that are multiples of {BLOCK}; "
            f"got {pictures.shape} and {truth.shape}."
        )
    n, height, width = pictures.shape
    blocks = (pictures.astype(np.float64) - truth).reshape(n, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return float(blocks.mean((0, 1, 3)).std())


def evenness(height: float) -> float:
    """Return the score of a pattern, 1 / (1 + its height in grey levels): 0..1, 1 for none.

    >>> evenness(0.0), evenness(1.0)
    (1.0, 0.5)
    """
    return 1 / (1 + height)


def height_of(score: float) -> float:
    """Return the pattern's height in grey levels from the score, the inverse of `evenness`.

    >>> height_of(0.5)
    1.0
    """
    return 1 / score - 1


def train(
    *,
    steps: int = 300,
    learning_rate: float = 3e-3,
    seed: int = 0,
    ups: Sequence[Up] = RACE,
    names: Sequence[str] | None = None,
    after: Trained | None = None,
) -> Generator[Snapshot | None, None, Trained]:
    """Train a generator with each of `ups`, as a live run; they start from the same random numbers, layer by layer.

    Args:
        steps: of `BATCH` pictures each.
        learning_rate: of AdamW.
        seed: of first weights and batches.
        ups: of `UPS`, as many as a live run takes.
        names: what the lines are called, in the order of `ups`; these themselves if None.
        after: the result of an earlier run to go on from; AdamW begins anew.

    Raises:
        ValueError: as `race`.
    """
    nets: dict[str, Drawer] = {}
    for name, up in zip(names or ups, ups, strict=True):
        nets[name] = net = started(up, seed)
        if after is not None and name in after.weights:
            net.load_state_dict(after.weights[name])
    pool = yield from _drawn(TRAIN_SEED, POOL)
    held_out = yield from _drawn(HELD_OUT_SEED, HELD_OUT)
    x = _input(held_out)

    def draw(rng: torch.Generator) -> Tensor:
        batch = _input(pool[torch.randint(len(pool), (BATCH,), generator=rng).numpy()])
        for axis in (-1, -2):
            if torch.rand((), generator=rng) < 0.5:
                batch = batch.flip(axis)
        return batch

    def loss(net: nn.Module, batch: Tensor) -> Tensor:
        return F.mse_loss(net(batch), batch)

    def look(net: nn.Module) -> tuple[float, Pictures]:
        drawn = 255 * net(x)[:, 0].numpy()
        shown = np.clip(np.rint(drawn[:SHOWN]), 0, 255).astype(np.uint8)
        return evenness(pattern(drawn, held_out.astype(np.float32))), tuple(shown)

    return (
        yield from race(
            {name: Racer(net, loss) for name, net in nets.items()}, draw, look, steps=steps, batch=BATCH,
            learning_rate=learning_rate, every=EVERY, seed=seed, first=after.steps if after else 0,
            beside={"picture": tuple(held_out[:SHOWN])},
        )
    )  # fmt: skip


def _drawn(seed: int, n: int) -> Generator[None, None, NDArray[np.uint8]]:
    """Draw n grey pictures (n, 32, 32), or take those drawn before; yield after each."""
    pictures = []
    if seed not in _pictures:
        for index in range(n):
            pictures.append(_one(seed, index))
            yield None
    return _pictures.get(seed, lambda: np.stack(pictures or [_one(seed, index) for index in range(n)]))


def _one(seed: int, index: int) -> NDArray[np.uint8]:
    return cells.draw(seed, index, PARAMETERS).image[..., 0].copy()  # a microscope's: all three channels are one


def _input(pictures: NDArray[np.uint8]) -> Tensor:
    """(n, 32, 32) uint8 → (n, 1, 32, 32) float32, 0..1."""
    return torch.from_numpy(pictures).float()[:, None] / 255
