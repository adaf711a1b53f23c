"""The one registry of models, and what can be asked about a model without torch.

The table itself is `seglab.specs`, with the architectures of the course (`seglab.specs_zoo`) and the classifiers
(`seglab.specs_classes`) on shelves of their own.

Importing this costs nothing and downloads nothing; torch is imported by `ModelSpec.build` and `state_dict` only.
"""

from __future__ import annotations

import os
import re
import urllib.parse
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from seglab import cards, checkpoints, download
from seglab.cards import Card
from seglab.specs import NUCLEI_STRETCH, SPECS, Embedded, ModelSpec, Preprocess, Shelf, Torchvision
from seglab.specs_classes import CLASS_SPECS
from seglab.specs_zoo import ZOO_SPECS
from seglab.types import Palette

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "DEFAULT", "MODELS", "NUCLEI_STRETCH", "WEIGHTS", "Embedded", "ModelSpec", "Preprocess", "Shelf", "Torchvision",
    "card", "get", "has_stuff", "offered", "partner", "state_dict", "weights_bytes", "weights_hash", "weights_here",
    "weights_path", "weights_url",
]  # fmt: skip

DEFAULT = "street"  # embedded, so it always works
WEIGHTS = Path(__file__).parent / "weights"

MODELS: dict[str, ModelSpec] = {spec.key: spec for spec in (*SPECS, *ZOO_SPECS, *CLASS_SPECS)}


_PICTURES = {"semantic": ": the photographs that show one of VOC's 20 classes", "instance": ""}
_BLIND = {
    "semantic": "Anything but VOC's 20 classes is 'background': buildings, roads, sky and trees too.",
    "instance": "Finds COCO's 80 kinds of things and nothing else; roads, sky, walls and grass belong to no object.",
}


def offered(task: str | None = None, shelf: Shelf = "main") -> tuple[str, ...]:
    """Return the keys of the models there are for a task, "semantic" or "instance"; of all tasks if it isn't given.

    On the main shelf unless another is asked for: "zoo" has the architectures of the course, which know drawn scenes,
    "classes" what gives one class for a whole picture.

    An embedded model that this installation doesn't have (no card lies beside the weights) is left out: `MODELS` knows
    it all the same, so that it can be trained.

    >>> offered("instance")[-1]
    'maskrcnn-resnet50-fpn-v2'
    """
    wanted = {key: spec for key, spec in MODELS.items() if spec.shelf == shelf and task in (None, spec.task)}
    return tuple(key for key in wanted if _offered(key))


def _offered(key: str) -> bool:
    return not isinstance(MODELS[key].source, Embedded) or (WEIGHTS / f"{key}.toml").is_file()


def partner(key: str, split: str = "") -> str | None:
    """Return the embedded semantic model that a detector's objects are fused with: of the same classes, and stuff.

    `split`: one that it may not have been trained on, if there is another. None where there is no such model, or no
    stuff (nuclei).

    >>> partner("scenes-instances"), partner("street-instances", "val"), partner("nuclei-instances")
    ('scenes', 'street', None)
    """
    palette = get(key).palette
    if not has_stuff(palette):
        return None
    known = [k for k, spec in MODELS.items() if spec.task == "semantic" and spec.shelf == "main"]
    same = [k for k in known if MODELS[k].palette == palette]
    return next((k for k in same if not _seen(k, split)), same[0] if same else None)


def has_stuff(palette: Palette) -> bool:
    """Whether there are classes of stuff besides "none of the others": without, a fused map isn't fully panoptic."""
    return len(palette.things) + (palette.background is not None) < len(palette)


def _seen(key: str, split: str) -> bool:
    if not split or not _offered(key):
        return False
    return bool({name.strip() for name in split.split("+")} & {n for s in card(key).trained_on for n in s.split("+")})


def get(key: str) -> ModelSpec:
    """Return the model's entry; ValueError names the keys there are.

    >>> get("street").palette.title
    'CamVid'
    """
    if key not in MODELS:
        raise ValueError(f"No model {key!r}; there are {', '.join(MODELS)}.")
    return MODELS[key]


def card(key: str) -> Card:
    """Return the model's card; WeightsError if an embedded model's card isn't there or can't be read.

    >>> card("lraspp-mobilenet").scores["COCO-val2017-VOC-labels"].mean_iou
    0.579
    """
    spec = get(key)
    if isinstance(spec.source, Embedded):
        return cards.load(WEIGHTS / f"{key}.toml")
    if spec.task == "category":
        return Card(
            key=key, title=spec.title, data="ImageNet-1K (Russakovsky et al. 2015), 1.28 million photographs",
            licence=spec.licence, recipe="torchvision's references/classification, as published with the weights",
            command="", trained_on=("ImageNet-1K-train",),
            failures=("Names one of ImageNet's 1000 classes, whatever it sees: of people and streets it knows none.",),
            scores=dict(spec.scores), hold_out={}, confidence_p05=None,
        )  # fmt: skip
    return Card(
        key=key,
        title=spec.title,
        data=f"COCO train2017{_PICTURES[spec.task]}; backbone first trained on ImageNet",
        licence=spec.licence,
        recipe=f"torchvision's references/{spec.source.module}, as published with the weights",
        command="",
        trained_on=("COCO-train2017" + ("-VOC-labels" if spec.task == "semantic" else ""),),
        failures=(_BLIND[spec.task],),
        scores=dict(spec.scores),
        hold_out={},
        confidence_p05=None,
    )


def weights_path(key: str) -> Path:
    """Where the weights are, or will be once they are downloaded."""
    source = get(key).source
    return (WEIGHTS if isinstance(source, Embedded) else download.checkpoints_dir()) / source.file


def weights_here(key: str) -> bool:
    """Whether the weights are on this machine, so that the model works without a network."""
    return weights_path(key).is_file()


def weights_bytes(key: str) -> int:
    """Size of the weights file in bytes; before a download, as published (to 0.001 MiB); 0 if nobody knows.

    >>> weights_bytes("lraspp-mobilenet") // 10**6
    13
    """
    source = get(key).source
    if weights_here(key):
        return weights_path(key).stat().st_size
    return round(source.mib * 2**20) if isinstance(source, Torchvision) else 0


def weights_hash(key: str) -> str:
    """First hex digits of the weights' SHA-256, for cache keys; known before a download. WeightsError if not here.

    >>> weights_hash("lraspp-mobilenet")
    'd234d4ea'
    """
    source = get(key).source
    if isinstance(source, Torchvision):
        return _prefix(source.file)
    if not weights_here(key):
        raise download.WeightsError(f"{source.file} isn't here; take the package with its weights.")
    return download.sha256(weights_path(key))[:16]


def weights_url(key: str) -> str:
    """Address a torchvision model's weights are fetched from: the mirror SEGLAB_WEIGHTS_URL, or torchvision's own."""
    source = get(key).source
    if isinstance(source, Embedded):
        raise ValueError(f"{key} is embedded in the package; there is nothing to fetch.")
    if mirror := os.getenv(download.MIRROR):
        return f"{mirror.rstrip('/')}/{urllib.parse.quote(source.file)}"
    return getattr(import_module(f"torchvision.models.{source.module}"), source.enum)[source.member].url


def state_dict(key: str, progress: download.Progress | None = None) -> dict[str, Tensor]:
    """Return the model's weights, float32 on the CPU, downloading them if need be.

    torchvision's checkpoints also hold an auxiliary head, which the networks in `seglab.nets` leave aside.

    Args:
        key: model.
        progress: called with (bytes so far, bytes in all) while downloading.

    Raises:
        DownloadError: the file can't be fetched; the text says what to do (`DEFAULT` works without a network).
        WeightsError: the file is missing, damaged, or holds more than tensors.

    """
    source, path = get(key).source, weights_path(key)
    if isinstance(source, Torchvision):
        download.fetch(weights_url(key), path, sha256_prefix=_prefix(source.file), progress=progress)
    return checkpoints.read(path)[0]


def _prefix(file: str) -> str:
    """Return the hash that torchvision writes into its file names.

    >>> _prefix("fcn_resnet50_coco-1167a1af.pth")
    '1167a1af'
    """
    match = re.search(r"-([0-9a-f]{8,})\.", file)
    if match is None:
        raise ValueError(f"{file} doesn't name its hash; wanted <name>-<8 hex digits or more>.pth.")
    return match[1]
