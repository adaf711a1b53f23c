"""Losses for dense prediction: pure functions of logits and target."""

from seglab.losses.dense import cross_entropy, soft_dice

__all__ = ["cross_entropy", "soft_dice"]
