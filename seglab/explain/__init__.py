"""Why this mask? Maps of what a network's answer hangs on, and checks of whether to believe them.

`run.explain` is the whole way from a picture to a map; `gradcam` is the formula, to be read; `targets` say what is
explained, `methods` how; `trust`, `sanity` and `truth` put a map to the test.
"""

from seglab.explain.classify import classify
from seglab.explain.methods import METHODS
from seglab.explain.passes import explained_size, layer_sizes
from seglab.explain.report import Explanation
from seglab.explain.run import explain
from seglab.explain.sanity import Randomisation, randomisation
from seglab.explain.targets import Box, Category, Everywhere, Instance, Painted, Pixel, Predicted, Target, of_detection
from seglab.explain.trust import Curve, Road, deletion, insertion, road
from seglab.explain.truth import energy_in_mask, pointing_game, share_outside

__all__ = [
    "METHODS", "Box", "Category", "Curve", "Everywhere", "Explanation", "Instance", "Painted", "Pixel", "Predicted",
    "Randomisation", "Road", "Target", "classify", "deletion", "energy_in_mask", "explain", "explained_size",
    "insertion", "layer_sizes", "of_detection", "pointing_game", "randomisation", "road", "share_outside",
]  # fmt: skip
