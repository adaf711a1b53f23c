"""Papers, and the results that they published: each with its split and what the network was trained on before.

Mean IoU is in 0..1, over the classes of the data set. The figures stand in CURRICULUM.md too; what is measured in this
lab stands on the models' cards, and isn't to be compared with these: other pictures, other sizes, no pre-training.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """Authors, and where to find it: "arXiv:1505.04597", or the conference."""

    authors: str
    where: str

    @property
    def url(self) -> str | None:
        """Its address on arXiv; None where it isn't there."""
        return f"https://arxiv.org/abs/{self.where.removeprefix('arXiv:')}" if self.where.startswith("arXiv:") else None


@dataclass(frozen=True)
class Result:
    """A published result: which network (by its authors' name), data set, split, mean IoU, and by which source.

    pretraining: what its weights had seen before, and which data it was trained on besides the data set's own.
    """

    of: str
    data: str
    split: str
    mean_iou: float
    pretraining: str
    source: str


CIRESAN = Paper("Cireşan, Giusti, Gambardella & Schmidhuber", "NIPS 2012")
LONG = Paper("Long, Shelhamer & Darrell", "arXiv:1411.4038")
NOH = Paper("Noh, Hong & Han", "arXiv:1505.04366")
SEGNET = Paper("Badrinarayanan, Kendall & Cipolla", "arXiv:1511.00561")
RONNEBERGER = Paper("Ronneberger, Fischer & Brox", "arXiv:1505.04597")
IGLOVIKOV = Paper("Iglovikov & Shvets", "arXiv:1801.05746")
CHAURASIA = Paper("Chaurasia & Culurciello", "arXiv:1707.03718")
LIN = Paper("Lin, Dollár, Girshick, He, Hariharan & Belongie", "arXiv:1612.03144")
TORCHVISION = Paper("torchvision, after Long, Shelhamer & Darrell", "torchvision 0.3")
PLAIN = Paper("Ours, after Badrinarayanan, Kendall & Cipolla and Ronneberger, Fischer & Brox", "no paper")
OURS = Paper("Ours, after Long, Shelhamer & Darrell", "no paper")
ZHAO = Paper("Zhao, Shi, Qi, Wang & Jia", "arXiv:1612.01105")
CHEN_2015 = Paper("Chen, Papandreou, Kokkinos, Murphy & Yuille", "arXiv:1412.7062")
CHEN_2018 = Paper("Chen, Papandreou, Kokkinos, Murphy & Yuille", "arXiv:1606.00915")
CHEN_2017 = Paper("Chen, Papandreou, Schroff & Adam", "arXiv:1706.05587")
CHEN_2018_PLUS = Paper("Chen, Zhu, Papandreou, Schroff & Adam", "arXiv:1802.02611")
SUN = Paper("Sun, Xiao, Liu & Wang", "arXiv:1902.09212")
WANG = Paper("Wang, Sun, Cheng et al.", "arXiv:1908.07919")
JEGOU = Paper("Jégou, Drozdzal, Vazquez, Romero & Bengio", "arXiv:1611.09326")
MILLETARI = Paper("Milletari, Navab & Ahmadi", "arXiv:1606.04797")
HE = Paper("He, Gkioxari, Dollár & Girshick", "arXiv:1703.06870")

_VOC, _CITYSCAPES, _CAMVID = "PASCAL VOC 2012", "Cityscapes", "CamVid, 11 classes"
_VOC_SOURCE = "Chen et al. 2018, arXiv:1802.02611, table 6"
_CITY_SOURCE = "Chen et al. 2018, arXiv:1802.02611, table 7"
_COCO, _JFT = "ImageNet, COCO", "ImageNet, JFT-300M, COCO"
_COARSE = "ImageNet; trained on the coarse labels too"

RESULTS = {
    "pspnet": (
        Result("PSPNet", _VOC, "test", 0.854, _COCO, _VOC_SOURCE),
        Result("PSPNet", _CITYSCAPES, "test", 0.812, _COARSE, _CITY_SOURCE),
    ),
    "deeplab-v3": (
        Result("DeepLabv3", _VOC, "test", 0.857, _COCO, _VOC_SOURCE),
        Result("DeepLabv3-JFT", _VOC, "test", 0.869, _JFT, _VOC_SOURCE),
        Result("DeepLabv3", _CITYSCAPES, "test", 0.813, _COARSE, _CITY_SOURCE),
    ),
    "deeplab-v3plus": (
        Result("DeepLabv3+ (Xception)", _VOC, "test", 0.878, _COCO, _VOC_SOURCE),
        Result("DeepLabv3+ (Xception-JFT)", _VOC, "test", 0.890, _JFT, _VOC_SOURCE),
    ),
    "deeplab-v3plus-xception": (Result("DeepLabv3+", _CITYSCAPES, "test", 0.821, _COARSE, _CITY_SOURCE),),
    "tiramisu": (Result("FC-DenseNet103", _CAMVID, "test", 0.669, "none", "Jégou et al. 2017, table 3"),),
}
# Of networks that aren't among the architectures.
OTHERS = (Result("Mapillary", _CITYSCAPES, "test", 0.820, "ImageNet, Mapillary Vistas", _CITY_SOURCE),)


def results(key: str) -> tuple[Result, ...]:
    """Return what was published for an architecture, by its key; () where the course quotes nothing.

    >>> [(r.data, r.mean_iou) for r in results("tiramisu")]
    [('CamVid, 11 classes', 0.669)]
    """
    return RESULTS.get(key, ())
