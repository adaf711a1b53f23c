"""COCO's 80 things: names, numbers and colours (Lin et al. 2014, "Microsoft COCO", arXiv:1405.0312).

COCO numbered 91 kinds of things and labelled 80 of them in the end; its files, and torchvision's weights, still count
to 90. Here the 80 are counted from 0, in the order of those numbers.

The colours are ours (COCO has none for instances). No 80 colours look different to every eye, but we can choose the
smallest difference as large as may be: things that photographs are full of came first, person, car, chair and four more
with Okabe and Ito's colours, then some twenty more, then the rest; each got the colour that lies farthest from all
before it, in CIELAB, as seen by the normal, the protanopic or the deuteranopic eye (Viénot, Brettel & Mollon 1999),
whichever tells them apart least. Any two differ by 7.8 or more to each of the three, those of the first 28 by 16 or
more (2.3 can just be noticed).
"""

from __future__ import annotations

from seglab.types import Palette

# What COCO's things are called elsewhere, by the other palette's title (names that are equal are left out). CamVid's 11
# classes have buses and trucks among the cars, and a cyclist is one thing with the bicycle.
ELSEWHERE = {
    "CamVid": {"person": "Pedestrian", "bicycle": "Bicyclist", "bus": "Car", "truck": "Car"},
    "PASCAL VOC": {"airplane": "aeroplane", "motorcycle": "motorbike", "couch": "sofa", "tv": "tv monitor"},
}

# COCO's own number of each class: COCO_IDS[k] is class k's.
COCO_IDS = tuple(k for k in range(1, 91) if k not in (12, 26, 29, 30, 45, 66, 68, 69, 71, 83))

COCO = Palette(
    "COCO",
    (
        "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
        "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
        "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
        "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
        "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
        "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
        "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
        "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear",
        "hair drier", "toothbrush",
    ),
    (
        (213, 94, 0), (0, 51, 187), (0, 114, 178), (170, 221, 255), (255, 238, 0), (119, 34, 51),
        (136, 85, 136), (34, 17, 204), (221, 238, 238), (153, 255, 170), (68, 68, 255), (221, 238, 204),
        (0, 136, 119), (238, 34, 85), (0, 51, 153), (230, 159, 0), (86, 180, 233), (119, 102, 68),
        (238, 238, 119), (238, 170, 102), (0, 187, 204), (187, 187, 136), (0, 153, 221), (255, 51, 119),
        (170, 51, 0), (51, 153, 255), (85, 51, 85), (68, 170, 51), (187, 204, 68), (102, 68, 85),
        (102, 119, 255), (136, 204, 187), (85, 136, 187), (187, 17, 51), (0, 34, 238), (136, 34, 221),
        (136, 68, 153), (17, 68, 153), (34, 119, 204), (204, 121, 167), (119, 51, 119), (0, 0, 255),
        (102, 221, 119), (238, 136, 68), (17, 187, 153), (119, 34, 17), (255, 153, 170), (204, 204, 221),
        (221, 204, 170), (119, 170, 255), (187, 238, 255), (102, 34, 119), (17, 68, 187), (153, 204, 255),
        (51, 85, 34), (221, 153, 204), (0, 158, 115), (170, 102, 51), (0, 102, 204), (221, 204, 0),
        (68, 102, 255), (119, 187, 85), (255, 204, 136), (0, 153, 153), (0, 153, 0), (187, 153, 102),
        (153, 17, 0), (119, 136, 85), (221, 238, 221), (170, 153, 136), (0, 34, 187), (238, 119, 34),
        (68, 85, 255), (240, 228, 66), (187, 34, 102), (102, 68, 68), (204, 85, 136), (85, 238, 34),
        (238, 34, 221), (238, 238, 136),
    ),
    things=tuple(range(80)),
)  # fmt: skip


def index_of(coco_id: int) -> int:
    """Return the class (0 to 79) that has COCO's number `coco_id`.

    Raises:
        ValueError: no class has it; the numbers go from 1 to 90, and ten of them were never used.

    >>> index_of(1), COCO.names[index_of(90)]
    (0, 'toothbrush')

    """
    if coco_id not in COCO_IDS:
        raise ValueError(f"No thing of COCO has the number {coco_id}; there are 80, numbered 1 to 90 with gaps.")
    return COCO_IDS.index(coco_id)


def same(semantic: Palette, objects: Palette) -> dict[str, str]:
    """Return which of the objects' names mean a class of the semantic palette, for `panoptic.fuse`; {} unless COCO's.

    >>> same(Palette("CamVid", ("Car",), ((0, 0, 0),)), COCO)["truck"]
    'Car'
    """
    return ELSEWHERE.get(semantic.title, {}) if objects == COCO else {}
