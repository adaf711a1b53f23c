"""Data sets, all as `seglab.types.Sample`, and `load`, which knows which one belongs to a model's classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from seglab.types import Palette, Sample

TRAINING_SEED, CHECK_SEED = 1, 2  # of Scenes
TRAINING_SCENES, CHECK_SCENES = 150_000, 200
SPECK = 16  # pixels: smaller components of CamVid's labels are no objects


def load(
    palette: Palette,
    root: str | Path | None,
    split: str,
    *,
    objects: bool = False,
    hold_out: str | None = None,
    limit: int | None = None,
) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """Return the samples of a split of the data set with these classes, and those of the sequence held out.

    Args:
        palette: CamVid's, that of Scenes or of their things, or that of the nuclei.
        root: the data set's folder or its parent; None for Scenes, which are drawn.
        split: "train", "val" (not of the nuclei) or "test" (not of CamVid); of CamVid and the nuclei joined by "+" too.
        objects: give CamVid's samples instance ids: the connected components of its cars, pedestrians and bicyclists.
            **An approximation**: see `watershed.components_of`. The others have true ids.
        hold_out: CamVid: leave this sequence out.
        limit: nuclei: at most so many pictures.

    Raises:
        ValueError: no such data, split or sequence, or an argument that this data set doesn't know.

    >>> samples, _ = load(__import__("seglab.palettes", fromlist=["SCENES"]).SCENES, None, "test")
    >>> len(samples), samples[0].key
    (500, 'scenes-20250500-0')
    """
    drawn = palette.title in ("Scenes", "Things of Scenes")
    if not drawn and palette.title not in ("CamVid", "Nuclei"):
        raise ValueError(f"SegLab knows no data set labelled with the classes of {palette.title}.")
    if hold_out is not None and palette.title != "CamVid":
        raise ValueError(f"Only CamVid has sequences to leave out; the classes are those of {palette.title}.")
    if root is None and not drawn:
        raise ValueError(f"The data of {palette.title} are needed: say where their folder is.")
    if drawn:
        if root is not None:
            raise ValueError("Scenes are drawn, not read: leave the folder out.")
        return _scenes(split, crops=palette.title != "Scenes"), ()
    assert root is not None
    if palette.title == "Nuclei":
        from seglab.datasets import nuclei

        return nuclei.load(root, split, limit=limit), ()
    from seglab.datasets import camvid

    samples, held_out = camvid.load(root, split, hold_out=hold_out)
    return (_with_ids(samples), _with_ids(held_out)) if objects else (samples, held_out)


def _scenes(split: str, crops: bool) -> Sequence[Sample]:
    """Return whole scenes; where crops of them are asked about, in more detail."""
    from seglab.datasets import scenes
    from seglab.datasets.crops import SIZE

    size = SIZE if crops else scenes.SIZE

    if split not in ("train", "val", "test"):
        raise ValueError(f"There is no split {split!r} of Scenes; there are train, val, test.")
    if split == "test":
        return replace(scenes.test_set(), size=size)
    seed, n = (TRAINING_SEED, TRAINING_SCENES) if split == "train" else (CHECK_SEED, CHECK_SCENES)
    return scenes.training(seed, n, size=size)


def _with_ids(samples: Sequence[Sample]) -> list[Sample]:
    from seglab.watershed import components_of

    return [replace(s, ids=components_of(s.labels, s.palette, SPECK)) for s in samples]
