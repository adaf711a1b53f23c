"""The training loop: one recipe per model, atomic checkpoints, the same weights after a kill and `resume`.

Every epoch draws its views from a generator seeded by (seed, epoch) alone, and the checkpoint at its end holds
weights, moving average, optimiser and epoch: so an interrupted training, resumed, ends with the same bits (on the
same machine with the same number of threads).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from seglab import parts, rounding, training_state
from seglab.architectures import ARCHITECTURES, Architecture
from seglab.augment import Augment
from seglab.layout import channels_last
from seglab.nets.classifiers import scenes_crops
from seglab.nets.fpn import street
from seglab.nets.mask_rcnn_small import nuclei_instances, scenes_instances, street_instances
from seglab.nets.street import scenes, street_fast
from seglab.nets.unet import nuclei_unet
from seglab.objective_crops import Crops
from seglab.objectives import Classes, Gaps, Loss, Objective, Objects
from seglab.optimizer import MuonAdamW
from seglab.preprocess import stretch
from seglab.types import Sample
from seglab.voxels import Voxels
from seglab.zoo import MODELS, NUCLEI_STRETCH

CHECKPOINT, WEIGHTS = "last.pt", "model.safetensors"
CLASSES, VIEWS = Classes(), Augment()  # of CamVid
# Scenes are drawn anew as often as wanted: nothing to invent but mirror images and a little light. Detectors see them
# half as large again: a thing of 8 px then has 6 cells of the finest map instead of 4.
SCENES = Augment((128, 128), scale=(1.0, 1.0), aspect=1.0, rotation=0.0, light=0.1, blur=0.0, noise=0.0, rare=0.0,
                 paste=0.0)  # fmt: skip
LARGER = replace(SCENES, crop=(192, 192), scale=(1.5, 1.5))
# Cells have no upright side, and under bright light they are dark on a light ground.
NUCLEI = Augment((256, 256), scale=(0.6, 1.7), aspect=1.2, rotation=180.0, light=0.4, invert=0.15, rare=0.0,
                 paste=0.0)  # fmt: skip
STREET_OBJECTS = Augment(rare=0.7, rare_classes=(8, 9, 10), paste=0.0)


@dataclass(frozen=True)
class Recipe:
    """What is fixed before a training starts; it stands in the checkpoint and in the model's card.

    portion: samples an epoch takes, drawn anew each time; None: all. limit: pictures it is to be trained on, of those
    there are; None: all. by_area: pictures are drawn from as often as their sizes ask for, so that each place in any of
    them is seen equally often. stretch: percentiles, as in `zoo.Preprocess`.
    """

    build: Callable[[], nn.Module]
    epochs: int
    objective: Objective = CLASSES
    augment: Augment = VIEWS
    batch: int = 4
    muon: float = 0.02  # peak learning rate of the convolution kernels
    adamw: float = 2e-3  # peak learning rate of all else
    weight_decay: float = 0.02
    warm_up: float = 0.05  # share of the steps
    average: float = 0.998  # decay of the moving average of the weights, per step
    portion: int | None = None
    limit: int | None = None
    by_area: bool = False
    stretch: tuple[float, float] | None = None


RECIPES = {
    "street": Recipe(street, epochs=75, objective=Classes(stride=1)),
    "street-fast": Recipe(street_fast, epochs=60),
    "scenes": Recipe(scenes, 12, Classes(stride=1), SCENES, batch=8, portion=5000),
    "scenes-instances": Recipe(scenes_instances, 14, Objects(short_side=192), LARGER, batch=8, portion=5000),
    "scenes-crops": Recipe(scenes_crops, 4, Crops(), SCENES, batch=8, portion=3000),
    "street-instances": Recipe(street_instances, 40, Objects(), STREET_OBJECTS),
    "nuclei-unet": Recipe(nuclei_unet, 60, Gaps(), NUCLEI, by_area=True, stretch=NUCLEI_STRETCH),
    "nuclei-unet-30": Recipe(nuclei_unet, 300, Gaps(), NUCLEI, limit=30, by_area=True, stretch=NUCLEI_STRETCH),
    "nuclei-instances": Recipe(nuclei_instances, 70, Objects(), NUCLEI, by_area=True, stretch=NUCLEI_STRETCH),
}


def _of_the_zoo(row: Architecture) -> Recipe:
    """Return the one recipe of all architectures: 1500 steps of 8 scenes each (V-Net: of 2 volumes)."""

    def build() -> nn.Module:
        net: nn.Module = MODELS[str(row.model)].build()
        return net

    build.__name__ = row.key
    if row.volumes:
        return Recipe(build, 15, Voxels(), SCENES, batch=2, portion=200)
    return Recipe(build, 3, Classes(stride=1), SCENES, batch=8, portion=4000)


RECIPES |= {str(row.model): _of_the_zoo(row) for row in ARCHITECTURES if row.small is not None}


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
    recipe: Recipe | None = None,
    epochs: int | None = None,
    teacher: nn.Module | None = None,
    device: str | torch.device = "cpu",
    note: dict[str, Any] | None = None,
) -> Iterator[Progress]:
    """Train model `key` on `samples`, yielding after every epoch; the weights end in `output`/model.safetensors (fp16).

    But for detectors' they are rounded to what bf16 holds (`rounding.held`): the fast mode has the exact mode's own.

    Args:
        key: a key of RECIPES, or a name for `recipe`.
        samples: pictures with truth, all of one palette; with instance ids where objects are learnt. A sequence that
            isn't a list makes them when asked for (`datasets.scenes`), and says in its repr which they are.
        output: a folder; made if missing. It holds last.pt (to resume from) and model.safetensors.
        check: pictures to score on from time to time, for the eye only: the last average is what is kept.
        seed: fixes the first weights and all views.
        resume: go on from `output`/last.pt if it is there; otherwise it must not be.
        recipe: instead of the key's.
        epochs: instead of the recipe's.
        teacher: a trained network of the same classes whose soft answers are learnt besides the truth.
        device: where to train.
        note: goes into the weights' metadata, e.g. {"trained_on": "train"}.

    Raises:
        ValueError: unknown key, no samples, no labelled pixel, a checkpoint of another training, or one in `output`
            that isn't to be resumed.
    """
    recipe = recipe or RECIPES.get(key)
    if recipe is None:
        raise ValueError(f"No recipe for {key!r}; trainable are {', '.join(RECIPES)}.")
    if not len(samples):
        raise ValueError("There is nothing to train on: the list of samples is empty.")
    first_ones = (samples[i] for i in range(min(len(samples), 1000)))  # of drawn ones there may be any number
    if all((sample.labels == sample.palette.ignore_index).all() for sample in first_ones):
        raise ValueError("There is nothing to train on: no pixel of the samples is labelled.")
    output = Path(output)
    if recipe.limit is not None and len(samples) > recipe.limit:
        raise ValueError(f"{key} is trained on {recipe.limit} pictures; got {len(samples)}.")
    samples, check = (_stretched(some, recipe.stretch) for some in (samples, check))
    epochs = epochs or recipe.epochs
    output.mkdir(parents=True, exist_ok=True)
    if not resume and (output / CHECKPOINT).is_file():
        raise ValueError(
            f"{output} holds a training: go on with it (--resume), delete its {CHECKPOINT}, or choose another folder."
        )
    parts.remove_leftovers(output)
    device = torch.device(device)

    torch.manual_seed(seed)
    net, average = (channels_last(recipe.build().to(device)) for _ in range(2))
    average.requires_grad_(False)
    average.load_state_dict(net.state_dict())
    optimizer = MuonAdamW(net, recipe.muon, recipe.adamw, recipe.weight_decay)
    identity = {"key": key, "seed": seed, "epochs": epochs, "recipe": training_state.plain(recipe)}
    identity |= {"samples": training_state.names(samples), "teacher": training_state.fingerprint(teacher)}
    first = 0
    if resume and (output / CHECKPOINT).is_file():
        first = training_state.restore(output / CHECKPOINT, identity, net, average, optimizer)

    loss_of = recipe.objective.begin(samples, recipe.augment, device, teacher)
    steps = min(len(samples), recipe.portion or len(samples)) // recipe.batch or 1
    started = time.monotonic()
    for epoch in range(first, epochs):
        loss = _epoch(net, average, optimizer, samples, recipe, loss_of, (epoch, epochs, steps), seed)
        due = len(check) and (epoch % 10 == 9 or epoch + 1 == epochs)
        score = recipe.objective.score(average, check) if due else None
        training_state.save(output / CHECKPOINT, identity, epoch + 1, net, average, optimizer)
        pace = (time.monotonic() - started) / (epoch + 1 - first)
        yield Progress(epoch + 1, epochs, loss, score, pace * (epochs - epoch - 1))
    about = {"model": key, "seed": seed, "epochs": epochs, "recipe": training_state.plain(recipe)}
    training_state.save_weights(rounding.held(average), output / WEIGHTS, {**about, **(note or {})})


def _stretched(samples: Sequence[Sample], percentiles: tuple[float, float] | None) -> Sequence[Sample]:
    """Return the samples with their pictures stretched, as `inference` will do it."""
    return samples if percentiles is None else [replace(s, image=stretch(s.image, percentiles)) for s in samples]


def _epoch(
    net: nn.Module,
    average: nn.Module,
    optimizer: MuonAdamW,
    samples: Sequence[Sample],
    recipe: Recipe,
    loss_of: Loss,
    clock: tuple[int, int, int],
    seed: int,
) -> float:
    epoch, epochs, steps = clock
    rng = torch.Generator().manual_seed(seed * 100_003 + epoch)
    torch.manual_seed(seed * 100_003 + epoch)  # dropout
    if recipe.by_area:
        areas = torch.tensor([float(sample.labels.size) for sample in samples])
        order = torch.multinomial(areas, len(samples), replacement=True, generator=rng).tolist()
    else:
        order = torch.randperm(len(samples), generator=rng).tolist()
    net.train()
    losses = []
    for step in range(steps):
        chosen = [samples[i] for i in order[step * recipe.batch : (step + 1) * recipe.batch]]
        optimizer.set_rate(_rate((epoch * steps + step) / (epochs * steps), recipe))
        loss = loss_of(net, chosen, rng)
        optimizer.zero_grad()
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
    """Linear warm-up, then half a cosine down to nothing; 0..1, a share of the peak."""
    warm_up = recipe.warm_up
    if done < warm_up:
        return 0.04 + 0.96 * done / warm_up
    return 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))
