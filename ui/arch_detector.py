"""Mask R-CNN's diagram where measuring can't tell it: which boxes are cut out is decided while it runs.

Measured is a stand-in (`Detector.dense`) that computes all that the network computes and decides nothing: its heads
get pooled maps, as many as there may be boxes, and all numbers are given out in one row. This module draws in place of
that what the paper has: RoIAlign cuts patches where the RPN proposes boxes, and, when it is used, the mask head's where
the box head found something. Those lines and the output's name are written by hand, and nothing else is.
"""

from __future__ import annotations

from dataclasses import replace

from ui.arch_place import Line, Spot, Stages
from ui.texts import architectures as text

PROPOSER, BOXES, MASKS = "rpn.head", "roi_heads.box_predictor", "roi_heads.mask_predictor"
HEADS = {"roi_heads.box_head": (PROPOSER, text.PROPOSALS), "roi_heads.mask_head": (BOXES, text.BOXES)}
HEAD = "roi_heads."


def unknown_memory(stages: Stages) -> Stages:
    """Return the stages without the memory of the heads and of the whole, in training.

    Training samples some boxes of each picture; the stand-in has a fixed number, however many pictures there are.
    """
    return {
        key: replace(stage, activation_bytes=None) if key[0].startswith(HEAD) or not key[0] else stage
        for key, stage in stages.items()
    }


def as_in_the_paper(spots: tuple[Spot, ...], lines: tuple[Line, ...]) -> tuple[tuple[Spot, ...], tuple[Line, ...]]:
    """Draw RoIAlign in the place of the pooled maps, where the boxes come from, and boxes with masks as the output."""
    at = {spot.id: n for n, spot in enumerate(spots) if spot.stage is not None}
    (last,) = (line.source for line in lines if line.target == len(spots) - 1)  # where all numbers are laid in one row
    new = list(spots)
    found = [line for line in lines if last not in (line.source, line.target)]
    for head, (source, what) in HEADS.items():
        (align,) = (line.source for line in lines if line.target == at[head])
        new[align] = replace(spots[align], kind="align", column=spots[at[head]].column - 1)
        found.append(Line(at[source], align, (), False, word=what))
    found += [Line(at[name], len(spots) - 1, (), False) for name in (BOXES, MASKS)]
    new[-1] = replace(spots[-1], kind="found", shape=())
    del new[last]

    def number(n: int) -> int:
        return n - (n > last)

    return tuple(new), tuple(replace(line, source=number(line.source), target=number(line.target)) for line in found)


def counted(spots: tuple[Spot, ...]) -> dict[str, int]:
    """Return for how many boxes each of the heads' parts was measured, by stage."""
    return {spot.id: spot.shape[0] for spot in spots if spot.stage is not None and spot.id.startswith(HEAD)}


def note(spots: tuple[Spot, ...]) -> str:
    """Say what of the diagram isn't measured, and for how many boxes the heads are."""
    boxes = counted(spots)
    return text.DETECTOR_NOTE.format(proposals=boxes[BOXES], objects=boxes[MASKS])
