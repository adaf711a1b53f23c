"""What a training leaves on disk: its state after every epoch, to go on from, and in the end the weights.

Files are written whole or not at all (`seglab.parts`): a kill leaves the old file or the new one, never half of one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import save as to_bytes
from torch import nn

from seglab import checkpoints, parts
from seglab.download import WeightsError
from seglab.types import Sample


class Stateful(Protocol):
    """An optimiser, as far as its state goes."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that must be kept."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it back."""


def save_weights(net: nn.Module, path: Path, about: dict[str, Any]) -> None:
    """Write a network's state as fp16 safetensors, atomically; integer buffers keep their type.

    `about` is stored as JSON under the one metadata key "seglab": with several keys safetensors writes them in
    random order, and equal trainings would give unequal files.
    """
    state = {k: (v.half() if v.is_floating_point() else v).contiguous().cpu() for k, v in net.state_dict().items()}
    parts.write(path, to_bytes(state, {"seglab": json.dumps(about, sort_keys=True)}))


def save(
    path: Path,
    identity: dict[str, Any],
    epoch: int,
    net: nn.Module,
    average: nn.Module,
    optimizer: Stateful,
) -> None:
    """Write the state after `epoch` epochs of the training that `identity` tells apart from others."""
    state = {"net": net.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
    with parts.writing(path) as file:
        torch.save({**state, "epoch": epoch, "identity": identity}, file)


def restore(path: Path, identity: dict[str, Any], net: nn.Module, average: nn.Module, optimizer: Stateful) -> int:
    """Read a state into networks and optimiser, and return the epochs done; ValueError if it can't be gone on with."""
    try:
        state = checkpoints.unpickle(path)
    except WeightsError as error:
        raise ValueError(f"{error} Or delete it, or choose another output folder.") from error
    if not isinstance(state, dict) or "identity" not in state:
        raise ValueError(f"{path} holds no training to go on with; delete it, or choose another output folder.")
    if state["identity"] != identity:
        raise ValueError(
            f"{path} belongs to another training ({state['identity']}), not to {identity}; "
            "delete it, or choose another output folder."
        )
    net.load_state_dict(state["net"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["epoch"])


def names(samples: Sequence[Sample]) -> str:
    """Return a short hash of the pictures' names and order: another split or hold-out is another training.

    Of samples that are made when asked for, what they say of themselves: there may be any number.
    """
    if not isinstance(samples, list | tuple):
        return repr(samples)
    return hashlib.blake2b("\n".join(s.key for s in samples).encode(), digest_size=8).hexdigest()


def fingerprint(teacher: nn.Module | None) -> str | None:
    """Return a hash of all that the teacher has learnt, buffers too, bit for bit; None without a teacher."""
    if teacher is None:
        return None
    found = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(teacher.state_dict().items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def plain(recipe: Any) -> dict[str, Any]:
    """Return the recipe as JSON would give it back (lists for tuples), so that a stored one compares equal."""
    plain: dict[str, Any] = json.loads(json.dumps({**asdict(recipe), "build": recipe.build.__name__}))
    return plain
