"""Up to three networks that differ in one thing, trained side by side on the same batches, as a live run.

It isn't the loop of `seglab.train`, though AdamW's step is the same: that one goes by epochs, writes a checkpoint after
each and ends with a file; this one stops between any two steps, writes nothing, and trains several networks at once.
What they could share, a step of five lines, would need a flag for each of these. `optimizer.MuonAdamW` was tried here:
a fifth slower for each step, no better after the same number, and with two learning rates where the page shows one.

Everything random comes from generators made here of the seed: runs of other visitors change nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from seglab.live.snapshots import LINES, Line, Pictures, Snapshot
from seglab.sharing import Cancelled

B = TypeVar("B")
Weights = dict[str, dict[str, Tensor]]  # of each racer, by name: its state dict
AVERAGE = 0.98  # decay of the moving average of the weights, per step: without it Dice's score jumps from look to look
CLIP = 5.0  # the gradient's norm, at most: Dice on an empty batch, then on a full one


@dataclass
class Racer(Generic[B]):
    """A network and its loss on a batch: `loss(net, batch)` → a scalar tensor.

    A ValueError of its own (logits that aren't finite) puts this racer out of the race, not the others.
    """

    net: nn.Module
    loss: Callable[[nn.Module, B], Tensor]


@dataclass(frozen=True)
class Trained:
    """What a race returns, also one that was stopped: steps done, averaged weights by racer, its last line."""

    steps: int
    weights: Weights
    lines: Mapping[str, Line]


def race(
    racers: Mapping[str, Racer[B]],
    draw: Callable[[torch.Generator], B],
    look: Callable[[nn.Module], tuple[float, Pictures]],
    *,
    steps: int,
    batch: int,
    learning_rate: float,
    every: int = 10,
    seed: int = 0,
    first: int = 0,
    beside: Mapping[str, Pictures] | None = None,
) -> Generator[Snapshot | None, None, Trained]:
    """Train all racers by AdamW; yield a `Snapshot` every `every` steps, and None between any two steps.

    Args:
        racers: 1 to 3, by name.
        draw: a batch, from a generator; all racers get the same.
        look: score and pictures of a network in eval mode, without gradients: of the moving average of the weights.
        steps: how many are done, besides the `first`.
        batch: pictures in a batch, for the count of images.
        learning_rate: of AdamW, the same from beginning to end, so that the run can go on.
        every: steps between two snapshots.
        seed: of the batches.
        first: steps done before, by an earlier race that this one goes on with.
        beside: rows of pictures shown with each snapshot.

    Raises:
        ValueError: no racer or too many, no step to do, or a learning rate that isn't positive.
    """
    if steps < 1 or every < 1:
        raise ValueError(f"steps and every must be at least 1; got {steps} and {every}.")
    if not (learning_rate > 0 and math.isfinite(learning_rate)):
        raise ValueError(f"The learning rate must be a number above 0; got {learning_rate}.")
    if not 1 <= len(racers) <= LINES:
        raise ValueError(f"A race has 1 to {LINES} networks; got {len(racers)}.")
    averages = {
        name: AveragedModel(racer.net, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE), use_buffers=True)
        for name, racer in racers.items()
    }
    optimizers = {name: torch.optim.AdamW(racer.net.parameters(), lr=learning_rate) for name, racer in racers.items()}
    rng = torch.Generator().manual_seed(seed * 100_003 + first)
    losses: dict[str, list[float]] = {name: [] for name in racers}  # since the last snapshot
    out: dict[str, str] = {}  # who has left the race, and why
    lines: dict[str, Line] = {}
    done = first
    try:
        while done < first + steps:
            drawn = draw(rng)
            yield None
            for name in [name for name in racers if name not in out]:
                try:
                    losses[name].append(_step(racers[name], drawn, optimizers[name]))
                    averages[name].update_parameters(racers[name].net)
                except ValueError as error:
                    out[name] = str(error)
                yield None
            done += 1
            if done % every == 0 or done == first + steps or len(out) == len(racers):
                for name, average in averages.items():
                    lines[name] = _line(average.module, look, losses[name], out.get(name, ""))
                    losses[name] = []
                    yield None
                yield Snapshot(done, first + steps, (done - first) * batch, dict(lines), beside or {})
            if len(out) == len(racers):
                break
    except Cancelled:
        pass  # what has been learnt so far is the result
    weights = {name: average.module.state_dict() for name, average in averages.items()}
    return Trained(done, weights, lines)


def _step(racer: Racer[B], batch: B, optimizer: torch.optim.Optimizer) -> float:
    """Do one step, and return the loss; ValueError if the network gives no numbers any more."""
    racer.net.train()
    loss = racer.loss(racer.net, batch)
    if not math.isfinite(value := loss.item()):
        raise ValueError(f"The loss became {value}. A lower learning rate may help.")
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(racer.net.parameters(), CLIP)
    optimizer.step()
    return value


@torch.no_grad()
def _line(net: nn.Module, look: Callable[[nn.Module], tuple[float, Pictures]], losses: list[float], note: str) -> Line:
    score, pictures = look(net.eval())
    return Line(sum(losses) / len(losses) if losses else float("nan"), score, pictures, note)
