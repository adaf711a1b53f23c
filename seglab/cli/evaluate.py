"""`evaluate`: mean IoU, or AP, panoptic quality and the DSB score of objects, over a split."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglab import zoo
from seglab.cli.common import APPROXIMATE, Failure, Line, UsageError, check_model, load, partner, prepare, say, spec_of
from seglab.download import WeightsError

if TYPE_CHECKING:
    from seglab.runtime import Loaded
    from seglab.types import Sample


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "evaluate",
        help="measure a model",
        description="Measure a model over a whole split: mean IoU from one confusion matrix; of detectors mask AP, and "
        "panoptic quality with a semantic model beside them; of nuclei TP/(TP + FP + FN) by IoU threshold.",
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("key", nargs="?", metavar="KEY", help=f"one of {', '.join(zoo.offered())}")
    which.add_argument("--checkpoint", type=Path, metavar="F", help="weights from `train` (.safetensors)")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="CamVid's or the nuclei's folder, or its parent (Scenes need none)"
    )
    parser.add_argument(
        "--split", required=True, metavar="S", help="as in val (CamVid, Scenes) or test (nuclei, Scenes)"
    )
    parser.add_argument(
        "--semantic",
        metavar="KEY|F",
        help="detectors: the model whose stuff the objects are fused with; none: no fusion "
        "(default: the embedded one of the same classes)",
    )
    parser.add_argument("--hold-out", metavar="SEQUENCE", help="only this sequence of the split")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the scores; a warning first if the model was trained on what is asked."""
    check_model(args.key, args.checkpoint)
    prepare()
    from seglab import datasets

    spec = spec_of(args)
    if spec.task == "category":
        raise UsageError(f"{spec.key} gives one class for a whole picture; its score is on its card")
    if args.semantic and spec.task != "instance":
        raise UsageError("--semantic goes with a detector; this model gives a class for each pixel itself")
    other = partner(args.semantic, spec, args.split) if spec.task == "instance" else None
    try:
        samples, held_out = datasets.load(
            spec.palette, args.data, args.split, objects=finds_objects(spec), hold_out=args.hold_out
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    samples = held_out if args.hold_out else samples
    model = load(args.key, args.checkpoint)  # after the data: it may be a long download
    semantic = load(*other) if other else None
    asked = [(args.key, args.checkpoint), *([other] if other else [])]
    warning = " ".join(filter(None, (seen_in_training(*one, args.split, args.hold_out) for one in asked))) or None
    if warning:
        say(f"warning: {warning}")
    try:
        found = measure(model, samples, semantic)
    except ValueError as error:
        raise UsageError(str(error)) from error
    except (RuntimeError, MemoryError) as error:
        raise Failure(str(error)) from error
    name = str(args.checkpoint or args.key)
    report = {"model": name, "split": args.split, "hold_out": args.hold_out, **found, "warning": warning}
    if other:
        report["semantic"] = str(other[0] or other[1])
    if "objects" in report and spec.palette.title == "CamVid":
        report["note"] = APPROXIMATE
    print(json.dumps(report, indent=2) if args.json else _text(report))
    return 0


def finds_objects(spec: zoo.ModelSpec) -> bool:
    """Whether the model's objects are counted: a detector's, and those that are read off a map of nuclei."""
    return spec.task == "instance" or spec.palette.title == "Nuclei"


def measure(model: Loaded, samples: Sequence[Sample], semantic: Loaded | None = None) -> dict[str, Any]:
    """Count pixels, objects or both, whatever the model gives."""
    from seglab.evaluate import evaluate
    from seglab.evaluate_objects import evaluate_objects

    assert model.spec is not None  # it is in the zoo, or a checkpoint of one that is
    found: dict[str, Any] = {}
    line = Line()
    try:
        if model.spec.task == "semantic":
            found = evaluate(
                model, samples, progress=lambda done: line.show(f"{done}/{len(samples)} pictures")
            ).as_dict()
        if finds_objects(model.spec):
            found |= evaluate_objects(
                model, samples, semantic, progress=lambda done: line.show(f"{done}/{len(samples)} pictures, objects")
            ).as_dict()
    finally:
        line.clear()
    return found


def seen_in_training(key: str | None, checkpoint: Path | None, split: str, sequence: str | None) -> str | None:
    """Return a warning if the model's card (or its checkpoint's note) lists one of the splits as training data.

    A sequence that the training left out is none, even if the rest of its split was trained on.
    """
    trained_on, held_out = _trained_on(key, checkpoint)
    if checkpoint is not None and not any(trained_on):
        return f"{checkpoint} doesn't say what it was trained on: perhaps on these pictures."
    seen = sorted({name.strip() for name in split.split("+")} & {name.strip() for name in trained_on})
    if not seen or (sequence is not None and sequence == held_out):
        return None
    return f"{checkpoint or key} was trained on {', '.join(seen)}: its score there says nothing about new pictures."


def _trained_on(key: str | None, checkpoint: Path | None) -> tuple[list[str], str | None]:
    if checkpoint is None:
        try:
            return [name for listed in zoo.card(str(key)).trained_on for name in listed.split("+")], None
        except WeightsError:
            return [], None
    from seglab import checkpoints

    try:
        about = json.loads(checkpoints.read(checkpoint)[1].get("seglab", "{}"))
        return str(about.get("trained_on") or "").split("+"), about.get("hold_out")
    except (WeightsError, ValueError, AttributeError):
        return [], None


def _text(report: dict[str, Any]) -> str:
    where = report["split"] + (f", sequence {report['hold_out']}" if report["hold_out"] else "")
    lines = [f"{report['model']} on {where}: {report['pictures']} pictures"]
    if "mean_iou" in report:
        lines += [f"mean IoU        {report['mean_iou']:.4f}", f"pixel accuracy  {report['pixel_accuracy']:.4f}", ""]
        lines += [*_columns({"": report["iou"]}), ""]
    if "objects" in report:
        lines += _objects(report)
    lines += [f"\n{report['note']}"] if "note" in report else []
    return "\n".join(lines).rstrip()


def _objects(report: dict[str, Any]) -> list[str]:
    lines = []
    if "mask_ap" in report:
        lines += [f"mask AP {_number(report['mask_ap'])}   AP50 {_number(report['mask_ap50'])}   "
                  f"AP75 {_number(report['mask_ap75'])}"]  # fmt: skip
    rows = {"objects found: TP/(TP+FP+FN) at IoU": report["objects"]}
    rows["… mean of the pictures' own scores"] = report["objects_by_picture"]
    if "objects_by_components" in report:
        rows["… by connected components alone"] = report["objects_by_components"]
    if without := report.get("objects_without_dark_ones"):
        rows[f"… on the {without['pictures']} pictures with bright nuclei"] = without
    width = max(map(len, rows))
    for name, scores in rows.items():
        shown = "  ".join(f"{iou}: {_number(scores[iou])}" for iou in ("0.50", "0.60", "0.70", "0.80", "0.90"))
        lines.append(f"{name.ljust(width)}  {shown}")
    if "panoptic_all" in report:
        lines += ["", f"fused with {report['semantic']}:"]
        means = {what: report[f"panoptic_{what}"] for what in ("all", "things", "stuff")}
        lines += [
            f"{what.ljust(6)}  PQ {_number(m['pq'])}  SQ {_number(m['sq'])}  RQ {_number(m['rq'])}"
            for what, m in means.items()
        ]
    columns = {"AP": "mask_ap_per_class", "PQ": "pq", "SQ": "sq", "RQ": "rq"}
    there = {name: report[key] for name, key in columns.items() if key in report}
    return [*lines, "", *_columns(there)] if there else lines


def _columns(columns: dict[str, dict[str, float | None]]) -> list[str]:
    """Return a line for each class, with a number for each column; a line with the columns' names if they have some."""
    names = list(next(iter(columns.values())))
    width = max(map(len, names))
    head = ["  ".join([" " * width, *(name.ljust(6) for name in columns)]).rstrip()] if any(columns) else []
    return head + [
        "  ".join([name.ljust(width), *(_number(column[name]) for column in columns.values())]) for name in names
    ]


def _number(value: float | None) -> str:
    return "absent" if value is None else f"{value:.4f}"
