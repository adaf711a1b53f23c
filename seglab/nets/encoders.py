"""Classifiers without their heads, as encoders: one picture in, five feature maps out, at strides 2, 4, 8, 16 and 32.

Every segmentation network since FCN (Long et al. 2015, arXiv:1411.4038, section 3.1) starts from a classifier: its
last map knows what is in the picture, the earlier ones still know where. The layers are torchvision's, grouped into
five stages; each stage's last map is given out. So torchvision's weights fit, and its features come out (tested).

Where the maps are taken: ResNets (He et al. 2016, table 1) after conv1 and each of the four stages; VGG-16 (Simonyan &
Zisserman 2015, table 1, column D) after each pool; MobileNets and EfficientNet before each halving, and after the last
1×1 convolution, which widens the map for the classifier.

**Output stride** 16 or 8 (DeepLab, Chen et al. 2017, arXiv:1706.05587, section 3.1): the last one or two halvings are
left out, and all later kernels spread their taps by as much: the same weights and the same view at 4 or 16 times as
many places. A convolution that loses its stride keeps its own dilation, as in torchvision's ResNets (its dilated
MobileNetV3 spreads that one too: weights of its DeepLabV3-MobileNet want its own module).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torchvision import models
from torchvision.models.vgg import cfgs, make_layers

from seglab.nets.street import Residual, conv_bn

_CHANNELS: dict[str, tuple[int, ...]] = {
    "tiny": (16, 24, 40, 64, 96),
    "vgg16": (64, 128, 256, 512, 512),
    "resnet18": (64, 64, 128, 256, 512),
    "resnet34": (64, 64, 128, 256, 512),
    "resnet50": (64, 256, 512, 1024, 2048),
    "resnet101": (64, 256, 512, 1024, 2048),
    "mobilenet_v2": (16, 24, 32, 96, 1280),
    "mobilenet_v3_large": (16, 24, 40, 112, 960),
    "efficientnet_b0": (16, 24, 40, 112, 1280),
}
NAMES = tuple(_CHANNELS)
# Where torchvision's `features`, one long chain, are cut into five stages.
_CUTS = {
    "vgg16": (5, 10, 17, 24, 31),
    "mobilenet_v2": (2, 4, 7, 14, 19),
    "mobilenet_v3_large": (2, 4, 7, 13, 17),
    "efficientnet_b0": (2, 3, 4, 6, 9),
}


class Encoder(nn.Module):
    """Stages, one after the other; the map at the end of each is kept.

    Args:
        stages: five of them, each takes the map of the one before.
        channels: of the map at each stage's end.
        stride: of the last map, 32, 16 or 8: stages that would go beyond lose their stride and are dilated.
    """

    def __init__(self, stages: Sequence[nn.Module], channels: tuple[int, ...], stride: int = 32) -> None:
        super().__init__()
        if stride not in (8, 16, 32):
            raise ValueError(f"An encoder's output stride is 8, 16 or 32; got {stride}.")
        self.stages = nn.ModuleList(stages)
        self.channels = channels
        self.strides = tuple(min(2**n, stride) for n in range(1, len(stages) + 1))
        dilation = 1
        for n, stage in enumerate(stages, 1):
            if 2**n > stride:
                _dilate(stage, dilation)
                dilation *= 2

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W), normalised → maps (N, channels[i], ⌈H/strides[i]⌉, ⌈W/strides[i]⌉), finest first.

        VGG's pools round down instead of up; give it sides that its strides divide.
        """
        maps = []
        for stage in self.stages:
            x = stage(x)  # (N, channels[i], H/strides[i], W/strides[i])
            maps.append(x)
        return maps


def encoder(name: str, stride: int = 32, weights: str | None = None) -> Encoder:
    """Build an encoder by name.

    Args:
        name: one of `NAMES`. "tiny" is ours, 0.24 M parameters, for training from scratch on small pictures: a strided
            convolution and four residual blocks (He et al. 2016, fig. 2), each of which halves the map.
        stride: of the last map, 8, 16 or 32. "vgg16" has 32 only: its strides are in its pools.
        weights: None for random ones, or a name in torchvision's enum, such as "DEFAULT" or "IMAGENET1K_V1", which are
            downloaded (into TORCH_HOME). They want pictures normalised by ImageNet's mean and standard deviation.

    Raises:
        ValueError: no such name, stride or weights.

    >>> encoder("tiny", stride=16).strides
    (2, 4, 8, 16, 16)
    """
    if name not in NAMES:
        raise ValueError(f"No encoder {name!r}; there are {', '.join(NAMES)}.")
    if name == "tiny":
        if weights is not None:
            raise ValueError(f"The tiny encoder has no weights to download; got weights={weights!r}, give None.")
        c = _CHANNELS[name]
        halvings = [Residual(c_in, c_out, stride=2) for c_in, c_out in pairwise(c)]
        return Encoder([nn.Sequential(conv_bn(3, c[0], 3, 2), nn.ReLU(inplace=True)), *halvings], c, stride)
    net = models.get_model(name, weights=weights) if weights or name != "vgg16" else _headless_vgg16()
    return from_torchvision(name, net, stride)


def from_torchvision(name: str, net: nn.Module, stride: int = 32) -> Encoder:
    """Make an encoder of torchvision's classifier `net`, whose name is `name`; its layers are shared, not copied.

    >>> from_torchvision("resnet18", models.resnet18()).channels
    (64, 64, 128, 256, 512)
    """
    if name not in NAMES or name == "tiny":
        raise ValueError(f"No encoder over torchvision's {name!r}; there are {', '.join(NAMES[1:])}.")
    if name == "vgg16" and stride != 32:
        raise ValueError(f"vgg16 halves by pooling and has stride 32 only; got {stride}. Take a ResNet.")
    if name.startswith("resnet"):
        layer = net.get_submodule
        stem = nn.Sequential(layer("conv1"), layer("bn1"), layer("relu"))
        stages = [stem, nn.Sequential(layer("maxpool"), layer("layer1")), *(layer(f"layer{n}") for n in (2, 3, 4))]
    else:
        layers, cuts = list(net.get_submodule("features").children()), _CUTS[name]
        stages = [nn.Sequential(*layers[a:b]) for a, b in zip((0, *cuts), cuts, strict=False)]
    return Encoder(stages, _CHANNELS[name], stride)


def _headless_vgg16() -> nn.Module:
    """VGG-16 without the 124 million weights of its head. Having no BatchNorm, it needs He's initialisation."""
    net = nn.Module()
    net.features = make_layers(cfgs["D"])
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    return net


def _dilate(stage: nn.Module, dilation: int) -> None:
    """Take the stride of 2 out of a stage that sees maps `dilation` times too fine, and spread all kernels to fit."""
    own = dilation
    for conv in (module for module in stage.modules() if isinstance(module, nn.Conv2d)):
        conv.dilation = (dilation, dilation)
        conv.padding = tuple(dilation * (k // 2) for k in conv.kernel_size)
        if conv.stride == (2, 2):
            conv.stride = (1, 1)
            dilation = 2 * own  # what follows would have seen half as many places
