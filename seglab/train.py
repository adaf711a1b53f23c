"""The training loop: one recipe per model, atomic checkpoints, the same weights after a kill and `resume`.

Every epoch draws its views from a generator seeded by (seed, epoch) alone, and the checkpoint at its end holds
weights, moving average, optimiser and epoch: so an interrupted training, resumed, ends with the same bits (on the
same machine with the same number of threads).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from seglab import checkpoints
from seglab.augment import Augment, view
from seglab.download import WeightsError
from seglab.losses import cross_entropy, soft_dice
from seglab.nets.street import street, street_fast
from seglab.types import Sample
from seglab.zoo import Preprocess

CHECKPOINT, WEIGHTS = "last.pt", "model.safetensors"
VIEWS = Augment()  # the same for both street models


@dataclass(frozen=True)
class Recipe:
    """What is fixed before a training starts; it stands in the checkpoint and in the model's card."""

    build: Callable[[], nn.Module]
    epochs: int
    batch: int = 8
    stride: int = 2  # of the network's output; the truth is compared at this size
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warm_up: float = 0.05  # share of the steps
    average: float = 0.998  # decay of the moving average of the weights, per step
    dice: float = 1.0  # weight of soft Dice beside cross-entropy
    distil: float = 1.0  # weight of the teacher's soft answers, if there is a teacher
    augment: Augment = VIEWS


RECIPES = {
    "street": Recipe(street, epochs=75),
    "street-fast": Recipe(street_fast, epochs=60),
}


@dataclass(frozen=True)
class Progress:
    """Where a training stands: epoch (from 1) of epochs, mean loss, mean IoU where it was measured, seconds left."""

    epoch: int
    epochs: int
    loss: float
    score: float | None
    seconds_left: float


def train(
    key: str,
    samples: Sequence[Sample],
    output: str | Path,
    *,
    check: Sequence[Sample] = (),
    seed: int = 0,
    resume: bool = False,
    epochs: int | None = None,
    teacher: nn.Module | None = None,
    device: str | torch.device = "cpu",
    note: dict[str, Any] | None = None,
) -> Iterator[Progress]:
    """Train model `key` on `samples`, yielding after every epoch; the weights end in `output`/model.safetensors (fp16).

    Args:
        key: a key of RECIPES.
        samples: pictures with truth, all of one palette.
        output: a folder; made if missing. It holds last.pt (to resume from) and model.safetensors.
        check: pictures to score on from time to time, for the eye only: the last average is what is kept.
        seed: fixes the first weights and all views.
        resume: go on from `output`/last.pt if it is there.
        epochs: instead of the recipe's.
        teacher: a trained network, same classes and stride, whose soft answers are learnt besides the truth.
        device: where to train.
        note: goes into the weights' metadata, e.g. {"trained_on": "train"}.

    Raises:
        ValueError: unknown key, no samples, no labelled pixel, or a checkpoint of another training.
    """
    if key not in RECIPES:
        raise ValueError(f"No recipe for {key!r}; trainable are {', '.join(RECIPES)}.")
    if not samples:
        raise ValueError("There is nothing to train on: the list of samples is empty.")
    if all((sample.labels == sample.palette.ignore_index).all() for sample in samples):
        raise ValueError("There is nothing to train on: no pixel of the samples is labelled.")
    recipe, output = RECIPES[key], Path(output)
    epochs = epochs or recipe.epochs
    output.mkdir(parents=True, exist_ok=True)
    device = torch.device(device)
    n_classes = len(samples[0].palette)

    torch.manual_seed(seed)
    net, average = (recipe.build().to(device).to(memory_format=torch.channels_last) for _ in range(2))
    average.requires_grad_(False)
    average.load_state_dict(net.state_dict())
    optimizer = torch.optim.AdamW(_groups(net, recipe.weight_decay), lr=recipe.learning_rate)
    identity = {"key": key, "seed": seed, "epochs": epochs, "recipe": _plain(recipe)}
    identity |= {"samples": _names(samples), "teacher": _fingerprint(teacher)}
    first = 0
    if resume and (output / CHECKPOINT).is_file():
        first = _restore(output / CHECKPOINT, identity, net, average, optimizer)

    weights = class_weights(samples, n_classes).to(device)
    steps = len(samples) // recipe.batch or 1
    started = time.monotonic()
    for epoch in range(first, epochs):
        loss = _epoch(net, average, optimizer, samples, recipe, weights, teacher, (epoch, epochs, steps), seed, device)
        score = quick_score(average, check) if check and (epoch % 10 == 9 or epoch + 1 == epochs) else None
        _save(output / CHECKPOINT, identity, epoch + 1, net, average, optimizer)
        pace = (time.monotonic() - started) / (epoch + 1 - first)
        yield Progress(epoch + 1, epochs, loss, score, pace * (epochs - epoch - 1))
    about = {"model": key, "seed": seed, "epochs": epochs, "recipe": _plain(recipe)}
    save_weights(average, output / WEIGHTS, {**about, **(note or {})})


def class_weights(samples: Sequence[Sample], n_classes: int) -> Tensor:
    """Square root of median frequency over frequency (Eigen & Fergus 2015, softened), 0.5 to 4; (K,) float32."""
    counts = np.zeros(256, np.int64)
    for sample in samples:
        counts += np.bincount(sample.labels.ravel(), minlength=256)
    frequency = counts[:n_classes] / max(counts[:n_classes].sum(), 1)
    median = np.median(frequency[frequency > 0])
    return torch.from_numpy(np.sqrt(median / np.maximum(frequency, 1e-6)).clip(0.5, 4.0)).float()


def normalize(image: Tensor) -> Tensor:
    """ImageNet's mean and standard deviation taken out of (N, 3, H, W) in 0..1."""
    mean, std = (torch.tensor(v, device=image.device)[None, :, None, None] for v in (Preprocess.mean, Preprocess.std))
    return (image - mean) / std


def quick_score(net: nn.Module, samples: Sequence[Sample]) -> float:
    """Mean IoU at the pictures' own size, from one confusion matrix (for progress; `evaluate` is the measure)."""
    from seglab.metrics.confusion import confusion_matrix, mean_iou

    net.eval()
    k = len(samples[0].palette)
    matrix = np.zeros((k, k + 1), np.int64)
    with torch.inference_mode():
        for sample in samples:
            x = torch.from_numpy(sample.image).permute(2, 0, 1)[None].float() / 255
            x = normalize(x.to(next(net.parameters()).device)).contiguous(memory_format=torch.channels_last)
            y = F.interpolate(net(x), sample.labels.shape, mode="bilinear", align_corners=False)
            labels = y.argmax(1)[0].to(torch.uint8).cpu().numpy()
            matrix = matrix + confusion_matrix(sample.labels, labels, k)
    return float(mean_iou(matrix))


def save_weights(net: nn.Module, path: Path, about: dict[str, Any]) -> None:
    """Write a network's state as fp16 safetensors, atomically; integer buffers keep their type.

    `about` is stored as JSON under the one metadata key "seglab": with several keys safetensors writes them in
    random order, and equal trainings would give unequal files.
    """
    state = {k: (v.half() if v.is_floating_point() else v).contiguous().cpu() for k, v in net.state_dict().items()}
    _atomic(path, lambda p: save_file(state, p, {"seglab": json.dumps(about, sort_keys=True)}))


def _epoch(
    net: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
    samples: Sequence[Sample],
    recipe: Recipe,
    weights: Tensor,
    teacher: nn.Module | None,
    clock: tuple[int, int, int],
    seed: int,
    device: torch.device,
) -> float:
    epoch, epochs, steps = clock
    rng = torch.Generator().manual_seed(seed * 100_003 + epoch)
    torch.manual_seed(seed * 100_003 + epoch)  # dropout
    order = torch.randperm(len(samples), generator=rng).tolist()
    net.train()
    losses = []
    for step in range(steps):
        chosen = order[step * recipe.batch : (step + 1) * recipe.batch]
        views = [view(samples[i], recipe.augment, rng, recipe.stride) for i in chosen]
        x = normalize(torch.stack([v[0] for v in views]).to(device)).contiguous(memory_format=torch.channels_last)
        target = torch.stack([v[1] for v in views]).to(device)
        rate = _rate((epoch * steps + step) / (epochs * steps), recipe)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(device.type, torch.bfloat16):
            logits = net(x).float()
        loss = cross_entropy(logits, target, weights) + recipe.dice * soft_dice(logits, target)
        if teacher is not None:
            with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
                soft = teacher(x).float().softmax(1)
            loss = loss - recipe.distil * (soft * logits.log_softmax(1)).sum(1).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        # The first steps' weights are noise, and a short training has few steps: keep the average's memory to a tenth
        # of what was done and a sixth of what there is in all.
        now, total = epoch * steps + step, epochs * steps
        decay = min(recipe.average, (1 + now) / (10 + now), max(0.0, 1 - 6 / total))
        _follow(average, net, decay)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            raise RuntimeError(f"The loss became {losses[-1]} in epoch {epoch + 1}; a lower learning rate may help.")
    return float(np.mean(losses))


@torch.no_grad()
def _follow(average: nn.Module, net: nn.Module, decay: float) -> None:
    for a, b in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        if a.is_floating_point():
            a.lerp_(b, 1 - decay)
        else:
            a.copy_(b)


def _rate(done: float, recipe: Recipe) -> float:
    """One cycle: linear warm-up, then half a cosine down to nothing."""
    if done < recipe.warm_up:
        return recipe.learning_rate * (0.04 + 0.96 * done / recipe.warm_up)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (done - recipe.warm_up) / (1 - recipe.warm_up)))


def _groups(net: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay for convolution kernels only: on BatchNorm's scale and on biases it just fights the loss."""
    kernels = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim <= 1]
    return [{"params": kernels, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def _save(
    path: Path,
    identity: dict[str, Any],
    epoch: int,
    net: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
) -> None:
    state = {"net": net.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
    _atomic(path, lambda part: torch.save({**state, "epoch": epoch, "identity": identity}, part))


def _restore(
    path: Path, identity: dict[str, Any], net: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer
) -> int:
    try:
        state = checkpoints.unpickle(path)
    except WeightsError as error:
        raise ValueError(f"{error} Or train without resume.") from error
    if not isinstance(state, dict) or "identity" not in state:
        raise ValueError(f"{path} holds no training to go on with; choose another folder, or train without resume.")
    if state["identity"] != identity:
        raise ValueError(
            f"{path} belongs to another training ({state['identity']}), not to {identity}; "
            "choose another output folder, or train without resume."
        )
    net.load_state_dict(state["net"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["epoch"])


def _atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside `path`, then rename: a kill leaves the old file or the new one, never half of one."""
    part = path.with_name(f".{path.name}.part")
    try:
        write(part)
        part.chmod(0o644)  # safetensors writes for the owner alone; a server may run as another user
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _names(samples: Sequence[Sample]) -> str:
    """A short hash of the pictures' names and order: another split or hold-out is another training."""
    return hashlib.blake2b("\n".join(s.key for s in samples).encode(), digest_size=8).hexdigest()


def _fingerprint(teacher: nn.Module | None) -> float | None:
    """A number that changes with the teacher's weights; None without a teacher."""
    return None if teacher is None else sum(p.double().abs().sum().item() for p in teacher.parameters())


def _plain(recipe: Recipe) -> dict[str, Any]:
    """The recipe as JSON would give it back (lists for tuples), so that a stored one compares equal."""
    plain: dict[str, Any] = json.loads(json.dumps({**asdict(recipe), "build": recipe.build.__name__}))
    return plain
