"""Put a finished training of objects, or of drawn scenes, into the package: weights and card, measured here and now.

    python scripts/card_objects.py scenes runs/scenes
    python scripts/card_objects.py scenes-instances runs/scenes-instances   # after `scenes`, which it is fused with
    python scripts/card_objects.py nuclei-unet runs/nuclei-unet --data DIR

Scores the split that was never trained on (`test`; of CamVid `val`) with what the training left in its folder, then
writes seglab/weights/<key>.safetensors and <key>.toml. What only a person can know (known failures) is in the table
below. `scripts/card.py` does the same for the street models, with sequences held out.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # started as a file: the repository's root comes first
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.card import WEIGHTS, _text, about
from seglab import datasets, parts, runtime, zoo
from seglab.cli.evaluate import finds_objects, measure
from seglab.specs import Selection

SCENES = (
    "Scenes, streets drawn by seglab.datasets.scenes at 128×128: {portion} of 150 000 scenes (seed 1) in each epoch. "
    "`test` are the 500 scenes of seed 20250500, fixed before anything was trained."
)
NUCLEI = (
    "Data Science Bowl 2018, stage 1 (BBBC038; Caicedo et al. 2019), CC0: {pictures} grey pictures of `train`. `test` "
    "is a fifth of the pictures, kept aside by the hash of their id."
)
CAMVID = (
    "CamVid (Brostow et al. 2008, 2009), 11-class version at 480×360, `train` alone. **Its objects are the connected "
    "components of its labels, an approximation**: cars that touch are one object."
)
DATA = {"Scenes": SCENES, "Nuclei": NUCLEI, "CamVid": CAMVID}
LICENCES = {
    "Scenes": "MIT: the data are drawn by code of this package.",
    "Nuclei": "MIT; the data are CC0.",
    "CamVid": "CC BY-NC (from the data): for research and education, not for commercial use.",
}
OBJECTIVES = {
    "Classes": "class-weighted cross-entropy + soft Dice",
    "Gaps": "cross-entropy with U-Net's border weights (w0 {w0:g}, sigma {sigma:g} px, no class weights), elastic "
    "deformation ({bend:g} px)",
    "Objects": "the sum of Mask R-CNN's five losses",
}
USUAL = " Scored with objects of a score above {score}, an NMS of {nms} and masks above {mask_threshold}."
STRETCH = "Brightness: percentiles {:g} and {:g} of a picture to 0 and 1, square roots between. "
FAILURES = {
    "Scenes": ["Knows drawn streets only: on a photograph its answers mean nothing."],
    "Nuclei": [
        "Knows nuclei under a fluorescence microscope, bright on dark; stained tissue it has never seen.",
        "Where nuclei lie on top of each other nobody can tell them apart from one picture, and it can't either.",
    ],
    "CamVid": [
        "Has learnt from connected components: cars that overlap count as one, one behind a pole as two.",
        "Knows British streets by day, seen from a car.",
    ],
}
SPLITS = {"Scenes": "test", "Nuclei": "test", "CamVid": "val"}


def check(key: str, said: Mapping[str, Any]) -> None:
    """Raise ValueError unless this training makes a card: of this model, on all of `train` and nothing else.

    >>> check("scenes", {"model": "scenes", "trained_on": "test", "hold_out": ""})
    Traceback (most recent call last):
    ValueError: What ships is trained on all of train; this was on test.
    """
    if said["model"] != key:
        raise ValueError(f"This is a training of {said['model']}, not of {key}.")
    if said["trained_on"] != "train" or said["hold_out"]:
        where = said["trained_on"] + (f" without {said['hold_out']}" if said["hold_out"] else "")
        raise ValueError(f"What ships is trained on all of train; this was on {where}.")
    if said.get("teacher"):
        raise ValueError("The card has no words for a teacher.")


def card(key: str, said: Mapping[str, Any], found: Mapping[str, Any], pictures: int, partner: str | None = None) -> str:
    """Return the card as TOML.

    Args:
        key: the model's.
        said: what the training wrote of itself (`scripts.card.about`).
        found: what `evaluate` measured on the split.
        pictures: how many it was trained on.
        partner: what its objects were fused with for `pq`.

    """
    spec, recipe = zoo.get(key), said["recipe"]
    data, split = spec.palette.title, SPLITS[spec.palette.title]
    kind = "Objects" if spec.task == "instance" else "Gaps" if data == "Nuclei" else "Classes"
    loss = OBJECTIVES[kind].format(**recipe["objective"])
    text = (
        f"From scratch, {said['epochs']} epochs, batch {recipe['batch']}, Muon for the kernels (peak {recipe['muon']}) "
        f"and AdamW for the rest (peak {recipe['adamw']}), one cycle, weight decay {recipe['weight_decay']} on "
        f"kernels, {loss}, moving average of the weights ({recipe['average']} a step), bf16 autocast. "
        + (STRETCH.format(*recipe["stretch"]) if recipe["stretch"] else "")
        + ("Pictures are drawn from by their area. " if recipe.get("by_area") else "")
        + f"Views: {json.dumps(recipe['augment'])}. Seed {said['seed']}."
        + (USUAL.format(**asdict(spec.selection)) if spec.selection != Selection() else "")
    )
    command = f"python -m seglab train {key} --output runs/{key}"
    command += "" if data == "Scenes" else f" --data {'camvid' if data == 'CamVid' else 'dsb2018'}"
    command += f" --seed {said['seed']}" if said["seed"] else ""
    command += f" --epochs {said['epochs']}" if said["epochs"] != _recipe_epochs(key) else ""
    lines = [
        f"key = {_text(key)}",
        f"title = {_text(spec.title)}",
        f"data = {_text(DATA[data].format(portion=recipe['portion'], pictures=pictures))}",
        f"licence = {_text(LICENCES[data])}",
        f"recipe = {_text(text)}",
        f"command = {_text(command)}",
        f"trained_on = {json.dumps(said['trained_on'].split('+'))}",
        "failures = [",
        *(f"    {_text(failure)}," for failure in FAILURES[data]),
        "]",
    ]
    if "confidence_p05" in found:
        lines.append(f"confidence_p05 = {found['confidence_p05']}")
    lines += ["", f"[scores.{split}]"]
    if spec.task == "semantic":
        lines += [f"mean_iou = {found['mean_iou']}", f"pixel_accuracy = {found['pixel_accuracy']}"]
    else:
        lines += [f"mask_ap = {found['mask_ap']}", f"ap50 = {found['mask_ap50']}"]
        lines += [f"pq = {found['panoptic_all']['pq']}  # fused with {partner}"] if "panoptic_all" in found else []
    for name in ("iou", "objects", "objects_by_picture"):
        values = {n: v for n, v in found.get(name, {}).items() if v is not None}
        if values and (name == "iou" or data == "Nuclei"):
            lines += ["", f"[scores.{split}.{name}]", *(f"{_text(n)} = {v}" for n, v in values.items())]
    return "\n".join(lines) + "\n"


def _recipe_epochs(key: str) -> int:
    from seglab.train import RECIPES

    return RECIPES[key].epochs


def main() -> None:
    """Measure, then write the two files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("key", choices=[k for k in zoo.MODELS if k not in ("street", "street-fast")])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path)
    args = parser.parse_args()

    spec = zoo.get(args.key)
    try:
        said = about(args.run)
        check(args.key, said)
        split = SPLITS[spec.palette.title]
        samples, _ = datasets.load(spec.palette, args.data, split, objects=finds_objects(spec))
        trained, _ = datasets.load(spec.palette, args.data, "train", limit=said["recipe"]["limit"])
    except (ValueError, OSError) as error:
        parser.error(str(error))
    model = runtime.checkpoint(args.run / "model.safetensors")
    other = zoo.partner(args.key, split) if spec.task == "instance" else None
    found = measure(model, samples, runtime.model(other) if other else None)
    text = card(args.key, said, found, len(trained), other)
    parts.write(WEIGHTS / f"{args.key}.safetensors", (args.run / "model.safetensors").read_bytes())
    parts.write(WEIGHTS / f"{args.key}.toml", text.encode())
    print(text, end="")
    print(json.dumps(found, indent=1), file=sys.stderr)


if __name__ == "__main__":
    main()
