"""The atrous and RoI labs: numbers against the library, torch and hand-computed ones; hostile links; formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from streamlit.testing.v1 import AppTest
from torchvision import ops

from seglab.upsampling.atrous import coverage, effective_kernel, holes
from seglab.upsampling.roi import Sample, misalignment, roi_align, roi_pool
from tests.latex import evaluate
from tests.pages.apps import ok, shown, unfolded, words
from ui import (
    code,
    expander,
    losses_state,
    picker,
    segment_state,
    state,
    upsampling_atrous,
    upsampling_bin,
    upsampling_equal,
    upsampling_roi,
    upsampling_scripts,
    upsampling_state,
)
from ui import upsampling_stacks as stacks
from ui.grid.pack import pack
from ui.texts import upsampling_views as text
from ui.upsampling_state import FIELDS as OTHERS
from ui.upsampling_views_state import EDGES, FIELDS, stack

BOX = (69.0, 53.0, 299.0, 245.0)  # the box at first


def page() -> None:
    import streamlit as st

    from ui.state import follow_link, keep_link
    from ui.upsampling_atrous import atrous
    from ui.upsampling_roi import roi
    from ui.upsampling_views_state import FIELDS

    wrong = follow_link(FIELDS, st.query_params, st.session_state, "views")
    if wrong:
        st.error("  \n".join(wrong))
    (atrous if st.session_state["lab"] == "atrous" else roi)()
    keep_link(FIELDS, st.query_params, st.session_state, "views")


def start(lab: str, **params: str) -> AppTest:
    app = unfolded(AppTest.from_function(page, default_timeout=120))
    app.session_state["lab"] = lab
    for key, value in params.items():
        app.query_params[key] = value
    return ok(app.run())


def formulas(app: AppTest) -> str:
    return "\n".join(element.value for element in app.latex)


# One atrous layer


@pytest.mark.parametrize(("k", "r"), [(2, 1), (3, 1), (3, 2), (3, 5), (2, 6), (5, 2)])
def test_a_layer_is_torchs_and_its_taps_lie_r_apart(k: int, r: int) -> None:
    values = np.random.default_rng(k * r).integers(0, 10, (11, 11)).astype(float)
    one = upsampling_atrous.layer(values, k, r)
    weights = torch.arange(1.0, k * k + 1, dtype=torch.float64).reshape(1, 1, k, k)
    theirs = F.conv2d(torch.from_numpy(values)[None, None], weights, dilation=r)[0, 0].numpy()
    np.testing.assert_array_equal(one.output, theirs)
    assert one.note == text.EQUAL
    assert np.isnan(one.laid).sum() == effective_kernel(k, r) ** 2 - k * k
    cells = one.links.indices[: one.links.indptr[1]]
    assert cells.tolist() == [11 * i * r + j * r for i in range(k) for j in range(k)]
    np.testing.assert_array_equal(one.laid.ravel()[one.links.via_indices], one.links.weights)


def test_a_step_for_each_output_says_what_it_reads() -> None:
    one = upsampling_atrous.layer(np.eye(6), 3, 2)
    played = upsampling_atrous.steps(one)
    assert len(played) == one.output.size == 4
    assert played[3].caption == (
        "Output (1, 1) reads rows 1, 3, 5 and columns 1, 3, 5: taps 2 cells apart, 1 hole between them."
    )
    assert played[3].values["output"].tolist() == one.output.tolist() == [[15, 0], [0, 15]]  # 1 + 5 + 9
    assert "without holes" in upsampling_atrous.steps(upsampling_atrous.layer(np.eye(4), 3, 1))[0].caption
    assert "3 cells apart, 2 holes" in upsampling_atrous.steps(upsampling_atrous.layer(np.eye(4), 2, 3))[0].caption


def test_a_badge_isnt_given_for_nothing() -> None:
    assert upsampling_atrous.badge(np.ones((2, 2)), np.ones((2, 2))) == text.EQUAL
    assert upsampling_atrous.badge(np.ones((2, 2)), np.full((2, 2), 1.5)) == "differs from PyTorch by 0.5"
    assert upsampling_roi.badge(np.ones((1, 1)), np.full((1, 1), 3.0)) == "differs from torchvision by 2"


def test_the_effective_kernel_is_evaluated_as_shown() -> None:
    app = start("atrous", rk="3", rr="4")
    assert "= 3 + (3 - 1)(4 - 1) = 9" in formulas(app)
    assert r"\mathrm{in} - k_{\mathrm{eff}} + 1 = 11 - 9 + 1 = 3" in formulas(app)
    assert "r − 1 apart; they are **r apart" in words(app)
    for k in range(1, 6):
        for r in range(1, 7):
            span = effective_kernel(k, r)
            right = text.A_SPAN.partition(" = ")[2]
            assert evaluate(right, {"k": k, "r": r}) == span
            _, filled, end = text.A_SPAN_FILLED.format(k=k, r=r, span=span).split(" = ")
            assert evaluate(filled, {}) == float(end) == span


def test_a_kernel_larger_than_the_grid_gets_a_sentence_and_the_last_one_stays() -> None:
    app = start("atrous", rk="5", rr="3")
    assert "A kernel of 5 at rate 3 doesn’t fit" in words(app, "warning")
    assert "13" in words(app, "warning")
    assert "= 3 + (3 - 1)(2 - 1) = 5" in formulas(app)
    app.slider(key="rr").set_value(1)
    ok(app.run())
    assert not app.warning
    app.slider(key="rr").set_value(6)
    ok(app.run())
    assert "Below is still kernel 5×5 at rate 1" in words(app, "warning")
    assert "= 5 + (5 - 1)(1 - 1) = 5" in formulas(app)


def test_own_numbers_come_and_go() -> None:
    own = upsampling_state.pack(np.full((1, 11, 11), 2.0))
    app = start("atrous", ax=own)
    assert app.query_params["ax"] in (own, [own])
    next(b for b in app.button if b.label == text.A_BACK).click()
    ok(app.run())
    assert "ax" not in app.query_params
    assert text.A_BACK not in [b.label for b in app.button]


# Stacks of rates


@pytest.mark.parametrize(
    ("rates", "size", "share"), [("2,2,2", 13, 1 - 49 / 169), ("1,2,5", 17, 0.0), ("1,2,9", 25, 1 - 21**2 / 25**2)]
)
def test_the_presets_say_how_much_is_holes(rates: str, size: int, share: float) -> None:
    app = start("atrous", rates=rates)
    assert share == pytest.approx(holes(coverage(stack(rates), 3)))
    assert shown(app)[text.S_SHARE] == f"{100 * share:.1f} %"
    assert shown(app)[text.S_FIELD] == f"{size}×{size}"
    assert shown(app)[text.S_WEIGHTS] == "27"
    assert ("gridding" in words(app, "markdown")) == (share > 0)
    assert ("No holes" in words(app)) == (share == 0)
    sums = " + ".join(rates.split(","))
    assert rf"1 + 2 \cdot ({sums}) = {size}" in formulas(app)
    assert evaluate(rf"1 + 2 \cdot ({sums})", {}) == size


def test_the_field_formula_is_the_librarys() -> None:
    for rates in ((2, 2, 2), (1, 2, 5), (3,)):
        for k in (2, 3, 5):
            latex = text.S_FIELD_FILLED.split(" = ")[1].replace("{{", "{").replace("}}", "}")
            assert evaluate(latex, {"k": k, "r": rates}, l=len(rates)) == len(coverage(rates, k))


def test_the_table_and_the_chart_grow_layer_by_layer() -> None:
    app = start("atrous", rates="1,2,5")
    table = app.dataframe[0].value
    assert table["Spans"].tolist() == [3, 5, 11]
    assert table["Field"].tolist() == [3, 7, 17]
    assert table["Field, rate 1"].tolist() == [3, 5, 7]
    assert table["Field, stride 2"].tolist() == [3, 7, 15]
    assert table["Jump"].tolist() == [1, 1, 1]
    assert table["Jump, stride 2"].tolist() == [2, 4, 8]
    assert "come to lie 8 cells apart" in words(app)
    assert len(app.get("plotly_chart")) == 1


def test_a_button_sets_the_stack() -> None:
    app = start("atrous")
    ok(app.button(key="upsampling.stack.1,2,5").click().run())
    assert shown(app)[text.S_SHARE] == "0.0 %"
    assert app.query_params["rates"] in ("1,2,5", ["1,2,5"])


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "1 to 6 whole numbers"), ("2,x", "1 to 6 whole numbers"), ("0,1", "rates from 1 to 16"),
        ("1,1,1,1,1,1,1", "1 to 6"), ("-2", "1 to 6"), ("²", "1 to 6"), ("9999", "1 to 6"), ("17", "1 to 16"),
        ("16,16,16,16,16,16", "span 1 . 2 · 96 = 193 cells"), ("<img src=x>", "`img src x`"),
    ],
)  # fmt: skip
def test_what_is_no_stack_is_said(typed: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        stacks.checked(typed, 3)


def test_after_what_is_no_stack_the_last_one_stays() -> None:
    app = start("atrous", rates="1,2,5")
    app.text_input(key="rates").set_value("2,<b>x")
    ok(app.run())
    assert "`2, b x` is no stack" in words(app, "warning")
    assert "Below is still the stack 1, 2, 5 with kernel size 3" in words(app, "warning")
    assert shown(app)[text.S_FIELD] == "17×17"
    app.text_input(key="rates").set_value("16,16")
    app.slider(key="rk").set_value(5)  # 129 cells: the largest that is drawn
    ok(app.run())
    assert "stack" not in words(app, "warning")
    assert shown(app)[text.S_FIELD] == "129×129"


# On a picture


def test_a_point_becomes_the_map_of_paths_and_a_stack_is_torchs() -> None:
    for rates, k in (((2, 2, 2), 3), ((1, 2, 5), 3), ((3, 1), 5)):
        out = stacks.through(stacks.drawn("point"), rates, k)
        paths = coverage(rates, k)
        around = (stacks.DRAWN - len(paths)) // 2
        seen = out[around:-around, around:-around]
        np.testing.assert_allclose(seen, 255 * paths / k ** (2 * len(rates)), atol=1e-9)
        assert out.sum() == pytest.approx(255)
    plane = np.random.default_rng(0).uniform(0, 255, (40, 50))
    x = torch.from_numpy(plane)[None, None]
    for rate in (1, 2, 5):
        x = F.conv2d(x, torch.full((1, 1, 3, 3), 1 / 9, dtype=torch.float64), dilation=rate)
    np.testing.assert_allclose(stacks.through(plane, (1, 2, 5), 3)[8:-8, 8:-8], x[0, 0].numpy(), atol=1e-9)


def test_gridding_is_rougher_and_said_as_computed() -> None:
    app = start("atrous")
    lines = stacks.drawn("lines")
    rough, fine, one = (stacks.roughness(stacks.through(lines, r, 3)) for r in ((2, 2, 2), (1, 2, 3), (1, 1, 1)))
    assert rough > 5 * one
    assert rough > 5 * fine  # as wide a view, without holes
    assert f"**{rough:.2f}** after these rates, **{one:.2f}** after rate 1" in words(app)
    assert stacks.roughness(np.ones((5, 2))) == 0
    app = start("atrous", apat="photo")
    grey = stacks.grey(picker.from_gallery("china"), stacks.PHOTO)
    assert max(grey.shape) == stacks.PHOTO
    assert f"**{stacks.roughness(stacks.through(grey, (2, 2, 2), 3)):.2f}** after these rates" in words(app)


# Shift-and-stitch


@pytest.mark.parametrize("factor", [2, 3])
def test_shift_and_stitch_is_the_dilated_network_to_the_last_bit(factor: int) -> None:
    side = 2 + 2 * factor + 4 * factor
    x = np.random.default_rng(factor).integers(0, 10, (side, side)).astype(float)
    found = upsampling_atrous.stitch(x, factor)
    blur, laplace = (torch.tensor(w, dtype=torch.float64)[None, None] for w in (
        upsampling_atrous.BLUR, upsampling_atrous.LAPLACE))  # fmt: skip
    theirs = F.conv2d(F.conv2d(torch.from_numpy(x)[None, None], blur), laplace, dilation=factor)[0, 0].numpy()
    assert np.array_equal(found.stitched, theirs)
    assert np.array_equal(found.dense, theirs)
    assert np.abs(theirs).max() > 0
    assert len(found.pieces) == factor**2
    assert {piece.shape for piece in found.pieces.values()} == {(4, 4)}
    np.testing.assert_array_equal(found.trace.apply(x), theirs)
    assert (found.note, found.coarse_note, found.stitched_note) == (text.EQUAL,) * 3
    app = start("atrous", sfac=str(factor))
    assert f"over {16 * factor**2} outputs: **0**" in words(app)


# A box on a feature map


def feature(stride: int = 32, kind: str = "photo") -> np.ndarray:
    return upsampling_roi.feature(upsampling_roi.working(picker.from_gallery("china")), stride, kind)


def test_the_map_is_the_mean_grey_of_its_cells() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 52, 1)).repeat(3, 2).astype(np.uint8)  # grey is grey
    found = upsampling_roi.feature(image, 16, "photo")
    assert found.shape == (3, 4)
    assert found[1, 2] == round(image[16:32, 32:48, 0].mean())
    assert found[2, 3] == round(image[32:40, 48:52, 0].mean())
    assert upsampling_roi.feature(image, 16, "places").tolist()[2] == [200, 201, 202, 203]
    assert max(upsampling_roi.working(picker.from_gallery("china")).shape) == 512


def test_the_box_at_first_by_hand() -> None:
    """69, 53, 299, 245 over 32 are 2.16, 1.66, 9.34, 7.66, rounded 2, 2, 9, 8; cells 2..9 cover pixels 64..320."""
    app = start("roi")
    assert r"\to (2,\ 2,\ 9,\ 8)" in formulas(app)
    assert "x₁ −5.0, y₁ +11.0, x₂ +21.0, y₂ +43.0 px" in words(app, "caption")
    assert shown(app) == {text.R_OFF_POOL: "43.0 px", text.R_OFF_ALIGN: "0.0 px"}
    assert misalignment(BOX, 1 / 32, 3).largest == 43
    map_ = feature()
    assert f"the largest number of rows 4 to 6 and columns 4 to 7, **{map_[4:7, 4:8].max():.5g}**" in words(app)
    aligned = roi_align(map_, BOX, 3, 1 / 32).result.output[1, 1]
    assert any(
        r" \mathrm{bin}_{11} &= \frac{1}{4} (" in line and f"= {aligned:.5g} " in line
        for line in formulas(app).splitlines()
    )
    assert "RoIAlign’s: +0.0, +0.0, +0.0, +0.0" in words(app)
    for key, value in zip(EDGES, (32.0, 64.0, 96.0, 160.0), strict=True):
        app.number_input(key=key).set_value(value)
    ok(app.run())
    assert "x₁ +0.0, y₁ +0.0, x₂ +32.0, y₂ +32.0" in words(app, "caption")
    assert roi_pool(map_, (32, 64, 96, 160), 3, 1 / 32).rounded == (1, 2, 3, 5)


@pytest.mark.parametrize("aligned", ["0", "1"])
@pytest.mark.parametrize("samples", ["0", "1", "2", "4"])
@pytest.mark.parametrize(("rscale", "bins"), [("16", "7"), ("32", "1"), ("64", "8")])
def test_both_are_torchvisions_and_the_librarys(aligned: str, samples: str, rscale: str, bins: str) -> None:
    stride, n, m = int(rscale), int(bins), int(samples)
    map_ = feature(stride)
    view = upsampling_roi.view_of(map_, BOX, n, stride, m, aligned == "1")
    x, boxes = torch.from_numpy(map_)[None, None], torch.tensor([[0, *BOX]], dtype=torch.float64)
    pooled = ops.roi_pool(x, boxes, n, 1 / stride)[0, 0].numpy()
    sampled = ops.roi_align(x, boxes, n, 1 / stride, m or -1, aligned == "1")[0, 0].numpy()
    panels = {panel.name: panel.values for panel in upsampling_roi.panels(view)}
    assert list(panels)[-1] == ("map" if stride == 16 else "align")  # a wide map stands below
    np.testing.assert_array_equal(panels["map"], map_)
    np.testing.assert_allclose(panels["pool"], pooled, atol=1e-9)
    np.testing.assert_allclose(panels["align"], sampled, atol=1e-9)
    assert view.notes == (text.EQUAL, text.EQUAL)
    packed = pack(upsampling_roi.panels(view), upsampling_roi.links(view), [upsampling_roi.points(view)],
                  upsampling_roi.steps(view))  # fmt: skip
    assert len(packed["steps"]) == 2 + 2 * n * n


def test_not_aligned_is_half_a_cell_off() -> None:
    assert shown(start("roi", aligned="0"))[text.R_OFF_ALIGN] == "16.0 px"
    assert shown(start("roi", aligned="0", rscale="64"))[text.R_OFF_ALIGN] == "32.0 px"
    assert shown(start("roi", aligned="1", rscale="64"))[text.R_OFF_ALIGN] == "0.0 px"


def test_on_the_map_of_places_aligned_bins_say_their_own_middle() -> None:
    view = upsampling_roi.view_of(feature(kind="places"), BOX, 2, 32, 2, True)
    x1, y1, x2, y2 = (edge / 32 - 0.5 for edge in BOX)
    for i in range(2):
        for j in range(2):
            y, x = y1 + (y2 - y1) * (2 * i + 1) / 4, x1 + (x2 - x1) * (2 * j + 1) / 4
            assert view.align.result.output[i, j] == pytest.approx(100 * y + x)
    assert view.pool.result.output.tolist() == [[505, 509], [805, 809]]  # rows 2..5, 5..8; columns 2..5, 6..9
    assert text.R_PLACES_NOTE in words(start("roi", rmap="places"), "caption")


def test_the_sample_formula_is_the_one_computed() -> None:
    map_ = feature(16)
    align = roi_align(map_, BOX, 5, 1 / 16, 3)
    for cell in ((0, 0), (2, 3), (4, 4)):
        values = []
        for sample in align.samples(*cell):
            y0, x0 = math.floor(sample.y), math.floor(sample.x)
            symbols = {"d_y": sample.y - y0, "d_x": sample.x - x0} | {
                f"f_{a}{b}": map_[y0 + a, x0 + b] for a in (0, 1) for b in (0, 1)}  # fmt: skip
            value = evaluate(text.R_SAMPLE.replace("f(y, x) = ", ""), symbols)
            assert upsampling_bin.value_of(map_, sample) == pytest.approx(value)
            written = upsampling_bin.sample_written(map_, sample)
            place, terms, end = written.split(" = ")
            assert place == f"f({sample.y:.4g}, {sample.x:.4g})"
            assert evaluate(terms, {}) == pytest.approx(float(end), abs=0.2)
            assert float(end) == pytest.approx(value, rel=1e-4)
            values.append(value)
        output = float(align.result.output[cell])
        _, mean, end = upsampling_bin.mean_written(values, cell, output).split(" = ")
        assert evaluate(mean, {}) == pytest.approx(output, abs=0.01)
        assert float(end) == pytest.approx(output, rel=1e-4)


def test_samples_at_and_beyond_the_border_are_written_too() -> None:
    written = upsampling_bin.sample_written(np.array([[4.0]]), Sample(-0.25, 0.0, [((0, 0), 1.0)]))
    assert written == r"f(-0.25, 0) = 1 \cdot 4 = 4"
    assert "beyond the map" in upsampling_bin.sample_written(np.array([[4.0]]), Sample(-3, 0, []))
    assert r"\sum_{s=1}^{16}" in upsampling_bin.mean_written([1.0] * 16, (0, 0), 1.0)


@pytest.mark.parametrize(
    "edges", [("100", "60", "100", "200"), ("300", "60", "100", "200"), ("10", "200", "50", "60"), ("0", "0", "0", "0")]
)
def test_an_empty_or_reversed_box_gets_a_sentence_and_the_last_one_stays(edges: tuple[str, ...]) -> None:
    app = start("roi", **dict(zip(EDGES, edges, strict=True)))
    assert "empty or reversed: x1 must be below x2 and y1 below y2" in words(app, "warning")
    assert "still the box from (69, 53) to (299, 245)" in words(app, "warning")
    assert shown(app)[text.R_OFF_POOL] == "43.0 px"
    for key, value in zip(EDGES, (10.0, 20.0, 90.0, 120.0), strict=True):
        app.number_input(key=key).set_value(value)
    ok(app.run())
    assert not app.warning
    app.number_input(key="bx1").set_value(5.0)
    ok(app.run())
    assert "still the box from (10, 20) to (90, 120)" in words(app, "warning")


def test_a_box_thinner_than_rounding_is_no_crash() -> None:
    app = start("roi", bx0="0", bx1="1e-16", samples="0")
    assert shown(app)[text.R_OFF_ALIGN] == "0.0 px"


@pytest.mark.parametrize("lab", ["atrous", "roi"])
def test_a_picture_that_is_missing_is_told(lab: str) -> None:
    app = unfolded(AppTest.from_function(page, default_timeout=120))
    for key, value in {"lab": lab, "image": "upload", "file": "mine.png", "sha": "0" * 16}.items():
        app.session_state[key] = value
    ok(app.run())
    assert "mine.png" in words(app, "warning")


def test_the_scripts_give_the_same_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    values = np.random.default_rng(0).integers(0, 10, (11, 11)).astype(float)
    names: dict[str, object] = {}
    script = upsampling_scripts.atrous(values, 5, 2, (1, 2, 5), 3)
    assert script.count("\n") <= code.MAX_LINES
    exec(compile(script, "shown", "exec"), names)
    np.testing.assert_array_equal(names["out"].numpy(), upsampling_atrous.layer(values, 5, 2).output)
    np.testing.assert_array_equal(names["paths"].numpy(), coverage((1, 2, 5), 3))
    assert "field 17×17, holes 0.0%" in capsys.readouterr().out
    map_ = feature(32)
    for samples, aligned in ((2, True), (0, False)):
        script = upsampling_scripts.roi(map_, BOX, 3, 32, samples, aligned)
        assert script.count("\n") <= code.MAX_LINES
        exec(compile(script, "shown", "exec"), names)
        view = upsampling_roi.view_of(map_, BOX, 3, 32, samples, aligned)
        np.testing.assert_array_equal(names["pooled"].numpy(), view.pool.result.output)
        np.testing.assert_allclose(names["out"].numpy(), view.align.result.output, atol=1e-9)
    assert "off by [-5.0, 11.0, 21.0, 43.0]" in capsys.readouterr().out


REFUSED = (
    {"lab": "atrous", "rk": "5", "rr": "6"},  # no such layer; the stack has kernel size 5
    {"lab": "atrous", "rk": "5", "rates": "16,16,1"},  # no such stack
    {"lab": "atrous", "rr": "6", "rates": "16,16,16"},  # neither
    {"lab": "roi", "bx0": "400", "bx1": "100"}, {"lab": "roi", "bx0": "100", "bx1": "100", "samples": "0"},
)  # fmt: skip


@pytest.mark.parametrize("asked", [{"lab": "atrous"}, {"lab": "roi", "bins": "2"}, *REFUSED], ids=str)
def test_script_and_files_are_of_what_is_shown(asked: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    app = AppTest.from_function(shown_now, default_timeout=120)
    for key, value in asked.items():
        app.query_params[key] = value
    ok(app.run())
    assert bool(app.warning) == (asked in REFUSED)
    panels, files = ({name: np.array(values) for name, values in app.session_state[key].items()} for key in (
        "panels", "files"))  # fmt: skip
    names: dict[str, object] = {}
    exec(compile(app.session_state["script"], "shown", "exec"), names)
    given = {name: np.asarray(names[name]) for name in ("out", "paths", "pooled", "feature") if name in names}
    if asked["lab"] == "atrous":
        pairs = ((panels["output"], files["atrous.npy"], given["out"]),)
        size = shown(app)[text.S_FIELD]
        assert files["paths.npy"].shape == given["paths"].shape == tuple(map(int, size.split("×")))
        np.testing.assert_array_equal(files["paths.npy"], given["paths"])
    else:
        pairs = ((panels["pool"], files["roi_pool.npy"], given["pooled"]),
                 (panels["align"], files["roi_align.npy"], given["out"]),
                 (panels["map"], files["map.npy"], given["feature"][0]))  # fmt: skip
    for panel, file, computed in pairs:
        np.testing.assert_array_equal(file, panel)
        np.testing.assert_allclose(computed, panel, atol=1e-9)


def shown_now() -> None:
    """A lab with what its panels show, its script and its files in the session."""
    import io

    import numpy as np
    import streamlit as st

    from ui import upsampling_atrous, upsampling_roi, upsampling_shown
    from ui.state import choice, follow_link
    from ui.upsampling_views_state import FIELDS

    now, panels = st.session_state, {}
    follow_link((choice("lab", "roi", ("atrous", "roi")), *FIELDS), st.query_params, now, "views")
    for module in (upsampling_atrous, upsampling_roi):
        module.grid = lambda given, **_: panels.update({p.name: p.values for p in given if p.name not in panels})
    lab = now["lab"]
    (upsampling_atrous.atrous if lab == "atrous" else upsampling_roi.roi)()
    offers = {"atrous": upsampling_shown._fields, "roi": upsampling_shown._boxes}[lab]()
    now["panels"] = {name: values.tolist() for name, values in panels.items()}
    now["files"] = {name: np.load(io.BytesIO(make())).tolist() for _, name, make in offers}
    now["script"] = {"atrous": upsampling_shown._atrous, "roi": upsampling_shown._roi}[lab]()


def test_the_panes_and_maps_have_badges_and_lose_them() -> None:
    for rates, k in (((2, 2, 2), 3), ((1, 5), 2), ((3, 1, 2), 4)):
        plane = np.random.default_rng(k).uniform(0, 255, (30, 41))
        out, equal = stacks.sent(plane, rates, k)
        assert equal
        out = out.copy()
        out[0, 7] += 1e-4
        assert not upsampling_equal.averaged(plane, rates, k, out)
        paths = coverage(rates, k)
        assert upsampling_equal.paths(rates, k, paths)
        paths[1, 1] += 1
        assert not upsampling_equal.paths(rates, k, paths)
    assert words(start("atrous"), "markdown").count(f"[{text.EQUAL}]") == 4


def test_a_dragged_box_becomes_the_numbers_and_its_frame_goes_with_them() -> None:
    app = AppTest.from_function(dragged, default_timeout=60)
    shape = (300, 400, 3)
    for sent, edges, drags in (
        (None, BOX, 0),
        ({"box": {"at": [32, 64, 96, 160], "serial": 1}}, (32, 64, 96, 160), 0),
        (None, (32, 64, 96, 160), 0),
        ({"box": {"at": [32, 64, 96, 301], "serial": 2}}, (32, 64, 96, 160), 0),  # beyond the picture
        ({"box": {"at": [32, 64, 32, 160], "serial": 2}}, (32, 64, 96, 160), 0),  # empty
        ({"box": {"at": ["x", 0, 1, 1]}}, (32, 64, 96, 160), 0),
        ({"box": {"at": [0, 0, 400, 300], "serial": 3}}, (0, 0, 400, 300), 0),
    ):
        app.session_state["sent"], app.session_state["shape"] = sent, shape
        ok(app.run())
        assert tuple(app.session_state[key] for key in EDGES) == edges, sent
        assert app.session_state["drags"] == drags
    app.session_state["sent"] = None
    app.session_state["bx0"] = 7.0
    ok(app.run())
    assert app.session_state["drags"] == 1  # another viewer, without the frame
    assert app.session_state["bx0"] == 7
    ok(app.run())
    assert app.session_state["drags"] == 1


def dragged() -> None:
    import streamlit as st

    from ui import upsampling_roi
    from ui.upsampling_views_state import FIELDS

    now = st.session_state
    for field in FIELDS:
        now.setdefault(field.key, field.default)
    upsampling_roi._take_drag(now["sent"], now["shape"])
    now["drags"] = now.get(upsampling_roi.DRAGS, 0)


def test_map_and_bins_have_one_scale_of_colours() -> None:
    view = upsampling_roi.view_of(feature(), BOX, 3, 32, 2, True)
    told = pack(upsampling_roi.panels(view), (), (), upsampling_roi.steps(view))["panels"]
    assert {(panel["low"], panel["high"]) for panel in told} == {(0.0, view.feature.max())}
    assert view.align.result.output.max() < view.feature.max()  # so by itself it would have another


def test_the_drawing_shows_each_line_where_it_is() -> None:
    view = upsampling_roi.view_of(feature(), BOX, 3, 32, 2, True)
    size = upsampling_roi.working(picker.from_gallery("china")).shape[:2]
    ids = upsampling_roi.overlay(size, view, (1, 1))
    assert set(np.unique(ids)) == {0, 1, 2, 3, 4, 5}
    assert ids[2 * 150, 2 * 69] == upsampling_roi.TRUE
    assert ids[2 * 150, 2 * 64] == upsampling_roi.ROUNDED
    y, x = (float(at[1][0] + 0.5) * 32 for at in (view.align.y, view.align.x))
    assert ids[round(2 * y), round(2 * x)] == upsampling_roi.CHOSEN


# Links


@pytest.mark.parametrize("lab", ["atrous", "roi"])
def test_strangers_links_do_no_harm(lab: str) -> None:
    bad = {
        "rk": "99", "rr": "0", "ax": "1 2/3 4", "rates": "1,0", "apat": "<b>", "sfac": "-1", "bx0": "nan", "by0": "1e9",
        "bx1": "inf", "by1": "x", "bins": "500", "rscale": "1", "samples": "-1", "aligned": "2", "rmap": "",
        "brow": "8", "bcol": "z",
    }  # fmt: skip
    app = start(lab, **bad)
    assert words(app, "error").count("in the link was") == len(bad) == len(FIELDS)
    assert not app.warning


@pytest.mark.parametrize("image", ["china", "rocket"])
def test_the_largest_of_everything_works(image: str) -> None:
    app = unfolded(AppTest.from_function(page, default_timeout=120))
    app.session_state["lab"], app.session_state["image"] = "roi", image
    wide = {"bx0": "0", "by0": "0", "bx1": "512", "by1": "512", "bins": "8", "samples": "0", "rscale": "16"}
    for key, value in {**wide, "brow": "7", "bcol": "7"}.items():
        app.query_params[key] = value
    ok(app.run())
    assert shown(app)[text.R_OFF_ALIGN] == "0.0 px"
    app.slider(key="bins").set_value(1)
    ok(app.run())
    assert (app.session_state["brow"], app.session_state["bcol"]) == (0, 0)
    assert "The first 16 of 1024 samples." in words(app)


def test_the_choices_clash_with_no_pages() -> None:
    keys = [field.key for fields in (FIELDS, OTHERS, losses_state.FIELDS, segment_state.FIELDS) for field in fields]
    assert all(keys.count(field.key) == 1 for field in FIELDS)
    values, wrong = state.read(FIELDS, state.write(FIELDS, state.defaults(FIELDS) | {"rates": "1,2,5", "bx0": 3.5}))
    assert wrong == []
    assert (values["rates"], values["bx0"]) == ("1,2,5", 3.5)


@pytest.mark.parametrize("lab", ["atrous", "roi"])
def test_what_is_folded_is_drawn_only_while_it_is_open(lab: str) -> None:
    app = start(lab)
    drawn = {"atrous": lambda: app.dataframe, "roi": lambda: app.table}[lab]
    assert drawn()
    part = {"atrous": "upsampling.stack", "roi": "upsampling.roi.bin"}[lab]
    app.session_state[expander.key(part)] = False
    ok(app.run())
    assert not drawn()


def test_a_link_to_a_bin_opens_it() -> None:
    for params, there in (({}, False), ({"brow": "2"}, True), ({"bins": "1"}, False)):
        app = AppTest.from_function(page, default_timeout=120)
        app.session_state["lab"] = "roi"
        for key, value in params.items():
            app.query_params[key] = value
        assert bool(ok(app.run()).table) is there, params
