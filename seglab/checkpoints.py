"""Read tensors from a file without running anything that the file says.

A `.pt` or `.pth` file is a pickle, and a pickle may hold any program. So only safetensors, or torch.load with
`weights_only=True`, which refuses everything but tensors and plain containers.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from seglab.download import WeightsError


def read(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the tensors of a checkpoint by name, on the CPU, and its metadata (empty for .pt and .pth).

    Args:
        path: a `.safetensors` file, or a `.pt` or `.pth` file that holds a dict of tensors (a state dict).

    Returns:
        tensors, floating ones as float32, integer ones as they are; metadata, strings by name.

    Raises:
        WeightsError: the file isn't there, is damaged, holds code or something else than tensors; the text says which.

    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"There is no weights file {path}.")
    tensors, metadata = _safetensors(path) if path.suffix.lower() == ".safetensors" else (unpickle(path), {})
    return floats(tensors, path), metadata


def unpickle(path: Path) -> Any:
    """Return what torch.save wrote, of tensors and plain containers alone, on the CPU; WeightsError for all else."""
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path.name} was refused: it holds more than tensors, and loading it could run a program on this "
            "computer. Use a file saved as safetensors or as a plain state dict: torch.save(net.state_dict(), …)."
        ) from error
    except Exception as error:  # torch reports damaged files by many types: RuntimeError, EOFError, KeyError, …
        reason = str(error) or type(error).__name__
        raise WeightsError(f"{path.name} is no readable checkpoint ({reason}); get it anew.") from error


def floats(state: Any, path: Path) -> dict[str, Any]:
    """Return tensors by name with the floating ones as float32; WeightsError if `state` is anything else, or empty."""
    import torch

    if isinstance(state, dict) and state:
        pairs = state.items()
        if all(isinstance(name, str) and isinstance(t, torch.Tensor) for name, t in pairs):
            return {name: t.float() if t.is_floating_point() else t for name, t in pairs}
    held = f"a dict with {', '.join(map(str, list(state)[:4]))}" if isinstance(state, dict) else type(state).__name__
    raise WeightsError(f"{path.name} holds {held}; wanted tensors by name. Save net.state_dict() alone.")


def _safetensors(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path.name} is no readable safetensors file ({error}); get it anew.") from error
