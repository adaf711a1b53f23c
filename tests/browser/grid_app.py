"""A small app that mounts number grids for tests/browser/test_grid.py; `?case=` says which.

The transposed convolution is computed here, by loops, so that the component is tested by itself.
"""

from __future__ import annotations

import json
import time

import numpy as np
import streamlit as st

from ui.grid import GridEvent, Links, Panel, Points, Step, grid
from ui.page import STYLE

EVIL = "<img src=x onerror=\"document.title='hacked'\">"
INPUT, KERNEL = [[2.0, 4.0], [0.0, 1.0]], [[3.0, 1.0], [1.0, 5.0]]


def transposed(x: np.ndarray, kernel: np.ndarray, stride: int = 1) -> tuple[np.ndarray, Links]:
    """Return the canvas of a transposed convolution, and its links from "input" via "kernel" to "output"."""
    (h, w), (kh, kw) = x.shape, kernel.shape
    canvas = np.zeros(((h - 1) * stride + kh, (w - 1) * stride + kw))
    made: list[list[tuple[int, float, int]]] = [[] for _ in range(canvas.size)]
    for (r, c), value in np.ndenumerate(x):
        for (i, j), weight in np.ndenumerate(kernel):
            at = r * stride + i, c * stride + j
            canvas[at] += value * weight
            made[at[0] * canvas.shape[1] + at[1]].append((r * w + c, weight, i * kw + j))
    flat = [link for links in made for link in links]
    indptr = np.cumsum([0, *map(len, made)])
    indices, weights, via = ([link[n] for link in flat] for n in range(3))
    return canvas, Links("input", "output", indptr, np.array(indices, int), np.array(weights), "kernel", via)


def stamped(x: np.ndarray, kernel: np.ndarray, stride: int = 1) -> list[Step]:
    """Return the stamps one by one, and the crop of one cell all around as the last step."""
    (kh, kw), total = kernel.shape, transposed(x, kernel, stride)[0]
    canvas, steps = np.full_like(total, np.nan), []
    for (r, c), value in np.ndenumerate(x):
        part = canvas[r * stride : r * stride + kh, c * stride : c * stride + kw]
        part[...] = np.nan_to_num(part) + value * kernel
        lit = [(r * stride + i, c * stride + j) for i in range(kh) for j in range(kw)]
        steps.append(Step(f"Input ({r}, {c}) = {value:g} stamps {value:g} × kernel onto the canvas.",
                          {"input": [(r, c)], "output": lit}, {"output": canvas.copy()}))  # fmt: skip
    rows, columns = total.shape
    if min(rows, columns) > 2:
        steps.append(
            Step("Padding 1 crops a row and a column on each side.", crops=[("output", 1, 1, rows - 1, columns - 1)])
        )
    return steps


def golden(key: str, *, callback: bool = False, refuse: bool = False, wait: float = 0.0) -> GridEvent | None:
    """The worked example of the lecture, its input and kernel kept in the session."""
    now = st.session_state
    now.setdefault("x", np.array(INPUT))
    now.setdefault("kernel", np.array(KERNEL))

    def take(event: GridEvent) -> None:
        now["x" if event.panel == "input" else "kernel"] = event.values

    if wait and now.get("runs"):
        time.sleep(wait)
    out, links = transposed(now.x, now.kernel)
    event = grid(
        [Panel("input", "Input", now.x, editable=True), Panel("kernel", "Kernel", now.kernel, editable=True),
         Panel("output", "Output", out, note="equals PyTorch")],
        key=key, links=[links], steps=stamped(now.x, now.kernel), label="Transposed convolution",
        on_edit=take if callback and not refuse else None,
    )  # fmt: skip
    if event and not callback and not refuse:
        take(event)
        tell(event)
        st.rerun()
    return event


def tell(event: GridEvent | None) -> None:
    """Keep an event where the last lines of the page show it."""
    if event:
        found = {"panel": event.panel, "values": event.values.tolist()}
        st.session_state.setdefault("events", []).append(found)


def bilinear(n: int, size: int, align_corners: bool) -> None:
    """A bilinear resize with the ruler of one convention, sample by sample."""
    x = np.random.default_rng(0).integers(0, 100, (n, n)).astype(float) if n > 2 else np.array([[10.0, 20], [30, 40]])
    i = np.arange(size)
    places = i * (n - 1) / max(size - 1, 1) if align_corners else (i + 0.5) * n / size - 0.5
    weights = np.maximum(0, 1 - np.abs(places.clip(0, n - 1)[:, None] - np.arange(n)))
    matrix = np.kron(weights, weights)
    out = (matrix @ x.ravel()).reshape(size, size)
    rows, columns = np.nonzero(matrix)
    links = Links("input", "output", np.searchsorted(rows, np.arange(size * size + 1)), columns, matrix[rows, columns])
    at = np.stack(np.meshgrid(places, places, indexing="ij"), axis=-1).reshape(-1, 2)
    shown, steps = np.full((size, size), np.nan), []
    for k, (r, c) in enumerate(np.ndindex(size, size)):
        shown[r, c] = out[r, c]
        read = np.argwhere((matrix[k] > 0).reshape(n, n))
        steps.append(Step(f"Output ({r}, {c}) samples the input at ({at[k, 0]:.2f}, {at[k, 1]:.2f}).",
                          {"input": read, "output": [(r, c)]}, {"output": shown.copy()}))  # fmt: skip
    grid(
        [Panel("input", "Input", x, editable=True, ruler="centres" if align_corners else "edges"),
         Panel("output", "Output", out, note="equals PyTorch")],
        key="bilinear", links=[links], points=[Points("input", "output", at)], steps=steps, speed=10.0,
    )  # fmt: skip


def main() -> None:
    """Show the case that the address names."""
    st.set_page_config(layout="wide")
    st.html(STYLE)
    case = st.query_params.get("case", "golden")
    event: GridEvent | None = None
    match case:
        case "golden":
            event = golden("golden")
        case "callback":
            event = golden("golden", callback=True)
        case "refused":
            event = golden("golden", refuse=True)
            st.write("refused" if event else "nothing to refuse")
        case "slow":
            event = golden("golden", callback=True, wait=1.0)
        case "edges" | "centres":
            bilinear(2, 4, case == "centres")
        case "large":
            bilinear(16, 34, False)
        case "lab":
            x = np.random.default_rng(1).integers(-9, 10, (5, 5)).astype(float)
            kernel = np.random.default_rng(2).integers(-3, 4, (3, 3)) / 2
            out, links = transposed(x, kernel, st.slider("Stride", 1, 3, 2))
            panels = [
                Panel("input", "Input", x, True),
                Panel("kernel", "Kernel", kernel, True),
                Panel("output", "Output", out),
            ]
            grid(panels, key="lab", links=[links], steps=stamped(x, kernel, (out.shape[0] - 3) // 4), speed=10.0)
        case "text":
            panels = [Panel("a", EVIL, [[1.0, 2.0]], True, EVIL), Panel("b", EVIL + "!", [[3.0]], note=EVIL)]
            links = [Links("a", "b", [0, 2], [0, 1], [1.0, 1.0])]
            event = grid(panels, key="text", links=links, steps=[Step(EVIL, {"a": [(0, 0)]})], label=EVIL)
        case "numbers":
            values = json.loads(st.query_params.get("values", "[0]"))
            grid([Panel("a", "A", [values])], key="numbers")
        case "zeros":
            x = np.zeros((3, 3))
            x[0, 0] = 2
            out, links = transposed(x, np.full((3, 3), 5.0))
            grid([Panel("input", "Input", x), Panel("kernel", "Kernel", np.full((3, 3), 5.0)),
                  Panel("output", "Output", out)], key="zeros", links=[links])  # fmt: skip
        case _:
            raise ValueError(case)
    tell(event)
    st.session_state.runs = st.session_state.get("runs", 0) + 1
    st.code(json.dumps({"events": st.session_state.get("events", []), "runs": st.session_state.runs}))
    st.button("Rerun")


if __name__ == "__main__":
    main()
