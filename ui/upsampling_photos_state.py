"""The choices of the labs "Checkerboard" and "There and back" of the page "Upsampling", as they stand in its link."""

from __future__ import annotations

from ui import segment_state
from ui.state import Field, choice, flag, whole

# `seglab.upsampling.planes.FACTORS` and `reconstruction.METHODS`: importing these would be slow at load, and a test
# holds both against them.
FACTORS = (2, 4, 8, 16, 32)
METHODS = (
    "nearest", "bilinear", "bicubic", "resize-convolution", "transposed convolution", "bed of nails", "unpool",
    "max-unpool", "sub-pixel",
)  # fmt: skip
SOURCES = ("photo", "mask", "drawn")  # what is made small: the picture, a network's labels of it, a drawn street's
STAGES = ("before", "after")

# `seglab.live.generators.UPS`, by short names for the link: those that train live at first, and the others.
UPS = {
    "t3": "transposed 3/2", "t4": "transposed 4/2", "nearest": "resize", "bilinear": "bilinear", "shuffle": "sub-pixel",
    "icnr": "sub-pixel ICNR",
}  # fmt: skip
RACE, MOST_RACING = ("t3", "t4", "nearest"), 3


def _race(value: str) -> str:
    asked = value.split(",") if value else []
    if not (set(asked) <= set(UPS) and len(set(asked)) == len(asked) <= MOST_RACING):
        raise ValueError(f"up to {MOST_RACING} of {', '.join(UPS)}, each once, with commas between them")
    return value


# The picture in use, as on the page "Segment"; a page that has it from elsewhere too joins it once.
PICTURE = tuple(field for field in segment_state.FIELDS if field.key in ("image", "file", "sha"))

CHECKER: tuple[Field, ...] = (
    whole("ck", 3, 1, 9),  # kernel
    whole("cs", 2, 1, 6),  # stride
    flag("cgo"),  # the three ways have been asked for
    choice("cstage", "before", STAGES),
    whole("cseed", 0, 0, 9999),  # of the random kernels
    # the generators that train live
    Field("gups", ",".join(RACE), _race),
    whole("gsteps", 300, 50, 1000),
    whole("gseed", 0, 0, 9999),
)
REBUILD: tuple[Field, ...] = (
    choice("of", "photo", SOURCES),
    choice("times", 4, FACTORS),
    choice("ra", "bilinear", METHODS),  # the two that are looked at
    choice("rb", "max-unpool", METHODS),
    whole("rseed", 7, 0, 9999),  # the drawn street's number
)
FIELDS = (*CHECKER, *REBUILD)
