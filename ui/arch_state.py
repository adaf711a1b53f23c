"""The choices of the page "Architectures", as they stand in its link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ui import arch_net, arch_place, compare_state, segment_state
from ui.arch_layouts import KEYS
from ui.arch_net import Spec
from ui.state import Field, choice, flag, whole, words
from ui.texts.architectures_zoo import Z_COSTS, Z_QUALITIES

ALWAYS = ("net", "window", "flat", "separable", "aspp", "slopes", "top", "spp")
LABS = (*ALWAYS, "strides", "cut", "sizes", "differ", "scatter")  # the last ones need trained weights
SOURCES = ("scene", "photo")
SEED = 15  # of the street that the page opens with
DRAWN = ("seed", "things", "size", "crowding", "thin", "contrast", "grain", "imbalance")
MODELS = tuple(model for models in arch_net.TRAINED.values() for model in models if model != "scenes-instances")
SHADES = ("", "parameters", "macs", "activation_bytes")
MOST_MAPS = 16
UNETS = ("unet-paper", "unet")  # of the lab about gradients: without BatchNorm, and with it
COSTS = tuple(Z_COSTS)
QUALITIES = tuple(Z_QUALITIES)
NOBODY = "none"  # such a list when it is empty; "": the usual ones
RATES = ("2/4/6/8", "6/12/18", "12/24/36", "6/12/18/24")

FIELDS: tuple[Field, ...] = (
    choice("alab", "net", LABS),
    # the picture, as other pages have it
    choice("what", "scene", SOURCES),
    *(
        replace(field, only_if=("what", "photo"))
        for field in segment_state.FIELDS
        if field.key in ("image", "file", "sha")
    ),
    *(
        replace(field, only_if=("what", "scene"), default=SEED if field.key == "seed" else field.default)
        for field in compare_state.FIELDS
        if field.key in DRAWN
    ),
    # the networks and what is looked at
    flag("guessed"),  # the question has been answered
    choice("arch", "unet", KEYS),
    choice("versus", "", ("", *KEYS)),
    choice("abuild", "small", ("small", "paper", *MODELS)),
    flag("fresh"),  # random weights though trained ones are here
    words("stage", longest=60),
    words("stage2", longest=60),
    whole("nmaps", 8, 4, MOST_MAPS),
    choice("shade", "", SHADES),
    # the labs
    whole("wside", 32, 24, 64),
    choice("fsteps", 3, (1, 2, 3, 4)),
    choice("fbase", 16, (8, 16, 32)),
    choice("sin", 64, (8, 16, 32, 64, 128, 256)),
    choice("sout", 128, (8, 16, 32, 64, 128, 256)),
    choice("sk", 3, (1, 3, 5, 7)),
    whole("amap", 33, 5, 129),
    choice("arates", "6/12/18", RATES),
    choice("gnet", "unet-paper", UNETS),
    whole("gnumber", 0, 0, 99),
    whole("tnumber", 0, 0, 99),
    whole("spside", 160, 64, 320),
    whole("zstreet", 16, 0, 99),  # a street with lamps, wires and a railing
    *(flag(f"cut{stride}") for stride in (1, 2, 4, 8)),
    choice("za", "segnet", KEYS),
    choice("zb", "unet", KEYS),
    choice("zx", "macs", (*COSTS, *QUALITIES)),
    choice("zy", "test/mean_iou", (*COSTS, *QUALITIES)),
    *(words(key, longest=120) for key in ("zwho", "swho")),  # architectures, joined by commas
)
LAB_OF = {
    "wside": "window", "fsteps": "flat", "fbase": "flat", "sin": "separable", "sout": "separable", "sk": "separable",
    "amap": "aspp", "arates": "aspp", "gnumber": "slopes", "gnet": "slopes", "tnumber": "top",
    "spside": "spp", "cut1": "cut", "cut2": "cut", "cut4": "cut", "cut8": "cut",
    "za": "differ", "zb": "differ", "zx": "scatter", "zy": "scatter", "zwho": "scatter",
    "swho": "sizes",
}  # fmt: skip
FIELDS = tuple(
    replace(field, only_if=("alab", LAB_OF[field.key])) if field.key in LAB_OF else field for field in FIELDS
)


def spec(now: Mapping[Any, Any], key: str) -> Spec:
    """Return which network the session asks for, of architecture `key`: another size where it hasn't the one chosen.

    >>> spec({"abuild": "small", "fresh": False}, "tiramisu-56").build
    'paper'
    """
    there = arch_net.builds(key)
    build = str(now["abuild"])
    return Spec(key, build if build in there else there[0], bool(now["fresh"]) and build != "paper")


def stage_of(drawn: arch_net.Drawn, asked: str) -> arch_place.Spot:
    """Return the stage that is asked for; where there is no such, the one for Grad-CAM, or one in the middle."""
    row = drawn.spec.row
    usual = [found for name in (row.cam_layers if row else ("stage16",)) if (found := drawn.find(name))]
    return drawn.find(asked) or (usual or [drawn.stages[len(drawn.stages) // 2]])[0]
