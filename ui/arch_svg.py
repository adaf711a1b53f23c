"""An architecture's diagram as SVG: stages as slabs, as tall as their map is high and as thick as it has channels.

Sizes are logarithmic, as in most papers' figures. Colours are the theme's, by Streamlit's CSS variables, so that light
and dark are one drawing. Everything that is written in it is ours: module names, numbers, operations.
"""

from __future__ import annotations

import math
from html import escape

from ui.arch_net import Drawn
from ui.arch_place import Line, Spot
from ui.cost_strip import amount
from ui.texts import architectures as text

X, Y = 76.0, 96.0  # pixels from column to column and from row to row
LEFT, TOP = 40.0, 30.0  # of the middle of the first slab
TALL, THICK = (8.0, 50.0), (7.0, 30.0)  # the least and the largest slab
SHADES = ("parameters", "macs", "activation_bytes")
JOIN = 8.0  # radius of a sum's or a concatenation's circle
SIGNS = {"sum": "+", "concat": "∥"}


def label(spot: Spot) -> str:
    """Return a stage's short name: the last part of it that says something.

    >>> from ui.arch_layouts import Place
    >>> [label(Spot("stage", 0, 0, (), place=Place(name, 0))) for name in ("encoder.stages.3", "stage2.0.add", "fc6")]
    ['stages.3', 'add', 'fc6']
    """
    if spot.place is None:
        return text.NODES[spot.kind]
    parts = spot.place.name.split(".")
    name = parts[-1] if not parts[-1].isdecimal() else ".".join(parts[-2:])
    if spot.place.also:
        first = spot.place.also[0].rpartition(".")[2]
        return f"{parts[-2]}.{first}–{parts[-1]}" if first.isdecimal() else name
    return name


def size(shape: tuple[int, ...]) -> str:
    """Write a tensor's shape without its first axis, as C×H×W.

    >>> size((1, 64, 32, 48))
    '64×32×48'
    """
    return "×".join(map(str, shape[1:]))


def written(spot: Spot) -> str:
    """Write what a node gives: a tensor's shape, or what a detector found."""
    return text.FOUND if spot.kind == "found" else size(spot.shape)


def _output(spot: Spot) -> str:
    return f"{label(spot)}, {written(spot)}" if spot.kind == "found" else written(spot)


def svg(drawn: Drawn, title: str, shade: str = "") -> str:
    """Return the diagram; `shade`, of `SHADES`: how dark a stage is says its share of that number.

    A stage is a <g class="stage" data-stage="its id">, which the component makes a button of.
    """
    top = TOP + (26 if _arched(drawn) else 0)
    boxes = _boxes(drawn, top)
    width = LEFT + max(s.column for s in drawn.spots) * X + LEFT + 6
    height = top + max(s.row for s in drawn.spots) * Y + 64
    signs = {line.target: line.joined for line in drawn.lines if line.joined}
    values = {s.id: getattr(s.stage, shade) for s in drawn.stages} if shade else {}
    most = max((value or 0 for value in values.values()), default=0)
    shares = {name: value / most for name, value in values.items() if most and value is not None}
    lines = "".join(_line(drawn, line, boxes, line.target in signs) for line in drawn.lines)
    nodes = "".join(_node(spot, boxes[n], signs.get(n, ""), shares.get(spot.id)) for n, spot in enumerate(drawn.spots))
    about = text.DIAGRAM_DESC.format(
        kind=text.KINDS[drawn.layout.kind], stages=len(drawn.stages), sums=_joins(drawn, "sum"),
        concats=_joins(drawn, "concat"), input=size(drawn.shape), output=_output(drawn.spots[-1]),
    )  # fmt: skip
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="group" '
        f'style="max-width:{width:.0f}px;min-width:{0.76 * width:.0f}px" aria-labelledby="t d">'
        f'<title id="t">{escape(title)}</title><desc id="d">{escape(about)}</desc>'
        f'<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        f'<path d="M0 1 7 4 0 7z"/></marker></defs>{lines}{nodes}</svg>'
    )


def _joins(drawn: Drawn, kind: str) -> int:
    at_entrances = {line.target for line in drawn.lines if line.joined == kind}
    return len(at_entrances) + sum(spot.kind == kind for spot in drawn.spots)


Box = tuple[float, float, float, float]  # middle, and half the sides


def _arched(drawn: Drawn) -> bool:
    """Whether a line goes over the top row."""
    ends = [(drawn.spots[line.source], drawn.spots[line.target]) for line in drawn.lines]
    return any(a.row == b.row == 0 and _blocked(drawn, a, b) for a, b in ends)


def _boxes(drawn: Drawn, top: float = TOP) -> list[Box]:
    """Return where every node's slab or circle lies."""
    maps = [s.shape for s in drawn.spots if len(s.shape) > 2]
    highest = max(math.log2(shape[-2]) for shape in maps) or 1.0
    widest = max(math.log2(shape[1]) for shape in maps) or 1.0
    found = []
    for spot in drawn.spots:
        x, y = LEFT + spot.column * X, top + spot.row * Y
        if spot.kind in SIGNS or (spot.place and spot.place.dot):
            found.append((x, y, JOIN, JOIN))
            continue
        tall = math.log2(spot.shape[-2]) / highest if len(spot.shape) > 2 else 0.0
        thick = min(1.0, math.log2(max(spot.shape[1] if len(spot.shape) > 1 else 1, 1)) / widest)
        found.append((x, y, (THICK[0] + thick * (THICK[1] - THICK[0])) / 2, (TALL[0] + tall * (TALL[1] - TALL[0])) / 2))
    return found


def _node(spot: Spot, box: Box, sign: str, share: float | None) -> str:
    x, y, w, h = box
    given = written(spot)
    entrance = _circle(x - w - JOIN - 3, y, sign) if sign else ""
    if spot.stage is None:
        if spot.kind in SIGNS:
            return f"<g><title>{text.JOINS[spot.kind]}: {given}</title>{_circle(x, y, spot.kind)}</g>"
        shape = f'<rect class="end" x="{x - w:.1f}" y="{y - h:.1f}" width="{2 * w:.1f}" height="{2 * h:.1f}" rx="2"/>'
        return f"<g>{shape}{_words(x, y + h, label(spot), given)}{entrance}</g>"
    said = text.STAGE_ALT.format(
        name=spot.id, kind=spot.stage.kind, size=given, parameters=amount(spot.stage.parameters, ""),
        macs=amount(spot.stage.macs, ""),
    )  # fmt: skip
    tint = "" if share is None else f' style="--share:{6 + 84 * share:.0f}%"'
    if spot.place and spot.place.dot:
        body = f'<circle class="slab" cx="{x:.1f}" cy="{y:.1f}" r="{JOIN}"/><circle class="hit" cx="{x:.1f}" cy="{y:.1f}" r="14"/>'  # noqa: E501
        body += f'<text class="sign" x="{x:.1f}" y="{y + 4:.1f}">{text.DOTS[label(spot).partition(".")[0]]}</text>'
    else:
        hit = f'<rect class="hit" x="{x - 34:.1f}" y="{y - h - 5:.1f}" width="68" height="{2 * h + 36:.1f}" rx="6"/>'
        body = (
            f'{hit}<rect class="slab" x="{x - w:.1f}" y="{y - h:.1f}" width="{2 * w:.1f}" height="{2 * h:.1f}" rx="2"/>'
        )
        body += _words(x, y + h, label(spot), given)
    return (
        f'<g class="stage" data-stage="{escape(spot.id)}" role="button" tabindex="-1" '
        f'aria-label="{escape(said)}"{tint}>'
        f"<title>{escape(said)}</title>{body}</g>{entrance}"
    )


def _words(x: float, bottom: float, name: str, written: str) -> str:
    return (
        f'<text class="name" x="{x:.1f}" y="{bottom + 13:.1f}">{escape(name)}</text>'
        f'<text class="size" x="{x:.1f}" y="{bottom + 25:.1f}">{written}</text>'
    )


def _circle(x: float, y: float, kind: str) -> str:
    return (
        f'<g class="join"><circle cx="{x:.1f}" cy="{y:.1f}" r="{JOIN}"/>'
        f'<text class="sign" x="{x:.1f}" y="{y + 4:.1f}">{SIGNS[kind]}</text></g>'
    )


def _line(drawn: Drawn, line: Line, boxes: list[Box], sign: bool) -> str:
    """Draw a line from slab to slab: straight, over what stands between, up or down, or bent."""
    (x1, y1, w1, h1), (x2, y2, w2, h2) = boxes[line.source], boxes[line.target]
    source, target = drawn.spots[line.source], drawn.spots[line.target]
    ends = w2 + (2 * JOIN + 4 if sign else 2)
    far = abs(target.column - source.column) > 1.6
    kind = "indices" if line.indices else "skip" if far and (line.joined or target.kind in SIGNS) else "flow"
    words = 0.0 if source.kind in SIGNS or (source.place and source.place.dot) else 29.0
    below = 0.0 if target.kind in SIGNS or (target.place and target.place.dot) else 29.0
    if abs(target.column - source.column) < 0.35:
        down = y2 > y1
        start, end = (y1 + h1 + words, y2 - h2 - 3) if down else (y1 - h1, y2 + h2 + below + 3)
        middle = (x2, (start + end) / 2)
        path = f"M{x1:.1f} {start:.1f}L{x2:.1f} {end:.1f}"
    else:
        forth = 1 if x2 > x1 else -1
        a, b = x1 + forth * w1, x2 - forth * ends
        middle = ((a + b) / 2, (y1 + y2) / 2)
        if source.row == target.row and _blocked(drawn, source, target):
            lift = max(h1, h2, *(boxes[n][3] for n, s in enumerate(drawn.spots) if s.row == source.row)) + 6
            path = f"M{a:.1f} {y1:.1f}C{a + 14:.1f} {y1:.1f} {a + 8:.1f} {y1 - lift:.1f} {a + 26:.1f} {y1 - lift:.1f}"
            path += f"L{b - 26:.1f} {y2 - lift:.1f}C{b - 8:.1f} {y2 - lift:.1f} {b - 14:.1f} {y2:.1f} {b:.1f} {y2:.1f}"
            middle = (middle[0], y1 - lift)
        elif y2 > y1 and _blocked(drawn, source, target):  # down first, past what stands beside it
            start = y1 + h1 + words
            path = f"M{x1:.1f} {start:.1f}C{x1:.1f} {y2:.1f} {x1 + 20:.1f} {y2:.1f} {b:.1f} {y2:.1f}"
            middle = ((x1 + b) / 2, y2)
        elif source.row == target.row:
            path = f"M{a:.1f} {y1:.1f}L{b:.1f} {y2:.1f}"
        else:
            bend = max(12.0, min(60.0, abs(b - a) / 2)) * forth
            path = f"M{a:.1f} {y1:.1f}C{a + bend:.1f} {y1:.1f} {b - bend:.1f} {y2:.1f} {b:.1f} {y2:.1f}"
    said = text.LINE_ALT.format(source=source.id, target=target.id, size=line.word or size(source.shape))
    done = [text.OPERATIONS[o] for o in dict.fromkeys(line.operations) if o in text.OPERATIONS]
    said += f" ({', '.join(done)})" if done else text.INDICES if line.indices else ""
    word = line.word or _change(line, source)
    extra = f'<text class="change" x="{middle[0]:.1f}" y="{middle[1] - 4:.1f}">{word}</text>' if word else ""
    return f'<g class="{kind}"><title>{escape(said)}</title><path d="{path}" marker-end="url(#a)"/>{extra}</g>'


def _change(line: Line, source: Spot) -> str:
    """Write by how much a map is enlarged on the way."""
    if not any(o.startswith("Upsample") for o in line.operations) or len(source.shape) < 4:
        return ""
    factor = line.height / source.shape[-2] if line.height else 0
    return f"×{factor:.3g}" if factor > 1 else ""


def _blocked(drawn: Drawn, source: Spot, target: Spot) -> bool:
    """Whether something stands in the source's row between the columns of both."""
    low, high = sorted((source.column, target.column))
    return any(low < spot.column < high and abs(spot.row - source.row) < 0.3 for spot in drawn.spots)


def areas(drawn: Drawn) -> list[Box]:
    """Return the area of every node with its words, (left, top, right, bottom) in pixels: none may meet another."""
    found = []
    for spot, (x, y, w, h) in zip(drawn.spots, _boxes(drawn), strict=True):
        if spot.kind in SIGNS or (spot.place and spot.place.dot):
            found.append((x - w, y - h, x + w, y + h))
        else:
            half = max(w + 2 * JOIN, 2.9 * max(len(label(spot)), len(written(spot))))
            found.append((x - half, y - h, x + half, y + h + 28))
    return found
