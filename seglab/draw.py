"""Results as pictures: colours over a photo, outlines, heat maps, and a new or changed background behind a soft edge.

Conventions: pictures are RGB uint8 (H, W, 3), labels uint8 (H, W) with 255 = unsure, alpha float (H, W) in 0..1 where
1 is the object that is kept (see `soft_alpha`). Nothing here changes what it is given or needs torch. The pixel loops
are Pillow's, which blends a 1920×1080 picture in some 5 ms where NumPy takes 25.

Soft edges. In a pixel of the edge the photo shows α·F + (1−α)·B, the object's colour mixed with the *old* background.
Laid over a new background as it is, that old colour stays visible as a fringe (colour spill). So the edge's F is
estimated first: F = F̂ + α(I − αF̂ − (1−α)B̂), where F̂ and B̂ are the colours of the nearest sure object and sure
background (Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021, eq. 4–6; F̂ and B̂ are spread over the
picture by pull-push, Gortler et al., "The Lumigraph", SIGGRAPH 1996, instead of by blurs).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageFilter, ImageOps

from seglab.types import Image, Labels, Palette, check_image, check_labels

Alpha = NDArray[np.floating]  # (H, W), 0..1
Mask = NDArray[np.bool_]  # (H, W)

# Ten equal steps of viridis (Smith and van der Walt, matplotlib 1.5; CC0): lightness rises evenly, safe for
# colour-blind eyes. Colours between them are interpolated.
VIRIDIS = ("440154", "482878", "3e4989", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "b5de2b", "fde725")
NO_VALUE = (200, 200, 200)  # heat of NaN
PAIRS = 2**15  # of pixels that `overlay` does at a time
BAND = 2**18  # pixels that are looked up at a time
SURE = 0.95  # alpha above it (below 1 − it) is taken as the object's (the background's) own colour


def colorize(labels: Labels, palette: Palette) -> Image:
    """Paint each class in its colour, unsure pixels white: (H, W, 3) uint8. ValueError for labels the palette lacks."""
    check_labels(labels, palette)
    return _paint(labels, palette.lut())


def overlay(image: Image, labels: Labels, palette: Palette, opacity: float = 0.5) -> Image:
    """Blend the classes' colours over the photo: (1 − opacity)·image + opacity·colour, rounded; (H, W, 3) uint8.

    `opacity` is 0..1 (taken in steps of 1/255). Unsure pixels show the photo. ValueError for unequal sizes.
    """
    check_image(image)
    check_labels(labels, palette)
    _same_size(image, labels, "labels")
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity is a share from 0 to 1; got {opacity}.")
    opaque = round(255 * opacity)
    share = np.full(256, opaque, np.uint16)
    share[palette.ignore_index] = 0
    added = palette.lut() * share[:, None] + np.uint16(127)  # (256, 3); 127 rounds the division below
    known = [*range(len(palette)), palette.ignore_index]
    colors = _pairs(added, known)
    unsure = labels.max() >= palette.ignore_index  # comparing them all would take memory
    kept = _pairs(np.repeat(255 - share[:, None], 3, 1), known) if unsure else None
    whole, classes = np.ascontiguousarray(image).reshape(-1), np.ascontiguousarray(labels).reshape(-1)
    result = np.empty_like(whole)
    even = labels.size // 2 * 2
    pairs = classes[:even].view("<u2")
    photo, out = (pixels[: 3 * even].reshape(-1, 6) for pixels in (whole, result))
    # Some pixels at a time: whole pictures in between would be memory fresh from the system, which takes longer to get
    # than to fill.
    for start in range(0, len(pairs), PAIRS):
        some = slice(start, start + PAIRS)
        weight = np.uint16(255 - opaque) if kept is None else kept.take(pairs[some], axis=0, mode="clip")
        mixed = np.multiply(photo[some], weight, dtype=np.uint16)
        mixed += colors.take(pairs[some], axis=0, mode="clip")
        mixed //= 255
        out[some] = mixed
    if even < labels.size:  # the last pixel of an odd number has no neighbour
        last = classes[-1]
        result[-3:] = (whole[-3:] * (255 - share[last]) + added[last]) // 255
    return result.reshape(image.shape)


def outlines(labels: NDArray[np.integer]) -> Mask:
    """Mark borders by lines one pixel wide: True where the right or the lower neighbour has another label; (H, W).

    >>> outlines(np.array([[1, 1, 2], [1, 1, 2]], np.uint8)).astype(int).tolist()
    [[0, 1, 0], [0, 1, 0]]
    """
    lines = np.zeros(labels.shape, bool)
    lines[:, :-1] = labels[:, :-1] != labels[:, 1:]
    lines[:-1] |= labels[:-1] != labels[1:]
    return lines


def heat(values: NDArray[np.floating], *, vmin: float, vmax: float) -> Image:
    """Show a map of numbers by the one sequential colour map: dark blue = vmin, yellow = vmax; (H, W, 3) uint8.

    Values beyond the ends take the end's colour, NaN is grey. Give pictures that are compared one vmin and vmax.
    """
    if values.ndim != 2:
        raise ValueError(f"A heat map is made of a (H, W) array; got {values.shape}.")
    if not (np.isfinite(vmin) and np.isfinite(vmax) and vmin < vmax):
        raise ValueError(f"vmin must be below vmax, both finite; got {vmin} and {vmax}.")
    steps = np.clip((np.asarray(values, np.float32) - np.float32(vmin)) * np.float32(254 / (vmax - vmin)), 0, 254)
    missing = np.isnan(steps)
    index = (np.where(missing, np.float32(255), steps) + np.float32(0.5)).astype(np.uint8)
    return _paint(index, heat_colors())


def heat_colors() -> NDArray[np.uint8]:
    """Return the colours of `heat` as a table (256, 3): 0..254 from vmin to vmax, 255 for "no value" (for legends)."""
    anchors = np.array([list(bytes.fromhex(color)) for color in VIRIDIS], float)
    at, table = np.linspace(0, len(anchors) - 1, 255), np.empty((256, 3), np.uint8)
    for channel in range(3):
        table[:255, channel] = np.rint(np.interp(at, np.arange(len(anchors)), anchors[:, channel]))
    table[255] = NO_VALUE
    return table


def soft_alpha(probability: NDArray[np.floating], softness: float = 0.5) -> NDArray[np.float32]:
    """Turn an object's probability into alpha (H, W) in 0..1: a ramp about 0.5 that is `softness` wide.

    A probability is not an opacity: the inside of an object at p = 0.9 must still be solid. `softness` 0.5 maps p from
    0.25 to 0.75 to alpha from 0 to 1; near 0 gives a hard edge.

    >>> soft_alpha(np.array([[0.2, 0.5, 0.6, 0.9]])).round(2).tolist()[0]
    [0.0, 0.5, 0.699999988079071, 1.0]
    """
    if not 0 < softness <= 1:
        raise ValueError(f"softness is the width of the ramp, above 0 and up to 1; got {softness}.")
    return np.clip((np.asarray(probability, np.float32) - 0.5) / softness + 0.5, 0, 1).astype(np.float32)


def replace_background(image: Image, alpha: Alpha, background: Image | tuple[int, int, int]) -> Image:
    """Put the object (alpha 1) before another picture or colour: α·F + (1−α)·background; (H, W, 3) uint8.

    A `background` picture of another size is scaled to cover the photo and cropped about its middle.
    """
    _check(image, alpha)
    height, width = alpha.shape
    if isinstance(background, tuple):
        behind = Pil.new("RGB", (width, height), background)
    else:
        check_image(background)
        behind = ImageOps.fit(Pil.fromarray(background), (width, height), Pil.Resampling.LANCZOS)
    return _mix(Pil.fromarray(foreground(image, alpha)), behind, alpha)


def blur_background(image: Image, alpha: Alpha, radius: float) -> Image:
    """Blur what is behind the object (Gaussian of standard deviation `radius` px); (H, W, 3) uint8.

    The object is taken out and its place filled before blurring, so that it doesn't glow into the background.
    """
    _check(image, alpha)
    if radius < 0:
        raise ValueError(f"radius is in pixels, 0 or more; got {radius}.")
    open_view = alpha <= 1 - SURE
    spread = _spread(image, open_view)
    plate = image if spread is None else np.where(open_view[..., None], image, spread)
    behind = Pil.fromarray(plate).filter(ImageFilter.GaussianBlur(radius))
    return _mix(Pil.fromarray(foreground(image, alpha)), behind, alpha)


def filter_region(image: Image, alpha: Alpha, name: str) -> Image:
    """Apply the filter `name` of FILTERS where alpha is 1, the photo elsewhere, mixed between; (H, W, 3) uint8."""
    _check(image, alpha)
    if name not in FILTERS:
        raise ValueError(f"No filter {name!r}; there are {', '.join(FILTERS)}.")
    photo = Pil.fromarray(image)
    return _mix(FILTERS[name](photo), photo, alpha)


def cut_out(image: Image, alpha: Alpha) -> NDArray[np.uint8]:
    """Return the object alone as RGBA uint8 (H, W, 4), colours not premultiplied, black where fully transparent."""
    _check(image, alpha)
    opacity = _bytes(alpha)
    color = np.where(opacity[..., None] > 0, foreground(image, alpha), np.uint8(0))
    return np.dstack([color, opacity])


def foreground(image: Image, alpha: Alpha) -> Image:
    """Estimate the object's own colour along its soft edge (0 < alpha < 1); elsewhere the photo; (H, W, 3) uint8."""
    edge = np.flatnonzero((alpha > 0) & (alpha < 1))
    ahead, behind = _spread(image, alpha >= SURE), _spread(image, alpha <= 1 - SURE)
    if not len(edge) or ahead is None or behind is None:
        return image
    a = alpha.reshape(-1, 1)[edge]
    f, b, seen = (x.reshape(-1, 3)[edge].astype(np.float32) for x in (ahead, behind, image))
    result = image.copy()
    result.reshape(-1, 3)[edge] = np.clip(np.rint(f + a * (seen - a * f - (1 - a) * b)), 0, 255)
    return result


def _spread(image: Image, sure: Mask, step: int = 4) -> Image | None:
    """Carry the colours of the `sure` pixels over the whole picture, (H, W, 3) uint8; None when there are none.

    Works on means of step × step pixels and scales the result up, as far from an edge only a smooth colour is known.
    """
    if not sure.any():
        return None
    photo = Pil.fromarray(image).convert("RGBA")
    photo.putalpha(Pil.fromarray(sure.view(np.uint8) * np.uint8(255)))
    small = np.asarray(photo.convert("RGBa").reduce(step), np.float32)  # RGBa: colours premultiplied by the weight
    filled = np.rint(_pull_push(small[..., :3] * 255, small[..., 3:])).astype(np.uint8)
    return np.array(Pil.fromarray(filled).resize(photo.size, Pil.Resampling.BILINEAR))


def _pull_push(color: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide summed colours by their weight and fill what has none from half the size, recursively; (h, w, 3)."""
    filled = np.minimum(color / np.maximum(weight, 1), 255)
    if weight.all():
        return filled
    height, width = weight.shape[:2]
    even = ((0, height % 2), (0, width % 2), (0, 0))
    halves = (np.pad(x, even).reshape(-(-height // 2), 2, -(-width // 2), 2, -1).sum((1, 3)) for x in (color, weight))
    coarse = _pull_push(*halves).repeat(2, 0).repeat(2, 1)[:height, :width]
    return np.where(weight > 0, filled, coarse)


def _pairs(table: NDArray[np.uint16], known: list[int]) -> NDArray[np.uint16]:
    """(256, 3) → (65536, 6): what two neighbours get, by both their labels read as one number, low byte first.

    Half as many look-ups of twice the length. Only pairs of `known` labels are filled in.
    """
    both = np.empty((256, 256, 2, 3), np.uint16)
    both[np.ix_(known, known)] = np.stack(np.broadcast_arrays(table[None, known], table[known, None]), axis=2)
    return both.reshape(65536, 6)


def _paint(index: NDArray[np.uint8], table: NDArray[np.uint8]) -> Image:
    """Look the colours of a byte map up: (H, W, 3). By bands, because Pillow's picture is larger than the result."""
    height, width = index.shape
    out = np.empty((height, width, 3), np.uint8)
    rows = max(1, BAND // width)
    for y in range(0, height, rows):
        picture = Pil.fromarray(index[y : y + rows])
        picture.putpalette(table.tobytes())
        out[y : y + rows] = np.asarray(picture.convert("RGB"))
    return out


def _mix(top: Pil.Image, bottom: Pil.Image, alpha: Alpha) -> Image:
    return np.array(Pil.composite(top, bottom, Pil.fromarray(_bytes(alpha))))


def _bytes(alpha: Alpha) -> NDArray[np.uint8]:
    return (alpha * 255 + 0.5).astype(np.uint8)


def _same_size(image: Image, other: NDArray, what: str) -> None:
    if image.shape[:2] != other.shape:
        raise ValueError(f"The image is {image.shape[:2]} and the {what} {other.shape} (height, width).")


def _check(image: Image, alpha: Alpha) -> None:
    """Raise ValueError unless alpha is a float map in 0..1 of the image's size."""
    check_image(image)
    _same_size(image, alpha, "alpha")
    if alpha.dtype.kind != "f" or not (alpha.min() >= 0 and alpha.max() <= 1):
        raise ValueError(
            f"alpha is a float map from 0 to 1 without NaN; got {alpha.dtype} from {alpha.min()} to {alpha.max()}. "
            f"Make it with soft_alpha."
        )


def _sepia(photo: Pil.Image) -> Pil.Image:
    return photo.convert("RGB", (0.393, 0.769, 0.189, 0, 0.349, 0.686, 0.168, 0, 0.272, 0.534, 0.131, 0))


def _pixelate(photo: Pil.Image) -> Pil.Image:
    return photo.reduce(max(2, min(photo.size) // 40)).resize(photo.size, Pil.Resampling.NEAREST)


FILTERS: dict[str, Callable[[Pil.Image], Pil.Image]] = {
    "grey": lambda photo: photo.convert("L").convert("RGB"),
    "sepia": _sepia,
    "brighten": lambda photo: photo.point([round(255 * (v / 255) ** 0.6) for v in range(256)] * 3),
    "darken": lambda photo: photo.point([round(255 * (v / 255) ** 1.7) for v in range(256)] * 3),
    "pixelate": _pixelate,
}
