"""What several commands share: errors that end a command, a line of progress, files written whole or not at all."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from seglab import parts, zoo
from seglab.download import WeightsError

if TYPE_CHECKING:
    from seglab.runtime import Loaded


class UsageError(Exception):
    """Wrong arguments: the command ends with this text and status 2."""


class Failure(Exception):
    """The arguments were right, yet it didn't work: the command ends with this text and status 1."""


def say(text: str) -> None:
    """Print one line to stderr."""
    print(text, file=sys.stderr, flush=True)


APPROXIMATE = (
    "CamVid's objects are the connected components of its labels, an approximation: cars that overlap are one object."
)


def positive(text: str) -> int:
    """Read a whole number ≥ 1, as an argparse type.

    >>> positive("360")
    360
    """
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"wanted a whole number of at least 1, got {text!r}")
    return int(text)


def whole(text: str) -> int:
    """Read a whole number from 0 to 2³² − 1 (what numpy and torch both take as a seed), as an argparse type."""
    if not text.isascii() or not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"wanted a whole number from 0 to {2**32 - 1}, got {text!r}")
    return int(text)


def check_model(key: str | None, checkpoint: Path | None) -> None:
    """Raise UsageError for a model that can't be, before anything slow is done."""
    if checkpoint is None and key not in zoo.MODELS:
        raise UsageError(f"no model {key!r}; there are {', '.join(zoo.MODELS)}")
    if checkpoint is not None and not checkpoint.is_file():
        raise UsageError(f"there is no checkpoint {checkpoint}")


def prepare() -> None:
    """See that the settings and the device can be used, before anything slow is done; Failure says which can't."""
    try:
        from seglab import runtime  # may refuse its environment variables

        runtime.places()  # so may this, and the device
    except (ValueError, RuntimeError, OSError) as error:
        raise Failure(str(error)) from error


def load(key: str | None, checkpoint: Path | None) -> Loaded:
    """Load a model of the registry or a checkpoint; UsageError or Failure say why it can't be had."""
    check_model(key, checkpoint)
    prepare()
    try:
        from seglab import runtime

        if checkpoint is not None:
            return runtime.checkpoint(checkpoint)
        return runtime.model(str(key), progress=_downloading(str(key)))
    except (WeightsError, ValueError, OSError, RuntimeError) as error:  # RuntimeError: a GPU that is lost or full
        unreadable = checkpoint is not None and isinstance(error, WeightsError | ValueError | OSError)
        raise (UsageError if unreadable else Failure)(str(error)) from error


def spec_of(args: argparse.Namespace) -> zoo.ModelSpec:
    """Return the entry of the model that the arguments `model` or `key`, or `checkpoint`, name; UsageError for none."""
    key = getattr(args, "model", None) or getattr(args, "key", None)
    check_model(key, args.checkpoint)
    if args.checkpoint is None:
        return zoo.get(str(key))
    from seglab import trained

    try:
        return trained.read(args.checkpoint).spec
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from error


Named = tuple[str | None, Path | None]  # a model's key, or a checkpoint


def partner(named: str | None, spec: zoo.ModelSpec, split: str = "") -> Named | None:
    """Return what to fuse a detector's objects with: a key's model, a checkpoint, or the zoo's choice; loads nothing.

    `split`: what the zoo's choice may not have been trained on. None for "none", and where there is no such model;
    UsageError for one that gives no class for each pixel.
    """
    if named is None:
        key = zoo.partner(spec.key, split)
        return None if key is None else (key, None)
    if named == "none":
        return None
    found: Named = (named, None) if named in zoo.MODELS else (None, Path(named))
    if found[1] is not None and not found[1].is_file():
        raise UsageError(f"--semantic {named}: no such model, and no such file; models are {', '.join(zoo.offered())}")
    if spec_of(argparse.Namespace(model=found[0], checkpoint=found[1])).task != "semantic":
        raise UsageError(f"--semantic is to give a class for each pixel; {named} doesn't")
    return found


def folder(path: Path) -> Path:
    """Make the output folder if it is missing and see that files can be written there; UsageError otherwise.

    What earlier runs left unfinished there, because they were killed, is removed.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"can't write to the output folder {path}: {reason}") from error
    parts.remove_leftovers(path)
    return path


class Line:
    """Progress on stderr: one line rewritten on a terminal, elsewhere (a log file) a new one every ten seconds."""

    def __init__(self, every: float = 10.0) -> None:
        self.terminal = sys.stderr.isatty()
        self._every = every
        self._last = time.monotonic()

    def show(self, text: str) -> None:
        """Show the latest state."""
        now = time.monotonic()
        if self.terminal:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
        elif now - self._last >= self._every:
            say(text)
            self._last = now

    def clear(self) -> None:
        """Free the line for what else has to be said."""
        if self.terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Say a time for people.

    >>> duration(42.4), duration(600), duration(7500)
    ('42 s', '10 min', '2.1 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _downloading(key: str) -> Callable[[int, int], None]:
    line = Line(every=5.0)

    def progress(done: int, total: int) -> None:
        share = f" of {total / 1e6:.0f} MB, {100 * done / total:.0f} %" if total else " MB"
        line.show(f"downloading {key}: {done / 1e6:.0f}{share}")
        if total and done >= total:
            line.clear()

    return progress
