"""Three classifiers, dog or car: one whose training pictures give the class away by the street, one whose don't.

All begin with the same weights. "Biased" sees pictures of the wanted degree (`datasets.biased`), "Balanced" those of
degree ½. "Repaired" is trained as the biased one for the first third, and on balanced pictures from there on: what
rebalancing the data does to a network that has learnt the wrong thing already.

The score is the accuracy on held-out counter-examples: each class in the other's street. Besides, once a run has ended:
the accuracy on pictures in their own street, and where each network looked, by Grad-CAM at the last maps for the true
class, as the share of the heat that lies on the thing (`energy_in_mask`), the mean over all held-out pictures, as many
of either kind. A map on which everything speaks against the class has no heat; it is counted, and left out of the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from seglab import draw
from seglab.datasets import biased
from seglab.datasets.biased import Pictures
from seglab.explain.gradcam import activations, gradient
from seglab.explain.report import enlarge
from seglab.explain.truth import energy_in_mask
from seglab.live import snapshots
from seglab.live.race import Racer, Trained, race
from seglab.live.small import begin
from seglab.live.snapshots import Snapshot
from seglab.preprocess import normalize
from seglab.sharing import ByteCache
from seglab.types import Image

NAMES = ("Biased", "Balanced", "Repaired")
TRAIN_SEED, HELD_OUT_SEED = 31, 32
POOL, HELD_OUT, SHOWN = 120, 20, 4  # of each class in each street; and shown: one of each kind
BATCH, EVERY = 16, 20
BALANCED, REPAIR = 0.5, 1 / 3  # the degree that gives nothing away; when the repair begins, as a share of the steps

Batch = Mapping[bool, tuple[Tensor, Tensor]]  # balanced or not → pictures (N, 3, H, W), classes (N,)


class Tiny(nn.Module):
    """Four convolutions to 8×8 maps of 64 px, their mean, one linear layer: 33 thousand weights.

    >>> Tiny()(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 2])
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.maps = nn.Sequential(
            *(_conv(a, b, s) for a, b, s in ((3, width, 2), (width, width, 2), (width, 2 * width, 2),
                                             (2 * width, 4 * width, 1)))
        )  # fmt: skip
        self.classify = nn.Linear(4 * width, len(biased.CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, 2)."""
        return self.classify(self.maps(x).mean((2, 3)))


def _conv(c_in: int, c_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU(inplace=True)
    )


@dataclass(frozen=True)
class Looked:
    """What one network makes of the held-out pictures.

    own, counter: accuracy in the class's own street and in the other's, 0..1; energy, energy_own, energy_counter: mean
    share of the heat on the thing, of all and of these, NaN where no map had heat; even: what a map without preference
    would have; seen: pictures; cold: those whose map has no heat. said (m,): the shown pictures' classes as told;
    raw (m, h, w): their maps before the ReLU; on (m,): their shares, NaN without heat.
    """

    own: float
    counter: float
    energy: float
    energy_own: float
    energy_counter: float
    even: float
    seen: int
    cold: int
    said: NDArray[np.int64]
    raw: NDArray[np.float32]
    on: NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """What a run returns: its race's result, the shown pictures, and what each network makes of all, by its name.

    degree, steps, seed: what was asked for.
    """

    trained: Trained
    shown: Pictures
    looked: Mapping[str, Looked]
    degree: float
    steps: int
    seed: int


_pools: ByteCache[Pictures] = ByteCache(24 << 20, lambda found: found.nbytes)


def train(
    degree: float = 1.0, *, steps: int = 400, learning_rate: float = 3e-3, seed: int = 0, pool: int = POOL
) -> Generator[Snapshot | None, None, Outcome]:
    """Train the three, as a live run.

    Args:
        degree: b of the biased pictures, ½..1.
        steps: of `BATCH` pictures each; the repair begins after a third of them.
        learning_rate: of AdamW.
        seed: of first weights and batches.
        pool: pictures drawn of each class in each street.

    Raises:
        ValueError: a degree out of its range; else as `race`.
    """
    if not BALANCED <= degree <= 1:
        raise ValueError(f"The degree is the share of pictures in their class's own street, 0.5 to 1; got {degree}.")
    nets: dict[str, nn.Module] = {}
    for name in NAMES:
        nets[name] = Tiny()
        begin(nets[name], torch.Generator().manual_seed(seed))
        nets[name].to(memory_format=torch.channels_last)
    found, held_out = (yield from _pool(TRAIN_SEED, pool)), (yield from _pool(HELD_OUT_SEED, HELD_OUT))
    shown = _some(held_out, np.arange(SHOWN) * (len(held_out) // SHOWN))
    x, classes = _input(held_out.images), torch.from_numpy(held_out.classes)
    counter = torch.from_numpy(held_out.counter)
    done = [0]

    def sample(degree: float, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        number = int(torch.randint(2**31, (), generator=rng))
        chosen = biased.chosen(found, degree, BATCH, np.random.default_rng(number))
        pictures = _input(found.images[chosen])
        mirrored = torch.rand(BATCH, 1, 1, 1, generator=rng) < 0.5
        return torch.where(mirrored, pictures.flip(3), pictures), torch.from_numpy(found.classes[chosen])

    def next_batch(rng: torch.Generator) -> Batch:
        done[0] += 1
        return {False: sample(degree, rng), True: sample(BALANCED, rng)}

    def loss_of(name: str) -> Callable[[nn.Module, Batch], Tensor]:
        def of(net: nn.Module, batch: Batch) -> Tensor:
            x, k = batch[name == NAMES[1] or (name == NAMES[2] and done[0] > REPAIR * steps)]
            return F.cross_entropy(net(x), k)

        return of

    def look(net: nn.Module) -> tuple[float, snapshots.Pictures]:
        right = (net(x).argmax(1) == classes)[counter].float().mean()
        raw, _ = cams(net, _input(shown.images), shown.classes)
        return float(right), tuple(painted(image, one) for image, one in zip(shown.images, raw, strict=True))

    racers = {name: Racer(net, loss_of(name)) for name, net in nets.items()}
    trained = yield from race(
        racers, next_batch, look, steps=steps, batch=BATCH, learning_rate=learning_rate, every=EVERY, seed=seed,
        beside={"picture": tuple(shown.images)},
    )  # fmt: skip
    # No yield from here on: a run that was stopped takes what comes without one, and nothing else.
    looked = {}
    for name, net in nets.items():
        net.load_state_dict(trained.weights[name])
        looked[name] = judge(net.eval(), held_out, shown)
    return Outcome(trained, shown, looked, degree, steps, seed)


def cams(net: nn.Module, x: Tensor, classes: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return Grad-CAM before its ReLU at the last maps, for one class a picture, and the classes told.

    Args:
        net: a `Tiny` in eval mode; nothing is left in it.
        x: (N, 3, H, W).
        classes: (N,), what is explained of each.

    Raises:
        ValueError: as `explain.gradcam.gradient`.

    >>> net = Tiny().eval()
    >>> raw, told = cams(net, torch.randn(3, 3, 64, 64), np.array([0, 1, 1]))
    >>> raw.shape, told.shape
    ((3, 8, 8), (3,))
    """
    told: list[Tensor] = []

    def score(x: Tensor) -> Tensor:
        z = net(x)
        told.append(z.detach().argmax(1))
        return z.gather(1, torch.from_numpy(classes)[:, None])[:, 0]

    with torch.inference_mode(False), torch.enable_grad():
        y, A = activations(score, net.get_submodule("maps"), x)
        alpha = gradient(y, A).mean((2, 3), keepdim=True)  # pictures don't mix: each one's gradient is its own
    return (alpha * A.detach()).sum(1).numpy(), told[0].numpy()


def judge(net: nn.Module, held_out: Pictures, shown: Pictures) -> Looked:
    """Return what a network in eval mode makes of the held-out pictures, and its maps of those shown."""
    raw, said = cams(net, _input(held_out.images), held_out.classes)
    on = np.array([share(one, mask) for one, mask in zip(raw, held_out.masks, strict=True)])
    right, counter = said == held_out.classes, held_out.counter
    some, told = cams(net, _input(shown.images), shown.classes)
    return Looked(
        float(right[~counter].mean()), float(right[counter].mean()), _mean(on), _mean(on[~counter]), _mean(on[counter]),
        float(held_out.masks.mean()), len(on), int(np.isnan(on).sum()), told, some,
        np.array([share(one, mask) for one, mask in zip(some, shown.masks, strict=True)]),
    )  # fmt: skip


def share(raw: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Return the share of a map's heat, (h, w) before its ReLU, that lies on a thing (H, W); NaN where it has none.

    >>> share(np.float32([[1, -9]]), np.bool_([[1, 0]])), share(np.float32([[-1, -9]]), np.bool_([[1, 0]]))
    (1.0, nan)
    """
    heat = np.maximum(raw, 0)
    return energy_in_mask(enlarge(heat, mask.shape), mask) if heat.any() else float("nan")


def painted(image: Image, raw: NDArray[np.float32]) -> Image:
    """Return a picture (H, W, 3) under its map, each by its own largest value; as it is, where there is no heat."""
    if not (raw > 0).any():
        return image
    heat = enlarge(np.maximum(raw, 0) / raw.max(), (image.shape[0], image.shape[1]))
    return (0.45 * image + 0.55 * draw.heat(heat, vmin=0.0, vmax=1.0)).astype(np.uint8)


def _mean(values: NDArray[np.float64]) -> float:
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else float("nan")


def _some(found: Pictures, which: NDArray[np.intp]) -> Pictures:
    return Pictures(found.images[which], found.classes[which], found.streets[which], found.masks[which])


def _pool(seed: int, n: int) -> Generator[None, None, Pictures]:
    """Draw pictures, or take those drawn before; yield after each."""
    found: Pictures | None = None
    if (seed, n) not in _pools:
        for drawn in biased.draw(seed, n):
            found = drawn
            yield None
    return _pools.get((seed, n), lambda: found or _drawn(seed, n))


def _drawn(seed: int, n: int) -> Pictures:
    *_, found = biased.draw(seed, n)
    assert found is not None
    return found


def _input(images: Image) -> Tensor:
    """(n, H, W, 3) uint8 → (n, 3, H, W) float32, normalised, channels last in memory."""
    x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255
    return normalize(x).contiguous(memory_format=torch.channels_last)
