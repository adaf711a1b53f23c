"""The one registry of models: a literal table, and what can be asked about a model without torch.

Importing this costs nothing and downloads nothing; torch is imported by `build` and `state_dict` only. What the table
says about torchvision's weights (file, size, scores) is proved equal to torchvision's own enums by a test.
"""

from __future__ import annotations

import os
import re
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from seglab import cards, checkpoints, download
from seglab.cards import Card, Score
from seglab.palettes import CAMVID, VOC
from seglab.types import Palette

if TYPE_CHECKING:
    from torch import Tensor, nn

DEFAULT = "street"  # embedded, so it always works
WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class Preprocess:
    """How pictures were fed in training: shorter side in pixels; mean and standard deviation of RGB in 0..1."""

    short_side: int
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)  # ImageNet's
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Embedded:
    """Weights in the package: `weights/<file>`, float16 safetensors, with a card beside them."""

    file: str


@dataclass(frozen=True)
class Torchvision:
    """torchvision's own weights, fetched when first asked for.

    `enum` is the weights enum in torchvision.models.segmentation, `file` the checkpoint's name, whose last 8 hex digits
    begin its SHA-256, `mib` its size as published, in MiB; `member` is the enum's.
    """

    enum: str
    file: str
    mib: float
    member: str = "COCO_WITH_VOC_LABELS_V1"


@dataclass(frozen=True)
class ModelSpec:
    """One model: how to build it, where its weights are, what it wants and what it knows.

    `build()` gives the network with random weights; `cam_layers` are the layers for Grad-CAM, the usual one first;
    `scores` are published scores by split (an embedded model's are on its card).
    """

    key: str
    title: str
    build: Callable[[], nn.Module]
    source: Embedded | Torchvision
    preprocess: Preprocess
    palette: Palette
    cam_layers: tuple[str, ...]
    paper: str
    licence: str
    scores: tuple[tuple[str, Score], ...] = ()
    task: str = "semantic"


def _build(module: str, function: str) -> nn.Module:
    return getattr(import_module(f"seglab.nets.{module}"), function)()


def _street(key: str, title: str, function: str) -> ModelSpec:
    return ModelSpec(
        key,
        title,
        build=partial(_build, "street", function),
        source=Embedded(f"{key}.safetensors"),
        preprocess=Preprocess(short_side=360),
        palette=CAMVID,
        cam_layers=("context", "stage16", "stage8"),
        paper="Our own, after PSPNet's pooling (arXiv:1612.01105) and FPN's decoder (arXiv:1612.03144)",
        licence="Code MIT; weights trained on CamVid (CC BY-NC): research and education, no commercial use",
    )


def _coco(
    key: str, title: str, paper: str, source: Torchvision, mean_iou: float, accuracy: float, cam_layers: tuple[str, ...]
) -> ModelSpec:
    return ModelSpec(
        key,
        title,
        build=partial(_build, "torchvision_nets", key.replace("-", "_")),
        source=source,
        preprocess=Preprocess(short_side=520),
        palette=VOC,
        cam_layers=cam_layers,
        paper=paper,
        licence="Code BSD-3-Clause (torchvision); weights as torchvision publishes them, trained on COCO with VOC's "
        "classes: terms of COCO's photographs may apply",
        scores=(("COCO-val2017-VOC-labels", Score(mean_iou, accuracy)),),
    )


_FCN = "Long, Shelhamer & Darrell 2015, Fully Convolutional Networks for Semantic Segmentation, arXiv:1411.4038"
_DEEPLAB = "Chen et al. 2017, Rethinking Atrous Convolution for Semantic Image Segmentation, arXiv:1706.05587"
_LRASPP = "Howard et al. 2019, Searching for MobileNetV3, arXiv:1905.02244"

_SPECS = (
    _street("street", "Street", "street"),
    _street("street-fast", "Street, fast", "street_fast"),
    _coco(
        "fcn-resnet50", "FCN, ResNet-50", _FCN,
        Torchvision("FCN_ResNet50_Weights", "fcn_resnet50_coco-1167a1af.pth", 135.009),
        mean_iou=0.605, accuracy=0.914, cam_layers=("backbone.layer4", "backbone.layer3", "classifier.2"),
    ),
    _coco(
        "fcn-resnet101", "FCN, ResNet-101", _FCN,
        Torchvision("FCN_ResNet101_Weights", "fcn_resnet101_coco-7ecb50ca.pth", 207.711),
        mean_iou=0.637, accuracy=0.919, cam_layers=("backbone.layer4", "backbone.layer3", "classifier.2"),
    ),
    _coco(
        "deeplabv3-resnet50", "DeepLabV3, ResNet-50", _DEEPLAB,
        Torchvision("DeepLabV3_ResNet50_Weights", "deeplabv3_resnet50_coco-cd0a2569.pth", 160.515),
        mean_iou=0.664, accuracy=0.924, cam_layers=("backbone.layer4", "backbone.layer3", "classifier.0"),
    ),
    _coco(
        "deeplabv3-resnet101", "DeepLabV3, ResNet-101", _DEEPLAB,
        Torchvision("DeepLabV3_ResNet101_Weights", "deeplabv3_resnet101_coco-586e9e4e.pth", 233.217),
        mean_iou=0.674, accuracy=0.924, cam_layers=("backbone.layer4", "backbone.layer3", "classifier.0"),
    ),
    _coco(
        "deeplabv3-mobilenet", "DeepLabV3, MobileNetV3", _DEEPLAB,
        Torchvision("DeepLabV3_MobileNet_V3_Large_Weights", "deeplabv3_mobilenet_v3_large-fc3c493d.pth", 42.301),
        mean_iou=0.603, accuracy=0.912, cam_layers=("backbone.16", "classifier.0"),
    ),
    _coco(
        "lraspp-mobilenet", "LR-ASPP, MobileNetV3", _LRASPP,
        Torchvision("LRASPP_MobileNet_V3_Large_Weights", "lraspp_mobilenet_v3_large-d234d4ea.pth", 12.49),
        mean_iou=0.579, accuracy=0.912, cam_layers=("backbone.16", "classifier.cbr"),
    ),
)  # fmt: skip
MODELS: dict[str, ModelSpec] = {spec.key: spec for spec in _SPECS}


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
    return Card(
        key=key,
        title=spec.title,
        data="COCO train2017: the photographs that show one of VOC's 20 classes; backbone first trained on ImageNet",
        licence=spec.licence,
        recipe="torchvision's references/segmentation, as published with the weights",
        command="",
        trained_on=("COCO-train2017-VOC-labels",),
        failures=("Anything but VOC's 20 classes is 'background': buildings, roads, sky and trees too.",),
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
    return getattr(import_module("torchvision.models.segmentation"), source.enum)[source.member].url


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
