"""Two networks on drawn nuclei that touch, one with U-Net's border weights and one without: who learns the gaps.

Both start from the same weights, see the same batches, and learn the same truth, `border.separate(ids) > 0`: nuclei
with a gap cut where they touch. They differ in the weight of a pixel in `border.pixel_weighted_cross_entropy` alone:
the class's, balanced over all pictures of the pool, or the class's with the border term on top (eq. 2 of U-Net).

The score is the DSB score at an IoU of 0.5, TP/(TP + FP + FN) of all nuclei of the held-out pictures together. The
truth are the nuclei as they were drawn, without the cut; what is found are the connected components where p > ½.

Seen here (the defaults, 300 steps, two seeds; some 13 s of one core):

- 0.24 and 0.21 with class weights alone, 0.87 and 0.85 with border weights. After 800 steps (on 96×96) still 0.31
  against 0.86.
- Most of it is where ½ lies. Over all thresholds, the network without the weights reaches 0.87 at 0.8 or 0.9: it knows
  the gaps, and calls them nucleus at ½. With them it is 0.91 at 0.3; with w0 = 2 or with σ = 2 0.93 and 0.92, near ½.
- No difference where no nuclei touch (both 1.00), and next to none with σ = 1 (0.29 against 0.24): a gap that was
  cut is two pixels wide, d1 + d2 = 3, and 10·exp(−9/2) is 0.1. Half of the nuclei touching: 0.50 against 0.95.
- Too much does harm: w0 = 30 gives 0.73, σ = 15 0.81: background creeps into the nuclei.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seglab.datasets import cells
from seglab.draw_objects import overlay_ids
from seglab.live.race import Racer, Trained, race
from seglab.live.small import Small, begin
from seglab.live.snapshots import Pictures, Snapshot
from seglab.losses import border
from seglab.metrics.average_precision import object_counts, pooled_score
from seglab.preprocess import normalize
from seglab.sharing import ByteCache
from seglab.types import Ids, Image
from seglab.watershed import components

Batch = tuple[Tensor, Tensor, Tensor, Tensor]  # pictures (N, 3, H, W); truth, class weights, border term (N, H, W)
Probabilities = NDArray[np.float32]  # (n, H, W)

NAMES = ("Class weights alone", "With border weights")
TRAIN_SEED, HELD_OUT_SEED = 21, 22
HELD_OUT, SHOWN = 40, 4  # pictures that are scored, and shown
BATCH, EVERY = 8, 10  # pictures a step, steps a snapshot
COVERED = 0.5  # of a picture by nuclei, as far as there is room
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
# Okabe and Ito's without black: a nucleus has the colour of its number.
COLORS = np.array(
    [(0, 114, 178), (230, 159, 0), (0, 158, 115), (213, 94, 0), (86, 180, 233), (204, 121, 167), (240, 228, 66)],
    np.uint8,
)


@dataclass(frozen=True)
class Task:
    """What is drawn, and how much the gaps weigh.

    Args:
        touching: share of the nuclei that are put against another one, 0..1.
        size: mean radius of a nucleus in pixels, 4..12.
        w0: height of the border term, 0..50.
        sigma: its reach in pixels, 0.5..15.
        pool: how many pictures are drawn to train on, 8..500.
        side: of a picture in pixels, a multiple of 4, 32..128.

    Raises:
        ValueError: a number out of its range.

    >>> Task().parameters.count
    13
    """

    touching: float = 1.0
    size: float = 7.0
    w0: float = 10.0
    sigma: float = 5.0
    pool: int = 100
    side: int = 64

    def __post_init__(self) -> None:
        ranges = {
            "touching": (0, 1), "size": (4, 12), "w0": (0, 50), "sigma": (0.5, 15), "pool": (BATCH, 500),
            "side": (32, 128),
        }  # fmt: skip
        for name, (low, high) in ranges.items():
            if not low <= (value := getattr(self, name)) <= high:
                raise ValueError(f"{name} must be {low} to {high}; got {value}.")
        if self.side % 4:
            raise ValueError(f"side must be a multiple of 4; got {self.side}.")

    @property
    def parameters(self) -> cells.Parameters:
        """Those of the pictures; as many nuclei as cover half of it, less the overlap at its edges."""
        count = round(COVERED * self.side**2 / (math.pi * self.size**2))
        return cells.Parameters(count=count, size=self.size, touching=self.touching, height=self.side, width=self.side)


@dataclass(frozen=True, eq=False)
class Pool:
    """Pictures (n, H, W, 3), ids as drawn and with gaps cut (n, H, W), border terms float32 (n, H, W)."""

    images: Image
    ids: Ids
    apart: Ids
    terms: NDArray[np.float32]


@dataclass(frozen=True)
class Outcome:
    """What a run returns: its race's result, and the score of each network by `THRESHOLDS`, not at ½ alone."""

    trained: Trained
    by_threshold: Mapping[str, tuple[float, ...]]


_pools: ByteCache[Pool] = ByteCache(
    24 << 20, lambda pool: sum(part.nbytes for part in (pool.images, pool.ids, pool.apart, pool.terms))
)


def train(
    task: Task = Task(),
    *,
    steps: int = 300,
    learning_rate: float = 3e-3,
    seed: int = 0,
    names: tuple[str, str] = NAMES,
    after: Outcome | None = None,
) -> Generator[Snapshot | None, None, Outcome]:
    """Train a small network without border weights and one with them, as a live run.

    Args:
        task: what is drawn, and the border term.
        steps: of `BATCH` pictures each.
        learning_rate: of AdamW.
        seed: of first weights and batches.
        names: of the lines without and with border weights.
        after: an outcome to go on from; AdamW begins anew.

    Raises:
        ValueError: as `race`.
    """
    nets: dict[str, Small] = {}
    for name in names:
        nets[name] = net = Small()
        begin(net, torch.Generator().manual_seed(seed))
        if after is not None and name in after.trained.weights:
            net.load_state_dict(after.trained.weights[name])
        net.to(memory_format=torch.channels_last)
    pool = yield from _pool(task, TRAIN_SEED, task.pool)
    held_out = yield from _pool(task, HELD_OUT_SEED, HELD_OUT)
    background, cell = border.balance(pool.apart)
    x = _input(held_out.images)

    def draw(rng: torch.Generator) -> Batch:
        chosen = torch.randint(len(pool.images), (BATCH,), generator=rng).numpy()
        y = torch.from_numpy(pool.apart[chosen] > 0)
        parts = [_input(pool.images[chosen]), y.long(), torch.where(y, cell, background),
                 torch.from_numpy(pool.terms[chosen])]  # fmt: skip
        for axis in (-1, -2):
            if torch.rand((), generator=rng) < 0.5:
                parts = [part.flip(axis) for part in parts]
        return parts[0], parts[1], parts[2], parts[3]

    def loss_of(heavy: bool) -> Callable[[nn.Module, Batch], Tensor]:
        def of(net: nn.Module, batch: Batch) -> Tensor:
            x, y, weights, term = batch
            z = net(x)  # of a nucleus; background's logit is 0, so that the softmax of both is z's sigmoid
            logits = torch.stack([torch.zeros_like(z), z], 1)
            return border.pixel_weighted_cross_entropy(logits, y, weights + term if heavy else weights)

        return of

    def look(net: nn.Module) -> tuple[float, Pictures]:
        probabilities = net(x).sigmoid().numpy()
        found = _found(probabilities, 0.5)
        return _score(found, held_out.ids), _painted(held_out.images, found[:SHOWN])

    beside = {
        "picture": tuple(held_out.images[:SHOWN]), "truth": _painted(held_out.images, held_out.ids[:SHOWN]),
    }  # fmt: skip
    racers = {name: Racer(nets[name], loss_of(heavy)) for name, heavy in zip(names, (False, True), strict=True)}
    trained = yield from race(
        racers, draw, look, steps=steps, batch=BATCH, learning_rate=learning_rate, every=EVERY, seed=seed,
        first=after.trained.steps if after else 0, beside=beside,
    )  # fmt: skip
    # No yield from here on: a run that was stopped takes what comes without one, and nothing else.
    scores: dict[str, tuple[float, ...]] = {}
    for name, net in nets.items():
        net.load_state_dict(trained.weights[name])
        with torch.no_grad():
            probabilities = net.eval()(x).sigmoid().numpy()
        scores[name] = tuple(_score(_found(probabilities, at), held_out.ids) for at in THRESHOLDS)
    return Outcome(trained, scores)


def _found(probabilities: Probabilities, threshold: float) -> list[Ids]:
    """Number the connected components of each picture."""
    return [components(one, threshold=threshold).ids() for one in probabilities]


def _score(found: Sequence[Ids], truth: Ids) -> float:
    return float(pooled_score([object_counts(ids, true) for ids, true in zip(found, truth, strict=True)])[0])


def _painted(images: Image, ids: Sequence[Ids] | Ids) -> Pictures:
    """Paint each nucleus of the first pictures in a colour of its own, as far as there are colours."""
    most = max((int(one.max()) for one in ids), default=0)
    table = np.concatenate([np.zeros((1, 3), np.uint8), np.resize(COLORS, (most, 3))])
    return tuple(overlay_ids(image, one, table, 0.6) for image, one in zip(images, ids, strict=False))


def _pool(task: Task, seed: int, n: int) -> Generator[None, None, Pool]:
    """Draw pictures, or take those drawn before; yield after each."""
    key = task, seed, n
    drawn: list[tuple[Image, Ids, Ids, NDArray[np.float32]]] = []
    if key not in _pools:
        for index in range(n):
            drawn.append(_one(task, seed, index))
            yield None
    return _pools.get(key, lambda: _stacked(drawn or [_one(task, seed, index) for index in range(n)]))


def _one(task: Task, seed: int, index: int) -> tuple[Image, Ids, Ids, NDArray[np.float32]]:
    sample = cells.draw(seed, index, task.parameters)
    assert sample.ids is not None
    apart = border.separate(sample.ids).astype(np.uint16)
    return sample.image, sample.ids, apart, border.border_term(apart, task.w0, task.sigma).astype(np.float32)


def _stacked(drawn: Sequence[tuple[Image, Ids, Ids, NDArray[np.float32]]]) -> Pool:
    images, ids, apart, terms = (np.stack(part) for part in zip(*drawn, strict=True))
    return Pool(images, ids, apart, terms)


def _input(images: Image) -> Tensor:
    """(n, H, W, 3) uint8 → (n, 3, H, W) float32, normalised, channels last in memory."""
    x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255
    return normalize(x).contiguous(memory_format=torch.channels_last)
