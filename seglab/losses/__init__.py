"""Losses for dense prediction: pure functions of logits and target.

`catalogue` is the table of the binary ones with their formulas, `gradients` shows what each does to its pixels.
"""

from seglab.losses.border import balance, border_term, border_weights, pixel_weighted_cross_entropy, separate
from seglab.losses.dense import cross_entropy, soft_dice, softmax_focal
from seglab.losses.distances import boundary, hausdorff
from seglab.losses.lovasz import lovasz_hinge, lovasz_softmax
from seglab.losses.mixtures import bce_jaccard, combo, sensitivity_specificity
from seglab.losses.pixels import balanced_bce, bce, focal, weighted_bce
from seglab.losses.regions import (
    dice,
    dice_squared,
    focal_tversky,
    jaccard,
    log_cosh_dice,
    log_jaccard,
    one_minus_log_jaccard,
    tversky,
)

__all__ = [
    "balance",
    "balanced_bce",
    "bce",
    "bce_jaccard",
    "border_term",
    "border_weights",
    "boundary",
    "combo",
    "cross_entropy",
    "dice",
    "dice_squared",
    "focal",
    "focal_tversky",
    "hausdorff",
    "jaccard",
    "log_cosh_dice",
    "log_jaccard",
    "lovasz_hinge",
    "lovasz_softmax",
    "one_minus_log_jaccard",
    "pixel_weighted_cross_entropy",
    "sensitivity_specificity",
    "separate",
    "soft_dice",
    "softmax_focal",
    "tversky",
    "weighted_bce",
]
