"""Where each stage stands in an architecture's diagram, after the figure of its paper: data, and nothing else.

Places are columns and rows of a grid, which may be halves; a row of None is found by measuring: 0 at the picture's
size, one lower for each halving. Sizes and lines come from the network itself (`ui.arch_net`), so that a diagram can't
show what the network isn't. Names are those of `named_modules`; a place may stand for a run of parts, the last of which
gives its output.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

Spot = tuple[float, float | None]  # column and row
SCALES = 5  # of an encoder: strides 2, 4, 8, 16, 32
RESIDUALS = {8: 3, 20: 3, 22: 5}  # Xception: how many of so many blocks are its entry flow; the last is its exit flow's


@dataclass(frozen=True)
class Place:
    """A stage: its part's name and call, where it stands, and the parts before it that it stands for as well.

    dot: drawn as a small circle, for what only gathers and passes on.
    """

    name: str
    column: float
    row: float | None = None
    call: int = 0
    also: tuple[str, ...] = ()
    dot: bool = False


@dataclass(frozen=True)
class Layout:
    """A diagram's plan: its kind, all places, where the input and the output stand.

    circles: sums and concatenations are drawn as nodes of their own even where one stage alone reads them.
    """

    kind: Literal["line", "u", "hourglass", "stairs", "fan", "columns", "rows", "detector"]
    places: tuple[Place, ...]
    input: Spot = (0, 0)
    output: Spot = (0, 0)
    circles: bool = False


def layout(key: str, names: Collection[str]) -> Layout:
    """Return the plan for an architecture of `seglab.architectures` (or "streetnet"), built with parts of these names.

    ValueError for another key.

    >>> layout("fcn-32s", ["encoder.stages.0", "score32"]).places[-1]
    Place(name='score32', column=8, row=5, call=0, also=(), dot=False)
    """
    prefix = "net." if "net.classify" in names else ""  # in U-Net's mirrored form
    bare = {name.removeprefix(prefix) for name in names}
    found = _PLANS.get(key)
    if found is None:
        raise ValueError(f"No layout for {key!r}; there are {', '.join(_PLANS)}.")
    plan = found(bare)
    kept = (p for p in plan.places if p.name in bare)  # such as a head's parts that this size doesn't have
    return replace(plan, places=tuple(replace(p, name=prefix + p.name) for p in kept))


def _many(names: Collection[str], what: str) -> int:
    """Count what.0, what.1, …."""
    n = 0
    while f"{what}.{n}" in names:
        n += 1
    return n


def _encoder(names: Collection[str], row: float | None = None) -> tuple[list[Place], int]:
    """Five stages one after the other, or Xception's flows; and the column after them."""
    if "encoder.stem" not in names:
        return [Place(f"encoder.stages.{i}", 1 + i, row) for i in range(SCALES)], 1 + SCALES
    blocks = _many(names, "encoder.blocks")
    entry = RESIDUALS[blocks]
    places = [Place("encoder.stem", 1, row), *(Place(f"encoder.blocks.{i}", 2 + i, row) for i in range(entry))]
    middle = [f"encoder.blocks.{i}" for i in range(entry, blocks - 1)]
    places.append(Place(middle[-1], 2 + entry, row, also=tuple(middle[:-1])))
    places += [Place(f"encoder.blocks.{blocks - 1}", 3 + entry, row), Place("encoder.exit", 4 + entry, row)]
    return places, 5 + entry


def _then(column: float, row: float | None, *names: str) -> list[Place]:
    return [Place(name, column + i, row) for i, name in enumerate(names)]


def _patch(names: Collection[str]) -> Layout:
    chain = [*(f"convs.{i}" for i in range(_many(names, "convs"))), "dense1", "dense2"]
    return Layout("line", tuple(_then(1, 0, *chain)), output=(len(chain) + 1, 0))


def _fcn(names: Collection[str]) -> Layout:
    stages, _ = _encoder(names)
    heads = [*_then(6, 5, "fc6", "fc7", "score32", "twice32"), *_then(9, 4, "score16", "twice16"),
             Place("score8", 10, 3)]  # fmt: skip
    last = 12 if "score8" in names else 11 if "score16" in names else 9
    return Layout("stairs", (*stages, *heads), output=(last, 0))


def _unpooled(names: Collection[str]) -> Layout:
    """Down and up again with the indices of the maxima going straight across, as in SegNet's fig. 2."""
    n = _many(names, "down")
    down = [p for i in range(n) for p in (Place(f"down.{i}", 1 + i, i), Place("pool", 2 + i, i, call=i))]
    middle = _then(n + 1, n, "fc6", "fc7", "deconv6") if "fc6" in names else []
    first = n + 2 + (2 if middle else 0)
    up = [p for i in range(n) for p in (Place("unpool", first + i, n - 1 - i, call=i),
                                        Place(f"up.{i}", first + 1 + i, n - 1 - i))]  # fmt: skip
    return Layout("hourglass", (*down, *middle, *up, Place("classify", first + n + 1, 0)), output=(first + n + 2, 0))


def _unet(names: Collection[str]) -> Layout:
    n = _many(names, "down")
    down = [Place(f"down.{i}", 1 + i, i) for i in range(n)]
    up = [p for i in range(n - 1) for p in (Place(f"up.{i}", n + 1 + i, n - 1 - i),
                                            Place(f"join.{i}", n + 1 + i, n - 2 - i))]  # fmt: skip
    return Layout("u", (*down, *up, Place("classify", 2 * n, 0)), output=(2 * n + 1, 0))


def _plain(names: Collection[str]) -> Layout:
    n = _many(names, "down")
    ways = [
        *(Place(f"down.{i}", 1 + i, i) for i in range(n)),
        *(Place(f"up.{i}", n + 1 + i, n - 2 - i) for i in range(n - 1)),
    ]
    return Layout("u", (*ways, Place("classify", 2 * n, 0)), output=(2 * n + 1, 0))


def _unet_encoder(names: Collection[str]) -> Layout:
    stages, column = _encoder(names)
    join = [Place(f"join.{i}", column + i, SCALES - 1 - i) for i in range(SCALES)]
    return Layout("u", (*stages, *join, Place("classify", column + SCALES, 0)), output=(column + SCALES + 1, 0))


def _linknet(names: Collection[str]) -> Layout:
    stages, column = _encoder(names)
    decoders = [Place(f"decoder{4 - i}", column + i, SCALES - i) for i in range(4)]
    last = [*_then(column + 4, 1, "to_half", "smooth"), Place("classify", column + 6, 0)]
    return Layout("u", (*stages, *decoders, *last), output=(column + 7, 0))


def _fpn(names: Collection[str]) -> Layout:
    """Two columns, coarse maps on top, the laterals between them, as in fig. 3."""
    stages = [Place(f"encoder.stages.{i}", 1, SCALES - 1 - i) for i in range(SCALES)]
    levels = [Place(f"{what}{4 * 2**i}", column, SCALES - 2 - i) for what, column in
              (("lateral", 2.2), ("smooth", 4.2), ("branch", 5.2)) for i in range(4)]  # fmt: skip
    end = SCALES - 2
    return Layout("columns", (*stages, *levels, Place("classify", 7.2, end)), (0, SCALES - 1), (8.2, end), True)


def _dilated(names: Collection[str]) -> Layout:
    stages, column = _encoder(names)
    return Layout("stairs", (*stages, *_then(column, None, "squeeze", "classify")), output=(column + 2, 0))


def _pspnet(names: Collection[str]) -> Layout:
    stages, column = _encoder(names, 2)
    levels = [Place(f"pyramid.levels.{i}", column, (0, 1, 3, 4)[i]) for i in range(4)]
    return Layout("fan", (*stages, *levels, *_then(column + 1.2, 2, "fuse", "classify")), (0, 2), (column + 3.2, 2))


def _deeplab_v1(names: Collection[str]) -> Layout:
    chain = [*(f"conv{i}" for i in range(1, 6)), "fc6", "fc7", "fc8"]
    return Layout("stairs", tuple(_then(1, None, *chain)), output=(9, 0))


def _deeplab_v2(names: Collection[str]) -> Layout:
    stages, column = _encoder(names, 1.5)
    branches = [Place(f"aspp.branches.{i}", column, i) for i in range(_many(names, "aspp.branches"))]
    return Layout("fan", (*stages, *branches), (0, 1.5), (column + 1.4, 1.5))


def _aspp(column: float) -> list[Place]:
    branches = ("aspp.point", "aspp.atrous.0", "aspp.atrous.1", "aspp.atrous.2", "aspp.image")
    return [*(Place(name, column, i) for i, name in enumerate(branches)), Place("aspp.mix", column + 1.2, 2)]


def _deeplab_v3(names: Collection[str]) -> Layout:
    stages, column = _encoder(names, 2)
    places = (*stages, *_aspp(column), *_then(column + 2.2, 2, "refine", "classify"))
    return Layout("fan", places, (0, 2), (column + 4.2, 2))


def _deeplab_v3plus(names: Collection[str]) -> Layout:
    """The encoder above, the decoder below, as in fig. 2."""
    stages, column = _encoder(names, 2)
    decoder = _then(column - 1, 5, "squeeze") + _then(column + 1.2, 5, "refine.0", "refine.1", "classify")
    return Layout("fan", (*stages, *_aspp(column), *decoder), (0, 2), (column + 4.2, 5))


def _hrnet(names: Collection[str]) -> Layout:
    """A row for each resolution; `hear` is where it hears from all others."""
    places, at = _then(1, 0, "stem", "stage1"), 3.0
    for stage in (2, 3, 4):
        places += [Place(f"stage{stage}.0.keep.{i}", at, i) for i in range(stage - 1) if stage == 2]
        places.append(Place(f"stage{stage}.0.add", at, stage - 1))
        for module in range(1, _many(names, f"stage{stage}")):
            at += 0.9
            places += [Place(f"stage{stage}.{module}.branches.{i}", at, i) for i in range(stage)]
            at += 0.95
            places += [Place(f"stage{stage}.{module}.hear.{i}", at, i, dot=True) for i in range(stage)]
        at += 0.62
    at += 0.2
    if "head.squeeze" in names:
        levels = range(_many(names, "head.smooth"))
        places.append(Place("head.squeeze", at, 0))
        places += [Place(f"head.smooth.{i}", at + 1, i) for i in levels]
        places += [Place("head.classify", at + 2, i, call=i) for i in levels]
        return Layout("rows", tuple(places), output=(at + 3.7, 0))
    head = [name for name in ("head.mix", "head.classify") if name in names]
    return Layout("rows", (*places, *_then(at, 0, *head)), output=(at + len(head), 0))


def _tiramisu(names: Collection[str]) -> Layout:
    n = _many(names, "down")
    places = [Place("first", 1, 0)]
    for i in range(n):
        places += [Place(f"down.{i}", 2 + 1.2 * i, i), Place(f"shrink.{i}", 2.6 + 1.2 * i, i + 1, dot=True)]
    bottom = 2 + 1.2 * n
    places.append(Place("bottom", bottom, n))
    for i in range(n):
        places += [Place(f"enlarge.{i}", bottom + 1 + i, n - i), Place(f"up.{i}", bottom + 1 + i, n - 1 - i)]
    return Layout("u", (*places, Place("classify", bottom + 2 + n - 0.4, 0)), output=(bottom + 3 + n - 0.4, 0))


def _vnet(names: Collection[str]) -> Layout:
    n = _many(names, "left")
    left = [Place(f"left.{i}", 1 + i, i) for i in range(n)] + [Place(f"down.{i}", 1 + i, i + 1) for i in range(n - 1)]
    right = [p for i in range(n - 1) for p in (Place(f"up.{i}", n + 1 + i, n - 1 - i),
                                               Place(f"right.{i}", n + 1 + i, n - 2 - i))]  # fmt: skip
    return Layout("u", (*left, *right, Place("classify", 2 * n, 0)), output=(2 * n + 1, 0))


def _mask_rcnn(names: Collection[str]) -> Layout:
    """The pyramid, coarse maps on top; right of it what it proposes, and the two heads."""
    if "backbone.stem" in names:
        body = ["backbone.stem", *(f"backbone.stages.{i}" for i in range(4))]
        stages = [Place(name, 1, 4 - i) for i, name in enumerate(body)]
    else:
        stem = Place("backbone.body.maxpool", 1, 4, also=("backbone.body.conv1", "backbone.body.bn1"))
        stages = [stem, *(Place(f"backbone.body.layer{i}", 1, 4 - i) for i in range(1, 5))]
    n = _many(names, "backbone.fpn.inner_blocks")
    levels = [Place(f"backbone.fpn.{what}.{i}", column, n - 1 - i)
              for what, column in (("inner_blocks", 2.2), ("layer_blocks", 4.2)) for i in range(n)]  # fmt: skip
    heads = [Place("rpn.head", 6, 0.4)]
    for column, row, part in ((7, 1.5, "box"), (9.2, 3, "mask")):
        heads += [Place(f"roi_heads.{part}_head", column, row), Place(f"roi_heads.{part}_predictor", column + 1.2, row)]
    return Layout("detector", (*stages, *levels, *heads), (0, 4), (11.8, 1.5), True)


def _streetnet(names: Collection[str]) -> Layout:
    """Ours: PSPNet's pooling at the bottom of a pyramid like FPN's."""
    down = [Place("stem", 1, 1), *(Place(f"stage{4 * 2**i}", 2 + i, 2 + i) for i in range(3)), Place("context", 5, 4)]
    up = [p for i, s in enumerate((8, 4, 2)) for p in (Place(f"lateral{s}", 5, 3 - i), Place(f"up{s}", 6 + i, 3 - i))]
    if "up1" not in names:
        return Layout("u", (*down, *up, Place("classify", 9, 1)), output=(10, 1))
    full = [Place("up1", 9, 1), Place("lateral1", 5, 0), *_then(10, 0, "join1", "classify")]
    return Layout("u", (*down, *up, *full), output=(12, 0))


_PLANS = {
    "patch": _patch,
    "fcn-32s": _fcn, "fcn-16s": _fcn, "fcn-8s": _fcn,
    "deconvnet": _unpooled, "segnet": _unpooled, "encoder-decoder": _plain,
    "unet-paper": _unet, "unet": _unet, "unet-encoder": _unet_encoder, "linknet": _linknet,
    "fpn": _fpn,
    "fcn-undilated": _dilated, "fcn-fine": _dilated, "fcn-dilated": _dilated, "pspnet": _pspnet,
    "deeplab-v1": _deeplab_v1, "deeplab-v2": _deeplab_v2, "deeplab-v3": _deeplab_v3,
    "deeplab-v3plus": _deeplab_v3plus, "deeplab-v3plus-xception": _deeplab_v3plus,
    "hrnet-v1": _hrnet, "hrnet-v2": _hrnet, "hrnet-v2p": _hrnet,
    "tiramisu-56": _tiramisu, "tiramisu-67": _tiramisu, "tiramisu": _tiramisu,
    "vnet": _vnet, "mask-rcnn": _mask_rcnn, "streetnet": _streetnet,
}  # fmt: skip
KEYS = tuple(_PLANS)
