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
class Sample:
    """One picture with its truth: image (H, W, 3) uint8, labels (H, W) uint8, the file's key and its sequence."""

    image: Image
    labels: Labels
    palette: Palette
    key: str
    sequence: str = ""

    def __post_init__(self) -> None:
        check_image(self.image)
        check_labels(self.labels, self.palette)
        if self.image.shape[:2] != self.labels.shape:
            raise ValueError(
                f"{self.key}: image is {self.image.shape[:2]} and labels are {self.labels.shape} (height, width); "
                f"they must be of one size."
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
    wrong = (labels >= len(palette)) & (labels != palette.ignore_index)  # 0.3 ms at 1080p; a bincount takes 5
    if wrong.any():
        raise ValueError(
            f"Labels hold the value {int(labels[wrong].min())}, but {palette.title} has classes 0 to "
            f"{len(palette) - 1} and {palette.ignore_index} for 'no answer'."
        )
