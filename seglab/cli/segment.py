"""`segment`: pictures in, label maps and overlays out."""

from __future__ import annotations

import argparse
import errno
import glob
import os
import time
import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image as PILImage

from seglab import images, zoo
from seglab.cli.common import Failure, UsageError, check_model, duration, folder, load, prepare, say, whole
from seglab.options import PRECISIONS, Options
from seglab.parts import write
from seglab.types import Labels

if TYPE_CHECKING:
    from seglab.runtime import Loaded


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # the disk, the quota; a disk that became read-only


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "segment",
        help="segment pictures",
        description="Segment pictures. Writes <stem>.png (labels) and <stem>_overlay.jpg; without --labels and "
        "--overlay both. Pictures are turned upright as their EXIF data says, and the results have that size.",
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help=images.ACCEPTED)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", metavar="KEY", help=f"one of {', '.join(zoo.MODELS)}")
    which.add_argument("--checkpoint", type=Path, metavar="F", help="weights from `train` (.safetensors)")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder, made if missing")
    parser.add_argument(
        "--labels", action="store_true", help="one 8-bit channel of class indices per picture (255 = unsure)"
    )
    parser.add_argument("--overlay", action="store_true", help="the classes' colours laid over the picture")
    parser.add_argument(
        "--short-side", type=whole, metavar="N",
        help="pixels the picture's shorter side is resized to for the model; 0 = as large as it is",
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
    wanted = {".png": args.labels or both, "_overlay.jpg": args.overlay or both}
    suffixes = [suffix for suffix, on in wanted.items() if on]
    options = _options(args.short_side, args.tile, args.tta, args.precision)
    output = folder(args.output)
    _spare_inputs(paths, [output / f"{stem}{suffix}" for stem in stems for suffix in suffixes])
    prepare()
    _check_precision(args.precision)
    model = load(args.model, args.checkpoint)
    for path, stem in zip(paths, stems, strict=True):
        if stem != path.stem:
            say(f"warning: another picture is called {path.stem!r} too; {path} is written as {stem!r}")
    failed, began, many = 0, time.monotonic(), len(paths) > 1
    for done, (path, stem) in enumerate(zip(paths, stems, strict=True), 1):
        try:
            _one(path, model, options, {suffix: output / f"{stem}{suffix}" for suffix in suffixes})
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


def expand(paths: Sequence[Path]) -> list[Path]:
    """Put files in the place of names with * and ?, which Windows' shells leave to the program; in order of name.

    A name that is a file's, or that fits none, stays as it is.

    >>> [path.name for path in expand([Path("no such folder/*.jpg")])]
    ['*.jpg']
    """
    found: list[Path] = []
    for path in paths:
        pattern = str(path).replace("[", "[[]")  # brackets are common in the names of downloads
        some = sorted(glob.glob(pattern)) if {"*", "?"} & set(pattern) and not os.path.exists(path) else []
        found += [Path(name) for name in some] or [path]
    return found


def unique_stems(paths: Sequence[Path]) -> list[str]:
    """Return a stem for every path, unequal even where capitals don't count; the first of equals keeps its own.

    >>> unique_stems([Path("a.jpg"), Path("b/A.png"), Path("a_2.jpg"), Path("a.png")])
    ['a', 'A_3', 'a_2', 'a_4']
    """
    own = {path.stem.casefold() for path in paths}
    taken: set[str] = set()
    stems = []
    for path in paths:
        stem, n = path.stem, 1
        while stem.casefold() in taken or (n > 1 and stem.casefold() in own):
            n += 1
            stem = f"{path.stem}_{n}"
        taken.add(stem.casefold())
        stems.append(stem)
    return stems


def _spare_inputs(inputs: Sequence[Path], outputs: Sequence[Path]) -> None:
    """Refuse to write over a picture that is to be read."""
    read = {_place(path): path for path in inputs}
    for path in outputs:
        if _place(path) in read:
            raise UsageError(
                f"the result {path} would overwrite the picture {read[_place(path)]}; use another --output"
            )


def _place(path: Path) -> object:
    """Return what tells one file from another: the file itself if it exists, else its full name."""
    try:
        stat = path.stat()
    except (OSError, ValueError):
        return path.absolute()
    return stat.st_dev, stat.st_ino


def _one(path: Path, model: Loaded, options: Options, outputs: dict[str, Path]) -> None:
    from seglab import export, inference

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # decoders warn of every oddity of a file that they can read all the same
        image = images.decode(path)
    result = inference.segment(image, model, options, notice=lambda text: say(f"{path}: {text}"))
    for suffix, target in outputs.items():
        if suffix == ".png":
            write(target, label_png(result.labels))
        else:
            write(target, export.overlay_jpeg(image, result.labels, result.palette, 0.5))


def label_png(labels: Labels) -> bytes:
    """Encode labels as a grey PNG, whose one channel holds the indices.

    Not as a palette PNG, which `export.indexed_png` gives people to look at: most readers but Pillow (OpenCV,
    scikit-image) would turn that into colours, and the indices would be lost to the script that called.
    """
    file = BytesIO()
    PILImage.fromarray(labels).save(file, "PNG")
    return file.getvalue()
