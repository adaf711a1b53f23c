"""The two masks of the page "Losses & metrics": what is true, what is predicted, and how they come about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seglab.types import Image, Labels, Palette
from ui import cache
from ui.losses_state import unpack
from ui.texts import losses as text
from ui.viewer import apply_strokes

Probs = NDArray[np.float32]
LEVELS = 10  # steps of the probability brush
SHIPS = ((2, 2), (2, 3), (2, 4), (7, 6), (7, 7))  # the lecture's hundred pixels, of which five are ships
SCENE = (128, 128)
UPLOADS = "losses.uploads"  # in the session: {"truth": array (H, W), "guess": array}
MOST = 2000  # pixels a side of an own mask

# True negatives stay grey: they are most of the picture, and nobody asks about them.
OUTCOMES = Palette(
    "Outcomes", text.OUTCOMES, ((225, 225, 225), (0, 158, 115), (230, 159, 0), (0, 114, 178)), things=(1,)
)
MASK = Palette("Mask", (text.BACKGROUND, text.FOREGROUND), ((240, 240, 240), (0, 114, 178)), things=(1,))


def levels() -> Palette:
    """Return the probabilities 0 %, 10 %, … as classes to paint with."""
    from seglab import draw

    colors = draw.heat_colors()[np.linspace(0, 254, LEVELS + 1).astype(int)]
    names = tuple(text.LEVEL.format(percent=100 * k // LEVELS) for k in range(LEVELS + 1))
    return Palette("Probability", names, tuple((int(r), int(g), int(b)) for r, g, b in colors), things=(LEVELS,))


@dataclass(frozen=True, eq=False)
class Pair:
    """Truth uint8 (H, W): 0, 1, or 255 where nothing is counted; probabilities float32 (H, W); the threshold."""

    truth: Labels
    probs: Probs
    cut: float

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.truth.shape[0], self.truth.shape[1]

    @property
    def predicted(self) -> NDArray[np.bool_]:
        """Where the prediction says object."""
        return self.probs >= self.cut

    @cached_property
    def key(self) -> str:
        """Names the content."""
        return cache.image_hash(np.dstack([self.truth, self.probs.view(np.uint8).reshape(*self.size, 4)]))

    @cached_property
    def matrix(self) -> NDArray[np.int64]:
        """The confusion matrix (2, 2): rows are the truth."""
        from seglab.metrics.confusion import confusion_matrix

        return confusion_matrix(self.truth, self.predicted.astype(np.uint8), 2)[:, :2]

    def outcomes(self) -> Labels:
        """TN, TP, FP, FN as 0 to 3, 255 where nothing is counted."""
        on, hit = self.truth == 1, self.predicted
        found = np.where(on, np.where(hit, 1, 3), np.where(hit, 2, 0)).astype(np.uint8)
        found[self.truth == 255] = 255
        return found


def truth_base(now: Mapping[Any, Any], uploads: Mapping[str, NDArray[Any]]) -> Labels:
    """Return the truth before anybody paints on it, uint8 (H, W)."""
    kind = now["truth"]
    if kind == "upload" and "truth" in uploads:
        return (uploads["truth"] >= 0.5).astype(np.uint8)
    if kind == "photo":
        return (given(uploads) >= 0.5).astype(np.uint8)
    if kind == "scene":
        return _scene(now)[0]
    if kind == "ships":
        mask = np.zeros((10, 10), np.uint8)
        mask[tuple(zip(*SHIPS, strict=True))] = 1
        return mask
    return draw(kind, now["side"], now["extent"])


def draw(kind: str, side: int, extent: float) -> Labels:
    """Draw a shape, `extent` of the side long: "disc", "discs" (a large and a small one), "thin", "pixel", "full".

    >>> int(draw("pixel", 16, 0.5).sum()), int(draw("full", 16, 0.5).sum()), int(draw("empty", 16, 0.5).sum())
    (1, 256, 0)
    """
    y, x = np.mgrid[:side, :side] + 0.5
    half, radius = side / 2, max(0.5, extent * side / 2)
    mask = np.zeros((side, side), np.uint8)
    if kind == "full":
        mask[:] = 1
    elif kind == "pixel":
        mask[side // 2, side // 2] = 1
    elif kind == "thin":  # a stem with two branches, a pixel wide
        top, bottom = int(half - radius), int(half + radius)
        mask[top:bottom, side // 2] = 1
        for start, way in ((top + (bottom - top) // 3, 1), (top + 2 * (bottom - top) // 3, -1)):
            for step in range(max(1, (bottom - top) // 3)):
                row, column = start - step, side // 2 + way * step
                if 0 <= row < side and 0 <= column < side:
                    mask[row, column] = 1
    elif kind in ("disc", "discs"):
        middle = half if kind == "disc" else 0.38 * side
        mask[np.hypot(y - middle, x - middle) <= radius] = 1
        if kind == "discs":
            mask[np.hypot(y - 0.82 * side, x - 0.82 * side) <= max(0.5, radius / 6)] = 1
    return mask


def guess_base(now: Mapping[Any, Any], truth: Labels, uploads: Mapping[str, NDArray[Any]]) -> Probs:
    """Return the prediction before anything is done to it, float32 (H, W) in 0..1, of the truth's size.

    Nothing, where an own one is missing or of another size.
    """
    kind = now["guess"]
    if kind == "upload" and "guess" in uploads and uploads["guess"].shape == truth.shape:
        return uploads["guess"].astype(np.float32)
    if kind == "model" and now["truth"] == "scene":
        return _scene(now)[1]
    if kind == "model" and now["truth"] == "photo":
        return given(uploads)
    if kind == "truth":
        return (truth == 1).astype(np.float32)
    return np.full(truth.shape, float(kind == "full"), np.float32)


def given(uploads: Mapping[str, NDArray[Any]]) -> Probs:
    """Return what the network says of the picture in use, float32 (H, W); nothing, as long as it hasn't been asked."""
    return uploads.get("photo", np.zeros(SCENE, np.float32))


def picture(now: Mapping[Any, Any], uploads: Mapping[str, NDArray[Any]]) -> Image | None:
    """Return the picture (H, W, 3) that the masks are of, if they are of one."""
    return _scene(now)[2] if now["truth"] == "scene" else uploads.get("image") if now["truth"] == "photo" else None


def pair(now: Mapping[Any, Any], uploads: Mapping[str, NDArray[Any]]) -> Pair:
    """Return both masks as the session wants them: drawn, changed, painted on."""
    truth, guess = unpainted(now, truth_base(now, uploads), uploads)
    return Pair(truth, painted(guess, now["inkp"]), now["cut"])


def unpainted(now: Mapping[Any, Any], base: Labels, uploads: Mapping[str, NDArray[Any]]) -> tuple[Labels, Probs]:
    """Return the truth with its paint, and the changed prediction without; `base` is what `truth_base` gave."""
    truth = apply_strokes(base, unpack(now["inkt"]))
    return truth, changed(guess_base(now, truth, uploads), now)


def changed(probs: Probs, now: Mapping[Any, Any]) -> Probs:
    """Return the prediction moved, grown, punched, salted, blurred and made more or less sure, in this order."""
    from seglab import perturb

    probs = perturb.shift(probs, now["down"], now["right"])
    probs = perturb.dilate(probs, now["grow"]) if now["grow"] > 0 else perturb.erode(probs, -now["grow"])
    probs = perturb.holes(probs, now["punched"], max(1.0, probs.shape[0] / 32))
    probs = perturb.salt_and_pepper(probs, now["salt"])
    return perturb.confidence(perturb.blur(probs, now["soften"]), now["sure"])


def painted(probs: Probs, ink: str) -> Probs:
    """Return the probabilities with the brush's strokes over them."""
    nothing = np.full(probs.shape, 255, np.uint8)
    level = apply_strokes(nothing, unpack(ink))
    return np.where(level <= LEVELS, level / np.float32(LEVELS), probs).astype(np.float32)


def shown(probs: Probs) -> Labels:
    """Return the probabilities in steps, as the viewer shows them."""
    return np.rint(probs * LEVELS).astype(np.uint8)


def _scene(now: Mapping[Any, Any]) -> tuple[Labels, Probs, Image]:
    """Draw a street: where the class is, where the model `scenes` thinks it is (if it is here; else nowhere), it."""
    from seglab import zoo
    from seglab.datasets import scenes
    from seglab.palettes import SCENES

    k = SCENES.index(now["thing"])

    def make() -> tuple[Labels, Probs, Image]:
        sample = scenes.render(now["pair"], 0, None, SCENE).sample
        truth = (sample.labels == k).astype(np.uint8)
        if "scenes" not in zoo.offered():
            return truth, np.zeros(SCENE, np.float32), sample.image
        from seglab import inference, maps, runtime

        result = inference.segment(sample.image, runtime.model("scenes"))
        return truth, maps.probability(result.logits, SCENE, k), sample.image

    return cache.kept(cache.MAPS, ("losses", "scene", now["pair"], k), make)
