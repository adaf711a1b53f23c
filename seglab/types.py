"""The few types that every module speaks: a palette, a sample with its truth, and the results.

Conventions: pictures are RGB uint8 (H, W, 3); labels are uint8 (H, W) with `ignore_index` where there is
no answer ("unlabelled" in a truth, "unsure" in a result). Arrays handed in are kept, never changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (H, W, 3), RGB
Labels = NDArray[np.uint8]  # (H, W), class indices, 255 = unlabelled or unsure
Ids = NDArray[np.uint16]  # (H, W), 1, 2, ... per thing, 0 = none
Logits = NDArray[np.float16]  # (K, h, w), at network resolution


@dataclass(frozen=True)
class Palette:
    """Names and colours of a model's or data set's classes; hashable, so that it can be part of a cache key.

    `names[k]` and `colors[k]` (RGB, 0..255) belong to class k; `things` are the countable classes (car, person),
    the others are stuff (sky, road); `background` is the class that means "none of the others", if there is one.
    `title` names the set of classes: results with unequal palettes can't be compared.

    >>> Palette("demo", ("sky", "car"), ((86, 180, 233), (213, 94, 0)), things=(1,)).index("car")
    1
    """

    title: str
    names: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    things: tuple[int, ...] = ()
    background: int | None = None
    ignore_index: int = 255

    def __post_init__(self) -> None:
        if len(self.names) != len(self.colors) or not 1 <= len(self.names) <= 255:
            raise ValueError(
                f"A palette needs as many colours as names, 1 to 255 of them; "
                f"got {len(self.names)} names and {len(self.colors)} colours."
            )
        if len(set(self.names)) != len(self.names):
            raise ValueError("Two classes of one palette have the same name; make the names unique.")
        if any(len(color) != 3 or not all(0 <= value <= 255 for value in color) for color in self.colors):
            raise ValueError(f"Colours are (R, G, B), each 0 to 255; got {self.colors}.")
        marked = (*self.things, *(() if self.background is None else (self.background,)))
        if not all(isinstance(k, int) and 0 <= k < len(self.names) for k in marked):
            raise ValueError(f"things and background are class indices, 0 to {len(self.names) - 1}; got {marked}.")

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name: str) -> int:
        """Return the class index of `name`; ValueError names the classes there are."""
        if name not in self.names:
            raise ValueError(f"No class {name!r} in {self.title}; its classes are {', '.join(self.names)}.")
        return self.names.index(name)

    def lut(self) -> NDArray[np.uint8]:
        """Return the colours as a look-up table (256, 3); indices without a class are white."""
        table = np.full((256, 3), 255, np.uint8)
        table[: len(self.colors)] = self.colors
        return table


@dataclass(frozen=True)
class Categories(Palette):
    """The classes of a network that gives one for a whole picture: any number of them, without colours.

    >>> len(Categories("demo", tuple(str(n) for n in range(1000))))
    1000
    """

    colors: tuple[tuple[int, int, int], ...] = ()

    def __post_init__(self) -> None:
        if not self.names:
            raise ValueError("Categories need at least one name.")


@dataclass(frozen=True)
class Sample:
    """One picture with its truth: image (H, W, 3) uint8, labels (H, W) uint8, the file's key and its sequence.

    `ids` (H, W) uint16 numbers the things from 1 in any order, 0 where there is none; None where only classes are
    known. All pixels of one thing have one class.
    """

    image: Image
    labels: Labels
    palette: Palette
    key: str
    sequence: str = ""
    ids: Ids | None = None

    def __post_init__(self) -> None:
        check_image(self.image)
        check_labels(self.labels, self.palette)
        if self.image.shape[:2] != self.labels.shape:
            raise ValueError(
                f"{self.key}: image is {self.image.shape[:2]} and labels are {self.labels.shape} (height, width); "
                f"they must be of one size."
            )
        if self.ids is not None and (self.ids.dtype != np.uint16 or self.ids.shape != self.labels.shape):
            raise ValueError(
                f"{self.key}: instance ids must be uint16 {self.labels.shape}; got {self.ids.dtype} {self.ids.shape}."
            )


@dataclass(frozen=True)
class SemanticResult:
    """A class per pixel: labels (H, W) uint8 at the picture's size, 255 = unsure; logits (K, h, w) as the network gave.

    Everything that depends on the logits alone (temperature, threshold, entropy, ...) is computed from here by
    `seglab.maps`, without the network.
    """

    labels: Labels
    logits: Logits
    palette: Palette

    def __post_init__(self) -> None:
        check_labels(self.labels, self.palette)
        if self.logits.ndim != 3 or self.logits.shape[0] != len(self.palette):
            raise ValueError(
                f"logits must be ({len(self.palette)}, h, w) for {self.palette.title}; got {self.logits.shape}."
            )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture in pixels."""
        return self.labels.shape[0], self.labels.shape[1]


@dataclass(frozen=True)
class Crop:
    """An object's mask, cut out at its box and packed to a bit per pixel: 300 of them on a large photo stay small.

    `top` and `left` are the place of its first pixel in the picture, `height` and `width` its extent; `bits` are the
    rows, each padded to whole bytes, as `np.packbits(mask, axis=1)` gives them.

    >>> Crop.of(np.eye(2, dtype=bool), top=3, left=4).mask().tolist()
    [[True, False], [False, True]]
    """

    top: int
    left: int
    height: int
    width: int
    bits: NDArray[np.uint8]

    @classmethod
    def of(cls, mask: NDArray[np.bool_], top: int, left: int) -> Crop:
        """Pack a mask (h, w) whose first pixel lies at (top, left)."""
        return cls(top, left, mask.shape[0], mask.shape[1], np.packbits(mask, axis=1))

    def mask(self) -> NDArray[np.bool_]:
        """Return the mask (height, width)."""
        return np.unpackbits(self.bits, axis=1, count=self.width).view(bool)

    @property
    def place(self) -> tuple[slice, slice]:
        """Where it lies in the picture: `picture[crop.place]` has the mask's shape."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


@dataclass(frozen=True)
class InstanceResult:
    """Objects one by one, best score first: they may overlap, and pixels may belong to none.

    boxes (N, 4) float32, x0 y0 x1 y1 in pixels; classes (N,) indices into the palette; scores (N,) float32, 0..1;
    crops: N masks; size: the picture's height and width. Whole masks are pasted on demand.
    """

    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    scores: NDArray[np.float32]
    crops: tuple[Crop, ...]
    size: tuple[int, int]
    palette: Palette

    def __post_init__(self) -> None:
        n, (h, w) = len(self.crops), self.size
        if self.boxes.shape != (n, 4) or self.classes.shape != (n,) or self.scores.shape != (n,):
            raise ValueError(
                f"{n} masks need boxes ({n}, 4), classes ({n},) and scores ({n},); "
                f"got {self.boxes.shape}, {self.classes.shape} and {self.scores.shape}."
            )
        if n and not (self.classes.min() >= 0 and self.classes.max() < len(self.palette)):
            raise ValueError(f"Classes of objects must be 0 to {len(self.palette) - 1}; got {self.classes.tolist()}.")
        if any(c.top < 0 or c.left < 0 or c.top + c.height > h or c.left + c.width > w for c in self.crops):
            raise ValueError(f"A mask reaches past the edge of the picture ({h}×{w}, height × width).")

    def __len__(self) -> int:
        return len(self.crops)

    def mask(self, i: int) -> NDArray[np.bool_]:
        """Return object i's mask (H, W)."""
        whole = np.zeros(self.size, bool)
        whole[self.crops[i].place] = self.crops[i].mask()
        return whole

    def ids(self) -> NDArray[np.uint16]:
        """Return a map (H, W) of 1 + the object's index, 0 where there is none; the better score lies on top."""
        whole = np.zeros(self.size, np.uint16)
        for i in reversed(range(len(self))):
            whole[self.crops[i].place][self.crops[i].mask()] = i + 1
        return whole


@dataclass(frozen=True)
class Segment:
    """One piece of a panoptic map: its id in `segment_ids`, class, thing or stuff, pixels, and score (stuff: 1)."""

    id: int
    label: int
    thing: bool
    area: int
    score: float = 1.0


@dataclass(frozen=True)
class Step:
    """What the fusion did with one candidate, and why: `seglab.panoptic.fuse` records one for each.

    what: "kept", "cut" (kept, but part of it went to others) or "dropped"; reason: a sentence; index: the object's
    index in the instances, or −1 for stuff; segment: the id it got, 0 if dropped; pixels: of the candidate; won:
    those it got; lost_to: (segment id, pixels) of those before it.
    """

    what: str
    reason: str
    label: int
    index: int
    segment: int
    pixels: int
    won: int
    lost_to: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class PanopticResult:
    """One answer per pixel: segment_ids (H, W) int32, 0 = void, and what each segment is; steps: how it came about."""

    segment_ids: NDArray[np.int32]
    segments: tuple[Segment, ...]
    palette: Palette
    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        if self.segment_ids.ndim != 2 or self.segment_ids.dtype != np.int32:
            raise ValueError(
                f"segment_ids must be int32 (H, W); got {self.segment_ids.dtype} {self.segment_ids.shape}."
            )
        known = {segment.id for segment in self.segments}
        if len(known) != len(self.segments) or 0 in known:
            raise ValueError("Segments need ids of their own, and 0 means void.")
        if any(not 0 <= segment.label < len(self.palette) for segment in self.segments):
            raise ValueError(f"Classes of segments must be 0 to {len(self.palette) - 1}.")
        found = {int(i) for i in np.unique(self.segment_ids)} - {0}
        if found != known:
            raise ValueError(f"The map holds the segments {sorted(found)}, the list {sorted(known)}; they must agree.")


def check_image(image: Image) -> None:
    """Raise ValueError unless `image` is RGB uint8 (H, W, 3) with H, W ≥ 1."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"An image must be a uint8 array (H, W, 3) in RGB; got {got}. Use seglab.images.decode.")
    if image.shape[0] == 0 or image.shape[1] == 0:
        raise ValueError("The image has no pixels.")


def check_labels(labels: Labels, palette: Palette) -> None:
    """Raise ValueError unless `labels` is uint8 (H, W) with values below len(palette) or equal to its ignore index."""
    if not isinstance(labels, np.ndarray) or labels.dtype != np.uint8 or labels.ndim != 2:
        got = f"{labels.dtype} {labels.shape}" if isinstance(labels, np.ndarray) else type(labels).__name__
        raise ValueError(f"Labels must be a uint8 array (H, W); got {got}.")
    if labels.size and labels.max() < len(palette):  # the usual case, without a temporary array
        return
    wrong = (labels >= len(palette)) & (labels != palette.ignore_index)  # 0.3 ms at 1080p; a bincount takes 5
    if wrong.any():
        raise ValueError(
            f"Labels hold the value {int(labels[wrong].min())}, but {palette.title} has classes 0 to "
            f"{len(palette) - 1} and {palette.ignore_index} for 'no answer'."
        )
