"""The training loop for detectors: as `seglab.train`, but with objects to find in place of classes to tell.

Five losses are added up, each as in the paper: is this anchor on an object (L_rpn), and how far from its box; which
class has this proposal (L_cls), how far is it from the object's box (L_box), and which of its 28×28 pixels belong to
the object (L_mask, of the true class's mask alone). The views of every epoch and the samples the losses take depend on
(seed, epoch) alone, so a training that was interrupted ends with the same bits.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from seglab import parts, runtime, training_state
from seglab.augment import Augment
from seglab.augment_instances import view
from seglab.nets.mask_rcnn import Detector, nuclei_instances, scenes_instances, street_instances
from seglab.optimizer import MuonAdamW
from seglab.preprocess import normalize
from seglab.train import CHECKPOINT, WEIGHTS, Progress, _follow, _rate
from seglab.types import Sample
from seglab.zoo import Preprocess


@dataclass(frozen=True)
class Recipe:
    """What is fixed before a training starts; it stands in the checkpoint and in the model's card."""

    build: Callable[[], Detector]
    epochs: int
    augment: Augment
    batch: int = 8
    muon: float = 0.02  # peak learning rate of the convolution kernels
    adamw: float = 2e-3  # peak learning rate of all else
    weight_decay: float = 0.02
    warm_up: float = 0.05  # share of the steps
    average: float = 0.998  # decay of the moving average of the weights, per step


# Scenes are drawn anew as often as wanted: nothing to invent but mirror images.
_SCENES = Augment(
    (128, 128), scale=(1.0, 1.0), aspect=1.0, rotation=0.0, light=0.1, blur=0.0, noise=0.0, rare=0.0, paste=0.0
)
_NUCLEI = Augment((256, 256), scale=(0.6, 1.7), aspect=1.2, rotation=180.0, light=0.4, rare=0.0, paste=0.0)
_STREET = Augment((320, 384), scale=(0.7, 2.0), rare=0.7, rare_classes=(8, 9, 10), paste=0.0)

RECIPES = {
    "scenes-instances": Recipe(scenes_instances, epochs=24, augment=_SCENES),  # of 6000 scenes
    "street-instances": Recipe(street_instances, epochs=60, augment=_STREET, batch=4),
    "nuclei-instances": Recipe(nuclei_instances, epochs=150, augment=_NUCLEI, batch=4),
}


def train(
    key: str,
    samples: Sequence[Sample],
    output: str | Path,
    *,
    check: Sequence[Sample] = (),
    seed: int = 0,
    resume: bool = False,
    epochs: int | None = None,
    device: str | torch.device = "cpu",
    note: dict[str, Any] | None = None,
) -> Iterator[Progress]:
    """Train detector `key` on `samples`, yielding after every epoch; the weights end in `output`/model.safetensors.

    Args:
        key: a key of RECIPES.
        samples: pictures with instance ids, all of one palette, whose things are the classes. A sequence that isn't a
            list makes them when asked for (`datasets.scenes`), and says in its repr which they are.
        output: a folder; made if missing. It holds last.pt (to resume from) and model.safetensors (fp16).
        check: pictures to score on from time to time (mask AP at IoU 0.5), for the eye only.
        seed: fixes the first weights and all views.
        resume: go on from `output`/last.pt if it is there.
        epochs: instead of the recipe's.
        device: where to train.
        note: goes into the weights' metadata, e.g. {"trained_on": "train"}.

    Raises:
        ValueError: unknown key, no samples, samples without ids or of other classes, or a checkpoint of another
            training. RuntimeError: the loss isn't a number any more.
    """
    if key not in RECIPES:
        raise ValueError(f"No recipe for {key!r}; trainable are {', '.join(RECIPES)}.")
    if not len(samples):
        raise ValueError("There is nothing to train on: the list of samples is empty.")
    recipe, output, device = RECIPES[key], Path(output), torch.device(device)
    epochs = epochs or recipe.epochs
    torch.manual_seed(seed)
    net, average = (recipe.build().to(device).to(memory_format=torch.channels_last) for _ in range(2))
    things = samples[0].palette.things
    if len(things) != len(net.labels):
        raise ValueError(f"{key} tells {len(net.labels)} classes of things apart; the samples have {len(things)}.")
    output.mkdir(parents=True, exist_ok=True)
    parts.remove_leftovers(output)
    average.requires_grad_(False)
    average.load_state_dict(net.state_dict())
    optimizer = MuonAdamW(net, recipe.muon, recipe.adamw, recipe.weight_decay)
    identity = {"key": key, "seed": seed, "epochs": epochs, "recipe": training_state.plain(recipe)}
    identity |= {"samples": training_state.names(samples) if isinstance(samples, list) else repr(samples)}
    first = 0
    if resume and (output / CHECKPOINT).is_file():
        first = training_state.restore(output / CHECKPOINT, identity, net, average, optimizer)

    steps = len(samples) // recipe.batch or 1
    started = time.monotonic()
    for epoch in range(first, epochs):
        loss = _epoch(net, average, optimizer, samples, recipe, (epoch, epochs, steps), seed, device)
        score = quick_score(average, check) if len(check) and (epoch % 10 == 9 or epoch + 1 == epochs) else None
        training_state.save(output / CHECKPOINT, identity, epoch + 1, net, average, optimizer)
        pace = (time.monotonic() - started) / (epoch + 1 - first)
        yield Progress(epoch + 1, epochs, loss, score, pace * (epochs - epoch - 1))
    about = {"model": key, "seed": seed, "epochs": epochs, "recipe": training_state.plain(recipe)}
    training_state.save_weights(average, output / WEIGHTS, {**about, **(note or {})})


def quick_score(net: Detector, samples: Sequence[Sample]) -> float:
    """Mask AP at IoU 0.5, at the pictures' own size (for progress; `evaluate` is the measure)."""
    from seglab.instances import detect, select
    from seglab.metrics.average_precision import average_precision, detections
    from seglab.truths import instances_of, truth

    palette = samples[0].palette
    loaded = runtime.ready("in training", copy.deepcopy(net), palette, Preprocess(short_side=0), "")
    found = [select(detect(sample.image, loaded), score=0.05, limit=1000) for sample in samples]
    pairs = zip(found, samples, strict=True)
    return float(average_precision([detections(f, instances_of(truth(s))) for f, s in pairs]).ap50)


def _epoch(
    net: Detector,
    average: Detector,
    optimizer: MuonAdamW,
    samples: Sequence[Sample],
    recipe: Recipe,
    clock: tuple[int, int, int],
    seed: int,
    device: torch.device,
) -> float:
    epoch, epochs, steps = clock
    rng = torch.Generator().manual_seed(seed * 100_003 + epoch)
    torch.manual_seed(seed * 100_003 + epoch)  # which anchors and proposals the losses take
    order = torch.randperm(len(samples), generator=rng).tolist()
    net.train()
    losses = []
    for step in range(steps):
        views = [view(samples[i], recipe.augment, rng) for i in order[step * recipe.batch : (step + 1) * recipe.batch]]
        x = normalize(torch.stack([image for image, _ in views]).to(device))
        truth = [{name: t.to(device) for name, t in target.items()} for _, target in views]
        optimizer.set_rate(_rate((epoch * steps + step) / (epochs * steps), recipe.warm_up))
        with torch.autocast(device.type, torch.bfloat16):
            loss = sum(net(x, truth).values())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        # As in `seglab.train`: the first steps' weights are noise, and a short training has few steps.
        now, total = epoch * steps + step, epochs * steps
        _follow(average, net, min(recipe.average, (1 + now) / (10 + now), max(0.0, 1 - 6 / total)))
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            raise RuntimeError(f"The loss became {losses[-1]} in epoch {epoch + 1}; a lower learning rate may help.")
    return float(np.mean(losses))
