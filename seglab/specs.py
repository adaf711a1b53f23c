"""The table of models, to be read by eye: what each is, how it is built, where its weights are. `seglab.zoo` asks it.

What it says about torchvision's weights (file, size, scores) is proved equal to torchvision's own enums by a test.
Importing this costs nothing: torch is imported by `build` only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from seglab.cards import CategoryScore, InstanceScore, Score
from seglab.palettes import CAMVID, NUCLEI, SCENES, VOC
from seglab.palettes_coco import COCO
from seglab.types import Palette

if TYPE_CHECKING:
    from torch import nn

Shelf = Literal["main", "zoo", "classes"]
NUCLEI_STRETCH = (1.0, 99.8)  # percentiles; as StarDist does (Schmidt et al. 2018)


@dataclass(frozen=True)
class Preprocess:
    """How pictures were fed in training: shorter side in pixels (0: as large as they are); mean and deviation of RGB.

    long_side: pixels that the longer side may have; where it would have more, the shorter one gets less.
    stretch: percentiles of its values that are brought to 0 and 1 first, roots between (`preprocess.stretch`).
    """

    short_side: int
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)  # ImageNet's, of values in 0..1
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    long_side: int | None = None
    stretch: tuple[float, float] | None = None


@dataclass(frozen=True)
class Embedded:
    """Weights in the package: `weights/<file>`, float16 safetensors, with a card beside them."""

    file: str


@dataclass(frozen=True)
class Torchvision:
    """torchvision's own weights, fetched when first asked for.

    `enum` is the weights enum in torchvision.models.<module>, `file` the checkpoint's name, whose last 8 hex digits
    begin its SHA-256, `mib` its size as published, in MiB; `member` is the enum's.
    """

    enum: str
    file: str
    mib: float
    member: str = "COCO_WITH_VOC_LABELS_V1"
    module: str = "segmentation"


@dataclass(frozen=True)
class Selection:
    """Which of a detector's objects count, and which of their pixels: what `instances.select` takes."""

    score: float = 0.5
    nms: float = 0.5
    mask_threshold: float = 0.5


@dataclass(frozen=True)
class ModelSpec:
    """One model: how to build it, where its weights are, what it wants and what it knows.

    `build()` gives the network with random weights; `cam_layers` are the layers for Grad-CAM, the usual one first;
    `scores` are published scores by split (an embedded model's are on its card). `task` is "semantic" (a class for
    each pixel), "instance" (objects one by one, by `seglab.instances.detect`) or "volume" (a class for each voxel: its
    network takes (N, 1, D, H, W), which `seglab.runtime` and `seglab.inference` don't) or "category" (one class for the
    picture: logits (N, K), for `seglab.explain` alone). `selection` is a detector's usual one.

    `shelf`: "main" for what is offered to segment pictures with; "zoo" for the architectures of the course, all small
    and trained alike, to be compared (`seglab.specs_zoo`); "classes" for the classifiers (`seglab.specs_classes`).
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
    scores: tuple[tuple[str, Score | InstanceScore | CategoryScore], ...] = ()
    task: str = "semantic"
    shelf: Shelf = "main"
    selection: Selection = Selection()


def _build(module: str, function: str) -> nn.Module:
    return getattr(import_module(f"seglab.nets.{module}"), function)()


def _street(key: str, title: str, build: Callable[[], nn.Module], cam_layers: tuple[str, ...], paper: str) -> ModelSpec:
    return ModelSpec(
        key,
        title,
        build=build,
        source=Embedded(f"{key}.safetensors"),
        preprocess=Preprocess(short_side=360),
        palette=CAMVID,
        cam_layers=cam_layers,
        paper=paper,
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


def _scenes(
    key: str,
    title: str,
    build: Callable[[], nn.Module],
    preprocess: Preprocess,
    cam_layers: tuple[str, ...],
    paper: str,
    task: str,
) -> ModelSpec:
    licence = "Code and weights MIT; trained on scenes drawn by seglab.datasets.scenes"
    source = Embedded(f"{key}.safetensors")
    return ModelSpec(key, title, build, source, preprocess, SCENES, cam_layers, paper, licence, task=task)


def _nuclei(
    key: str,
    title: str,
    build: Callable[[], nn.Module],
    cam_layers: tuple[str, ...],
    paper: str,
    task: str,
    long_side: int | None = None,
    selection: Selection = Selection(),
) -> ModelSpec:
    licence = "Code and weights MIT; trained on the grey pictures of the Data Science Bowl 2018 (BBBC038, CC0)"
    preprocess = Preprocess(0, long_side=long_side, stretch=NUCLEI_STRETCH)
    source = Embedded(f"{key}.safetensors")
    return ModelSpec(
        key, title, build, source, preprocess, NUCLEI, cam_layers, paper, licence, task=task, selection=selection
    )  # fmt: skip


def _coco_things(key: str, title: str, paper: str, source: Torchvision, box_ap: float, mask_ap: float) -> ModelSpec:
    return ModelSpec(
        key,
        title,
        build=partial(_build, "mask_rcnn", key.replace("-", "_")),
        source=source,
        preprocess=Preprocess(800, long_side=1333),
        palette=COCO,
        cam_layers=("backbone.body.layer4", "backbone.body.layer3"),
        paper=paper,
        licence="Code BSD-3-Clause (torchvision); weights as torchvision publishes them, trained on COCO: terms of "
        "COCO's photographs may apply",
        scores=(("COCO-val2017", InstanceScore(box_ap, mask_ap)),),
        task="instance",
    )


_FCN = "Long, Shelhamer & Darrell 2015, Fully Convolutional Networks for Semantic Segmentation, arXiv:1411.4038"
_DEEPLAB = "Chen et al. 2017, Rethinking Atrous Convolution for Semantic Image Segmentation, arXiv:1706.05587"
_LRASPP = "Howard et al. 2019, Searching for MobileNetV3, arXiv:1905.02244"
_MASK_RCNN = "He, Gkioxari, Dollár & Girshick 2017, Mask R-CNN, arXiv:1703.06870"
_V2 = f"{_MASK_RCNN}; Li et al. 2021, Benchmarking Detection Transfer Learning, arXiv:2111.11429"
_UNET = "Ronneberger, Fischer & Brox 2015, U-Net, arXiv:1505.04597"
_OWN = "Our own, after PSPNet's pooling (arXiv:1612.01105) and FPN's decoder (arXiv:1612.03144)"
_FPN = "Lin et al. 2017, Feature Pyramid Networks, arXiv:1612.03144; Kirillov et al. 2019, arXiv:1901.02446"
_FPN_LAYERS = ("branch16", "smooth16", "encoder.stages.4")  # 0.74 of the first one's heat for cars is on cars
_STREET_LAYERS = ("context", "stage16", "stage8")
_PYRAMID_LAYERS = ("backbone.stages.3", "backbone.stages.2", "backbone.stages.1")
_UNET_LAYERS = ("down.4", "join.3", "down.3")

SPECS = (
    _street("street", "Street", partial(_build, "fpn", "street"), _FPN_LAYERS, _FPN),
    _street("street-fast", "Street, fast", partial(_build, "street", "street_fast"), _STREET_LAYERS, _OWN),
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
    _scenes(
        "scenes", "Scenes", partial(_build, "street", "scenes"), Preprocess(128), _STREET_LAYERS, _OWN, "semantic"
    ),
    _scenes(
        "scenes-instances", "Scenes, Mask R-CNN", partial(_build, "mask_rcnn_small", "scenes_instances"),
        Preprocess(192, long_side=768), _PYRAMID_LAYERS, _MASK_RCNN, "instance",
    ),
    replace(
        _street("street-instances", "Street, Mask R-CNN (learnt from components)",
                partial(_build, "mask_rcnn_small", "street_instances"), _PYRAMID_LAYERS, _MASK_RCNN),
        preprocess=Preprocess(360, long_side=1080), task="instance",
        licence="Code MIT; weights trained on CamVid (CC BY-NC): research and education, no commercial use. Its "
        "objects were learnt from connected components, an approximation",
    ),
    _nuclei("nuclei-unet", "Nuclei, U-Net", partial(_build, "unet", "nuclei_unet"), _UNET_LAYERS, _UNET, "semantic"),
    _nuclei(
        "nuclei-unet-30", "Nuclei, U-Net from 30 pictures", partial(_build, "unet", "nuclei_unet"), _UNET_LAYERS, _UNET,
        "semantic",
    ),
    _nuclei(
        "nuclei-instances", "Nuclei, Mask R-CNN", partial(_build, "mask_rcnn_small", "nuclei_instances"),
        _PYRAMID_LAYERS, _MASK_RCNN, "instance", long_side=1024,
        # Chosen on a quarter of its training pictures: TP/(TP+FP+FN) at IoU 0.5 is 0.856, with the others' usual 0.837.
        selection=Selection(score=0.6, nms=0.3, mask_threshold=0.4),
    ),
    _coco_things(
        "maskrcnn-resnet50-fpn", "Mask R-CNN, ResNet-50-FPN", _MASK_RCNN,
        Torchvision("MaskRCNN_ResNet50_FPN_Weights", "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth", 169.84,
                    "COCO_V1", "detection"),
        box_ap=0.379, mask_ap=0.346,
    ),
    _coco_things(
        "maskrcnn-resnet50-fpn-v2", "Mask R-CNN v2, ResNet-50-FPN", _V2,
        Torchvision("MaskRCNN_ResNet50_FPN_V2_Weights", "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth", 177.219,
                    "COCO_V1", "detection"),
        box_ap=0.474, mask_ap=0.418,
    ),
)  # fmt: skip
