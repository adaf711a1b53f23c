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
import shutil
from pathlib import Path
from typing import Any

from safetensors import safe_open

from seglab import runtime
from seglab.datasets import camvid
from seglab.evaluate import evaluate

WEIGHTS = Path(__file__).parents[1] / "seglab" / "weights"
DATA = (
    "CamVid, Cambridge-driving Labeled Video Database (Brostow, Shotton, Fauqueur and Cipolla 2008; Brostow, Fauqueur "
    "and Cipolla 2009), 11-class version at 480×360 pixels. Trained on the 367 pictures of `train` alone; `val` (101 "
    "pictures) is one clip of a video that also gives most of `train`, so its score flatters: the held-out sequences "
    "are the honest figure for a new street."
)
LICENCE = "CC BY-NC (from the data): for research and education, not for commercial use."
TITLES = {"street": "Street scenes (StreetNet, 5.0 M)", "street-fast": "Street scenes, fast (StreetNet, 0.9 M)"}
FAILURES = [
    "Knows British streets by day, in dry weather, seen from a car; at night, in rain or snow it has learnt nothing.",
    "Has no class for anything else: people indoors, animals, water and food are called Building, Tree or Road.",
    "Thin and rare things are the weakest: poles, signs, fences; distant pedestrians merge with bicyclists.",
    "On a new street it does worse than on `val`: see the held-out sequences.",
]


def about(path: Path) -> dict[str, Any]:
    """What a training wrote of itself into its weights."""
    with safe_open(path, "pt") as file:
        said: dict[str, Any] = json.loads(file.metadata()["seglab"])
    return said


def main() -> None:
    """Measure, then write the two files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("key")
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scored", type=Path, help="the same recipe trained on `train` alone, to score on `val`")
    parser.add_argument("--held-out", type=Path, nargs="*", default=[])
    args = parser.parse_args()

    source = args.run / "model.safetensors"
    said = about(source)
    scored = (args.scored or args.run) / "model.safetensors"
    val = evaluate(runtime.checkpoint(scored), camvid.load(args.data, "val")[0]).as_dict()
    found: dict[str, list[float]] = {}
    for run in args.held_out:
        sequence = about(run / "model.safetensors")["hold_out"]
        held = camvid.load(args.data, "train", hold_out=sequence)[1]
        score = evaluate(runtime.checkpoint(run / "model.safetensors"), held).as_dict()["mean_iou"]
        found.setdefault(sequence, []).append(score)
    hold_out = {sequence: round(sum(scores) / len(scores), 4) for sequence, scores in sorted(found.items())}
    short = about(args.held_out[0] / "model.safetensors")["epochs"] if args.held_out else 0

    recipe = said["recipe"]
    text = (
        f"From scratch, {said['epochs']} epochs, batch {recipe['batch']}, Muon for the kernels (peak {recipe['muon']}) "
        f"and AdamW for the rest (peak {recipe['adamw']}), one cycle, weight decay {recipe['weight_decay']} on "
        f"kernels, class-weighted cross-entropy + soft Dice"
        f"{' + the soft answers of ' + said['teacher'] if said.get('teacher') else ''}, moving average of the weights "
        f"({recipe['average']} a step), bf16 autocast. Views: {json.dumps(recipe['augment'])}. Seed {said['seed']}. "
        f"The held-out trainings are the same with {short} epochs, "
        f"{max((len(scores) for scores in found.values()), default=0)} seed(s) each."
    )
    command = f"python -m seglab train {args.key} --data camvid --output runs/{args.key}"
    if said.get("teacher"):
        command += " --teacher street"
    lines = [
        f"key = {json.dumps(args.key)}",
        f"title = {json.dumps(TITLES[args.key], ensure_ascii=False)}",
        f"data = {json.dumps(DATA, ensure_ascii=False)}",
        f"licence = {json.dumps(LICENCE, ensure_ascii=False)}",
        f"recipe = {json.dumps(text, ensure_ascii=False)}",
        f"command = {json.dumps(command)}",
        f"trained_on = {json.dumps([said['trained_on']])}",
        "failures = [",
        *(f"    {json.dumps(failure, ensure_ascii=False)}," for failure in FAILURES),
        "]",
        f"confidence_p05 = {val['confidence_p05']}",
        "",
        "[scores.val]",
        f"mean_iou = {val['mean_iou']}",
        f"pixel_accuracy = {val['pixel_accuracy']}",
        "",
        "[scores.val.iou]",
        *(f"{name} = {'nan' if value is None else value}" for name, value in val["iou"].items()),
    ]
    if hold_out:
        lines += ["", "[scores.hold_out]", *(f'"{name}" = {value}' for name, value in hold_out.items())]
    shutil.copyfile(source, WEIGHTS / f"{args.key}.safetensors")
    (WEIGHTS / f"{args.key}.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
