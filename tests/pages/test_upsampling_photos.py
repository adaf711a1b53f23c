"""The labs "Checkerboard" and "There and back": every number against the library, hostile links, odd pictures."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from seglab import inference, maps, runtime, zoo
from seglab.live import Line, Run, Snapshot, generators
from seglab.metrics.boundary import boundary_iou
from seglab.metrics.confusion import confusion_matrix, mean_iou
from seglab.upsampling import generator, planes, reconstruction
from seglab.upsampling.checkerboard import overlap_count, spectrum, spike, unevenness
from seglab.upsampling.quality import luma, ssim
from seglab.upsampling.skips import fcn_skips
from tests.pages.apps import ok, words
from ui import (
    cache,
    code,
    gallery,
    live_runs,
    picker,
    state,
    upsampling_checker,
    upsampling_generators,
    upsampling_rebuild,
    upsampling_rebuilt,
    upsampling_scripts,
)  # fmt: skip
from ui import upsampling_photos_state as photos
from ui.texts import upsampling as badges
from ui.texts import upsampling_photos as text

PHOTO = np.ascontiguousarray(gallery.load("chelsea")[100:196, 100:228])  # (96, 128, 3)


def page() -> None:
    import streamlit as st

    from ui import upsampling_checker, upsampling_rebuild
    from ui.state import follow_link, keep_link
    from ui.upsampling_photos_state import FIELDS, PICTURE

    fields = (*FIELDS, *PICTURE)
    for line in follow_link(fields, st.query_params, st.session_state, "upsampling"):
        st.warning(line)
    if st.session_state["lab"] == "checker":
        for part in (upsampling_checker.overlaps, upsampling_checker.on_picture, upsampling_checker.race):
            part()
    else:
        upsampling_rebuild.rebuild()
    keep_link(fields, st.query_params, st.session_state, "upsampling")


@pytest.fixture(autouse=True)
def fresh():
    for store in (cache.MAPS, cache.NUMBERS, upsampling_rebuilt.KEPT):
        store.clear()


def start(lab: str, image: np.ndarray | None = PHOTO, **params: str) -> AppTest:
    app = AppTest.from_function(page, default_timeout=120)
    app.session_state["lab"] = lab
    if image is not None:
        own = picker.Photo(image, gallery.UPLOAD, "mine.png", cache.image_hash(image), "mine")
        app.session_state[picker.OWN] = own
        params = {"image": gallery.UPLOAD, "file": "mine.png", "sha": own.hash, **params}
    for key, value in params.items():
        app.query_params[key] = value
    return ok(app.run())


def table(app: AppTest) -> dict[str, list]:
    return app.dataframe[0].value.to_dict("list")


def formulas(app: AppTest) -> str:
    return "\n".join(element.value for element in app.get("latex"))


def test_the_fields_are_the_librarys_and_no_other_labs() -> None:
    assert photos.FACTORS == planes.FACTORS
    assert photos.METHODS == reconstruction.METHODS
    assert set(text.R_NAMES) == set(photos.METHODS)
    assert set(text.W_WAYS) == set(generator.WAYS)
    from ui.upsampling_state import FIELDS as GRID
    from ui.upsampling_views_state import FIELDS as VIEWS

    own = {field.key for field in (*photos.FIELDS, *photos.PICTURE)}
    assert len(own) == len(photos.FIELDS) + len(photos.PICTURE)
    assert not {field.key for field in photos.FIELDS} & {field.key for field in (*GRID, *VIEWS)}


# Checkerboard


@pytest.mark.parametrize("kernel", range(1, 10))
@pytest.mark.parametrize("stride", range(1, 7))
def test_the_sentence_is_what_the_counts_show(kernel: int, stride: int) -> None:
    n = upsampling_checker.inputs(kernel, stride)
    counts = overlap_count(kernel, stride, n, 1)
    edge = max(kernel - stride, 0)
    middle = counts[edge : len(counts) - edge]
    said = upsampling_checker.sentence(kernel, stride)
    assert said.startswith("**Even**") == (np.ptp(middle) == 0)
    if kernel < stride:
        assert f"of {stride} cells along a line {stride - kernel} get" in said
        assert (middle == 0).any()
    elif np.ptp(middle):
        low, high = middle.min(), middle.max()
        assert f"because {kernel} isn’t divisible by {stride}" in said
        assert f"{low} to {high}" in said or f"{low} or {high}" in said
        assert f"{low**2} to {high**2} in a picture" in said
    else:
        assert f"because {kernel} is divisible by {stride}" in said
    assert len(counts) <= 27, "small enough to read"


def test_the_counts_are_drawn() -> None:
    app = start("checker", ck="5", cs="3")
    assert "**Uneven**, because 5 isn’t divisible by 3" in words(app)
    assert "**0.60** along a line, **1.08** in a picture" in words(app)  # 1 / (5/3), 3 / (5/3)²
    counts = overlap_count(5, 3, upsampling_checker.inputs(5, 3), 1)
    assert upsampling_checker.bars(counts).data[0].y.tolist() == [
        1,
        1,
        1,
        *[2, 2, 1] * (len(counts) // 3 - 2),
        2,
        2,
        1,
        1,
        1,
    ]
    assert len(app.get("plotly_chart")) == 1
    ok(app.slider(key="ck").set_value(6).run())
    assert "**Even**, because 6 is divisible by 3" in words(app)
    assert app.query_params["ck"] == "6"


def test_the_three_ways_wait_for_the_button_and_are_the_librarys() -> None:
    app = start("checker", cseed="3")
    assert ("upsampling", "ways") not in {key[:2] for key in cache.MAPS._values}
    ok(app.button(key="upsampling.compare").click().run())
    ways = generator.three_ways(PHOTO, 3)
    _, title, *_ = text.W_COLUMNS
    found = table(app)
    own = spike(generator.prepare(PHOTO)[0], generator.PERIOD)
    assert text.W_ERROR_NOTE.format(spike=own) in words(app)
    assert found[title] == pytest.approx([way.spike_before for way in ways])
    for name, values in zip(text.W_COLUMNS[2:], (
        [way.spike_after for way in ways], [way.errors[0] for way in ways], [way.errors[-1] for way in ways],
    ), strict=True):  # fmt: skip
        assert found[name] == pytest.approx(values)
    for way in ways:
        assert text.W_SPIKE.format(spike=way.spike_before) in words(app)
    assert app.query_params["cgo"] == "1"
    ok(app.segmented_control(key="cstage").set_value("after").run())
    for way in ways:
        assert text.W_SPIKE.format(spike=way.spike_after) in words(app)


def test_the_divisible_kernel_and_its_phases() -> None:
    app = start("checker", cgo="1", cseed="3")
    _, before, learnt = generator.learn_pattern(PHOTO, 3)
    for number in (before, *(one.spike for one in learnt)):
        assert text.L_SPIKE.format(spike=number) in words(app)
    for one in learnt:
        (a, b), (c, d) = one.phases.tolist()
        assert text.L_PHASES.format(a=a, b=b, c=c, d=d) in formulas(app)


def test_another_control_computes_nothing_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    app = start("checker", cgo="1")

    def never(*args: object) -> None:
        raise AssertionError("this was computed already")

    monkeypatch.setattr(generator, "three_ways", never)
    monkeypatch.setattr(generator, "learn_pattern", never)
    ok(app.slider(key="ck").set_value(6).run())
    ok(app.segmented_control(key="cstage").set_value("after").run())


def test_spectra_are_logarithms_and_rings_lie_on_the_spikes() -> None:
    ways = generator.three_ways(PHOTO)
    power = upsampling_checker.spectra(ways)[0]
    np.testing.assert_allclose(10 ** power.astype(float), np.maximum(spectrum(ways[0].before), 1e-4), rtol=1e-4)
    height, width = power.shape
    at = upsampling_checker.rings((height, width), 4)
    assert len(at) == len(set(at)) == 15
    board = (np.indices((height, width)) % 4 == 0).all(0).astype(float)  # every 4th pixel: all multiples alike
    peaks = spectrum(board)
    rows, columns = np.array(at)[:, 1], np.array(at)[:, 0]
    assert peaks[rows, columns].min() == pytest.approx(1 / 16**2, rel=1e-6)
    for row, column in zip(rows, columns, strict=True):
        peaks[np.ix_(np.arange(row - 1, row + 2) % height, np.arange(column - 1, column + 2) % width)] = 0
    assert peaks.max() < 1e-12, "and nothing lies elsewhere"


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (31, 64)])
def test_a_picture_too_small_for_a_spectrum_says_so(size: tuple[int, int]) -> None:
    app = start("checker", np.full((*size, 3), 90, np.uint8), cgo="1")
    assert "too small for a spectrum" in words(app, "info")
    assert text.G_TITLE in [element.value for element in app.subheader], "the rest of the page is there"


def test_a_flat_picture_is_taken() -> None:
    app = start("checker", np.full((64, 64, 3), 90, np.uint8), cgo="1")
    assert len(table(app)[text.W_COLUMNS[0]]) == 3


def test_large_pictures_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upsampling_rebuilt, "MOST", 5000)
    app = start("rebuild", times="2")
    assert text.R_BOUNDED.format(w=81, h=61, most=0.005) in words(app)
    image = upsampling_rebuilt.bounded(app.session_state[picker.OWN])
    assert image.shape == (61, 81, 3)
    found = table(app)
    want = max(r.psnr for r in reconstruction.reconstruct(image, 2) if r.method != "sub-pixel")
    assert found[text.R_PSNR][:2] == [np.inf, pytest.approx(want)]


# Generators


def test_what_is_said_of_a_run() -> None:
    run = Run("me", upsampling_generators.RUN, lambda: iter(()))
    for step, values in ((10, (9.0, 1.0)), (20, (3.0, 0.25))):
        lines = {name: Line(0.1, generators.evenness(value)) for name, value in zip("ab", values, strict=True)}
        run.history.add(Snapshot(step, 20, 8 * step, lines))
    assert upsampling_generators.heights(run)["a"] == ([10, 20], [pytest.approx(9), pytest.approx(3)])
    assert upsampling_generators.notice(run) == [
        text.G_NOTICE.format(name="a", most=9, step=10, now=3),
        text.G_NOTICE.format(name="b", most=1, step=10, now=0.25),
    ]
    assert upsampling_generators.told(run) == "Step 20, pattern in grey levels: a **3.00**, b **0.25**."


def test_a_run_begins_and_its_result_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generators, "POOL", 8)
    monkeypatch.setattr(generators, "HELD_OUT", 4)
    train = generators.train
    monkeypatch.setattr(generators, "train", lambda **given: train(**{**given, "steps": 6}))  # the page asks for 50
    generators._pictures.clear()
    app = start("checker", gsteps="50", gseed="5")
    ok(app.button(key=f"{upsampling_generators.RUN}.start").click().run())
    run = live_runs.runs().find(live_runs.session(), upsampling_generators.RUN) or next(
        run for run in live_runs.runs()._runs.values() if run.name == upsampling_generators.RUN
    )
    until = time.monotonic() + 100
    while run.live and time.monotonic() < until:
        time.sleep(0.1)
    assert run.state == "done", run.message
    ok(app.run())
    assert tuple(run.history.latest.lines) == tuple(text.G_NAMES[key] for key in photos.RACE)
    assert all(text.G_WHY[key] in words(app) for key in photos.RACE)
    for line in upsampling_generators.notice(run):
        assert line in words(app)
    generators._pictures.clear()
    live_runs.runs().forget(run.owner)


def test_others_can_race_and_nobody_can_too() -> None:
    app = start("checker", gups="shuffle,icnr")
    assert "300 steps of 2 networks take about" in words(app)
    assert set(photos.UPS.values()) == set(generators.UPS)
    assert tuple(photos.UPS[key] for key in photos.RACE) == generators.RACE
    assert set(text.G_NAMES) == set(text.G_WHY) == set(photos.UPS)
    ok(app.multiselect[0].set_value(["bilinear"]).run())
    assert app.query_params["gups"] in ("bilinear", ["bilinear"])
    ok(app.multiselect[0].set_value([]).run())
    assert text.G_NOBODY in words(app, "info")
    for bad in ("t3,t3", "moon", "t3,t4,nearest,icnr"):
        assert "`gups`" in words(start("checker", gups=bad), "warning")


# Badges


METHODS_MADE_BY_TORCH = {"nearest", "bilinear", "bicubic", "transposed convolution", "sub-pixel"}


def test_what_pytorch_made_is_compared_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch.nn.functional as F

    from ui import upsampling_equal

    labels = np.kron(np.arange(12, dtype=np.uint8).reshape(3, 4), np.ones((20, 16), np.uint8))
    small, few = reconstruction.shrink(PHOTO, 4), reconstruction.shrink_mask(labels, 4)
    photos_, masks = reconstruction.reconstruct(PHOTO, 4), reconstruction.reconstruct_mask(labels, 4)
    skipped = tuple(fcn_skips(labels).values())

    def never(*args: object, **more: object) -> None:
        raise AssertionError("the same call again")

    for name in ("interpolate", "avg_pool2d", "pixel_shuffle", "conv_transpose2d"):
        monkeypatch.setattr(F, name, never)
    assert upsampling_equal.shrunk(PHOTO, 4, small)
    assert upsampling_equal.shrunk_mask(labels, 4, few)
    assert upsampling_equal.skips(labels, skipped) == (True,) * 3
    for one, mask in zip(photos_, masks, strict=True):
        if one.method in METHODS_MADE_BY_TORCH:
            assert upsampling_equal.photo(PHOTO, small, 4, one.method, one.picture), one.method
            assert upsampling_equal.mask(labels, few, 4, mask.method, mask.labels), mask.method


@pytest.mark.parametrize("factor", [2, 8, 32])
def test_a_changed_small_picture_has_no_badge(factor: int) -> None:
    from ui import upsampling_equal

    image, labels = PHOTO[:91, :101], PHOTO[:91, :101, 0] // 32
    for check, whole, small in (
        (upsampling_equal.shrunk, image, reconstruction.shrink(image, factor)),
        (upsampling_equal.shrunk_mask, labels, reconstruction.shrink_mask(labels, factor)),
    ):
        assert check(whole, factor, small)
        wrong = small.copy()
        wrong[-1, -1] ^= 2
        assert not check(whole, factor, wrong)


def test_pictures_that_are_changed_have_no_badge() -> None:
    from ui import upsampling_equal

    results = {one.method: one for one in reconstruction.reconstruct(PHOTO, 4)}
    small = reconstruction.shrink(PHOTO, 4)
    for method, one in results.items():
        assert upsampling_equal.photo(PHOTO, small, 4, method, one.picture), method
        for other in METHODS_MADE_BY_TORCH - {method}:
            assert not upsampling_equal.photo(PHOTO, small, 4, other, one.picture), (method, other)
        wrong = one.picture.copy()
        wrong[50, 60, 1] ^= 2
        assert not upsampling_equal.photo(PHOTO, small, 4, method, wrong), method
    ways = generator.three_ways(PHOTO, 3)
    few = generator.prepare(PHOTO)[1]
    assert upsampling_equal.ways(few, ways) == ((True, True),) * 3
    assert upsampling_equal.ways(few, generator.three_ways(PHOTO, 4))[0] == (True, True)
    assert not upsampling_equal.rounded(ways[0].before ^ 2, upsampling_equal.doubled(
        few, ways[0].kernels_before, ("transposed", "transposed")))  # fmt: skip
    target, _, both = generator.learn_pattern(PHOTO, 3)
    assert upsampling_equal.learnt(generator.prepare(PHOTO)[0], 3, target, both) == (True, True, True)
    assert upsampling_equal.learnt(generator.prepare(PHOTO)[0], 4, target, both) == (False, True, True)


@pytest.mark.parametrize("factor", [2, 4, 16])
def test_masks_have_badges_too(factor: int) -> None:
    from seglab.datasets import scenes
    from ui import upsampling_equal

    labels = scenes.render(11, 0, None, (150, 170)).sample.labels
    small = reconstruction.shrink_mask(labels, factor)
    for one in reconstruction.reconstruct_mask(labels, factor):
        assert upsampling_equal.mask(labels, small, factor, one.method, one.labels), one.method
        wrong = one.labels.copy()
        wrong[70, 80] += 1
        assert not upsampling_equal.mask(labels, small, factor, one.method, wrong), one.method
    found = tuple(fcn_skips(labels).values())
    assert upsampling_equal.skips(labels, found) == (True, True, True)
    assert upsampling_equal.skips(labels, found[::-1]) != (True, True, True)


def test_the_badges_are_shown() -> None:
    for app, n in ((start("checker", cgo="1"), 6), (start("rebuild"), 3)):
        assert words(app, "markdown").count(f"[{badges.BADGE}]") == n
        assert badges.BADGE_OTHER not in words(app, "markdown")


# Scripts and downloads


@pytest.mark.parametrize("method", photos.METHODS)
def test_the_script_brings_back_the_same_picture(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = upsampling_scripts.rebuild(4, method)
    assert script.count("\n") <= code.MAX_LINES
    monkeypatch.chdir(tmp_path)
    Image.fromarray(PHOTO).save("original.png")
    names: dict[str, object] = {}
    exec(compile(script, "shown", "exec"), names)
    one = {result.method: result for result in reconstruction.reconstruct(PHOTO, 4)}[method]
    assert np.abs(names["out"].astype(int) - one.picture).max() <= (1 if "unpool" in method else 0)
    said = capsys.readouterr().out
    assert said == ("exact\n" if np.isinf(one.psnr) else f"PSNR {one.psnr:.2f} dB\n")


@pytest.mark.parametrize(("k", "s"), [(3, 2), (4, 2), (2, 3), (9, 1)])
def test_the_script_counts_the_same_stamps(k: int, s: int, capsys: pytest.CaptureFixture[str]) -> None:
    n = upsampling_checker.inputs(k, s)
    script = upsampling_scripts.checker(n, k, s)
    assert script.count("\n") <= code.MAX_LINES
    names: dict[str, object] = {}
    exec(compile(script, "shown", "exec"), names)
    np.testing.assert_array_equal(names["out"].numpy(), overlap_count(k, s, n))
    assert f"in a picture {unevenness(k, s)}" in capsys.readouterr().out


# There and back


@pytest.mark.parametrize("factor", [2, 8])
def test_the_table_is_the_librarys_sorted(factor: int) -> None:
    app = start("rebuild", times=str(factor))
    results = {result.method: result for result in reconstruction.reconstruct(PHOTO, factor)}
    found = table(app)
    ranked = sorted(results.values(), key=lambda result: -result.psnr)
    assert found[text.R_METHOD] == [text.R_NAMES[result.method] for result in ranked]
    assert found[text.R_PSNR][0] == np.inf
    assert found[text.R_PSNR][1:] == pytest.approx([result.psnr for result in ranked[1:]])
    assert found[text.R_SSIM] == pytest.approx([result.ssim for result in ranked])
    assert found[text.R_MB] == pytest.approx([result.bytes / 1e6 for result in ranked])
    assert found[text.R_KEPT] == pytest.approx([result.kept for result in ranked])
    assert min(found[text.R_MS]) > 0
    with_, without = results["max-unpool"], results["unpool"]
    assert f"(PSNR (dB) **{with_.psnr:.2f}**) or to the corner of each block (**{without.psnr:.2f}**)" in words(app)
    assert text.R_LOSSLESS in words(app)


def test_the_formulas_hold_the_numbers_of_way_a() -> None:
    app = start("rebuild", ra="bicubic", times="4")
    result = {r.method: r for r in reconstruction.reconstruct(PHOTO, 4)}["bicubic"]
    assert f"{result.psnr:.2f}" in formulas(app)
    assert f"**{result.ssim:.4f}**" in words(app)
    error = 255**2 / 10 ** (result.psnr / 10)
    assert f"{{{error:.4f}}}" in formulas(app)
    seen = upsampling_rebuilt.look(PHOTO, result.picture)
    gap = luma(result.picture) - luma(PHOTO)
    np.testing.assert_array_equal(seen.difference, np.rint(gap))
    assert seen.error == pytest.approx(np.square(gap.astype(float)).mean(), rel=1e-5)
    window = seen.window
    assert f"= {window.value:.4f}" in formulas(app)
    c1, c2 = 6.5025, 58.5225
    by_hand = (2 * window.mx * window.my + c1) * (2 * window.cov + c2)
    by_hand /= (window.mx**2 + window.my**2 + c1) * (window.vx + window.vy + c2)
    assert window.value == pytest.approx(by_hand, abs=1e-4)
    rows, columns = slice(window.y - 3, window.y + 4), slice(window.x - 3, window.x + 4)
    assert window.value == ssim(luma(PHOTO)[rows, columns], luma(result.picture)[rows, columns])
    assert np.abs(seen.difference[rows, columns]).max() == np.abs(seen.difference).max()


def test_the_exact_way_has_no_finite_psnr_and_no_worst_pixel() -> None:
    app = start("rebuild", ra="sub-pixel")
    assert text.R_PSNR_EXACT in formulas(app)
    assert text.R_RING[1] in words(app)
    assert text.R_RING[0] not in words(app)
    assert text.R_SSIM_WHY[1] in words(app)
    assert upsampling_rebuilt.look(PHOTO, PHOTO).worst is None
    assert text.R_RING[0] in words(start("rebuild", ra="nearest"))


def test_the_worst_pixel_is_marked_at_the_border_too() -> None:
    wrong = PHOTO.copy()
    wrong[1, -1] = 255 - wrong[1, -1]
    seen = upsampling_rebuilt.look(PHOTO, wrong)
    height, width = PHOTO.shape[:2]
    assert seen.worst == (width - 1, 1)
    assert (seen.window.x, seen.window.y) == (width - 4, 3)
    assert height > 7


def test_the_button_brings_both_unpoolings() -> None:
    app = start("rebuild")
    ok(app.button(key="upsampling.rebuild.pair").click().run())
    assert (app.selectbox(key="ra").value, app.selectbox(key="rb").value) == ("unpool", "max-unpool")
    assert app.query_params["ra"] == "unpool"


def test_another_pair_computes_nothing_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    app = start("rebuild")

    def never(*args: object) -> None:
        raise AssertionError("this was computed already")

    monkeypatch.setattr(reconstruction, "reconstruct", never)
    ok(app.selectbox(key="ra").select("nearest").run())


def masked(labels: np.ndarray, factor: int, n: int) -> dict[str, tuple[float, float]]:
    there = np.unique(labels)
    return {
        result.method: (
            mean_iou(confusion_matrix(labels, result.labels, n)),
            float(np.mean([boundary_iou(labels == k, result.labels == k, 0.005) for k in there])),
        )
        for result in reconstruction.reconstruct_mask(labels, factor)
    }


def test_a_drawn_street_and_its_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upsampling_rebuilt, "DRAWN", (128, 128))
    from seglab.datasets import scenes

    app = start("rebuild", None, of="drawn", rseed="11", times="4")
    labels = scenes.render(11, 0, None, (128, 128)).sample.labels
    wanted = masked(labels, 4, 11)
    found = table(app)
    ranked = sorted(wanted, key=lambda method: -wanted[method][1])
    assert found[text.R_BOUNDARY] == pytest.approx([wanted[method][1] for method in ranked])
    assert [float(value) for value in found[text.R_IOU]] == pytest.approx(
        [wanted[method][0] for method in map({v: k for k, v in text.R_NAMES.items()}.get, found[text.R_METHOD])],
        abs=6e-5,
    )
    for labels_found in fcn_skips(labels).values():
        iou = mean_iou(confusion_matrix(labels, labels_found, 11))
        border = np.mean([boundary_iou(labels == k, labels_found == k, 0.005) for k in np.unique(labels)])
        assert text.S_SCORES.format(iou=iou, boundary=border) in words(app)


def test_the_networks_labels_of_the_picture(random_weights: object) -> None:
    app = start("rebuild", of="mask", times="2")
    loaded = runtime.model(zoo.DEFAULT)
    labels = maps.labels(inference.logits(PHOTO, loaded, inference.Options()), PHOTO.shape[:2])
    wanted = masked(labels, 2, len(loaded.palette))
    assert sorted(table(app)[text.R_BOUNDARY]) == pytest.approx(sorted(both[1] for both in wanted.values()))


def test_without_the_network_a_drawn_street_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upsampling_rebuilt, "DRAWN", (64, 64))
    monkeypatch.setattr(upsampling_rebuilt, "can_label", lambda: False)
    app = start("rebuild", of="mask")
    assert text.R_NO_MODEL in words(app, "info")
    assert text.R_BOUNDARY in table(app)


def test_a_large_mask_is_bounded(random_weights: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upsampling_rebuilt, "MASK_SIDE", 64)
    app = start("rebuild", of="mask")
    assert text.R_MASK_BOUNDED.format(w=64, h=48, most=64) in words(app)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (6, 6)])
@pytest.mark.parametrize("of", ["photo", "mask"])
def test_tiny_pictures(size: tuple[int, int], of: str, random_weights: object) -> None:
    app = start("rebuild", np.full((*size, 3), 90, np.uint8), of=of, times="32")
    if of == "photo":
        assert "must be 7×7 at least; this one is" in words(app, "info")
    else:
        assert len(table(app)[text.R_METHOD]) == len(photos.METHODS)


HOSTILE = {
    "ck": "99", "cs": "0", "cgo": "yes", "cstage": "<b>", "cseed": "-1", "gsteps": "1e9", "gseed": "x",
    "gups": "t3,moon", "of": "moon", "times": "3", "ra": "__class__", "rb": "", "rseed": "99999",
}  # fmt: skip


@pytest.mark.parametrize("lab", ["checker", "rebuild"])
def test_hostile_links_leave_the_defaults(lab: str) -> None:
    assert set(HOSTILE) == {field.key for field in photos.FIELDS}
    app = start(lab, **HOSTILE)
    assert words(app, "warning").count("in the link was") == len(HOSTILE)
    for key, value in state.defaults(photos.FIELDS).items():
        assert app.session_state[key] == value


def test_the_order_puts_what_has_no_score_last() -> None:
    rows = tuple(upsampling_rebuilt.Row(str(n), (score, 0.0), 0.0, 0, 0.0) for n, score in enumerate((1, np.nan, 3)))
    found = upsampling_rebuilt.Rebuilt(rows, (), np.zeros((1, 1), np.uint8))
    assert [row.method for row in upsampling_rebuild.ordered(found, 0)] == ["2", "0", "1"]
