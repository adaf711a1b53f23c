"""The architectures of the course, to be read by eye: what each fixed in the one before, and what it still lacks.

One row for each architecture and published variant, in the order in which they are taught. Each is built in two sizes:
`paper()`, as published, and `small(n_classes)`, at most 0.6 M parameters, for pictures of 128×128 (V-Net: volumes of
32×64×64). The small ones are trained under one recipe (`scripts/zoo.py`) and are the models `zoo-<key>`.

Importing this costs nothing: torch is imported by the builders, when they are called. How a network works, and where
it differs from its paper, is told by its module in `seglab.nets`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from seglab import published as by
from seglab.builders import HRNET, fine, hrnet_v2p, of, plus_on_xception, undilated
from seglab.published import Paper, Result, results

if TYPE_CHECKING:
    from torch import nn

PREFIX = "zoo-"  # of the models' keys


@dataclass(frozen=True)
class Architecture:
    """One architecture, or a published variant of one.

    key, title; year of the first version that was made public (arXiv's, where there is one); paper, and its figure.
    fixed: what it mended in those before; lacks: what it leaves to those after.
    paper_size: builds it as published. small: builds it small, for so many classes; None for variants that have no
        small size of their own.
    millions: parameters of `paper_size`, by count. published: as printed (None: nowhere), and in which source.
    cam_layers: of the small network, for Grad-CAM, the usual one first.
    seeds: how many trainings; three where an ordering is claimed. volumes: it takes (N, 1, D, H, W).
    stands_for_it: the model that shows a trained one, where that isn't `zoo-<key>`.
    """

    key: str
    title: str
    year: int
    paper: Paper
    figure: str
    fixed: str
    lacks: str
    paper_size: Callable[[], nn.Module]
    small: Callable[[int], nn.Module] | None
    millions: float
    published: float | None
    source: str
    cam_layers: tuple[str, ...] = ()
    seeds: int = 1
    volumes: bool = False
    stands_for_it: str | None = None

    @property
    def model(self) -> str | None:
        """The key of the trained model in `zoo.MODELS`; None where there is none."""
        return self.stands_for_it or (None if self.small is None else PREFIX + self.key)

    @property
    def results(self) -> tuple[Result, ...]:
        """What was published for it, each with its split and what it was trained on before."""
        return results(self.key)


def get(key: str) -> Architecture:
    """Return an architecture by its key, or by that of its model; ValueError names the keys there are.

    >>> get("unet") is get("zoo-unet"), get("unet").year
    (True, 2015)
    """
    for found in ARCHITECTURES:
        if key.removeprefix(PREFIX) == found.key:
            return found
    raise ValueError(f"No architecture {key!r}; there are {', '.join(a.key for a in ARCHITECTURES)}.")


_UNET = ("down.4", "join.3", "down.3")
_LAST, _BEFORE = "encoder.stages.4", "encoder.stages.3"
_PVT = "Wang et al. 2021, arXiv:2102.12122, table 4"
_TIRAMISU = "Jégou et al. 2017, arXiv:1611.09326, table 3"
_HR = "Wang et al. 2020, arXiv:1908.07919, table 3"
_COUNT = "by count; the paper prints none"

ARCHITECTURES = (
    Architecture(
        "patch", "Sliding window", 2012, by.CIRESAN, "table 1, N4",
        "Won the first contest on neuronal membranes (ISBI 2012) by classifying the patch around each pixel.",
        "Neighbouring patches share nearly all their pixels, and everything is computed anew for each.",
        of("patch", "paper_size"), of("patch", "small"),
        0.22, None, _COUNT, ("dense1", "convs.2"),
    ),
    Architecture(
        "fcn-32s", "FCN-32s", 2014, by.LONG, "fig. 3",
        "One pass instead of a patch for each pixel: a classifier's dense layers, written as convolutions, give a map.",
        "The map is 32 times too coarse and only blown up; what is smaller than 32 pixels is lost.",
        of("fcn", "fcn32s"), of("fcn", "small", stride=32),
        134.35, 134.0, "Long et al. 2015, table 1", ("fc7", _LAST), seeds=3,
    ),
    Architecture(
        "fcn-16s", "FCN-16s", 2014, by.LONG, "fig. 3",
        "The first skip: scores of the map at stride 16 are added to the enlarged ones of stride 32.",
        "Still 16 times too coarse, and a skip carries no more than a number for each class.",
        of("fcn", "fcn16s"), of("fcn", "small", stride=16),
        134.36, 134.0, "Long et al. 2015, table 1", ("fc7", _LAST), seeds=3,
    ),
    Architecture(
        "fcn-8s", "FCN-8s", 2014, by.LONG, "fig. 3",
        "A second skip, from stride 8: boundaries come from finer maps.",
        "An abrupt ×8 at the end, one width of view for objects of all sizes, 89 % of the weights in two layers.",
        of("fcn", "fcn8s"), of("fcn", "small", stride=8),
        134.38, 134.0, "Long et al. 2015, table 1", ("fc7", _LAST), seeds=3,
    ),
    Architecture(
        "deconvnet", "DeconvNet", 2015, by.NOH, "fig. 2",
        "Up again in five learnt steps, by max-unpooling and deconvolution, where FCN goes up in one.",
        "All passes through a single cell, whose two dense layers hold most of its 252 M parameters.",
        of("deconvnet", "paper_size"), of("deconvnet", "small"),
        251.81, 252.0, _TIRAMISU, ("down.4", "up.1"),
    ),
    Architecture(
        "segnet", "SegNet", 2015, by.SEGNET, "fig. 2",
        "DeconvNet without its dense middle, a ninth of the weights; only the places of the maxima go across.",
        "Places tell where, but not what: all else of the fine maps is lost on the way down.",
        of("segnet", "paper_size"), of("segnet", "small"),
        29.45, 29.5, _TIRAMISU, ("down.4", "up.1"), seeds=3,
    ),
    Architecture(
        "encoder-decoder", "Encoder-decoder, plain", 2015, by.PLAIN, "",
        "As many weights as the small U-Net but no skips, to compare with: all passes through the map at stride 16.",
        "Where an edge was is guessed from a 16th of the size; nothing of the fine maps goes across.",
        of("flat", "EncoderDecoder", n_classes=2, base=64, steps=4), of("flat", "EncoderDecoder", base=9, steps=4),
        25.12, None, _COUNT, ("down.4", "up.0", "down.3"), seeds=3,
    ),
    Architecture(
        "unet-paper", "U-Net, as published", 2015, by.RONNEBERGER, "fig. 1",
        "Whole fine maps go across and are laid beside the coarse ones; learns from 30 pictures.",
        "Unpadded: the answer is smaller than the picture, whose border is made of its mirror image. No BatchNorm.",
        of("unet_paper", "paper_size"), of("unet_paper", "small"),
        31.03, 31.0, "counted from its fig. 1, as everybody does", tuple(f"net.{name}" for name in _UNET),
    ),
    Architecture(
        "unet", "U-Net, padded", 2015, by.RONNEBERGER, "fig. 1",
        "The U-Net as nearly everybody builds it since: padded, so that nothing is cropped, and with BatchNorm.",
        "The top of the U can learn a lot by itself, and then it sees local patterns only; no view of the whole.",
        of("unet", "UNet", n_classes=2, base=64), of("unet", "UNet", base=8),
        31.04, 31.0, "counted from its fig. 1, as everybody does", _UNET, seeds=3,
    ),
    Architecture(
        "unet-encoder", "U-Net over an encoder", 2018, by.IGLOVIKOV, "fig. 1",
        "The way down is a classifier's (ResNet, MobileNet, EfficientNet, VGG) and may come trained on ImageNet.",
        "No map at full size, so that the last doubling has no skip; nothing pooled over the whole picture.",
        of("unet_encoder", "paper_size"), of("unet_encoder", "small"),
        24.44, 24.4, "segmentation_models_pytorch's Unet over ResNet-34", (_LAST, "join.4"),
    ),
    Architecture(
        "linknet", "LinkNet", 2017, by.CHAURASIA, "fig. 1",
        "U-Net's concatenations become sums, and a decoder works on a quarter of the channels: light and fast.",
        "A sum can't tell its two terms apart; the last two doublings have no skip, so that thin things suffer.",
        of("linknet", "paper_size"), of("linknet", "small"),
        11.54, 11.5, "Chaurasia & Culurciello 2017, abstract", (_LAST, "decoder1"),
    ),
    Architecture(
        "fpn", "FPN", 2016, by.LIN, "fig. 3",
        "Every level of the pyramid knows what and where: things are found at the level of their size, then merged.",
        "No map finer than stride 4; all levels weigh alike everywhere.",
        of("fpn", "paper_size"), of("fpn", "small"),
        28.50, 28.5, _PVT, (_LAST, "smooth4"),
    ),
    Architecture(
        "fcn-undilated", "FCN on ResNet, not dilated", 2014, by.OURS, "",
        "The twin of the next one, to compare with: the same weights, at stride 32 as the encoder comes.",
        "A map of 4×4 cells for a picture of 128×128, enlarged by 32.",
        partial(undilated, 21, "resnet101"), partial(undilated, encoder="tiny"),
        51.95, None, _COUNT, (_LAST, _BEFORE), seeds=3,
    ),
    Architecture(
        "fcn-fine", "FCN at stride 8, not dilated", 2014, by.OURS, "",
        "The other twin: maps as fine as the next one's, but kernels as they come, so that it sees less.",
        "Finer maps alone: the later layers, made for a wide view, look at a fourth of it.",
        partial(fine, 21, "resnet101"), partial(fine, encoder="tiny"),
        51.95, None, _COUNT, (_LAST, _BEFORE), seeds=3,
    ),
    Architecture(
        "fcn-dilated", "FCN, dilated (torchvision's)", 2019, by.TORCHVISION, "",
        "Stride 8 without skips: the encoder's last two halvings are left out, and its kernels dilated instead.",
        "Not the published FCN. Dear at stride 8, no context beyond the encoder's view, no finer map for boundaries.",
        of("fcn_torchvision", "paper_size"), of("fcn_torchvision", "small"),
        51.95, 54.31, "torchvision's FCN_ResNet101_Weights, with an auxiliary head of 2.4 M", (_LAST, _BEFORE), seeds=3,
    ),
    Architecture(
        "pspnet", "PSPNet", 2016, by.ZHAO, "fig. 3",
        "Context: the means of the whole map and of its quarters, ninths and 36ths are laid beside every pixel.",
        "Boundaries come from enlarging by 8; the grid of regions is fixed, wherever the objects lie.",
        of("pspnet", "paper_size"), of("pspnet", "small"),
        65.58, 65.9, _HR, (_LAST, "fuse"),
    ),
    Architecture(
        "deeplab-v1", "DeepLab V1", 2014, by.CHEN_2015, "fig. 1",
        "Stride 8 by dilation in VGG-16; a large field of view, fc6 with taps 12 apart; a seventh of FCN's weights.",
        "One width of context for all objects; boundaries are left to a CRF behind the network.",
        of("deeplab_v1", "paper_size"), of("deeplab_v1", "small"),
        20.51, 20.5, "Chen et al. 2015, table 2", ("conv5", "fc7"),
    ),
    Architecture(
        "deeplab-v2", "DeepLab V2", 2016, by.CHEN_2018, "fig. 7",
        "Looks with four widths of view at once: atrous spatial pyramid pooling (ASPP).",
        "At a large rate most taps fall off the map, so nothing sees the whole picture; still a CRF behind it.",
        of("deeplab_v2", "paper_size"), of("deeplab_v2", "small"),
        44.05, None, _COUNT, (_LAST, _BEFORE),
    ),
    Architecture(
        "deeplab-v3", "DeepLab V3", 2017, by.CHEN_2017, "fig. 5",
        "Image pooling joins ASPP, so that every pixel knows the whole picture; BatchNorm in ASPP; no CRF.",
        "Logits are enlarged by 8 or 16 at once, and boundaries show it; dear at stride 8.",
        of("deeplab_v3", "paper_size"), of("deeplab_v3", "small"),
        58.63, 58.0, f"{_HR}, for 19 classes", (_LAST, "aspp", "refine"),
    ),
    Architecture(
        "deeplab-v3plus", "DeepLab V3+", 2018, by.CHEN_2018_PLUS, "fig. 2",
        "A small decoder: ×4, joined with the encoder's map at stride 4, ×4 again; separable atrous convolutions.",
        "Nothing finer than stride 4; one join, where U-Net has one at each stride.",
        of("deeplab_v3plus", "paper_size"), of("deeplab_v3plus", "small"),
        41.06, None, _COUNT, (_LAST, "aspp", "refine"),
    ),
    Architecture(
        "deeplab-v3plus-xception", "DeepLab V3+, Xception-71", 2018, by.CHEN_2018_PLUS, "fig. 4",
        "The encoder is an aligned Xception, of separable convolutions throughout: fewer sums for as many channels.",
        "Depthwise convolutions do little for each byte that they move: less time is saved than sums are.",
        of("deeplab_v3plus", "xception_71"), plus_on_xception,
        43.48, 43.5, _HR, ("encoder.exit", "aspp", "refine"),
    ),
    Architecture(
        "hrnet-v1", "HRNet V1", 2019, by.SUN, "fig. 1",
        "Nothing is shrunk and brought back: a map at stride 4 is kept throughout, coarser ones run beside it.",
        "The answer is read off the finest branch alone; nothing finer than stride 4; many small operations.",
        of("hrnet", "paper_size", n_classes=17, w=32, head="V1"), of("hrnet", "HRNet", **HRNET, head="V1"),
        28.54, 28.5, "Sun et al. 2019, arXiv:1902.09212, table 1, for 17 joints", ("stage4.1.hear.0", "stage1"),
    ),
    Architecture(
        "hrnet-v2", "HRNet V2", 2019, by.WANG, "fig. 4(b)",
        "All four branches are read, enlarged and laid side by side: for segmentation.",
        "15 times the finest branch's channels at stride 4 take memory; nothing finer than stride 4.",
        of("hrnet", "paper_size"), of("hrnet", "small"),
        65.86, 65.9, _HR, ("stage4.1.hear.3", "head.mix", "stage1"),
    ),
    Architecture(
        "hrnet-v2p", "HRNet V2p", 2019, by.WANG, "fig. 4(c)",
        "A pyramid of levels made of V2's map, for detectors, which look for objects of one size at each level.",
        "No segmenter by itself: its way to logits here, a sum over the levels, is ours.",
        of("hrnet", "paper_size", head="V2p"), hrnet_v2p,
        68.46, None, _COUNT, ("stage4.1.hear.3", "head.squeeze", "stage1"),
    ),
    Architecture(
        "tiramisu-56", "FC-DenseNet56", 2016, by.JEGOU, "fig. 1",
        "U-Net of dense blocks: a layer adds k channels and reads all that were made before it. Few parameters.",
        "All is concatenated at full size: activations, not weights, are what it costs.",
        of("tiramisu", "fc_densenet56"), None, 1.38, 1.5, f"{_TIRAMISU}, running statistics counted too",
    ),
    Architecture(
        "tiramisu-67", "FC-DenseNet67", 2016, by.JEGOU, "fig. 1",
        "One layer more in each block, k = 16 instead of 12.",
        "As FC-DenseNet56, and more of it.",
        of("tiramisu", "fc_densenet67"), None, 3.46, 3.5, f"{_TIRAMISU}, running statistics counted too",
    ),
    Architecture(
        "tiramisu", "FC-DenseNet103 (Tiramisu)", 2016, by.JEGOU, "fig. 1 and table 2",
        "Where U-Net makes all channels anew in each layer, a dense block keeps them: 9 M parameters, no pre-training.",
        "All is concatenated at full size: activations, not weights, are what it costs.",
        of("tiramisu", "fc_densenet103"), of("tiramisu", "small"),
        9.32, 9.4, f"{_TIRAMISU}, running statistics counted too", ("bottom", "up.4", "down.4"),
    ),
    Architecture(
        "vnet", "V-Net", 2016, by.MILLETARI, "fig. 2",
        "Volumes were labelled slice by slice; here all convolutions are 3-D, in residual stages, with the Dice loss.",
        "5×5×5 kernels are dear, and volumes must be cut up to fit into memory.",
        of("vnet", "paper_size"), of("vnet", "small"),
        65.18, None, _COUNT, ("left.3", "right.2"), volumes=True,
    ),
    Architecture(
        "mask-rcnn", "Mask R-CNN", 2017, by.HE, "fig. 1 and 4",
        "Objects one by one: a detector with a mask for each box; RoIAlign samples where RoIPool rounded twice.",
        "Masks are 28×28, whatever the object's size; nothing for stuff; two steps, hundreds of proposals.",
        of("mask_rcnn", "maskrcnn_resnet50_fpn"), None,
        44.45, 44.4, "torchvision's MaskRCNN_ResNet50_FPN_Weights, whose BatchNorm is frozen",
        ("backbone.stages.3", "backbone.stages.2"), stands_for_it="scenes-instances",
    ),
)  # fmt: skip
