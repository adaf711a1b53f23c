"""Put a finished training of the classifier of crops into the package: weights and card, measured here and now.

    python -m seglab train scenes-crops --output runs/scenes-crops
    python scripts/card_crops.py runs/scenes-crops

Scores the things of the 500 test scenes, which were never trained on, beside what is told without a network: the
commonest class, and a linear classifier (scikit-learn's logistic regression) of each crop shrunk to 4×4 pixels.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

if __name__ == "__main__":  # started as a file: the repository's root comes first
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.card import WEIGHTS, _text, about
from seglab import datasets, parts, runtime, zoo
from seglab.datasets import crops
from seglab.objective_crops import told
from seglab.preprocess import resize
from seglab.types import Sample

KEY = "scenes-crops"
FITTED = 300  # scenes that the linear classifier learns from
TINY = 4  # px of its pictures
DATA = (
    "Crops around the things of Scenes, streets drawn by seglab.datasets.scenes at {h}×{w}: those of {portion} "
    "of 150 000 scenes (seed 1) in each epoch. `test` are the {n} things in the 500 scenes of seed 20250500 that are "
    "large enough and not mostly hidden (seglab.datasets.crops)."
)
FAILURES = (
    "Knows the five things of drawn streets only, and names one of them whatever it sees: on a photograph its answers "
    "mean nothing.",
)


def measure(net: Any, samples: Sequence[Sample]) -> dict[str, Any]:
    """Return accuracy, recall by class, and the number of things."""
    true, said = (np.array(values) for values in told(net, samples))
    recall = {name: float((said[true == k] == k).mean()) for k, name in enumerate(crops.THINGS.names)}
    return {"accuracy": float((true == said).mean()), "recall": recall, "n": len(true)}


def small(samples: Sequence[Sample]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return each thing's crop as TINY×TINY colours in a row, and its class."""
    rows, classes = [], []
    for sample in samples:
        for thing in crops.things(sample):
            crop = crops.cut(sample.image, crops.square(thing.box, sample.labels.shape))
            rows.append(resize(crop, (TINY, TINY)).numpy().ravel() / 255.0)
            classes.append(thing.k)
    return np.array(rows), np.array(classes)


def baselines(train: Sequence[Sample], test: Sequence[Sample]) -> dict[str, float]:
    """Return what is told of the test things without a network: the commonest class; a linear classifier of colours."""
    from sklearn.linear_model import LogisticRegression

    (x, k), (tx, tk) = small(train), small(test)
    commonest = int(np.bincount(k).argmax())
    linear = LogisticRegression(max_iter=2000).fit(x, k)
    return {"commonest class": float((tk == commonest).mean()), "linear, 4×4 pixels": float(linear.score(tx, tk))}


def card(said: Mapping[str, Any], found: Mapping[str, Any], beside: Mapping[str, float]) -> str:
    """Return the card as TOML."""
    recipe, spec = said["recipe"], zoo.get(KEY)
    views = recipe["objective"]
    text = (
        f"From scratch, {said['epochs']} epochs, batches of the things of {recipe['batch']} scenes (some 45 crops), "
        f"Muon for the kernels (peak {recipe['muon']}) and AdamW for the rest (peak {recipe['adamw']}), one cycle, "
        f"weight decay {recipe['weight_decay']} on kernels, cross-entropy, moving average of the weights "
        f"({recipe['average']} a step), float32. Views: squares {views['low']} to {views['high']} times as wide as the "
        f"thing, moved by up to {views['shift']:.0%}, mirrored, light ±{recipe['augment']['light']:.0%}. "
        f"Seed {said['seed']}."
    )
    h, w = crops.SIZE
    lines = [
        f"key = {_text(KEY)}",
        f"title = {_text(spec.title)}",
        f"data = {_text(DATA.format(h=h, w=w, portion=recipe['portion'], n=found['n']))}",
        f"licence = {_text('MIT: the data are drawn by code of this package.')}",
        f"recipe = {_text(text)}",
        f"command = {_text(f'python -m seglab train {KEY} --output runs/{KEY}')}",
        'trained_on = ["train"]',
        "failures = [",
        *(f"    {_text(failure)}," for failure in FAILURES),
        "]",
        "",
        "[scores.test]",
        f"accuracy = {found['accuracy']:.4f}",
    ]
    for name, values in (("recall", found["recall"]), ("baselines", beside)):
        lines += ["", f"[scores.test.{name}]", *(f"{_text(n)} = {value:.4f}" for n, value in values.items())]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, then write the two files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    folder = parser.parse_args().run
    said = about(folder)
    if said["model"] != KEY or said["trained_on"] != "train":
        parser.error(f"This is a training of {said['model']} on {said['trained_on']}; wanted {KEY} on train.")
    palette = zoo.get(KEY).palette
    test, train = (datasets.load(palette, None, split)[0] for split in ("test", "train"))
    found = measure(runtime.checkpoint(folder / "model.safetensors").net, test)
    text = card(said, found, baselines([train[i] for i in range(FITTED)], test))
    parts.write(WEIGHTS / f"{KEY}.safetensors", (folder / "model.safetensors").read_bytes())
    parts.write(WEIGHTS / f"{KEY}.toml", text.encode())
    print(text, end="")


if __name__ == "__main__":
    main()
