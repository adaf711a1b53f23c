"""Put a finished training into the package: weights and model card, every number measured here and now.

    python scripts/card.py street runs/street --data DIR --held-out runs/loso-0001TP runs/loso-0006R0 runs/loso-0016E5
    python scripts/card.py street runs/street-all --scored runs/street --data DIR --held-out …

Scores `val` with the trained weights (with `--scored`, with those of the same recipe trained on `train` alone, because
what ships has seen `val`), and each held-out training on the sequence it never saw (on the frames of `train`; several
seeds are averaged), then writes seglab/weights/<key>.safetensors and <key>.toml. What only a person can know (known
failures) is in the table below.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import safe_open

if __name__ == "__main__":  # started as a file: the repository's root comes first
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from seglab import parts, runtime
from seglab.datasets import camvid
from seglab.evaluate import evaluate

WEIGHTS = Path(__file__).resolve().parents[1] / "seglab" / "weights"
DATA = (
    "CamVid, Cambridge-driving Labeled Video Database (Brostow, Shotton, Fauqueur and Cipolla 2008; Brostow, Fauqueur "
    "and Cipolla 2009), 11-class version at 480×360 pixels. {trained_on}; `val` (101 pictures) is one clip of a video "
    "that also gives most of `train`, so its score flatters: the held-out sequences are the honest figure for a new "
    "street."
)
TRAINED_ON = {
    "train": "Trained on the 367 pictures of `train` alone",
    "train+val": "Trained on `train` and `val` (468 pictures) with all settings fixed beforehand, so the score under "
    "`val` is not that of these weights but of the same recipe trained on `train` alone",
}
LICENCE = "CC BY-NC (from the data): for research and education, not for commercial use."
TITLES = {"street": "Street scenes (FPN, 3.2 M)", "street-fast": "Street scenes, fast (StreetNet, 0.9 M)"}
TEACHER = "street"  # a training that was taught knows its teacher's file only by a name that says nothing
FAILURES = [
    "Knows British streets by day, in dry weather, seen from a car; at night, in rain or snow it has learnt nothing.",
    "Has no class for anything else: people indoors, animals, water and food are called Building, Tree or Road.",
    "Thin and rare things are the weakest: poles, signs, fences; distant pedestrians merge with bicyclists.",
    "On a new street it does worse than on `val`: see the held-out sequences.",
]


def about(run: Path) -> dict[str, Any]:
    """Return what a training wrote of itself into its weights: model, seed, epochs, recipe, trained_on, hold_out, …."""
    with safe_open(run / "model.safetensors", "pt") as file:
        said: dict[str, Any] = json.loads(file.metadata()["seglab"])
    return said


def check(key: str, said: Mapping[str, Any], scored: Mapping[str, Any], held_out: Sequence[Mapping[str, Any]]) -> None:
    """Raise ValueError unless these trainings make a card: what ships, what `val` is scored with, the held-out ones.

    >>> one = {"model": "street", "recipe": {}, "epochs": 75, "trained_on": "train", "hold_out": ""}
    >>> check("street", one | {"trained_on": "train+val"}, one | {"trained_on": "train+val"}, [])
    Traceback (most recent call last):
    ValueError: `val` must be scored with weights trained on train; these were on train+val. Give others by --scored.
    """
    if said["trained_on"] not in TRAINED_ON or said["hold_out"]:
        raise ValueError(f"What ships is trained on all of {' or '.join(TRAINED_ON)}; this on {_where(said)}.")
    if scored["trained_on"] != "train" or scored["hold_out"]:
        raise ValueError(
            f"`val` must be scored with weights trained on train; these were on {_where(scored)}. "
            "Give others by --scored."
        )
    if scored["epochs"] != said["epochs"] or bool(scored.get("teacher")) != bool(said.get("teacher")):
        raise ValueError("What is scored and what ships must have as many epochs, and both a teacher or none.")
    for one in (said, scored, *held_out):
        if one["model"] != key or one["recipe"] != said["recipe"]:
            raise ValueError(f"The training on {_where(one)} is of another model or recipe than the {key} that ships.")
    told = [(one["hold_out"], one["seed"]) for one in held_out]
    if not all(sequence for sequence, _ in told) or len(set(told)) < len(told):
        raise ValueError(f"Held-out trainings must each leave a sequence out, with seeds of their own; got {told}.")
    if len({(one["epochs"], bool(one.get("teacher"))) for one in held_out}) > 1:
        raise ValueError("The held-out trainings must all have as many epochs, and all a teacher or none.")


def card(
    key: str,
    said: Mapping[str, Any],
    val: Mapping[str, Any],
    found: Mapping[str, Sequence[float]],
    short: Mapping[str, Any] | None = None,
) -> str:
    """Return the card as TOML.

    Args:
        key: the model's.
        said: `about` what ships.
        val: `Evaluation.as_dict()` on `val`, of the training on `train` alone.
        found: mean IoU 0..1 on each held-out sequence, by training (several seeds).
        short: `about` one of the held-out trainings, if there are any.

    """
    recipe, taught = said["recipe"], bool(said.get("teacher"))
    text = (
        f"From scratch, {said['epochs']} epochs, batch {recipe['batch']}, Muon for the kernels (peak {recipe['muon']}) "
        f"and AdamW for the rest (peak {recipe['adamw']}), one cycle, weight decay {recipe['weight_decay']} on "
        f"kernels, class-weighted cross-entropy + soft Dice"
        f"{' + the soft answers of ' + TEACHER if taught else ''}, moving average of the weights "
        f"({recipe['average']} a step), bf16 autocast. Views: {json.dumps(recipe['augment'])}. Seed {said['seed']}."
    )
    command = f"python -m seglab train {key} --data camvid --output runs/{key}"
    command += f" --split {said['trained_on']}" if said["trained_on"] != "train" else ""
    command += f" --seed {said['seed']}" if said["seed"] else ""
    command += f" --epochs {said['epochs']}" if said["epochs"] != recipe["epochs"] else ""
    command += f" --teacher {TEACHER}" if taught else ""
    lines = [
        f"key = {_text(key)}",
        f"title = {_text(TITLES[key])}",
        f"data = {_text(DATA.format(trained_on=TRAINED_ON[said['trained_on']]))}",
        f"licence = {_text(LICENCE)}",
        f"recipe = {_text(text + (_held_out(found, said, short) if short else ''))}",
        f"command = {_text(command)}",
        f"trained_on = {json.dumps(said['trained_on'].split('+'))}",
        "failures = [",
        *(f"    {_text(failure)}," for failure in FAILURES),
        "]",
        # Of the weights that are scored, also where others ship: those have seen `val`, and are surer of it than of
        # anything new.
        f"confidence_p05 = {val['confidence_p05']}",
        "",
        "[scores.val]",
        f"mean_iou = {val['mean_iou']}",
        f"pixel_accuracy = {val['pixel_accuracy']}",
        "",
        "[scores.val.iou]",
        *(f"{name} = {'nan' if value is None else value}" for name, value in val["iou"].items()),
    ]
    if found:
        lines += ["", "[scores.hold_out]"]
        lines += [f"{_text(name)} = {round(sum(scores) / len(scores), 4)}" for name, scores in sorted(found.items())]
    return "\n".join(lines) + "\n"


def _held_out(found: Mapping[str, Sequence[float]], said: Mapping[str, Any], short: Mapping[str, Any]) -> str:
    """Return the sentences on the held-out trainings, and on how far their seeds are from each other."""
    alone = " and no teacher" if said.get("teacher") and not short.get("teacher") else ""
    seeds = sorted({len(scores) for scores in found.values()})
    text = f" The held-out trainings are the same with {short['epochs']} epochs{alone}, "
    text += f"{' to '.join(map(str, seeds))} seed(s) each."
    spread = {name: (max(scores) - min(scores)) / 2 for name, scores in sorted(found.items()) if len(scores) > 1}
    if spread:
        ranges = ", ".join(f"{name} ±{half:.4f}" for name, half in spread.items())
        text += f" Their scores are means over the seeds; half the range over them: {ranges}."
    return text


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _where(said: Mapping[str, Any]) -> str:
    return f"{said['trained_on']} without {said['hold_out']}" if said["hold_out"] else str(said["trained_on"])


def main() -> None:
    """Measure, then write the two files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("key", choices=TITLES)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scored", type=Path, help="the same recipe trained on `train` alone, to score on `val`")
    parser.add_argument("--held-out", type=Path, nargs="*", default=[])
    args = parser.parse_args()

    scored = args.scored or args.run
    said, held_out = about(args.run), {run: about(run) for run in args.held_out}
    try:
        check(args.key, said, about(scored), list(held_out.values()))
    except ValueError as error:
        parser.error(str(error))
    val = evaluate(runtime.checkpoint(scored / "model.safetensors"), camvid.load(args.data, "val")[0]).as_dict()
    found: dict[str, list[float]] = {}
    for run, told in held_out.items():
        held = camvid.load(args.data, "train", hold_out=told["hold_out"])[1]
        score = evaluate(runtime.checkpoint(run / "model.safetensors"), held).as_dict()["mean_iou"]
        found.setdefault(told["hold_out"], []).append(score)
    text = card(args.key, said, val, found, next(iter(held_out.values()), None))
    parts.write(WEIGHTS / f"{args.key}.safetensors", (args.run / "model.safetensors").read_bytes())
    parts.write(WEIGHTS / f"{args.key}.toml", text.encode())
    print(text, end="")


if __name__ == "__main__":
    main()
