"""Losses raced on a rare, small thing of Scenes: one class of things against all else.

Training scenes are drawn first, a pool of them, as `Task` says; at imbalance 1 the thing is 100 times less likely than
the commonest one. The score is the IoU of the thing on held-out scenes, all counted together, drawn with imbalance 0:
so they are the same, and hold enough of the thing, wherever the slider stands.

Seen here (balls, imbalance 0.5: 0.3 % of the pixels; two seeds; 600 steps of three networks take 35 s of a core):
Dice passes an IoU of 0.2 after 150 steps and stands at 0.36 to 0.38 after 300; BCE says "all background" from step 250
to the end; focal with α = 0.75 follows slowly, 0.10 at 300 and 0.30 to 0.38 at 600. At imbalance 1 (0.04 %: 13 of 300
scenes hold a ball) Dice has 0.26 after 300 steps, BCE nothing; at imbalance 0 (0.9 %) 0.49 and 0.06, so that BCE is
late even there: it is the object that is small. Focal with the paper's α = 0.25 never came before BCE. With a learning
rate of 0.003 all are faster, BCE reaches 0.1 at step 500 and 0.3 at 700, but Dice then jumps up and down.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seglab.datasets import scenes
from seglab.live.race import Racer, Trained, race
from seglab.live.small import Small, begin
from seglab.live.snapshots import Pictures, Snapshot
from seglab.palettes import SCENES
from seglab.preprocess import normalize
from seglab.sharing import ByteCache
from seglab.types import Sample

Loss = Callable[[Tensor, Tensor], Tensor]  # of logits (N, H, W) and truth (N, H, W) in {0, 1}: a scalar
Pool = tuple[NDArray[np.uint8], NDArray[np.bool_]]  # images (n, H, W, 3) and where the thing is (n, H, W)

TRAIN_SEED, HELD_OUT_SEED = 11, 12
HELD_OUT, SHOWN = 40, 4  # scenes that are scored, and shown
BATCH, EVERY = 8, 10  # scenes a step, steps a snapshot


@dataclass(frozen=True)
class Task:
    """What is looked for, and where.

    Args:
        thing: a class of things of Scenes.
        imbalance: 0: as likely as all others; 1: 100 times less likely than the commonest.
        things: fewest and most things in a scene.
        scale: smallest and largest extent of a thing in pixels of a picture 128 high, 8..128.
        pool: how many scenes are drawn to train on.
        side: of a scene in pixels, a multiple of 4, 32..128.

    Raises:
        ValueError: no such thing, or a number out of its range.

    >>> Task("cat")
    Traceback (most recent call last):
    ValueError: thing must be one of car, person, sign, dog, ball; got 'cat'.
    """

    thing: str = "ball"
    imbalance: float = 0.5
    things: tuple[int, int] = (3, 8)
    scale: tuple[float, float] = (8.0, 24.0)
    pool: int = 300
    side: int = 64

    def __post_init__(self) -> None:
        if self.thing not in scenes.CLASSES:
            raise ValueError(f"thing must be one of {', '.join(scenes.CLASSES)}; got {self.thing!r}.")
        if not (BATCH <= self.pool <= 2000 and 32 <= self.side <= 128 and self.side % 4 == 0):
            raise ValueError(
                f"pool must be {BATCH} to 2000 and side a multiple of 4 from 32 to 128; "
                f"got {self.pool} and {self.side}."
            )
        self.parameters  # noqa: B018  checks the rest

    @property
    def parameters(self) -> scenes.Parameters:
        """Scenes' own, with the thing last in the row of classes: the rarest."""
        others = tuple(name for name in scenes.CLASSES if name != self.thing)
        return scenes.Parameters(self.things, scale=self.scale, imbalance=self.imbalance, classes=(*others, self.thing))


_pools: ByteCache[Pool] = ByteCache(24 << 20, lambda pool: pool[0].nbytes + pool[1].nbytes)


def train(
    losses: Mapping[str, Loss],
    task: Task = Task(),
    *,
    steps: int = 600,
    learning_rate: float = 1e-3,
    per_picture: bool = False,
    seed: int = 0,
    after: Trained | None = None,
) -> Generator[Snapshot | None, None, Trained]:
    """Train one small network for each loss, all from the same weights and on the same batches, as a live run.

    Args:
        losses: 1 to 3 functions of logits and truth, by name: those of `losses.catalogue`, parameters bound.
        task: what to look for.
        steps: of `BATCH` scenes each.
        learning_rate: of AdamW.
        per_picture: hand a loss each picture by itself: Dice is then the mean of the pictures' Dice, and most of them
            are empty. Otherwise a batch is one tall picture. Losses by distances want it: they don't look across.
        seed: of first weights and batches.
        after: a race's result to go on from; of a loss that wasn't in it, the network begins anew. AdamW does too.

    Raises:
        ValueError: as `race`.
    """
    nets: dict[str, nn.Module] = {}
    for name in losses:
        nets[name] = net = Small()
        begin(net, torch.Generator().manual_seed(seed))
        if after is not None and name in after.weights:
            net.load_state_dict(after.weights[name])
        net.to(memory_format=torch.channels_last)
    images, truth = yield from _pool(task, TRAIN_SEED, task.pool)
    held_out, held_truth = yield from _pool(replace(task, imbalance=0.0), HELD_OUT_SEED, HELD_OUT)
    x, y = _input(held_out), torch.from_numpy(held_truth)
    shown = np.argsort(-held_truth.sum((1, 2)), kind="stable")[: 4 * SHOWN : 4]  # some of the larger ones

    def draw(rng: torch.Generator) -> tuple[Tensor, Tensor]:
        chosen = torch.randint(len(images), (BATCH,), generator=rng).numpy()
        x, y = _input(images[chosen]), torch.from_numpy(truth[chosen]).float()
        flip = torch.rand((), generator=rng) < 0.5
        return (x.flip(3), y.flip(2)) if flip else (x, y)

    def loss_of(loss: Loss) -> Callable[[nn.Module, tuple[Tensor, Tensor]], Tensor]:
        def of(net: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
            z, y = net(batch[0]), batch[1]
            return loss(z, y) if per_picture else loss(z.flatten(0, 1), y.flatten(0, 1))

        return of

    def look(net: nn.Module) -> tuple[float, Pictures]:
        z = net(x)
        found = z > 0
        either = int((found | y).sum())
        iou = int((found & y).sum()) / either if either else float("nan")
        probabilities = (255 * z[shown].sigmoid()).round().to(torch.uint8).numpy()
        return iou, tuple(probabilities)

    beside = {"picture": tuple(held_out[shown]), "truth": tuple(255 * held_truth[shown].astype(np.uint8))}
    racers = {name: Racer(nets[name], loss_of(loss)) for name, loss in losses.items()}
    return (
        yield from race(
            racers, draw, look, steps=steps, batch=BATCH, learning_rate=learning_rate, every=EVERY, seed=seed,
            first=after.steps if after else 0, beside=beside,
        )
    )  # fmt: skip


def _pool(task: Task, seed: int, n: int) -> Generator[None, None, Pool]:
    """Draw scenes, or take those drawn before; yield after each."""
    key = task.parameters, task.side, seed, n
    drawn = scenes.training(seed, n, task.parameters, (task.side, task.side))
    samples: list[Sample] = []
    if key not in _pools:
        for sample in drawn:
            samples.append(sample)
            yield None
    return _pools.get(key, lambda: _stacked(samples or drawn, SCENES.index(task.thing)))


def _stacked(samples: Sequence[Sample], thing: int) -> Pool:
    return np.stack([s.image for s in samples]), np.stack([s.labels == thing for s in samples])


def _input(images: NDArray[np.uint8]) -> Tensor:
    """(n, H, W, 3) uint8 → (n, 3, H, W) float32, normalised, channels last in memory."""
    x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255
    return normalize(x).contiguous(memory_format=torch.channels_last)
