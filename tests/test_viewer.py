"""The viewer's Python side: what is sent to the browser, what is believed of what comes back, strokes on a mask."""

from __future__ import annotations

import base64
import io
import itertools
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from streamlit.testing.v1 import AppTest

from seglab.palettes import CAMVID
from ui import viewer as v
from ui.viewer import ERASE, HeatLayer, LabelLayer, Stroke, apply_strokes, encode, strokes, viewer
from ui.viewer import viewer as call
from ui.viewer.layers import spec as _spec
from ui.viewer.table import _index
from ui.viewer.viewer import _event

APP = Path(__file__).parent / "browser" / "viewer_app.py"


def unpack(packed: dict) -> np.ndarray:
    """Undo `encode.pack` the way the browser does."""
    steps = np.frombuffer(zlib.decompress(base64.b64decode(packed["z"])), np.uint8).reshape(packed["h"], packed["w"])
    return np.cumsum(steps, axis=1, dtype=np.uint64).astype(np.uint8)


def test_labels_come_back_exactly() -> None:
    labels = np.random.default_rng(0).integers(0, 256, (37, 53)).astype(np.uint8)
    sent = encode.labels(labels)
    assert np.array_equal(unpack(sent), labels)
    assert sent["full"] == [53, 37]
    assert sum(n for _, n in sent["areas"]) == 37 * 53


def test_large_labels_are_sampled_not_mixed() -> None:
    labels = np.random.default_rng(0).integers(0, 11, (2400, 3100)).astype(np.uint8)
    sent = encode.labels(labels)
    assert (sent["h"], sent["w"]) == (1548, 2000)
    rows, columns = encode.sample(2400, 1548), encode.sample(3100, 2000)
    assert np.array_equal(unpack(sent), labels[rows[:, None], columns])
    assert rows.max() < 2400
    assert columns[-1] == 3099


def unpack_ids(made: dict) -> list[np.ndarray]:
    """Undo `encode.ids`: the ids, and the hatched mask where there is one."""
    steps = np.frombuffer(zlib.decompress(made["file"]), np.uint8).reshape(made["planes"], made["h"], made["w"])
    low, high, *hatched = np.add.accumulate(steps, axis=2, dtype=np.uint8)  # wraps
    return [low + 256 * high.astype(int), *hatched]


def test_ids_come_back_exactly() -> None:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 65536, (37, 53)).astype(np.int64)
    ids[0, :2] = 65535, 0
    hatched = rng.random((37, 53)) < 0.3
    made = encode.ids(ids, hatched)
    back, lines = unpack_ids(made)
    assert np.array_equal(back, ids)
    assert np.array_equal(lines, hatched)
    values, n = np.unique(ids, return_counts=True)
    assert made["areas"] == {**dict(zip(values.tolist(), n.tolist(), strict=True)), -1: hatched.sum()}
    assert made["full"] == [53, 37]
    assert encode.ids(ids.astype(np.uint16), hatched.copy()) is made  # by content, whatever the type


def test_ids_are_named_by_all_their_pixels() -> None:
    ids = np.arange(12).reshape(3, 4)
    one, other = np.zeros((3, 4), bool), np.zeros((3, 4), bool)
    other[2, 3] = True
    high = ids.copy()
    high[0, 0] = 256  # the low byte is the same
    names = [encode.ids(a, b)["id"] for a, b in [(ids, None), (ids, one), (ids, other), (high, None), (ids.T, None)]]
    assert len(set(names)) == 5
    assert {len(name) for name in names} == {24}  # as photo.js cuts them off


def test_large_ids_are_sampled_not_mixed() -> None:
    ids = np.random.default_rng(0).integers(0, 60_000, (2400, 3100))
    made = encode.ids(ids, ids % 2 == 0)
    back, lines = unpack_ids(made)
    shown = ids[encode.sample(2400, 1548)[:, None], encode.sample(3100, 2000)]
    assert np.array_equal(back, shown)
    assert np.array_equal(lines, shown % 2 == 0)
    assert sum(made["areas"].values()) == 2400 * 3100 + (ids % 2 == 0).sum()


def test_what_the_browser_is_told_of_ids() -> None:
    ids = np.array([[0, 7, 7], [300, 300, 300]])
    car, dog = v.Entry(7, "car 1", (1, 2, 3), "Car", {"Objects": (4,)}), v.Entry(300, "dog", (4, 5, 6), "Dog")
    hidden = v.Entry(9, "car 2", (7, 8, 9), "Car")
    told = _spec(v.IdLayer(ids, (car, dog, hidden), "Panoptic", hatched=ids == 300))
    assert told["groups"] == ["Car", "Dog"]
    expected = [[7, "car 1", [1, 2, 3], 0, 2], [300, "dog", [4, 5, 6], 1, 3], [9, "car 2", [7, 8, 9], 0, 0]]
    assert told["entries"] == expected
    assert told["lights"] == {"7": {"Objects": [4]}}
    assert told["hatched_area"] == 3
    assert "file" not in told  # goes apart, once
    assert _spec(v.IdLayer(ids, (dog, car, hidden), hatched=ids == 300))["id"] == told["id"]
    assert _spec(v.IdLayer(ids, (car, dog)))["id"] != told["id"]
    labels = LabelLayer(np.zeros((2, 2), np.uint8), CAMVID, lights={5: {"Objects": (1, 2)}, 3: {}})
    assert _spec(labels)["lights"] == {"5": {"Objects": [1, 2]}, "3": {}}


@pytest.mark.parametrize(
    ("ids", "entries", "hatched", "message"),
    [
        ([[0, 1]], (2,), None, "hold 1, which has no entry"),
        ([[0, 5]], (), None, "hold 5"),
        ([[0, 1]], (1, 1), None, "1 has 2"),
        ([[0, 65536]], (1,), None, "0 to 65536"),
        ([[-1, 0]], (), None, "got -1"),
        ([[0, 0]], (0,), None, "1 to 65535; got 0"),
        ([[0, 0]], (70_000,), None, "got 70000"),
        ([[0.5]], (), None, "float64"),
        ([[True]], (), None, "bool"),
        ([0, 1], (1,), None, r"\(2,\)"),
        ([[]], (), None, r"\(1, 0\)"),
        ([[0, 1]], (1,), [[True]], "shape"),
        ([[0, 1]], (1,), [[0, 1]], "bool array"),
    ],
)
def test_ids_are_checked(ids: list, entries: tuple[int, ...], hatched: list | None, message: str) -> None:
    made = tuple(v.Entry(k, f"car {k}", (0, 0, 0), "Car") for k in entries)
    with pytest.raises(ValueError, match=message):
        v.IdLayer(np.array(ids), made, hatched=None if hatched is None else np.array(hatched))


def test_rows_are_checked_and_so_is_what_comes_back() -> None:
    with pytest.raises(ValueError, match="row 1 has 1"):
        v.segment_table([v.Row(("a", "b")), v.Row(("a",))], key="k", link="l", columns=["x", "y"])
    with pytest.raises(ValueError, match="x0 < x1"):
        v.segment_table([v.Row(("a",), box=(5, 0, 5, 9))], key="k", link="l", columns=["x"])
    assert _index({"index": 2, "table": "t", "serial": 1}, "t", 3) == 2
    for wrong in ({"index": 3, "table": "t"}, {"index": -1, "table": "t"}, {"index": 0, "table": "other"}, None, [],
                  {"index": 1.0, "table": "t"}, {"index": True, "table": "t"}, {"table": "t"}):  # fmt: skip
        assert _index(wrong, "t", 3) is None


def test_photo_is_close_small_and_cached() -> None:
    y, x = np.mgrid[:600, :800]
    image = np.stack([128 + 80 * np.sin(x / 31), 128 + 80 * np.cos(y / 17), (x + y) % 256], axis=-1).astype(np.uint8)
    sent = encode.photo(image)
    assert sent["file"].startswith(b"\xff\xd8")  # a JPEG
    back = np.asarray(PIL.Image.open(io.BytesIO(sent["file"])))
    assert back.shape == image.shape
    assert np.abs(back.astype(int) - image).mean() < 1.5
    assert encode.photo(image.copy()) is sent


def test_small_photo_is_exact_and_large_photo_is_reduced() -> None:
    image = np.random.default_rng(1).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    file = encode.photo(image)["file"]
    assert np.array_equal(np.asarray(PIL.Image.open(io.BytesIO(file))), image)
    file = encode.photo(np.zeros((1000, 5000, 3), np.uint8))["file"]
    assert PIL.Image.open(io.BytesIO(file)).size == (2000, 400)


def test_heat_levels() -> None:
    values = np.array([[-1.0, 0.0, 0.5, 1.0, 2.0, np.nan]], np.float32)
    assert unpack(encode.heat(values, 0.0, 1.0)).tolist() == [[1, 1, 128, 255, 255, 0]]
    assert HeatLayer(values).range() == (-1.0, 2.0)
    assert HeatLayer(np.full((2, 2), 3.0)).range() == (3.0, 4.0)
    assert HeatLayer(np.full((2, 2), np.nan)).range() == (0.0, 1.0)


def test_large_heat_shows_single_values_not_means() -> None:
    values = np.random.default_rng(0).random((2400, 3100))
    values[::7] = np.nan
    sent = encode.heat(values, 0.0, 1.0)
    shown = values[encode.sample(2400, 1548)[:, None], encode.sample(3100, 2000)]
    assert sent["full"] == [3100, 2400]
    levels = np.where(np.isnan(shown), 0, np.nan_to_num(shown).astype(np.float32) * np.float32(254) + np.float32(1.5))
    assert np.array_equal(unpack(sent), levels.astype(np.uint8))


def brute(labels: np.ndarray, stroke: Stroke) -> np.ndarray:
    """Paint by the definition, pixel by pixel in exact fractions."""
    from fractions import Fraction

    out = labels.copy()
    points = stroke.points if len(stroke.points) > 1 else stroke.points * 2
    for y, x in np.ndindex(labels.shape):
        for (ax, ay), (bx, by) in itertools.pairwise(points):
            dx, dy = bx - ax, by - ay
            t = Fraction((x - ax) * dx + (y - ay) * dy, (dx * dx + dy * dy) or 1)
            t = min(Fraction(1), max(Fraction(0), t))
            if (x - ax - t * dx) ** 2 + (y - ay - t * dy) ** 2 <= Fraction(stroke.radius) ** 2:
                out[y, x] = stroke.class_index
    return out


@pytest.mark.parametrize("radius", [0.5, 1.0, 3.5, 6.0])
def test_strokes_against_the_definition(radius: float) -> None:
    labels = np.zeros((30, 40), np.uint8)
    for points in [((7, 9),), ((5, 5), (33, 17)), ((30, 2), (3, 27), (39, 29)), ((-4, 10), (4, 12)), ((8, 8), (8, 8))]:
        stroke = Stroke(3, radius, points)
        assert np.array_equal(apply_strokes(labels, [stroke]), brute(labels, stroke))
    assert not labels.any()


def test_rectangles_are_filled_edges_and_all() -> None:
    labels = np.zeros((6, 8), np.uint8)
    out = apply_strokes(labels, [Stroke(3, 0.0, ((5, 4), (2, 1))), Stroke(ERASE, 0.0, ((3, 2), (3, 2)))])
    wanted = labels.copy()
    wanted[1:5, 2:6] = 3
    wanted[2, 3] = 0
    assert np.array_equal(out, wanted)
    for outside in (((-9, -9), (-1, -1)), ((8, 6), (99, 99)), ((0, -5), (7, -1))):
        assert not apply_strokes(labels, [Stroke(3, 0.0, outside)]).any()
    assert apply_strokes(labels, [Stroke(3, 0.0, ((-5, -5), (99, 99)))]).all()


def test_eraser_gives_back_the_original_and_order_counts() -> None:
    labels = np.random.default_rng(0).integers(0, 4, (20, 20)).astype(np.uint8)
    brush, eraser = Stroke(9, 4.0, ((10, 10),)), Stroke(ERASE, 500.0, ((0, 0),))
    assert np.array_equal(apply_strokes(labels, [brush, eraser]), labels)
    assert np.array_equal(apply_strokes(labels, [eraser, brush]), apply_strokes(labels, [brush]))
    painted = apply_strokes(labels, [brush])
    assert np.array_equal(apply_strokes(painted, [brush]), painted)


def test_strokes_from_outside_are_checked() -> None:
    classes = frozenset({0, 1, 255})
    good = [[0, 0.5, [1, 2]], [255, 7.5, [0, 0, 9, -9]], [ERASE, 2, [3, 3]], [1, 0, [0, 0, 5, 5]]]
    assert strokes.pack(strokes.parse(good, classes)) == good
    bad = [
        None, 5, [], [0], [0, 1], [0, 1, []], [0, 1, [1]], [0, 1, [1, 2, 3]], [2, 1, [0, 0]], [0, 0, [0, 0]],
        [0, 0, [0, 0, 1, 1, 2, 2]], [0, 0.25, [0, 0, 1, 1]],
        [0, 1e9, [0, 0]], [0, float("nan"), [0, 0]], [0, 1, ["1", 2]], [0, 1, [0.5, 2]], [0, 1, [10**12, 0]],
        [True, 1, [0, 0]], [0, 1, {"a": 1}], ["0", 1, [0, 0]],
    ]  # fmt: skip
    assert strokes.parse(bad, classes) == ()
    assert strokes.parse({"not": "a list"}, classes) == ()
    assert len(strokes.parse([[0, 1, [0, 0] * 9_000]] * 5, classes)) == 2


def test_events_from_outside_are_checked() -> None:
    paper = LabelLayer(np.zeros((10, 20), np.uint8), CAMVID)

    def event(**sent: object) -> object:
        return _event(sent, "id", (10, 20), paper, ())

    assert event(click={"at": [19, 9], "serial": 5, "image": "id"}).click == (19, 9)
    assert event(click={"at": [19, 9], "serial": 5, "image": "id"}).serial == 5
    assert event(box={"at": [0, 0, 20, 10], "serial": 6, "image": "id"}).box == (0, 0, 20, 10)
    assert event(strokes={"list": [[1, 1, [0, 0]]], "image": "id"}).strokes == (Stroke(1, 1.0, ((0, 0),)),)
    for wrong in (
        {"at": [19, 9], "serial": 5, "image": "other"}, {"at": [20, 9], "serial": 5, "image": "id"},
        {"at": [1.5, 9], "serial": 5, "image": "id"}, {"at": [-1, 0], "serial": 1, "image": "id"}, {"image": "id"}, "x",
    ):  # fmt: skip
        assert event(click=wrong).click is None
    for box in ([0, 0, 21, 10], [5, 5, 5, 6], [9, 0, 3, 4], [0, 0, 1]):
        assert event(box={"at": box, "serial": 1, "image": "id"}).box is None


def test_layer_id_follows_all_that_is_shown() -> None:
    labels = np.zeros((4, 4), np.uint8)
    ids = {_spec(layer)["id"] for layer in (
        LabelLayer(labels, CAMVID), LabelLayer(labels, CAMVID, unsure="unlabelled"), LabelLayer(labels + 1, CAMVID),
        HeatLayer(labels, vmin=0, vmax=1), HeatLayer(labels, vmin=0, vmax=2),
        HeatLayer(labels, vmin=0, vmax=1, diverging=True),
    )}  # fmt: skip
    assert len(ids) == 6
    assert _spec(LabelLayer(labels.copy(), CAMVID))["id"] == _spec(LabelLayer(labels, CAMVID))["id"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image": None, "layers": []}, "nothing to show"),
        ({"image": np.zeros((4, 4), np.uint8)}, "RGB"),
        ({"layers": [np.zeros((4, 4), np.uint8)]}, "palette="),
        ({"tools": ["lasso"]}, "click, box, brush"),
        ({"tools": ["click"], "tool": "box"}, "one of those given"),
        ({"tools": ["brush"]}, "no label layer"),
        ({"tools": ["brush"], "layers": [LabelLayer(np.zeros((2, 2), np.uint8), CAMVID)]}, "labels of"),
    ],
)
def test_what_does_not_fit_is_said(arguments: dict, message: str) -> None:
    arguments = {"image": np.zeros((4, 4, 3), np.uint8), "layers": [], **arguments}
    with pytest.raises(ValueError, match=message):
        viewer(arguments.pop("image"), arguments.pop("layers"), key="k", **arguments)


def test_layers_are_checked() -> None:
    with pytest.raises(ValueError, match="value 11"):
        LabelLayer(np.full((2, 2), 11, np.uint8), CAMVID)
    with pytest.raises(ValueError, match="Pick one channel"):
        HeatLayer(np.zeros((2, 2, 3)))
    with pytest.raises(ValueError, match="vmin < vmax"):
        HeatLayer(np.zeros((2, 2)), vmin=1, vmax=1)


def test_runs_in_apptest() -> None:
    app = AppTest.from_file(str(APP), default_timeout=30).run()
    assert not app.exception
    assert '"click": null' in app.code[0].value
    assert call is viewer
