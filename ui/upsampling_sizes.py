"""Output sizes of the grid lab as formulas in LaTeX, with the current numbers put in; coordinates of interpolation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ui.upsampling_choice import INTERPOLATIONS, Chosen
from ui.upsampling_make import Made

TRANSPOSED = r"(n-1)s - 2p + d(k-1) + \mathrm{op} + 1"
CONV = r"\left\lfloor \frac{n + 2p - d(k-1) - 1}{s} \right\rfloor + 1"
POOL = r"\left\lfloor \frac{n + 2p - k}{s} \right\rfloor + 1"
UNPOOL = r"(n-1)s - 2p + k + r"
SCALED = r"f\,n"
ROOM = 40  # characters of LaTeX that a phone has room for, with the result
SAME = r"f\,n + 2p - (k-1)"
FILTERED = r"f\cdot (n - k + 1)"
EDGES = r"\left(i + \frac{1}{2}\right)\frac{n}{n_{\mathrm{out}}} - \frac{1}{2}"
CENTRES = r"i\,\frac{n-1}{n_{\mathrm{out}}-1}"
COPIED = r"\left\lfloor i\,\frac{n}{n_{\mathrm{out}}} \right\rfloor"


@dataclass(frozen=True)
class Size:
    """One side of an output: `latex` with letters, their `values`, `filled` with numbers, and the side that is there.

    `axis` is 0 for the rows, 1 for the columns; `what` names the side: "out", or "pool" for the first half of unpool.
    """

    latex: str
    values: Mapping[str, int | float]
    filled: str
    result: int
    axis: int
    what: str = "out"

    @property
    def line(self) -> str:
        """The whole formula: letters = numbers = result, below each other, as a phone is narrow."""
        left, filled = rf"n_{{\mathrm{{{self.what}}}}}", self.filled
        if r"\frac" in filled and len(filled) > ROOM:
            filled += r" \\ &"
        elif filled.count(" + ") > 2:
            first, *last = filled.rsplit(" + ", 2)
            filled = rf"{first} \\ &\quad + {' + '.join(last)}"
        return rf"\begin{{aligned}} {left} &= {self.latex} \\ &= {filled} = {self.result} \end{{aligned}}"


def sizes(c: Chosen, made: Made) -> list[Size]:
    """Return the formulas of a choice: one for both axes where they have the same numbers, else one for each."""
    found = []
    for axis in (0, 1):
        n, out = c.x.shape[axis + 1], made.output.shape[axis - 2]
        if c.method == "unpool" and made.pooled is not None:
            m = made.pooled.output.shape[axis - 2]
            found.append(_pool(c, n, m, axis))
            found.append(_unpool(c, m, out, axis))
        else:
            found.append(_one(c, n, out, axis))
    half = len(found) // 2
    same = [one.filled for one in found[:half]] == [one.filled for one in found[half:]]
    return found[:half] if same else found


def _one(c: Chosen, n: int, out: int, axis: int) -> Size:
    k, s, p, d = c.w.shape[axis + 1], c.stride, c.pad, c.dilation
    if c.method == "transposed":
        values = {"n": n, "s": s, "p": p, "d": d, "k": k, "op": c.outpad}
        return Size(
            TRANSPOSED, values, rf"({n}-1)\cdot {s} - 2\cdot {p} + {d}\cdot ({k}-1) + {c.outpad} + 1", out, axis
        )
    if c.method == "conv":
        filled = rf"\left\lfloor \frac{{{n} + 2\cdot {p} - {d}\cdot ({k}-1) - 1}}{{{s}}} \right\rfloor + 1"
        return Size(CONV, {"n": n, "s": s, "p": p, "d": d, "k": k}, filled, out, axis)
    if c.method == "resize":
        p = k // 2
        return Size(SAME, {"f": c.factor, "n": n, "p": p, "k": k},
                    rf"{c.factor}\cdot {n} + 2\cdot {p} - ({k}-1)", out, axis)  # fmt: skip
    if c.method in INTERPOLATIONS:
        return Size(SCALED, {"f": out / n, "n": n}, rf"\frac{{{out}}}{{{n}}}\cdot {n}", out, axis)
    if c.filtered:
        return Size(FILTERED, {"f": c.factor, "n": n, "k": k}, rf"{c.factor}\cdot ({n} - {k} + 1)", out, axis)
    return Size(SCALED, {"f": c.factor, "n": n}, rf"{c.factor}\cdot {n}", out, axis)


def _pool(c: Chosen, n: int, m: int, axis: int) -> Size:
    filled = rf"\left\lfloor \frac{{{n} + 2\cdot {c.rim} - {c.window}}}{{{c.hop}}} \right\rfloor + 1"
    return Size(POOL, {"n": n, "s": c.hop, "p": c.rim, "k": c.window}, filled, m, axis, "pool")


def _unpool(c: Chosen, m: int, out: int, axis: int) -> Size:
    """The way back, where r is what the pool's division dropped: the size of the pool's input says it."""
    rest = (out + 2 * c.rim - c.window) % c.hop
    values = {"n": m, "s": c.hop, "p": c.rim, "k": c.window, "r": rest}
    return Size(UNPOOL, values, rf"({m}-1)\cdot {c.hop} - 2\cdot {c.rim} + {c.window} + {rest}", out, axis)


def coordinates(c: Chosen) -> tuple[str, ...]:
    r"""Return where output i lies among the inputs, with the numbers put in; nothing where it has no place.

    Along the rows, and along the columns too where that differs.

    >>> from ui.upsampling_choice import choose
    >>> from ui.upsampling_state import FIELDS
    >>> now = {field.key: field.default for field in FIELDS} | {"method": "bilinear", "corners": True}
    >>> coordinates(choose(now))[0].rpartition("=")[2]
    ' i\\cdot \\frac{2-1}{4-1}'
    """
    if c.method not in INTERPOLATIONS:
        return ()
    rows, columns = ((c.x.shape[axis + 1], c.size[axis]) for axis in (0, 1))
    along = (_place(c, "y_i", *rows), _place(c, "x_i", *columns))
    return along[:1] if rows == columns else along


def _place(c: Chosen, name: str, n: int, out: int) -> str:
    """Write where output i of `out` lies among n inputs along one axis."""
    if c.method == "nearest":
        return rf"{name} = {COPIED} = \left\lfloor i\cdot \frac{{{n}}}{{{out}}} \right\rfloor"
    if not c.corners:
        return rf"{name} = {EDGES} = \left(i + \frac{{1}}{{2}}\right)\cdot \frac{{{n}}}{{{out}}} - \frac{{1}}{{2}}"
    return rf"{name} = 0,\; i = 0" if out == 1 else rf"{name} = {CENTRES} = i\cdot \frac{{{n}-1}}{{{out}-1}}"
