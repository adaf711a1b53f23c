"""What the viewer can lay over a picture: classes, numbers, numbered segments; and what the browser is told of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seglab.types import Labels, Palette, check_labels
from ui.viewer import encode

Lights = Mapping[str, tuple[int, ...]]  # a layer's name → ids (or class indices) to light in it
MAX_ID = 65535


@dataclass(frozen=True, eq=False)
class LabelLayer:
    """A class per pixel: labels uint8 (H, W), their palette, a name; `unsure` names the palette's ignore index.

    `lights`, by class index: what else lights up in linked viewers and tables while the pointer is on that class. A
    class that isn't in it lights nothing, one with an empty mapping only itself.
    """

    labels: Labels
    palette: Palette
    name: str = "Labels"
    unsure: str = "unsure"
    lights: Mapping[int, Lights] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_labels(self.labels, self.palette)


@dataclass(frozen=True, eq=False)
class HeatLayer:
    """A number per pixel: values (H, W), NaN = nothing there; shown from `vmin` to `vmax` (default: their own range).

    `diverging` takes the two-sided colour map, for signed values; give it a range around zero.
    """

    values: NDArray[Any]
    name: str = "Values"
    vmin: float | None = None
    vmax: float | None = None
    unit: str = ""
    diverging: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.values, np.ndarray) or self.values.ndim != 2 or self.values.size == 0:
            got = self.values.shape if isinstance(self.values, np.ndarray) else type(self.values).__name__
            raise ValueError(f"A heat layer needs an array (H, W); got {got}. Pick one channel first.")
        if self.vmin is not None and self.vmax is not None and not self.vmin < self.vmax:
            raise ValueError(f"A heat layer needs vmin < vmax; got {self.vmin} and {self.vmax}.")

    def range(self) -> tuple[float, float]:
        """Return vmin and vmax, where not given from the finite values, and never equal."""
        finite = self.values[np.isfinite(self.values)]
        low = float(self.vmin) if self.vmin is not None else float(finite.min()) if finite.size else 0.0
        high = float(self.vmax) if self.vmax is not None else float(finite.max()) if finite.size else 1.0
        return low, high if high > low else low + 1.0


@dataclass(frozen=True)
class Entry:
    """A segment of an `IdLayer`: its id, what the read-out says of it, its colour, and the class it is listed under.

    `lights`: what else lights up in linked viewers and tables while the pointer is on it (itself always does).
    """

    id: int
    name: str
    color: tuple[int, int, int]
    group: str
    lights: Lights = field(default_factory=dict, hash=False)


@dataclass(frozen=True, eq=False)
class IdLayer:
    """Segments by number: ids, any integer type, (H, W), 0 = nothing there, up to 65535; `entries` say what they are.

    `nothing` is what the read-out says where there is none. Where `hatched`, bool (H, W), is true, diagonal lines go
    over the colours (say, where objects overlap); `hatched_name` is what that means.
    """

    ids: NDArray[Any]
    entries: tuple[Entry, ...]
    name: str = "Segments"
    nothing: str = "nothing"
    hatched: NDArray[np.bool_] | None = None
    hatched_name: str = "overlap"

    def __post_init__(self) -> None:
        ids = self.ids
        if not isinstance(ids, np.ndarray) or ids.dtype.kind not in "iu" or ids.ndim != 2 or ids.size == 0:
            got = f"{ids.dtype} {ids.shape}" if isinstance(ids, np.ndarray) else type(ids).__name__
            raise ValueError(f"Ids must be an array of whole numbers (H, W); got {got}.")
        low, high = int(ids.min()), int(ids.max())
        if low < 0 or high > MAX_ID:
            raise ValueError(f"Ids must be 0 (nothing there) to {MAX_ID}; got {low} to {high}. Number them anew.")
        listed = [entry.id for entry in self.entries]
        if wrong := [k for k in listed if not 0 < k <= MAX_ID]:
            raise ValueError(f"Entries need ids from 1 to {MAX_ID}; got {wrong[0]}.")
        known = np.zeros(MAX_ID + 1, bool)
        known[[0, *listed]] = True
        if known.sum() <= len(listed):
            twice = next(k for k in listed if listed.count(k) > 1)
            raise ValueError(f"Each id needs one entry; {twice} has {listed.count(twice)}.")
        if not known[: high + 1].all():  # else a look at each pixel is spared
            there = known[ids]
            if not there.all():
                raise ValueError(f"Ids hold {int(ids[~there].min())}, which has no entry; add one or set it to 0.")
        if self.hatched is not None and (self.hatched.dtype != bool or self.hatched.shape != ids.shape):
            got = f"{self.hatched.dtype} {self.hatched.shape}"
            raise ValueError(f"`hatched` must be a bool array of the ids' shape {ids.shape}; got {got}.")

    @cached_property
    def packed(self) -> dict[str, Any]:
        """What `encode.ids` makes of it; hashed once."""
        return encode.ids(self.ids, self.hatched)


Layer = LabelLayer | HeatLayer | IdLayer


def shape(layer: Layer) -> tuple[int, int]:
    """Return the layer's height and width."""
    match layer:
        case LabelLayer():
            array: NDArray[Any] = layer.labels
        case IdLayer():
            array = layer.ids
        case _:
            array = layer.values
    return array.shape[0], array.shape[1]


def plain(lights: Lights) -> dict[str, list[int]]:
    """Return `lights` as JSON takes it.

    >>> plain({"Objects": (np.int64(3), 4)})
    {'Objects': [3, 4]}
    """
    return {name: [int(k) for k in ids] for name, ids in lights.items()}


def spec(layer: Layer) -> dict[str, Any]:
    """Return what the browser needs of a layer; "id" changes when anything in its pixels or their meaning does.

    An `IdLayer`'s pixels aren't in it: `encode.ids` makes them a file, which `viewer` sends apart.
    """
    if isinstance(layer, IdLayer):
        return _id_spec(layer)
    if isinstance(layer, LabelLayer):
        base = encode.labels(layer.labels)
        colors = [list(rgb) for rgb in layer.palette.colors]
        look = {"kind": "labels", "name": layer.name, "names": list(layer.palette.names), "colors": colors,
                "ignore": layer.palette.ignore_index, "unsure": layer.unsure,
                "lights": {str(int(k)): plain(lights) for k, lights in layer.lights.items()}}  # fmt: skip
        return {**base, **look, "id": f"{base['id']}-{encode.digest(np.zeros(0), layer.palette, layer.unsure)}"}
    low, high = layer.range()
    base = encode.heat(layer.values, low, high)
    look = {"kind": "heat", "name": layer.name, "vmin": low, "vmax": high, "unit": layer.unit,
            "lut": encode.color_table(layer.diverging)}  # fmt: skip
    return {**base, **look, "id": f"{base['id']}-{layer.diverging}-{layer.unit}"}


def _id_spec(layer: IdLayer) -> dict[str, Any]:
    base = {name: value for name, value in layer.packed.items() if name != "file"}
    areas = base.pop("areas")
    groups = list(dict.fromkeys(entry.group for entry in layer.entries))
    entries = [
        [int(entry.id), entry.name, [int(c) for c in entry.color], groups.index(entry.group), areas.get(entry.id, 0)]
        for entry in layer.entries
    ]
    lights = {str(int(entry.id)): plain(entry.lights) for entry in layer.entries if entry.lights}
    look = {"kind": "ids", "name": layer.name, "groups": groups, "entries": entries, "nothing": layer.nothing,
            "hatched_name": layer.hatched_name, "hatched_area": areas.get(-1, 0), "lights": lights}  # fmt: skip
    return {**base, **look}
