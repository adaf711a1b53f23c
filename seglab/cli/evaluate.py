"""`evaluate`: mean IoU, IoU per class and pixel accuracy over a split."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from seglab import zoo
from seglab.cli.common import Failure, Line, UsageError, check_model, load, prepare, say
from seglab.download import WeightsError


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "evaluate",
        help="measure a model",
        description="Measure a model: mean IoU from one confusion matrix over the whole split.",
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("key", nargs="?", metavar="KEY", help=f"one of {', '.join(zoo.MODELS)}")
    which.add_argument("--checkpoint", type=Path, metavar="F", help="weights from `train` (.safetensors)")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="CamVid's folder, or its parent")
    parser.add_argument("--split", required=True, metavar="S", help="as in val")
    parser.add_argument("--hold-out", metavar="SEQUENCE", help="only this sequence of the split")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the scores; a warning first if the model was trained on what is asked."""
    check_model(args.key, args.checkpoint)
    prepare()
    from seglab.datasets import camvid
    from seglab.evaluate import evaluate

    try:
        samples, held_out = camvid.load(args.data, args.split, hold_out=args.hold_out)
    except ValueError as error:
        raise UsageError(str(error)) from error
    samples = held_out if args.hold_out else samples
    model = load(args.key, args.checkpoint)  # after the data: it may be a long download
    warning = seen_in_training(args.key, args.checkpoint, args.split, args.hold_out)
    if warning:
        say(f"warning: {warning}")
    line = Line()
    try:
        found = evaluate(model, samples, progress=lambda done: line.show(f"{done}/{len(samples)} pictures"))
    except ValueError as error:
        raise UsageError(str(error)) from error
    except (RuntimeError, MemoryError) as error:
        raise Failure(str(error)) from error
    finally:
        line.clear()
    name = str(args.checkpoint or args.key)
    report = {"model": name, "split": args.split, "hold_out": args.hold_out, **found.as_dict(), "warning": warning}
    print(json.dumps(report, indent=2) if args.json else _text(report))
    return 0


def seen_in_training(key: str | None, checkpoint: Path | None, split: str, sequence: str | None) -> str | None:
    """Return a warning if the model's card (or its checkpoint's note) lists one of the splits as training data.

    A sequence that the training left out is none, even if the rest of its split was trained on.
    """
    trained_on, held_out = _trained_on(key, checkpoint)
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
    width = max(len(name) for name in report["iou"])
    return "\n".join(
        [
            f"{report['model']} on {where}: {report['pictures']} pictures",
            f"mean IoU        {report['mean_iou']:.4f}",
            f"pixel accuracy  {report['pixel_accuracy']:.4f}",
            "",
            *(f"{n.ljust(width)}  {'absent' if v is None else f'{v:.4f}'}" for n, v in report["iou"].items()),
        ]
    )
