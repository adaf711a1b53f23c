"""A tiny network on one picture, descending several losses side by side: who leaves "all background", and when.

    z = w₂ * relu(w₁ * x + b₁) + b        two 3×3 convolutions (*), 8 channels between them, and one bias for all pixels

Why a network: pixels descended independently would let every loss win. Here all pixels share the weights, and above all
the bias b, whose gradient is the sum of ∂L/∂z over all pixels: 12 pixels of foreground pull it up, 4084 of background
push it down. w₂ starts at 0, so that every pixel starts at the same probability, `start`; b at its logit.

Conventions: picture and truth have one size (H, W); p = 1/(1 + exp(−z)); a pixel is foreground where p > ½; the truth
is 1, 0, or 255 = ignored. The picture's channels are brought to mean 0 and standard deviation 1. Plain gradient descent
(no momentum, nothing clipped), so that a step is the gradient times the learning rate and nothing else.

What was found (square objects in `draw`'s picture of 64×64, four seeds, start 0.1, learning rate 0.3):

- 12 pixels: Dice leaves "all background" after 19 to 33 steps, balanced BCE after 53 to 80, focal with γ = 2 and
  α = 0.75 after 70 to more than 120, BCE after 126, 138, 162 and 404. Focal with the paper's α = 0.25 stays for more
  than 120 each time: averaged over all pixels, both its factors make the pull of the few still smaller.
- 100 pixels: all leave, BCE within 13 steps. It is the small share of foreground that holds it back, nothing else.
- It is a matter of pace: with a learning rate of 2 BCE too leaves, after 20 to 77 steps, and is right. Dice leaves
  after 4 to 6 and then falls back to "all background" for good: its gradient grows as the prediction gets small. No
  learning rate suits both.
- Start 0.01: nearly as at 0.1, but BCE leaves at 106 and 111, and twice not in 120 steps. Start 0.5: BCE and focal
  first push all pixels down and then stay as above; Dice and balanced BCE, whose pulls on the bias cancel there, leave
  at step 1, as speckles all over the picture.
- A fainter object (contrast 0.5): only Dice leaves in 120 steps, three times of four, after 59 to 107.

Source: the comparison is ours; that easy background drowns the rest is the argument of Lin et al. 2017,
arXiv:1708.02002, section 3, which also starts the bias at the logit of a small probability (section 4.1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]  # of logits (H, W) and truth (H, W): a scalar

CHANNELS = 8
LARGEST = 2**18  # pixels: 512×512; more would take seconds a step


@dataclass(frozen=True)
class Step:
    """Where one loss stands before step `step` + 1 is taken.

    value: of the loss. probs: (H, W) float32 in 0..1. foreground, background: Σ ∂L/∂z over the pixels of each; their
    sum is ∂L/∂b. bias: b. left: the first step at which a pixel was foreground; None: not yet. empty: how many steps so
    far, this one counted, had no foreground. diverged: its numbers ran over; this is the last that could be read.
    """

    step: int
    value: float
    probs: NDArray[np.float32]
    foreground: float
    background: float
    bias: float
    left: int | None
    empty: int
    diverged: bool = False


def draw(target: NDArray[np.integer], contrast: float = 1.0, noise: float = 0.3, seed: int = 0) -> NDArray[np.float32]:
    """Return a grey picture of a painted mask, float32 (H, W): `contrast` where it is 1, else 0, and noise everywhere.

    Args:
        target: (H, W), the mask; foreground is 1.
        contrast: of the object, in any unit; only its ratio to the noise matters.
        noise: standard deviation of the Gaussian noise.
        seed: of the noise.

    Raises:
        ValueError: target isn't (H, W).

    >>> draw(np.array([[0, 1]]), noise=0).tolist()
    [[0.0, 1.0]]
    """
    _check(target)
    grain = np.random.default_rng(seed).normal(size=target.shape)
    return (contrast * (target == 1) + noise * grain).astype(np.float32)


def descend(
    picture: NDArray[np.generic],
    target: NDArray[np.integer],
    losses: Mapping[str, Loss],
    *,
    start: float = 0.1,
    learning_rate: float = 0.3,
    steps: int = 100,
    seed: int = 0,
) -> Iterator[dict[str, Step]]:
    """Descend each loss from the same weights; yield where each stands, before the first step and after every one.

    The same arguments give the same numbers, on one machine. 50 steps of 3 losses on 64×64 take some 0.3 s of one core.

    Args:
        picture: (H, W), (H, W, 3) uint8, or features (C, H, W) of any real type.
        target: (H, W), 1 foreground, 0 background, 255 ignored.
        losses: by name, functions of z and y as `losses.catalogue` has them, parameters bound.
        start: every pixel's probability at the start, 0 < start < 1.
        learning_rate: above 0.
        steps: how many; `steps` + 1 dicts are yielded.
        seed: of w₁ and b₁.

    Raises:
        ValueError: sizes that differ, no or too many pixels, a number out of its range, or what a loss itself refuses.

    >>> from seglab.losses.pixels import bce
    >>> truth = np.zeros((8, 8), np.uint8)
    >>> truth[2:4, 2:4] = 1
    >>> first, *_ = descend(draw(truth), truth, {"BCE": bce}, start=0.1, steps=1)
    >>> at = first["BCE"]
    >>> round(float(at.probs.max()), 4), at.left, round(at.foreground, 3), round(at.background, 3)
    (0.1, None, -0.056, 0.094)
    """
    _check(target)
    x = _features(picture, target.shape)
    if not 0 < start < 1:
        raise ValueError(f"start is a probability between 0 and 1, both excluded; got {start}.")
    if not (learning_rate > 0 and math.isfinite(learning_rate)):
        raise ValueError(f"The learning rate must be a number above 0; got {learning_rate}.")
    if steps < 0:
        raise ValueError(f"steps must be 0 or more; got {steps}.")
    y = torch.from_numpy(np.ascontiguousarray(target))
    weights = {name: _begin(x.shape[1], start, seed) for name in losses}
    now: dict[str, Step] = {}
    for step in range(steps + 1):
        now = {name: _look(loss, weights[name], x, y, step, now.get(name)) for name, loss in losses.items()}
        yield now
        for name, at in now.items():
            for weight in weights[name] if not at.diverged else ():
                assert weight.grad is not None
                weight.data -= learning_rate * weight.grad
                weight.grad = None


def _begin(channels: int, start: float, seed: int) -> list[Tensor]:
    """Return w₁, b₁ (uniform, ±1/√(9·channels), torch's default), w₂ = 0 and b = logit(start)."""
    rng, bound = torch.Generator().manual_seed(seed), 1 / math.sqrt(9 * channels)
    w1 = torch.empty(CHANNELS, channels, 3, 3).uniform_(-bound, bound, generator=rng)
    b1 = torch.empty(CHANNELS).uniform_(-bound, bound, generator=rng)
    w2, b = torch.zeros(1, CHANNELS, 3, 3), torch.tensor([math.log(start / (1 - start))])
    return [weight.requires_grad_() for weight in (w1, b1, w2, b)]


def _look(loss: Loss, weights: list[Tensor], x: Tensor, y: Tensor, step: int, before: Step | None) -> Step:
    """Compute the loss and all gradients at the present weights."""
    if before is not None and before.diverged:
        return before
    w1, b1, w2, b = weights
    z = F.conv2d(F.relu(F.conv2d(x, w1, b1, padding=1)), w2, b, padding=1)[0, 0]  # (H, W)
    if before is not None and not torch.isfinite(z).all():
        return Step(before.step, before.value, before.probs, before.foreground, before.background, before.bias,
                    before.left, before.empty, diverged=True)  # fmt: skip
    z.retain_grad()
    value = loss(z, y)
    value.backward()
    assert z.grad is not None
    probs = z.detach().sigmoid().numpy()
    empty = not (z.detach() > 0).any()
    left = before.left if before is not None else None
    return Step(
        step, value.item(), probs, z.grad[y == 1].sum().item(), z.grad[y == 0].sum().item(), b.item(),
        left if left is not None or empty else step, (before.empty if before else 0) + empty,
    )  # fmt: skip


def _features(picture: NDArray[np.generic], size: tuple[int, ...]) -> Tensor:
    """Return float32 (1, C, H, W), each channel with mean 0 and deviation 1; one of a single value becomes 0."""
    channels = picture[None] if picture.ndim == 2 else picture
    if channels.ndim == 3 and channels.dtype == np.uint8 and channels.shape[2] == 3:
        channels = channels.transpose(2, 0, 1)
    if channels.ndim != 3 or channels.shape[1:] != size:
        raise ValueError(
            f"The picture is {picture.shape}, the truth {size}; wanted (H, W), (H, W, 3) uint8 or (C, H, W) "
            "of the truth's size."
        )
    values = channels.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("The picture holds NaN or infinity; only finite values can be learnt from.")
    values = values - values.mean((1, 2), keepdims=True)
    deviation = values.std((1, 2), keepdims=True)
    return torch.from_numpy((values / np.where(deviation > 1e-9, deviation, 1.0)).astype(np.float32))[None]


def _check(target: NDArray[np.integer]) -> None:
    if target.ndim != 2 or not 0 < target.size <= LARGEST:
        raise ValueError(
            f"The truth must be a map (H, W) of 1 to {LARGEST} pixels; got {target.shape}. Make it smaller first."
        )
