"""Checkpoints of networks trained here: read without running anything that the file says, and checked before use."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from seglab import checkpoints, download, zoo
from seglab.download import WeightsError
from seglab.types import Palette


@dataclass(frozen=True)
class Trained:
    """What a checkpoint holds: the model it is of, its classes, its tensors, the file's hash."""

    spec: zoo.ModelSpec
    palette: Palette
    state: Mapping[str, Tensor]
    weights_hash: str


def stat(path: Path) -> os.stat_result:
    """Return the file's stat; ValueError if it isn't a file of a kind that can be read."""
    if path.suffix.lower() not in (".safetensors", ".pt", ".pth"):
        raise ValueError(f"A checkpoint is a .safetensors, .pt or .pth file; got {path.name!r}.")
    if not path.is_file():
        raise ValueError(f"There is no checkpoint {path}; check the path, or train one (python -m seglab train).")
    return path.stat()


def read(path: Path, key: str | None = None) -> Trained:
    """Read a checkpoint.

    - `.safetensors` with metadata {"model": key} (or these as JSON under the one key "seglab"), and possibly
      "palette": JSON with title, names, colors, things, background, where the classes aren't the model's own;
    - `.pt`/`.pth`: train's last.pt (the moving average is taken), {"model": key, "state_dict": …}, or a plain state
      dict.

    Args:
        path: the file.
        key: the model it is of, where the file doesn't say.

    Raises:
        ValueError: anything else; the text says what the file holds and what was wanted.

    """
    stat(path)
    try:
        if path.suffix.lower() == ".safetensors":
            state, about = _described(path)
        else:
            state, about = _pickled(path)
    except WeightsError as error:
        raise ValueError(str(error)) from error
    named = about.get("model", key)
    if not isinstance(named, str):
        raise ValueError(
            f"{path.name} doesn't say which model it is of. Give the model's key, one of {', '.join(zoo.MODELS)}, or "
            'use a file that `python -m seglab train` wrote (its metadata say {"model": key}).'
        )
    if key is not None and named != key:
        raise ValueError(f"{path.name} is of model {named!r}, not {key!r}.")
    spec = zoo.get(named)
    palette = _palette(about["palette"], path) if "palette" in about else spec.palette
    return Trained(spec, palette, state, download.sha256(path)[:16])


def fill(net: nn.Module, state: Mapping[str, Tensor], name: str, error: type[Exception]) -> None:
    """Load `state` into `net` strictly; `error` says in a line what doesn't fit, instead of torch's hundreds."""
    try:
        net.load_state_dict(state)
    except RuntimeError as cause:
        lines = [line.strip() for line in str(cause).splitlines()[1:]]
        first = lines[0][:200] if lines else str(cause)[:200]
        raise error(f"{name} is of another network: {first} ({len(lines)} kinds of difference).") from cause


def _described(path: Path) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]:
    state, about = checkpoints.read(path)
    # As `seglab.train.save_weights` writes it: all that is to say, as JSON.
    return state, _about(about["seglab"], path) if "seglab" in about else about


def _pickled(path: Path) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]:
    content = checkpoints.unpickle(path)
    about: dict[str, Any] = {}
    state = content
    if isinstance(content, dict) and isinstance(content.get("identity"), dict):  # seglab.train's last.pt
        state, about = content.get("average"), {"model": content["identity"].get("key")}
    elif isinstance(content, dict) and "state_dict" in content:
        state = content["state_dict"]
        about = {name: content[name] for name in ("model", "palette") if name in content}
    return checkpoints.floats(state, path), about


def _about(text: str, path: Path) -> dict[str, Any]:
    try:
        about = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The metadata of {path.name} are no JSON ({error}); get the file anew.") from error
    if not isinstance(about, dict):
        raise ValueError(f"The metadata of {path.name} are no JSON object; get the file anew.")
    return about


def _palette(text: Any, path: Path) -> Palette:
    try:
        table = json.loads(text) if isinstance(text, str) else dict(text)
        return Palette(
            str(table["title"]),
            tuple(str(name) for name in table["names"]),
            tuple((int(r), int(g), int(b)) for r, g, b in table["colors"]),
            tuple(int(k) for k in table.get("things", ())),
            table.get("background"),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"The palette in {path.name} can't be read ({error!r}); wanted JSON with title, names and colors (RGB)."
        ) from error
