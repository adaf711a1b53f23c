"""The page "Losses & metrics": its numbers against the lecture's and against the library, its files, its links."""

from __future__ import annotations

import io
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from seglab.losses import catalogue, gradients
from seglab.metrics import confusion, distances, scores
from tests.pages.apps import ok, opened, shown, words
from ui import (
    cache,
    expander,
    lesson_file,
    losses_controls,
    losses_extras,
    losses_masks,
    losses_presets,
    losses_run,
    losses_state,
    state,
)
from ui.texts import losses as text
from ui.viewer import Stroke

ROOT = Path(__file__).resolve().parents[2]
start = partial(opened, "3_Losses_and_metrics")


def settings(preset: str) -> dict[str, object]:
    params = next(p for p in losses_presets.PRESETS if p.key == preset).params
    values, messages = state.read(losses_state.FIELDS, params)
    assert messages == []
    return values


def test_it_asks_first_and_then_shows_the_lectures_numbers() -> None:
    app = start()
    assert "95% of the pixels are right" in words(app)
    assert not app.metric
    next(b for b in app.button if b.label == text.YES).click()
    ok(app.run())
    assert text.TOLD_YES in words(app)
    golden = json.loads((ROOT / "tests/golden/lecture_examples.json").read_text())["ships"]
    values = shown(app)
    assert values[text.ACCURACY] == f"{100 * golden['pixel_accuracy']:.1f} %"
    assert values[text.MEAN_IOU] == f"{100 * golden['mean_iou']:.1f} %"
    assert values[text.MEAN_DICE] == f"{100 * golden['mean_dice']:.1f} %"
    assert values[text.IOU] == "0.0 %"
    assert app.query_params["answered"] in ("1", ["1"])


@pytest.mark.parametrize("preset", losses_presets.PRESETS, ids=lambda preset: preset.key)
def test_each_preset_is_a_valid_link_that_says_nothing_twice(preset) -> None:
    values, messages = state.read(losses_state.FIELDS, preset.params)
    assert messages == []
    assert state.write(losses_state.FIELDS, values) == preset.params
    pair = losses_masks.pair(values, {})
    assert shown(start(**preset.params))[text.ACCURACY] == f"{100 * confusion.pixel_accuracy(pair.matrix):.1f} %"


def test_the_presets_show_what_their_sentences_say() -> None:
    def pair(key: str) -> losses_masks.Pair:
        return losses_masks.pair(settings(f"losses-{key}"), {})

    precision = pair("precision").matrix
    assert scores.precision(precision)[1] == 1
    assert scores.recall(precision)[1] < 0.1
    recall = pair("recall").matrix
    assert scores.recall(recall)[1] == 1
    assert scores.precision(recall)[1] == pytest.approx((pair("recall").truth == 1).mean())
    empty = pair("empty")
    assert np.isnan(scores.dice(empty.matrix)[1])
    speck = losses_masks.Pair(empty.truth, empty.probs.copy(), 0.5)
    speck.probs[3, 3] = 0.9
    assert scores.dice(speck.matrix)[1] == 0
    thin = pair("thin")
    assert round(confusion.iou(thin.matrix)[1], 2) == 0.99
    assert distances.hausdorff(thin.truth, thin.predicted) > thin.size[0] / 3
    pixel = settings("losses-pixel")
    one = losses_masks.pair(pixel, {})
    bce, dice = (losses_run.said(one, key, pixel).shares for key in ("bce", "dice"))
    assert bce.gradient < 0.001
    assert dice.gradient == pytest.approx(0.5, abs=0.01)
    gamma = settings("losses-gamma")
    shares = []
    for value in (0, 2, 5):
        now = gamma | {"with": f"focal.gamma {value}, focal.alpha 0.5"}
        soft = losses_masks.pair(now, {})
        found = losses_run.slopes(soft, "focal", now)
        assert losses_run.settings("focal", now)["gamma"] == value
        far = np.abs(soft.probs - (soft.truth == 1)) < 0.2  # easy pixels
        shares.append(np.abs(found[far]).sum() / np.abs(found).sum())
    assert shares[0] > shares[1] > shares[2]
    beta = settings("losses-beta")
    both = losses_masks.pair(beta, {})
    pulled = [losses_run.said(both, k, beta).shares for k in ("bce", "weighted_bce")]
    assert -pulled[1].foreground == pytest.approx(-5 * pulled[0].foreground)
    assert pulled[1].background == pytest.approx(pulled[0].background)


def test_paint_in_a_link_is_painted() -> None:
    ink = losses_state.pack([Stroke(1, 0.0, ((0, 0), (4, 3))), Stroke(0, 0.5, ((1, 1),))])
    values, _ = state.read(losses_state.FIELDS, {"truth": "empty", "guess": "background", "inkt": ink})
    pair = losses_masks.pair(values, {})
    assert (pair.truth == 1).sum() == 19
    app = start(answered="1", truth="empty", inkt=ink)
    assert shown(app)[text.RECALL] == "0.0 %"
    for bad in ("!!!", "eNqLjjY", losses_state.pack([Stroke(1, 1.0, ((0, 0),))])[:-4]):
        assert "inkt" in words(start(answered="1", inkt=bad))


def test_unlabelled_pixels_are_counted_nowhere() -> None:
    ink = losses_state.pack([Stroke(255, 0.0, ((0, 0), (63, 31)))])
    values, _ = state.read(losses_state.FIELDS, {"truth": "disc", "guess": "full", "inkt": ink})
    pair = losses_masks.pair(values, {})
    assert pair.matrix.sum() == 64 * 32
    assert (pair.outcomes() == 255).sum() == 64 * 32
    assert (losses_run.slopes(pair, "bce", values)[:32] == 0).all()


@pytest.mark.parametrize(
    "params",
    [
        {}, {"truth": "empty"}, {"truth": "empty", "guess": "full"}, {"truth": "full", "guess": "full"},
        {"truth": "pixel", "guess": "truth"}, {"truth": "thin", "guess": "truth", "right": "64"},
        {"truth": "discs", "guess": "truth", "salt": "0.5", "side": "256"},
        {"truth": "scene", "thing": "dog", "pair": "3"}, {"truth": "photo", "guess": "model"},
        {"truth": "upload", "guess": "upload"},
        {"truth": "disc", "guess": "truth", "sure": "1", "cut": "0.98"},
        {"truth": "disc", "inkt": losses_state.pack([Stroke(255, 500.0, ((0, 0),))])},
    ],
    ids=str,
)  # fmt: skip
def test_every_tab_of_every_pair_works(params: dict[str, str]) -> None:
    app = start(answered="1", **params)
    for tab in (text.TAB_NUMBERS, text.TAB_CHARTS, text.TAB_LOSSES, text.TAB_CURVES, text.TAB_SURFACE,
                text.TAB_CONVENTIONS, text.TAB_DOWNLOAD, text.TAB_TRY):  # fmt: skip
        app.session_state["losses.tab"] = tab
        ok(app.run())


def test_the_table_lists_all_losses_and_their_values() -> None:
    app = start(answered="1", truth="disc", guess="truth", right="3")
    app.session_state["losses.tab"] = text.TAB_LOSSES
    app.session_state["losses.more"] = True
    ok(app.run())
    table = app.dataframe[0].value
    assert list(table[text.LOSS_COLUMNS[0]]) == [loss.title for loss in catalogue.LOSSES]
    values, _ = state.read(losses_state.FIELDS, {"truth": "disc", "guess": "truth", "right": "3"})
    pair = losses_masks.pair(values, {})
    z = gradients.logits(pair.probs)
    for loss, value in zip(catalogue.LOSSES, table[text.LOSS_COLUMNS[1]], strict=True):
        assert float(value) == pytest.approx(gradients.gradient(loss.key, z, pair.truth).value, rel=1e-3, abs=1e-9)


def test_the_link_knows_all_losses_of_the_library() -> None:
    assert tuple(loss.key for loss in catalogue.LOSSES) == losses_state.KEYS


def test_a_parameter_goes_into_the_link_and_comes_back() -> None:
    app = start(answered="1", truth="disc", guess="truth", beside="focal")
    slider = next(s for s in app.slider if s.key == "losses.beside.focal.gamma")
    assert slider.value == 2
    slider.set_value(4.0)
    ok(app.run())
    assert app.query_params["with"] in ("focal.gamma 4", ["focal.gamma 4"])
    again = start(answered="1", truth="disc", guess="truth", beside="focal", **{"with": "focal.gamma 4, moon.x 3"})
    assert next(s for s in again.slider if s.key == "losses.beside.focal.gamma").value == 4
    far = start(answered="1", beside="focal", **{"with": "focal.gamma 1e9, focal.alpha nan"})
    assert next(s for s in far.slider if s.key == "losses.beside.focal.gamma").value == 5


def test_a_changed_truth_wipes_the_paint() -> None:
    ink = losses_state.pack([Stroke(1, 2.0, ((5, 5),))])
    app = start(answered="1", truth="disc", inkt=ink)
    assert app.session_state["inkt"] == ink
    next(s for s in app.selectbox if s.key == "truth").set_value("thin")
    ok(app.run())
    assert app.session_state["inkt"] == ""


def png(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(values).save(out, "PNG")
    return out.getvalue()


def npy(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def test_own_masks_are_read() -> None:
    rng = np.random.default_rng(0)
    mask = rng.random((30, 40)) < 0.5
    assert np.array_equal(losses_controls.read(png(mask.astype(np.uint8) * 255), "a.png"), mask.astype(np.float32))
    probs = rng.random((30, 40))
    assert np.allclose(losses_controls.read(npy(probs), "a.NPY"), probs)
    large = losses_controls.read(npy(np.zeros((2000, 2000), bool)), "a.npy")
    assert large.shape == (2000, 2000)


@pytest.mark.parametrize(
    ("data", "name", "says"),
    [
        (npy(np.full((4, 4), np.nan)), "a.npy", "NaN"), (npy(np.full((4, 4), 7.0)), "a.npy", "outside 0 to 1"),
        (npy(np.zeros((3, 4, 4))), "a.npy", "one map"), (npy(np.zeros((0, 4))), "a.npy", "one map"),
        (b"nonsense", "a.npy", "NumPy file"), (npy(np.zeros((2001, 4))), "a.npy", "at most 2000"),
        (npy(np.array([["a"]])), "a.npy", "one map"), (b"nonsense", "a.png", "picture"),
    ],
)  # fmt: skip
def test_files_that_are_no_masks_get_a_sentence(data: bytes, name: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        losses_controls.read(data, name)


def test_own_files_come_in_through_the_page_and_bad_ones_change_nothing() -> None:
    app = start(answered="1", truth="upload")
    truth = np.zeros((30, 40), np.uint8)
    truth[5:9, 5:9] = 255
    app.file_uploader(key="losses.truth.file").set_value(("t.png", png(truth), "image/png"))
    ok(app.run())
    app.file_uploader(key="losses.guess.file").set_value(("p.npy", npy(truth / 255.0), "application/octet-stream"))
    ok(app.run())
    assert app.session_state["guess"] == "upload"
    app.session_state["sure"] = 0.0
    ok(app.run())
    assert shown(app)[text.IOU] == "100.0 %"
    app.file_uploader(key="losses.guess.file").set_value(("q.npy", npy(np.zeros((3, 3))), "application/octet-stream"))
    ok(app.run())
    assert "must have one size" in words(app)
    assert shown(app)[text.IOU] == "100.0 %"


def test_strangers_links_do_no_harm() -> None:
    app = start(answered="1", truth="moon", side="9", right="1e3", grow="--2", cut="nan", loss="<b>", inkp="x" * 13_000)
    said = words(app)
    assert said.count("It is now") == 7
    assert shown(app)[text.ACCURACY] == "95.0 %"


def test_what_is_kept_is_compared_with_what_was_moved() -> None:
    app = start(answered="1", truth="disc", guess="truth")
    next(b for b in app.button if b.key == "losses.pin.button").click()
    ok(app.run())
    next(s for s in app.slider if s.key == "right").set_value(5)
    ok(app.run())
    rows = {row[0]: row[1:] for row in app.dataframe[0].value.itertuples(index=False)}
    assert float(rows[text.IOU][0]) == 1.0
    assert float(rows[text.IOU][1]) < 1.0


def test_a_lesson_file_brings_masks_paint_and_choices_back() -> None:
    rng = np.random.default_rng(1)
    truth, guess = (rng.random((20, 30)) < 0.4).astype(np.float32), rng.integers(0, 256, (20, 30)) / np.float32(255)
    ink = losses_state.pack([Stroke(1, 1.0, ((3, 3), (9, 9)))])
    choices = {"answered": "1", "truth": "upload", "guess": "upload", "inkt": ink, "sure": "0", "cut": "0.3"}
    app = start(answered="1")
    app.session_state["losses.tab"] = text.TAB_DOWNLOAD
    ok(app.run())
    data = losses_extras.contents(choices, {"truth": truth, "guess": guess})
    app.file_uploader(key="lesson.file").set_value(("lesson.zip", data, "application/zip"))
    ok(app.run())
    assert np.array_equal(app.session_state[losses_masks.UPLOADS]["truth"], truth)
    assert np.allclose(app.session_state[losses_masks.UPLOADS]["guess"], guess)
    values, _ = state.read(losses_state.FIELDS, choices)
    wanted = losses_masks.pair(values, {"truth": truth, "guess": guess})
    assert shown(app)[text.IOU] == f"{100 * confusion.iou(wanted.matrix)[1]:.1f} %"
    app.file_uploader(key="lesson.file").set_value(("bad.zip", b"PK\x03\x04 nonsense", "application/zip"))
    ok(app.run())
    assert "lesson file again" in words(app)
    assert shown(app)[text.IOU] == f"{100 * confusion.iou(wanted.matrix)[1]:.1f} %"


def test_own_predictions_are_taken_as_they_are() -> None:
    app = start(answered="1", truth="upload", right="5")
    assert text.MISSING_FILE in words(app)
    values = np.full((20, 20), 0.99)
    app.file_uploader(key="losses.guess.file").set_value(("p.npy", npy(values), "application/octet-stream"))
    ok(app.run())
    assert app.session_state["right"] == 0
    now = {field.key: app.session_state[field.key] for field in losses_state.FIELDS}
    pair = losses_masks.pair(now | {"truth": "upload"}, {"guess": values, "truth": values})
    assert np.allclose(pair.probs, 0.99)
    app.selectbox(key="guess").set_value("truth")
    ok(app.run())
    assert app.session_state["sure"] == -0.2


@pytest.mark.parametrize("kind", ["zip", "huge", "head"])
def test_hostile_npy_files_get_a_sentence(kind: str) -> None:
    out = io.BytesIO()
    if kind == "zip":
        np.savez(out, a=np.zeros((3, 3)))
    else:
        shape = "(10000000, 10000000)" if kind == "huge" else "(3, 3"
        head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        out.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode())
    with pytest.raises(ValueError, match=r"NumPy file|at most 2000"):
        losses_controls.read(out.getvalue(), "a.npy")


def test_a_link_that_would_paint_for_minutes_is_refused() -> None:
    points = tuple((n % 250, (n * 7) % 250) for n in range(5000))
    ink = losses_state.pack([Stroke(1, 200.0, points)])
    assert len(ink) < losses_state.LONGEST_INK
    values, messages = state.read(losses_state.FIELDS, {"inkt": ink})
    assert values["inkt"] == ""
    assert "seconds" in messages[0]


def test_many_parameters_fit_into_the_link() -> None:
    many = {
        (key, p.name): 0.1234 for key in ("focal_tversky", "tversky", "focal") for p in catalogue.find(key).parameters
    }
    text_of = losses_state.with_parameters(many)
    values, messages = state.read(losses_state.FIELDS, {"with": text_of})
    assert messages == []
    assert losses_state.parameters(str(values["with"])) == many


def test_a_lesson_file_of_unequal_masks_changes_nothing() -> None:
    app = start(answered="1", truth="disc")
    app.session_state["losses.tab"] = text.TAB_DOWNLOAD
    ok(app.run())
    own = {"truth": np.ones((9, 9), np.float32), "guess": np.ones((3, 3), np.float32)}
    data = losses_extras.contents({"truth": "upload", "guess": "upload"}, own)
    app.file_uploader(key="lesson.file").set_value(("lesson.zip", data, "application/zip"))
    ok(app.run())
    assert app.session_state["truth"] == "disc"
    assert "one size" in words(app)


def test_paint_that_a_mask_does_not_know_is_refused() -> None:
    app = start(answered="1", truth="disc", inkt=losses_state.pack([Stroke(5, 0.0, ((0, 0), (9, 9)))]))
    assert app.session_state["inkt"] == ""
    assert "`inkt`" in words(app, "warning")
    for key, k in (("inkt", 255), ("inkt", -1), ("inkp", 10), ("inkp", 255)):
        ink = losses_state.pack([Stroke(k, 2.0, ((9, 9),))])
        values, messages = state.read(losses_state.FIELDS, {"truth": "disc", key: ink})
        assert (values[key], messages) == (ink, [])


def test_rectangles_and_short_strokes_cost_too() -> None:
    whole = [Stroke(1, 0.0, ((0, 0), (1999, 1999)))] * 60
    specks = [Stroke(1, 100.0, ((9, 9),)), *[Stroke(1, 0.5, ((9, 9),))] * 19_000]
    for strokes, fits in ((whole, False), (whole[:5], True), (specks, True), (specks + whole[:35], False)):
        ink = losses_state.pack(strokes)
        assert len(ink) < losses_state.LONGEST_INK
        assert bool(state.read(losses_state.FIELDS, {"inkt": ink})[0]["inkt"]) is fits


def give(app: AppTest, which: str, values: np.ndarray) -> None:
    """Hand an own mask in through the page: bytes as a PNG, others as .npy."""
    name, data = ("m.png", png(values)) if values.dtype == np.uint8 else ("m.npy", npy(values))
    app.file_uploader(key=f"losses.{which}.file").set_value((name, data, "application/octet-stream"))
    ok(app.run())


def test_an_own_prediction_of_another_size_is_empty_and_said_to_be() -> None:
    app = start(answered="1", truth="disc", guess="upload")
    assert text.MISSING_FILE in words(app)
    assert shown(app)[text.RECALL] == "0.0 %"
    give(app, "guess", np.ones((30, 40)))
    assert "40×30 and the truth 64×64" in words(app)
    assert shown(app)[text.RECALL] == "0.0 %", "it isn't the truth"
    give(app, "guess", np.ones((64, 64)))
    assert "one size" not in words(app)
    assert shown(app)[text.RECALL] == "100.0 %"


def test_a_new_pair_of_another_size_can_follow() -> None:
    app = start(answered="1", truth="upload", guess="upload")
    give(app, "truth", np.ones((30, 40)))
    give(app, "guess", np.ones((30, 40)))
    ok(app.selectbox(key="guess").select("background").run())
    give(app, "truth", np.ones((20, 20)))
    assert app.session_state[losses_masks.UPLOADS]["truth"].shape == (20, 20)


@pytest.mark.parametrize("truth", ["scene", "disc", "upload"])
def test_an_own_prediction_can_be_handed_in_beside_any_truth(truth: str) -> None:
    app = start(answered="1", truth=truth)
    ok(app.selectbox(key="guess").select("upload").run())
    assert text.MISSING_FILE in words(app)
    size = app.session_state[losses_masks.UPLOADS].get("truth", losses_masks.pair(settings_of(app), {}).truth).shape
    give(app, "guess", np.ones(size))
    if truth != "upload":
        assert "one size" not in words(app)


def settings_of(app: AppTest) -> dict[str, object]:
    return {field.key: app.session_state[field.key] for field in losses_state.FIELDS}


def test_masks_of_zeros_and_ones_and_in_dark_colours_are_read() -> None:
    rng = np.random.default_rng(0)
    mask = (rng.random((30, 40)) < 0.1).astype(np.uint8)
    app = start(answered="1", truth="upload")
    own = lambda: app.session_state[losses_masks.UPLOADS]  # noqa: E731
    for values in (mask, mask * 255, np.where(mask[..., None] > 0, np.uint8([64, 0, 0]), np.uint8([0, 0, 0]))):
        give(app, "truth", values)
        assert np.array_equal(own()["truth"], mask)
        assert f"isn’t black is object: {mask.mean():.1%}" in words(app)
    grey = rng.integers(0, 256, (30, 40)).astype(np.uint8)
    give(app, "truth", grey)
    assert np.array_equal(own()["truth"], grey >= 128)
    assert "50 % brightness" in words(app)
    give(app, "guess", mask)  # in a prediction, a mask of 0 and 1 is one too; another grey is a probability
    assert np.array_equal(own()["guess"], mask)
    give(app, "guess", grey)
    assert np.allclose(own()["guess"], grey / 255)


def test_lesson_files_of_other_pages_are_refused() -> None:
    app = start(answered="1", truth="disc", guess="upload")
    app.session_state["losses.tab"] = text.TAB_DOWNLOAD
    give(app, "guess", np.ones((64, 64)))
    data = lesson_file.pack({"image": "upload", "file": "a.png", "cls": "Sky"}, picture=np.zeros((9, 9, 3), np.uint8))
    app.file_uploader(key="lesson.file").set_value(("lesson.zip", data, "application/zip"))
    ok(app.run())
    assert text.LESSON_OTHER_PAGE in words(app)
    assert app.session_state["truth"] == "disc"
    assert app.session_state[losses_masks.UPLOADS]["guess"].shape == (64, 64)


def test_only_the_own_masks_in_use_are_in_the_lesson_file() -> None:
    own = {"truth": np.ones((9, 9), np.float32), "guess": np.ones((3, 3), np.float32)}
    found = lesson_file.unpack(losses_extras.contents({"truth": "upload"}, own))
    assert found.mask is not None
    assert found.picture is None


def test_undefined_scores_are_sentences_and_not_nan() -> None:
    for params, says in (({"truth": "empty"}, text.NO_OBJECT), ({"truth": "disc"}, "so there is no dot"),
                         ({"truth": "disc", "guess": "truth", "right": "3"}, "is the dot")):  # fmt: skip
        app = start(answered="1", **params)
        app.session_state["losses.tab"] = text.TAB_CHARTS
        ok(app.run())
        assert says in words(app)
        assert "nan" not in words(app)
    assert "IoU is highest, 0." in words(app)


def test_curves_of_losses_without_terms_say_whose_they_are() -> None:
    for a, b, said in (("bce", "focal", None), ("dice", "bce", "**Soft Dice**"), ("boundary", "dice", ", Soft Dice**")):
        app = start(answered="1", loss=a, beside=b)
        app.session_state["losses.tab"] = text.TAB_CURVES
        ok(app.run())
        assert ("not a mean over pixels" in words(app)) is (said is not None)
        assert said is None or said in words(app)


def test_the_colours_of_both_masks_are_named() -> None:
    names = "".join(element.proto.body for element in start(answered="1", truth="disc").get("html"))
    assert all(f"</i>{name}" in names for name in ("0 %", "50 %", "100 %", text.BACKGROUND, text.FOREGROUND))


def test_the_table_is_kept_and_takes_no_room_from_the_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    app = start(answered="1", truth="disc", guess="truth", right="7", down="5")
    before = cache.MAPS.bytes
    app.session_state["losses.tab"] = text.TAB_LOSSES
    app.session_state["losses.more"] = True
    ok(app.run())
    assert cache.MAPS.bytes == before
    monkeypatch.setattr(gradients, "gradient", lambda *args, **more: pytest.fail("it is there"))
    ok(app.run())


def test_kept_maps_are_the_librarys_and_two_large_ones_leave_room() -> None:
    now = settings("losses-beta")
    pair = losses_masks.pair(now, {})
    for key in ("bce", "weighted_bce", "hausdorff"):
        found = gradients.gradient(key, gradients.logits(pair.probs), pair.truth, **losses_run.settings(key, now))
        said = losses_run.said(pair, key, now)
        np.testing.assert_allclose(losses_run.slopes(pair, key, now), found.map, atol=1e-3 * said.steepest)
        assert (said.value, said.shares) == (found.value, gradients.shares(found, pair.truth))
    assert cache.MAPS.budget > 2 * 2 * losses_masks.MOST**2
    assert cache.kept(cache.MAPS, losses_run._name(pair, "bce", now), lambda: None).dtype == np.float16


def test_large_own_masks_are_scored_and_what_takes_seconds_waits_to_be_asked_for() -> None:
    app = start(answered="1", truth="upload", guess="upload")
    y, x = np.ogrid[:2000, :2000]
    truth = np.hypot(y - 1000, x - 1000) < 600
    app.session_state[losses_masks.UPLOADS] = {
        "truth": truth.astype(np.float32), "guess": (truth * (x / np.float32(2000))).astype(np.float32),
    }  # fmt: skip
    app.session_state["sure"] = 0.0
    app.session_state["losses.tab"] = text.TAB_CHARTS
    ok(app.run())
    assert shown(app)[text.PRECISION] == "100.0 %"
    assert shown(app)[text.RECALL] == f"{100 * truth[:, 1000:].sum() / truth.sum():.1f} %"
    assert {toggle.key for toggle in app.toggle} >= {"losses.compute.maps", "losses.compute.charts"}
    assert not app.get("plotly_chart")


def test_what_is_rarely_moved_is_there_only_while_it_is_open_and_keeps_its_values() -> None:
    app = opened("3_Losses_and_metrics", truth="disc", right="5")
    assert [one for one in app.slider if one.key == "right"]
    app.session_state[expander.key("losses")] = False
    ok(app.run())
    assert not [one for one in app.slider if one.key == "right"]
    assert (app.session_state["right"], app.query_params["right"]) == (5, "5")
    app.session_state[expander.key("losses")] = True
    ok(app.run())
    assert app.slider(key="right").value == 5
