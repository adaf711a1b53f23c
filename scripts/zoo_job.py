"""One training of one architecture, and what it scores; or how long such a training would take. See scripts/zoo.py.

    python scripts/zoo_job.py train fcn-8s 0 runs/zoo        # → runs/zoo/fcn-8s-0/model.safetensors, result.json
    python scripts/zoo_job.py train segnet 0 runs/zoo-3 3    # three times the recipe's steps
    python scripts/zoo_job.py baselines runs/zoo             # → runs/zoo/baselines.json
    python scripts/zoo_job.py pace fcn-8s unet               # ms a step, as JSON lines

Goes on where it was stopped. Pictures are drawn once, into runs/zoo/data, and read from there by all.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

if __name__ == "__main__":  # started as a file: the repository's root comes first
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from seglab import architectures, parts
from seglab.datasets import axes

RESULT, BASELINES = "result.json", "baselines.json"
WARM_UP, STEPS, SCORED = 2, 10, 4  # of `pace`


@dataclass(frozen=True)
class Extent:
    """How much is drawn and trained; the defaults are the real thing, TRIAL only tries the machinery out."""

    scenes: int = axes.TRAINING
    per_split: int | None = None  # test scenes; None: all
    volumes: int | None = None  # of training and of test; None: all
    epochs: int | None = None  # None: the recipe's
    times: int = 1  # as many steps as the recipe has


REAL, TRIAL = Extent(), Extent(scenes=16, per_split=3, volumes=2, epochs=1)


def draw(folder: Path, extent: Extent) -> None:
    """Draw all scenes into `folder`/data, unless they are there; ValueError where those are another number of them."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for name in ("train", *axes.SPLITS):
        files = _files(folder, name)
        if all(file.is_file() for file in files):
            if name == "train" and len(np.load(files[1], mmap_mode="r")) != extent.scenes:
                raise ValueError(f"{folder} has trainings on another number of scenes; choose another folder.")
            continue
        drawn = axes.training(extent.scenes) if name == "train" else axes.unseen(name, extent.per_split)
        for file, array in zip(files, axes.arrays(drawn), strict=True):
            with parts.writing(file) as out:
                np.save(out, array)


def scenes(folder: Path, name: str) -> list[Any]:
    """Return the scenes of "train" or of a split from their files, which all processes share in memory."""
    images, labels = (np.load(file, mmap_mode="r") for file in _files(folder, name))
    return axes.samples(images, labels, f"axes-{name}")


def sets(folder: Path, volumes: bool, extent: Extent) -> tuple[Sequence[Any], dict[str, Sequence[Any]]]:
    """Return the training set and the test splits by name, of scenes or of volumes."""
    if not volumes:
        return scenes(folder, "train"), {name: scenes(folder, name) for name in axes.SPLITS}
    training, test = axes.training_volumes(), axes.unseen_volumes()
    n = extent.volumes
    return [training[i] for i in range(n or len(training))], {"test": [test[i] for i in range(n or len(test))]}


def train_one(key: str, seed: int, folder: Path, extent: Extent = REAL) -> dict[str, Any]:
    """Train and score, and write `folder`/<key>-<seed>/result.json; return what stands in it."""
    import torch

    from seglab import checkpoints, evaluate_zoo, runtime, train

    row = architectures.get(key)
    model, output, device = str(row.model), folder / f"{key}-{seed}", runtime.device()
    training, splits = sets(folder, row.volumes, extent)
    note = {"trained_on": "axes", "hold_out": "", "teacher": ""}
    epochs = (extent.epochs or train.RECIPES[model].epochs) * extent.times
    steps = train.train(model, training, output, seed=seed, resume=True, epochs=epochs, device=device, note=note)
    for now in steps:
        print(f"epoch {now.epoch}/{now.epochs}  loss {now.loss:.4f}  {now.seconds_left:.0f} s left", flush=True)
    net = train.RECIPES[model].build()
    net.load_state_dict(checkpoints.read(output / train.WEIGHTS)[0])  # in half precision, as they ship
    answers = evaluate_zoo.network(net.to(device))
    result = {"key": key, "seed": seed, "times": extent.times, "device": device.type, "torch": torch.__version__}
    result["splits"] = {name: evaluate_zoo.measure(some, answers).as_dict() for name, some in splits.items()}
    parts.write(output / RESULT, json.dumps(result, indent=1).encode())
    (output / train.CHECKPOINT).unlink(missing_ok=True)
    return result


def baselines(folder: Path, extent: Extent = REAL) -> dict[str, Any]:
    """Measure the baselines on scenes and volumes, and write `folder`/baselines.json; return what stands in it."""
    from seglab import evaluate_zoo

    found: dict[str, Any] = {}
    for title, volumes in (("Scenes", False), ("Volumes", True)):
        training, splits = sets(folder, volumes, extent)
        for name, fit in evaluate_zoo.BASELINES.items():
            answers = fit(training)
            measured = {split: evaluate_zoo.measure(some, answers).as_dict() for split, some in splits.items()}
            found.setdefault(title, {})[name] = measured
    parts.write(folder / BASELINES, json.dumps(found, indent=1).encode())
    return found


def pace(key: str) -> dict[str, Any]:
    """Return how long a step of training takes (ms, the median of some) and the scoring of a scene, here and now."""
    import torch

    from seglab import evaluate_zoo, runtime
    from seglab.layout import channels_last
    from seglab.optimizer import MuonAdamW
    from seglab.train import RECIPES

    row = architectures.get(key)
    recipe, device = RECIPES[str(row.model)], runtime.device()
    some: Sequence[Any]
    some = [axes.training_volumes()[i] for i in range(2)] if row.volumes else axes.training(recipe.batch)
    net = channels_last(recipe.build().to(device)).train()
    # At a rate at which nothing can diverge: only the time counts.
    optimizer = MuonAdamW(net, 1e-6, 1e-6, 0.0)
    loss_of, rng = recipe.objective.begin(some, recipe.augment, device, None), torch.Generator().manual_seed(0)
    times = []
    for _ in range(WARM_UP + STEPS):
        began = time.perf_counter()
        loss = loss_of(net, some[: recipe.batch], rng)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        loss.item()
        times.append(1000 * (time.perf_counter() - began))
    few = some[:SCORED]
    began = time.perf_counter()
    evaluate_zoo.measure(few, evaluate_zoo.network(net))
    scored = 1000 * (time.perf_counter() - began) / len(few)
    return {"key": key, "ms_step": statistics.median(times[WARM_UP:]), "ms_scored": scored}


def _files(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / "data" / f"{name}-images.npy", folder / "data" / f"{name}-labels.npy"


def main(arguments: Sequence[str]) -> None:
    """Do what the arguments say; `--trial` at the end tries it out with next to nothing."""
    extent = TRIAL if arguments[-1] == "--trial" else REAL
    command, *rest = [word for word in arguments if word != "--trial"]
    if command == "train":
        key, seed, to, *times = rest
        train_one(key, int(seed), Path(to), replace(extent, times=int(times[0]) if times else 1))
    elif command == "baselines":
        baselines(Path(rest[0]), extent)
    elif command == "pace":
        for key in rest:
            print(json.dumps(pace(key)), flush=True)
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
