"""`train`: train a model by its recipe, on CamVid, the nuclei, or on Scenes, which are drawn meanwhile."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglab import zoo
from seglab.cli.common import Failure, UsageError, duration, folder, load, positive, prepare, say, whole

if TYPE_CHECKING:
    from seglab.runtime import Loaded
    from seglab.types import Sample


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "train",
        help="train a model",
        description="Train a model. After every epoch the state is saved in the output folder; a training that was "
        "stopped goes on with --resume and gives the same result. The weights end in model.safetensors.",
    )
    parser.add_argument("key", metavar="KEY", help="a model that has a recipe: street, scenes, nuclei-unet, …")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="CamVid's or the nuclei's folder, or its parent (Scenes need none)"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder, made if missing")
    parser.add_argument("--split", default="train", metavar="S", help="as in train or train+val (default: train)")
    parser.add_argument("--hold-out", metavar="SEQUENCE", help="leave this sequence out, and score on it")
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="default: 0")
    parser.add_argument("--epochs", type=positive, metavar="N", help="instead of the recipe's")
    parser.add_argument(
        "--teacher", metavar="KEY|F", help="a model or checkpoint of the same classes whose soft answers are learnt too"
    )
    parser.add_argument("--resume", action="store_true", help="go on where the training in DIR stopped")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, telling loss, score and time left after every epoch."""
    prepare()
    from seglab import architectures, datasets, runtime, train

    trainable = [key for key in train.RECIPES if not key.startswith(architectures.PREFIX)]
    if args.key in train.RECIPES and args.key not in trainable:
        only = args.key.removeprefix(architectures.PREFIX)
        raise UsageError(f"{args.key} is trained and scored beside the others: python scripts/zoo.py --only {only}")
    if args.key not in train.RECIPES:
        raise UsageError(f"no recipe for {args.key!r}; trainable are {', '.join(trainable)}")
    spec, recipe = zoo.get(args.key), train.RECIPES[args.key]
    objects = spec.task == "instance"
    try:
        samples, held_out = datasets.load(
            spec.palette, args.data, args.split, objects=objects, hold_out=args.hold_out, limit=recipe.limit
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    check, name = (held_out, args.hold_out) if held_out else _validation(spec, args.data, args.split)
    teacher = _teacher(args.teacher)
    if teacher and teacher.spec and teacher.spec.task != "semantic":
        raise UsageError(f"a teacher gives a class for each pixel; {teacher.key} finds objects")
    if teacher and teacher.palette != samples[0].palette:
        raise UsageError(
            f"the teacher {teacher.key} knows the classes of {teacher.palette.title}, but the pictures are labelled "
            f"with those of {samples[0].palette.title}; choose a teacher of the same classes"
        )
    output = folder(args.output)
    note = {"trained_on": args.split, "hold_out": args.hold_out or "", "teacher": teacher.key if teacher else ""}
    say(f"{len(samples)} pictures to train on" + (f", {len(check)} of {name} to score on" if check else ""))
    try:
        for now in train.train(
            args.key,
            samples,
            output,
            check=check,
            seed=args.seed,
            resume=args.resume,
            epochs=args.epochs,
            teacher=teacher.net if teacher else None,
            device=runtime.device(),
            note=note,
        ):
            score = f"  {recipe.objective.measure} {now.score:.3f} on {name}" if now.score is not None else ""
            say(f"epoch {now.epoch}/{now.epochs}  loss {now.loss:.4f}{score}  {duration(now.seconds_left)} left")
    except KeyboardInterrupt:
        say(f"stopped; go on from the last full epoch with the same command and --resume (state in {output})")
        raise
    except ValueError as error:
        raise UsageError(str(error)) from error
    except (RuntimeError, OSError, MemoryError) as error:
        raise Failure(str(error)) from error
    print(output / train.WEIGHTS)
    return 0


def _teacher(named: str | None) -> Loaded | None:
    """Return the model to learn from: a key of the zoo, or a checkpoint's path."""
    if named is None:
        return None
    return load(named, None) if named in zoo.MODELS else load(None, Path(named))


def _validation(spec: zoo.ModelSpec, data: Path | None, split: str) -> tuple[Sequence[Sample], str]:
    """Return the split `val` to score on meanwhile, if there is one and it isn't trained on."""
    from seglab import datasets

    if "val" in split.split("+"):
        return (), ""
    try:
        return datasets.load(spec.palette, data, "val", objects=spec.task == "instance")[0], "val"
    except ValueError:
        return (), ""
