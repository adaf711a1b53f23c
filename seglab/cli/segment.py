"""`segment`: pictures in; label maps, instance ids or panoptic maps, and overlays out."""

from __future__ import annotations

import argparse
import errno
import time
import warnings
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image as PILImage

from seglab import images, zoo
from seglab.cli.common import (
    APPROXIMATE,
    Failure,
    Named,
    UsageError,
    check_model,
    duration,
    folder,
    load,
    partner,
    prepare,
    say,
    spec_of,
    whole,
)
from seglab.cli.files import expand, spare_inputs, unique_stems
from seglab.options import PRECISIONS, Options
from seglab.parts import write
from seglab.types import Labels

if TYPE_CHECKING:
    from seglab.runtime import Loaded


Answer = Callable[[images.Image, tuple[str, str], Callable[[str], None]], dict[str, Callable[[], bytes]]]
TASKS = ("semantic", "instance", "panoptic")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # the disk, the quota; a disk that became read-only


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "segment",
        help="segment pictures",
        description="Segment pictures. Writes <stem>.png (labels) and <stem>_overlay.jpg; without --labels and "
        "--overlay both. The PNG's one channel holds class indices (8 bits, 255 = unsure); with --task instance the "
        "objects' numbers, the best score first (16 bits, 0 = none); with --task panoptic it is COCO's panoptic PNG "
        "(id = R + 256 G + 256^2 B), and <stem>.json says what the segments are. Pictures are turned upright as their "
        "EXIF data says, and the results have that size.",
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help=images.ACCEPTED)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", metavar="KEY", help=f"one of {', '.join(zoo.offered())}")
    which.add_argument("--checkpoint", type=Path, metavar="F", help="weights from `train` (.safetensors)")
    parser.add_argument(
        "--task", choices=TASKS,
        help="semantic: a class for each pixel; instance: objects one by one; panoptic: both fused (default: what the "
        "model is made for)",
    )  # fmt: skip
    parser.add_argument(
        "--semantic", metavar="KEY|F",
        help="with --task panoptic: the model whose stuff the objects are fused with (default: the embedded one of the "
        "same classes)",
    )  # fmt: skip
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder, made if missing")
    parser.add_argument(
        "--labels", action="store_true", help="the PNG of class indices, objects' numbers or panoptic ids"
    )
    parser.add_argument("--overlay", action="store_true", help="the classes' colours laid over the picture")
    parser.add_argument(
        "--short-side", type=whole, metavar="N",
        help="pixels the picture's shorter side is resized to for the model (panoptic: for that of the objects); "
        "0 = as large as it is",
    )  # fmt: skip
    parser.add_argument(
        "--tile", type=whole, metavar="N", default=0,
        help="run in tiles of N pixels: for large pictures, whose memory they bound; 0 = at once",
    )  # fmt: skip
    parser.add_argument(
        "--precision", choices=PRECISIONS, default="fp32",
        help="fp32 (default); bf16 or fp16, where the device has it: faster, about one label in a thousand differs",
    )  # fmt: skip
    parser.add_argument("--tta", action="store_true", help="average over flips and scales: slower, a bit better")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Segment every picture; 1 if one failed. UsageError before any work, Failure if the model can't be had."""
    check_model(args.model, args.checkpoint)
    paths = expand(args.images)
    stems = unique_stems(paths)
    both = not (args.labels or args.overlay)
    task, other = check_task(args)
    labels = args.labels or both
    wanted = {".png": labels, ".json": labels and task == "panoptic", "_overlay.jpg": args.overlay or both}
    suffixes = [suffix for suffix, on in wanted.items() if on]
    options = _options(args.short_side, args.tile, args.tta, args.precision)
    output = folder(args.output)
    spare_inputs(paths, [output / f"{stem}{suffix}" for stem in stems for suffix in suffixes])
    prepare()
    _check_precision(args.precision)
    model = load(args.model, args.checkpoint)
    if task != "semantic" and model.palette.title == "CamVid":
        say(f"note: {APPROXIMATE}")
    answer: Answer
    if other is not None:
        semantic = load(*other)
        if not zoo.has_stuff(semantic.palette):
            say(f"note: {semantic.key} knows things only, so this isn't full panoptic segmentation (no road, no sky)")
        answer = partial(_panoptic, model=model, options=options, semantic=semantic)
    else:
        answer = partial(_instance if task == "instance" else _semantic, model=model, options=options)
    for path, stem in zip(paths, stems, strict=True):
        if stem != path.stem:
            say(f"warning: another picture is called {path.stem!r} too; {path} is written as {stem!r}")
    failed, began, many = 0, time.monotonic(), len(paths) > 1
    for done, (path, stem) in enumerate(zip(paths, stems, strict=True), 1):
        try:
            _one(path, stem, answer, {suffix: output / f"{stem}{suffix}" for suffix in suffixes})
        except (ValueError, RuntimeError, MemoryError, OSError) as error:
            if isinstance(error, OSError) and error.errno in _FULL:  # of no use to the other pictures either
                raise Failure(f"{path}: {output} can't take any more files ({error.strerror})") from error
            failed += 1
            say(f"error: {path}: {_reason(error)}")
        if many:
            left = (time.monotonic() - began) / done * (len(stems) - done)
            say(f"{done}/{len(stems)} {path.name}" + (f", about {duration(left)} left" if done < len(stems) else ""))
    if failed and many:
        say(f"{failed} of {len(stems)} pictures failed")
    return 1 if failed else 0


def check_task(args: argparse.Namespace) -> tuple[str, Named | None]:
    """Return the task, and for a panoptic one what the objects are fused with; UsageError for what can't be done."""
    spec = spec_of(args)
    if spec.task == "category":
        raise UsageError(f"{spec.key} gives one class for a whole picture, and no mask; choose another model")
    if spec.task == "volume":
        raise UsageError(f"{spec.key} reads volumes, not pictures; choose another model")
    task = args.task or spec.task
    if task == "semantic" and spec.task == "instance":
        raise UsageError(f"{spec.key} finds objects and gives no class for each pixel; use --task instance or panoptic")
    if task != "semantic" and spec.task == "semantic" and len(spec.palette.things) != 1:
        raise UsageError(
            f"{spec.key} gives a class for each pixel and can't tell objects apart; for --task {task} choose one of "
            f"{', '.join(zoo.offered('instance'))}"
        )
    if task == "panoptic" and spec.task == "semantic":
        raise UsageError(f"{spec.key} knows one thing and no stuff: there is nothing to fuse; use --task instance")
    if args.semantic and task != "panoptic":
        raise UsageError("--semantic goes with --task panoptic")
    if task != "semantic" and (args.tile or args.tta) and spec.task == "instance":
        raise UsageError("objects are found on the whole picture at one size: leave --tile and --tta out")
    other = partner(args.semantic, spec) if task == "panoptic" else None
    if task == "panoptic" and other is None:
        raise UsageError(f"no embedded model has the classes of {spec.palette.title}: name one by --semantic")
    return str(task), other


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename2:  # what was written couldn't get its name
        return f"can't write {error.filename2} ({error.strerror})"
    return str(error) or type(error).__name__


def _options(short_side: int | None, tile: int, tta: bool, precision: str) -> Options:
    try:
        scales = (1.0, 0.75, 1.25) if tta else (1.0,)
        return Options(short_side=short_side, tile=tile, flip=tta, scales=scales, precision=precision)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _check_precision(precision: str) -> None:
    from seglab import runtime

    try:
        runtime.check_precision(precision)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _one(path: Path, stem: str, answer: Answer, outputs: dict[str, Path]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # decoders warn of every oddity of a file that they can read all the same
        image = images.decode(path)
    found = answer(image, (path.name, stem), lambda text: say(f"{path}: {text}"))
    for suffix, target in outputs.items():
        write(target, found[suffix]())


def _semantic(
    image: images.Image, name: tuple[str, str], notice: Callable[[str], None], *, model: Loaded, options: Options
) -> dict[str, Callable[[], bytes]]:
    from seglab import export, inference

    result = inference.segment(image, model, options, notice=notice)
    return {
        ".png": lambda: label_png(result.labels),
        "_overlay.jpg": lambda: export.overlay_jpeg(image, result.labels, result.palette, 0.5),
    }


def _instance(
    image: images.Image, name: tuple[str, str], notice: Callable[[str], None], *, model: Loaded, options: Options
) -> dict[str, Callable[[], bytes]]:
    from seglab import draw_objects, export, objects

    found = objects.find(image, model, options, notice=notice)
    if not len(found):
        notice("no object was found")
    return {
        ".png": lambda: export.ids_png(found.ids()),
        "_overlay.jpg": lambda: _jpeg(
            draw_objects.overlay_ids(image, found.ids(), draw_objects.instance_colors(found))
        ),
    }


def _panoptic(
    image: images.Image,
    name: tuple[str, str],
    notice: Callable[[str], None],
    *,
    model: Loaded,
    options: Options,
    semantic: Loaded,
) -> dict[str, Callable[[], bytes]]:
    from seglab import draw_objects, export, inference, objects, palettes_coco, panoptic

    found = objects.find(image, model, options, notice=notice)
    stuff = inference.segment(image, semantic, Options(precision=options.precision), notice=notice)
    if not len(found):
        notice("no object was found: the map has stuff only")
    result = panoptic.fuse(stuff, found, same=palettes_coco.same(stuff.palette, found.palette))
    return {
        ".png": lambda: export.panoptic_png(result),
        ".json": lambda: export.panoptic_json([export.Entry(name[0], result, png=f"{name[1]}.png")]),
        "_overlay.jpg": lambda: _jpeg(
            draw_objects.overlay_ids(image, result.segment_ids, draw_objects.panoptic_colors(result))
        ),
    }


def _jpeg(picture: images.Image) -> bytes:
    file = BytesIO()
    PILImage.fromarray(picture).save(file, "JPEG", quality=90, subsampling=0)
    return file.getvalue()


def label_png(labels: Labels) -> bytes:
    """Encode labels as a grey PNG, whose one channel holds the indices.

    Not as a palette PNG, which `export.indexed_png` gives people to look at: most readers but Pillow (OpenCV,
    scikit-image) would turn that into colours, and the indices would be lost to the script that called.
    """
    file = BytesIO()
    PILImage.fromarray(labels).save(file, "PNG")
    return file.getvalue()
