"""Class names and colours of the data sets, with their sources.

Where the colours are ours they are taken from Paul Tol's and Okabe–Ito's colour-blind-safe sets; VOC keeps the
colour map that its own development kit defines, because indexed PNGs of VOC are recognised by it.
"""

from __future__ import annotations

from seglab.types import Palette


def _voc_colors(n: int) -> tuple[tuple[int, int, int], ...]:
    """Colour map of the PASCAL VOC development kit: the bits of the class index, spread over the high bits of R, G, B.

    >>> _voc_colors(3)
    ((0, 0, 0), (128, 0, 0), (0, 128, 0))
    """
    colors = []
    for k in range(n):
        rgb, bits = [0, 0, 0], k
        for shift in range(7, -1, -1):
            for channel in range(3):
                rgb[channel] |= (bits >> channel & 1) << shift
            bits >>= 3
        colors.append((rgb[0], rgb[1], rgb[2]))
    return tuple(colors)


# PASCAL VOC 2012, 20 classes + background (Everingham et al. 2010); the order of torchvision's weights.
VOC = Palette(
    "PASCAL VOC",
    (
        "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
        "dining table", "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa", "train", "tv monitor",
    ),
    _voc_colors(21),
    things=tuple(range(1, 21)),
    background=0,
)  # fmt: skip

# CamVid, the 11-class version used since SegNet (Brostow et al. 2008; Badrinarayanan et al. 2015). Colours: Okabe–Ito
# and Tol's muted set, chosen so that classes that touch in streets differ in lightness too.
CAMVID = Palette(
    "CamVid",
    (
        "Sky", "Building", "Pole", "Road", "Pavement", "Tree", "Sign", "Fence", "Car", "Pedestrian", "Bicyclist",
    ),
    (
        (86, 180, 233), (136, 34, 85), (221, 221, 221), (90, 90, 110), (204, 121, 167), (17, 119, 51),
        (240, 228, 66), (153, 153, 51), (0, 114, 178), (213, 94, 0), (230, 159, 0),
    ),
    things=(8, 9, 10),
)  # fmt: skip

# Scenes, drawn by `seglab.datasets.scenes`: CamVid's colours where the classes are the same; water, dog and ball from
# Tol's muted and light sets, at least 18 apart in CIELAB from every other, also for the three kinds of colour blindness
# (simulated after Machado et al. 2009). "building" is all that is built and stands: houses, lamps, railings, wires.
SCENES = Palette(
    "Scenes",
    (
        "sky", "building", "road", "pavement", "tree", "water", "car", "person", "dog", "ball", "sign",
    ),
    (
        (86, 180, 233), (136, 34, 85), (90, 90, 110), (204, 121, 167), (17, 119, 51), (51, 34, 136),
        (0, 114, 178), (213, 94, 0), (238, 136, 102), (221, 221, 221), (240, 228, 66),
    ),
    things=(6, 7, 8, 9, 10),
)  # fmt: skip

# Cell nuclei and all else: Okabe–Ito's black and orange, told apart by every eye, and by lightness alone.
NUCLEI = Palette("Nuclei", ("background", "nucleus"), ((0, 0, 0), (230, 159, 0)), things=(1,), background=0)

# Volumes, drawn by `seglab.datasets.volumes`: Okabe–Ito's black, orange and sky blue.
VOLUMES = Palette(
    "Volumes", ("background", "blob", "tube"), ((0, 0, 0), (230, 159, 0), (86, 180, 233)), things=(1,), background=0
)
