"""Cards of the architectures: from what `scripts/zoo_job.py` left in a folder to weights and cards in the package.

`scripts/zoo.py` calls this; every number was measured by the jobs. An architecture whose trainings aren't all finished
gets no card yet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.card import _text, about
from scripts.zoo_job import BASELINES, RESULT
from seglab import parts, zoo
from seglab.architectures import ARCHITECTURES, Architecture
from seglab.cards import parse
from seglab.datasets import axes
from seglab.evaluate_zoo import ALSO
from seglab.train import WEIGHTS

RESULTS = "zoo.json"
SCENES = (
    "Drawn streets (Scenes, seglab.datasets.scenes, 128×128): {n} fixed scenes (seglab.datasets.axes) in which the "
    "size of things, thin structures and classes told apart by context alone vary. `test` are the 500 scenes of seed "
    "20250500; of the other splits, one axis each, the first {each} scenes of that seed."
)
VOLUMES = (
    "Drawn volumes (seglab.datasets.volumes, 32×64×64 voxels, blobs and tubes in noise): {n} of them. `test` are "
    "{each} of another seed."
)
FAILURES = {
    False: "Knows drawn streets only: on a photograph its answers mean nothing.",
    True: "Knows drawn blobs and tubes only: on a scan of anything else its answers mean nothing.",
}
SMALL = "Small and trained briefly, to be compared with the other architectures, not to be used."


def finished(folder: Path, row: Architecture) -> list[dict[str, Any]] | None:
    """Return the results of all trainings of an architecture, seed 0 first; None if one lacks, or was a longer one.

    >>> finished(Path("nowhere"), ARCHITECTURES[0]) is None
    True
    """
    files = [folder / f"{row.key}-{seed}" / RESULT for seed in range(row.seeds)]
    found = [json.loads(file.read_text()) for file in files if file.is_file()]
    return found if len(found) == row.seeds and all(result.get("times", 1) == 1 for result in found) else None


def card(
    row: Architecture, said: Mapping[str, Any], results: Sequence[Mapping[str, Any]], baselines: Mapping[str, Any]
) -> str:
    """Return the card as TOML.

    Args:
        row: the architecture.
        said: what the first training wrote of itself (`scripts.card.about`).
        results: of all its trainings, the first being the one that ships.
        baselines: of each, by its name, the scores by split.

    """
    recipe, spec = said["recipe"], zoo.get(str(row.model))
    each = axes.TEST_VOLUMES if row.volumes else axes.PER_AXIS
    steps = said["epochs"] * (recipe["portion"] // recipe["batch"])
    text = (
        f"The one recipe of all architectures: from scratch, {steps} steps, batch {recipe['batch']}, Muon for the "
        f"kernels (peak {recipe['muon']}) and AdamW for the rest (peak {recipe['adamw']}), one cycle, weight decay "
        f"{recipe['weight_decay']} on kernels, class-weighted cross-entropy + soft Dice, moving average of the weights "
        f"({recipe['average']} a step), {'float32' if row.volumes else 'bf16 autocast'}, gradients clipped to norm 5. "
        f"Views: mirrored, light ±{recipe['augment']['light']:.0%}. Seed 0 ships"
        + (f"; trained with {len(results)} seeds, of which `seeds` has the scores." if row.seeds > 1 else ".")
    )
    if baselines:
        told = ", ".join(f"{name} {splits['test']['mean_iou']:.3f}" for name, splits in baselines.items())
        text += f" Mean IoU on `test` of what looks at no shapes: {told}."
    lines = [
        f"key = {_text(spec.key)}",
        f"title = {_text(spec.title)}",
        f"data = {_text((VOLUMES if row.volumes else SCENES).format(n=recipe['portion'], each=each))}",
        f"licence = {_text('MIT: the data are drawn by code of this package.')}",
        f"recipe = {_text(text)}",
        f"command = {_text(f'python scripts/zoo.py --only {row.key}')}",
        'trained_on = ["axes"]',
        "failures = [",
        *(f"    {_text(failure)}," for failure in (FAILURES[row.volumes], SMALL, *_below(results[0], baselines))),
        "]",
        f"confidence_p05 = {results[0]['splits']['test']['confidence_p05']}",
    ]
    for split, first in results[0]["splits"].items():
        name = f"scores.{_text(split)}"
        lines += ["", f"[{name}]", *(f"{n} = {_number(first[n])}" for n in ("mean_iou", "pixel_accuracy"))]
        lines += ["", f"[{name}.iou]", *(f"{_text(n)} = {_number(value)}" for n, value in first["iou"].items())]
        lines += ["", f"[{name}.also]", *(f"{n} = {_number(first[n])}" for n in ALSO)]
        if row.seeds > 1:
            found = {n: [result["splits"][split][n] for result in results] for n in ("mean_iou", *ALSO)}
            lines += ["", f"[{name}.seeds]"]
            lines += [f"{n} = [{', '.join(map(_number, values))}]" for n, values in found.items()]
    return "\n".join(lines) + "\n"


def _below(result: Mapping[str, Any], baselines: Mapping[str, Any]) -> list[str]:
    """Say where colours alone do better than the network."""
    look_up = baselines.get("colour look-up", {})
    found = []
    for split, scores in result["splits"].items():
        ours, theirs = scores["things_iou"], look_up.get(split, {}).get("things_iou")
        if ours is not None and theirs is not None and ours < theirs:
            found.append(f"{split} ({ours:.2f}, {theirs:.2f})")
    return [f"A table of colours finds things better than it (things IoU, its and theirs): {', '.join(found)}."] * bool(
        found
    )


def write(folder: Path, weights: Path) -> list[str]:
    """Put all that is finished in `folder` into `weights`, with the results of all; return the models' keys.

    What `weights` has of other architectures stays: `--only` trains some anew, or those that were added.
    """
    import tomllib

    before = _known(weights)
    measured = folder / BASELINES
    baselines = json.loads(measured.read_text()) if measured.is_file() else before["baselines"]
    runs: dict[str, Any] = {}
    for row in ARCHITECTURES:
        results = finished(folder, row) if row.small else None
        if results is None:
            continue
        run = folder / f"{row.key}-0"
        text = card(row, about(run), results, baselines.get("Volumes" if row.volumes else "Scenes", {}))
        parse(tomllib.loads(text))  # before it replaces anything
        parts.write(weights / f"{row.model}.safetensors", (run / WEIGHTS).read_bytes())
        parts.write(weights / f"{row.model}.toml", text.encode())
        runs[row.key] = results
    every = before["runs"] | runs
    _keep(weights, {
        **before,
        "baselines": baselines,
        "runs": {row.key: every[row.key] for row in ARCHITECTURES if row.key in every},
    })  # fmt: skip
    return [str(row.model) for row in ARCHITECTURES if row.key in runs]


def longer(folder: Path, weights: Path, times: int) -> list[str]:
    """Add the results of trainings of `times` times the steps to those in `weights`; return their architectures."""
    before = _known(weights)
    files = {row.key: folder / f"{row.key}-0" / RESULT for row in ARCHITECTURES}
    every = {key: json.loads(file.read_text()) for key, file in files.items() if file.is_file()}
    found = {key: result for key, result in every.items() if result.get("times", 1) == times}
    _keep(weights, {**before, "longer": before.get("longer", {}) | found})
    return list(found)


def _known(weights: Path) -> dict[str, Any]:
    file = weights / RESULTS
    return json.loads(file.read_text()) if file.is_file() else {"baselines": {}, "runs": {}}  # type: ignore[no-any-return]


def _keep(weights: Path, known: Mapping[str, Any]) -> None:
    parts.write(weights / RESULTS, (json.dumps(known, indent=1) + "\n").encode())


def _number(value: float | None) -> str:
    return "nan" if value is None else str(value)
