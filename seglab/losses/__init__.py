"""Losses for dense prediction: pure functions of logits and target."""

from seglab.losses.border import balance, border_term, border_weights, pixel_weighted_cross_entropy, separate
from seglab.losses.dense import cross_entropy, soft_dice

__all__ = [
    "balance",
    "border_term",
    "border_weights",
    "cross_entropy",
    "pixel_weighted_cross_entropy",
    "separate",
    "soft_dice",
]
