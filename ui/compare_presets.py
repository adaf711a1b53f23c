"""One-click experiments of the page "Compare tasks"; see `ui.presets` for what a preset is."""

from __future__ import annotations

from ui import compare_state
from ui.presets import Preset

_ALL = (
    Preset(
        "compare-crowd", "A crowd",
        "Twenty things that overlap. The map's connected areas are no count: some join things, some are pieces of one.",
        {"seed": "39", "things": "20", "crowding": "1", "open": "1"}, ":material/groups:",
    ),
    Preset(
        "compare-nuclei", "Touching nuclei",
        "Connected components merge nuclei that touch. The same map split by a watershed, and Mask R-CNN, don't.",
        {"what": "cells", "seed": "12", "count": "20", "radius": "20", "touching": "1", "blur": "2",
         "objects": "components", "open": "1"},
        ":material/bubble_chart:",
    ),
    Preset(
        "compare-stuff", "Stuff only",
        "A street without a thing: instance segmentation has nothing to say, and panoptic is the semantic map.",
        {"seed": "4", "things": "0", "open": "1"}, ":material/landscape:",
    ),
    Preset(
        "compare-contradiction", "Two networks disagree",
        "One object's class isn't what the semantic map says beneath it. Which of the two wins, and why?",
        {"seed": "12", "open": "1"}, ":material/compare_arrows:",
    ),
    Preset(
        "compare-pq", "PQ is not SQ × RQ",
        "In each class PQ = SQ × RQ. Averaged over the classes it isn't: check the numbers under “Against the truth”.",
        {"seed": "22", "things": "12", "open": "1"}, ":material/functions:",
    ),
)  # fmt: skip

# Those whose models this installation has.
PRESETS: tuple[Preset, ...] = tuple(
    preset for preset in _ALL if preset.params.get("what", "scene") in compare_state.sources()
)
