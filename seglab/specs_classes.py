"""The models that give one class for a whole picture, for the page "Grad-CAM"; `seglab.zoo` keeps them on a shelf.

ResNet-50's weights are torchvision's first ones (IMAGENET1K_V1). The newer ones answer better (80.9 % against 76.1 %),
but by a training that smears the answer over the picture (mixed pictures, softened labels), and maps with it.
"""

from __future__ import annotations

from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from seglab.cards import CategoryScore
from seglab.palettes import SCENES
from seglab.specs import Embedded, ModelSpec, Preprocess, Torchvision
from seglab.types import Categories, Palette

if TYPE_CHECKING:
    from torch import nn

NAMES = Path(__file__).with_name("imagenet.txt")  # a line each, in the order of the weights' answers
THINGS = Palette(
    "Things of Scenes",
    tuple(SCENES.names[k] for k in SCENES.things),
    tuple(SCENES.colors[k] for k in SCENES.things),
    things=tuple(range(len(SCENES.things))),
)


def _build(function: str) -> nn.Module:
    net: nn.Module = getattr(import_module("seglab.nets.classifiers"), function)()
    return net


@cache
def imagenet() -> Categories:
    """Return ImageNet's 1000 classes (Russakovsky et al. 2015), as torchvision names them.

    >>> imagenet().names[281], len(imagenet())
    ('tabby', 1000)
    """
    return Categories("ImageNet", tuple(NAMES.read_text(encoding="utf-8").splitlines()))


CLASS_SPECS = (
    ModelSpec(
        "scenes-crops", "Scenes, classifier of crops", partial(_build, "scenes_crops"),
        Embedded("scenes-crops.safetensors"), Preprocess(64), THINGS, ("stage8", "stage4"),
        "He et al. 2016, arXiv:1512.03385, with the head of Zhou et al. 2016, arXiv:1512.04150",
        "Code and weights MIT; trained on scenes drawn by seglab.datasets.scenes", task="category", shelf="classes",
    ),
    ModelSpec(
        "resnet50", "ResNet-50, ImageNet", partial(_build, "resnet50"),
        Torchvision("ResNet50_Weights", "resnet50-0676ba61.pth", 97.781, "IMAGENET1K_V1", "resnet"),
        Preprocess(224), imagenet(), ("layer4", "layer3"),
        "He, Zhang, Ren & Sun 2016, Deep Residual Learning for Image Recognition, arXiv:1512.03385",
        "Code BSD-3-Clause (torchvision); weights as torchvision publishes them, trained on ImageNet: for research",
        scores=(("ImageNet-1K", CategoryScore(0.7613)),), task="category", shelf="classes",
    ),
)  # fmt: skip
