"""`models`: which models there are, what they know, and how good they are."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from seglab import zoo
from seglab.cards import CategoryScore, InstanceScore, Score
from seglab.download import WeightsError


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("models", help="list the models", description="List the models.")
    parser.add_argument("--json", action="store_true", help="as a JSON list, for programs")
    parser.add_argument(
        "--zoo", action="store_true", help="the small architectures of the course too, below the others"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table, or the JSON list."""
    architectures = zoo.offered(shelf="zoo")
    keys = (*zoo.offered(), *zoo.offered(shelf="classes"), *(architectures if args.zoo else ()))
    rows = [describe(key) for key in keys]
    print(json.dumps(rows, indent=2) if args.json else _table(rows))
    if architectures and not (args.json or args.zoo):
        print(
            f"And {len(architectures)} small architectures of the course: --zoo lists them, `bench zoo` compares them."
        )
    return 0


def describe(key: str) -> dict[str, Any]:
    """Return a model's entry in plain values.

    `score` is the `metric` (mean IoU, or of detectors mask AP) on `split`, None where nothing was measured; `bytes` is
    the size of the weights (as published, before a download; 0 where unknown); `weights_here`: they are on this
    machine. Where `trained_on` names the split too, the score is that of the same recipe trained without it.
    """
    spec = zoo.get(key)
    split, score, trained_on = _measured(key)
    return {
        "key": key,
        "title": spec.title,
        "task": spec.task,
        "palette": spec.palette.title,
        "classes": [spec.palette.names[k] for k in _known(spec)],
        "licence": spec.licence,
        "metric": score.headline[0] if score else None,
        "score": score.headline[1] if score else None,
        "pixel_accuracy": score.pixel_accuracy if isinstance(score, Score) else None,
        "split": split,
        "trained_on": trained_on,
        "bytes": zoo.weights_bytes(key),
        "weights_here": zoo.weights_here(key),
    }


def _known(spec: zoo.ModelSpec) -> Sequence[int]:
    """Return the classes that the model tells apart: a detector the things alone."""
    return spec.palette.things if spec.task == "instance" else range(len(spec.palette))


def _measured(key: str) -> tuple[str | None, Score | InstanceScore | CategoryScore | None, list[str]]:
    """Return the split and its score, `val` before others (None where there is no card), and the splits trained on."""
    try:
        card = zoo.card(key)
    except WeightsError:
        return None, None, []
    split = "val" if "val" in card.scores else next(iter(card.scores), None)
    return split, card.scores[split] if split else None, list(card.trained_on)


def _table(rows: list[dict[str, Any]]) -> str:
    cells = [("KEY", "TASK", "CLASSES", "SCORE", "MEASURED ON", "SIZE", "WEIGHTS")]
    for row in rows:
        cells.append(
            (
                row["key"],
                row["task"],
                f"{len(row['classes'])} {row['palette']}",
                f"{row['metric']} {row['score']:.3f}" if row["score"] is not None else "–",
                row["split"] or "–",
                f"{row['bytes'] / 1e6:.1f} MB" if row["bytes"] else "–",
                "here" if row["weights_here"] else "to download" if _fetched(row["key"]) else "missing",
            )
        )
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells]
    licences: dict[str, list[str]] = {}
    for row in rows:
        licences.setdefault(row["licence"], []).append(row["key"])
    seen = [row["key"] for row in rows if row["split"] in row["trained_on"]]
    note = [f"{', '.join(seen)}: the score is that of the same recipe, trained without what it is measured on"]
    return "\n".join([*lines, "", *note * bool(seen), *(f"{', '.join(k)}: {text}" for text, k in licences.items())])


def _fetched(key: str) -> bool:
    return isinstance(zoo.get(key).source, zoo.Torchvision)
