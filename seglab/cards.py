"""Model cards: what a model was trained on, on what terms, how well it does and where it fails.

An embedded model's card is the TOML file beside its weights; the fields are described in `seglab/weights/README.md`.
Scores are fractions in 0..1, taken from one confusion matrix over the whole split.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seglab.download import WeightsError


@dataclass(frozen=True)
class Score:
    """Measured on one split: mean IoU, pixel accuracy (both 0..1), IoU by class name (where known).

    objects: of nuclei, TP/(TP + FP + FN) of those that the watershed splits from it, by IoU threshold ("0.50", …);
        objects_by_picture: the mean of the pictures' own.
    also: other measures by name, as `seglab.evaluate_zoo` has them: boundary_iou, thin_recall, things_iou.
    seeds: by the name of a measure ("mean_iou", or one of `also`), its value of every training that differs in its seed
    alone; the first is the one that ships.
    """

    mean_iou: float
    pixel_accuracy: float
    iou: Mapping[str, float] = field(default_factory=dict)
    objects: Mapping[str, float] = field(default_factory=dict)
    also: Mapping[str, float] = field(default_factory=dict)
    seeds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    objects_by_picture: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        objects = *self.objects.values(), *self.objects_by_picture.values()
        told = (*self.iou.values(), *objects, *self.also.values(), *sum(self.seeds.values(), ()))
        for value in (self.mean_iou, self.pixel_accuracy, *told):
            check_fraction(value)

    def over_seeds(self, measure: str) -> tuple[float, float]:
        """Return a measure's mean over the seeds, and half the range over them: 0 where there was one training.

        >>> score = Score(0.61, 0.9, seeds={"mean_iou": (0.61, 0.63, 0.62)})
        >>> tuple(round(value, 3) for value in score.over_seeds("mean_iou"))
        (0.62, 0.01)
        """
        values = self.each_seed(measure)
        return sum(values) / len(values), (max(values) - min(values)) / 2

    def each_seed(self, measure: str) -> tuple[float, ...]:
        """Return a measure's value of every training; KeyError where it isn't there."""
        alone = self.mean_iou if measure == "mean_iou" else self.also[measure]
        return self.seeds.get(measure, (alone,))

    @property
    def headline(self) -> tuple[str, float]:
        """The one number for a table, and what it is."""
        return "mean IoU", self.mean_iou


@dataclass(frozen=True)
class InstanceScore:
    """Measured on one split: COCO's average precision of boxes (None: not measured) and of masks, 0..1.

    ap50: of masks at an IoU of 0.5. pq: panoptic quality with the semantic model of the same classes. objects,
    objects_by_picture: as in `Score`.
    """

    box_ap: float | None
    mask_ap: float
    ap50: float | None = None
    pq: float | None = None
    objects: Mapping[str, float] = field(default_factory=dict)
    objects_by_picture: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        objects = *self.objects.values(), *self.objects_by_picture.values()
        for value in (self.box_ap, self.mask_ap, self.ap50, self.pq, *objects):
            if value is not None:
                check_fraction(value)

    @property
    def headline(self) -> tuple[str, float]:
        """The one number for a table, and what it is."""
        return "mask AP", self.mask_ap


@dataclass(frozen=True)
class CategoryScore:
    """Measured on one split: the share of pictures whose class is told, 0..1; of each class; and what is told without.

    baselines: the same share, by what needs no network to be told so often.
    """

    accuracy: float
    recall: Mapping[str, float] = field(default_factory=dict)
    baselines: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for value in (self.accuracy, *self.recall.values(), *self.baselines.values()):
            check_fraction(value)

    @property
    def headline(self) -> tuple[str, float]:
        """The one number for a table, and what it is."""
        return "accuracy", self.accuracy


@dataclass(frozen=True)
class Card:
    """What to know about a model before believing it.

    `scores` by split; `hold_out`: mean IoU on a sequence left out of training, by the sequence's name.
    `confidence_p05`: 5th percentile, over the validation pictures, of a picture's mean highest probability; below it
    the model is on unfamiliar ground. None where it wasn't measured.
    """

    key: str
    title: str
    data: str
    licence: str
    recipe: str
    command: str
    trained_on: tuple[str, ...]
    failures: tuple[str, ...]
    scores: Mapping[str, Score | InstanceScore | CategoryScore]
    hold_out: Mapping[str, float]
    confidence_p05: float | None


def load(path: Path) -> Card:
    """Read the card at `path`; WeightsError says which file is missing or which field is wrong."""
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except FileNotFoundError as error:
        raise WeightsError(
            f"There is no card {path.name} in {path.parent}: this model isn't part of this installation yet. "
            "Train it (python -m seglab train), or take the package with its weights."
        ) from error
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WeightsError(f"The card {path.name} can't be read: {error}.") from error
    try:
        return parse(table)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"the field {error} is missing" if isinstance(error, KeyError) else str(error)
        raise WeightsError(f"The card {path.name} is wrong: {what}. weights/README.md describes the fields.") from error


def parse(table: Mapping[str, Any]) -> Card:
    """Turn a card's TOML table into a Card; ValueError, KeyError or TypeError where it isn't one."""
    splits = dict(table.get("scores", {}))
    hold_out = {name: check_fraction(value) for name, value in splits.pop("hold_out", {}).items()}
    p05 = table.get("confidence_p05")
    return Card(
        key=_text(table, "key"),
        title=_text(table, "title"),
        data=_text(table, "data"),
        licence=_text(table, "licence"),
        recipe=_text(table, "recipe"),
        command=_text(table, "command"),
        trained_on=_texts(table, "trained_on"),
        failures=_texts(table, "failures"),
        scores={name: _score(split) for name, split in splits.items()},
        hold_out=hold_out,
        confidence_p05=None if p05 is None else check_fraction(p05),
    )


def _score(split: Mapping[str, Any]) -> Score | InstanceScore | CategoryScore:
    if "accuracy" in split:
        return CategoryScore(split["accuracy"], dict(split.get("recall", {})), dict(split.get("baselines", {})))
    objects, each = (dict(split.get(name, {})) for name in ("objects", "objects_by_picture"))
    if "mask_ap" in split:
        return InstanceScore(split.get("box_ap"), split["mask_ap"], split.get("ap50"), split.get("pq"), objects, each)
    seeds = {name: tuple(values) for name, values in split.get("seeds", {}).items()}
    iou, also = dict(split.get("iou", {})), dict(split.get("also", {}))
    return Score(split["mean_iou"], split["pixel_accuracy"], iou, objects, also, seeds, each)


def _text(table: Mapping[str, Any], name: str) -> str:
    if not isinstance(table[name], str):
        raise ValueError(f"{name} must be a text, got {table[name]!r}")
    return table[name].strip()


def _texts(table: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a list of texts as a tuple; one text alone counts as a list of one."""
    value = [table[name]] if isinstance(table[name], str) else table[name]
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ValueError(f"{name} must be a list of texts, got {value!r}")
    return tuple(text.strip() for text in value)


def check_fraction(value: float) -> float:
    """Return `value` if it is a number in 0..1 (or NaN: the class didn't occur); ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value > 1:
        raise ValueError(f"scores are fractions between 0 and 1, got {value!r}")
    return float(value)
