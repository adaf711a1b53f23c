"""The page "Losses & metrics": its numbers against the lecture's and against the library, its files, its links."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from seglab.losses import catalogue, gradients
from seglab.metrics import confusion, distances, scores
from ui import losses_controls, losses_extras, losses_masks, losses_presets, losses_run, losses_state, state
from ui.texts import losses as text
from ui.viewer import Stroke

ROOT = Path(__file__).resolve().parents[2]


def start(**params: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.switch_page("pages/3_Losses_and_metrics.py")
    for key, value in params.items():
        app.query_params[key] = value
    return ok(app.run())


def ok(app: AppTest) -> AppTest:
    assert not app.exception, app.exception[0].message
    return app


def words(app: AppTest) -> str:
    return "\n".join(e.value for kind in ("markdown", "caption", "info", "warning", "error") for e in app.get(kind))


def shown(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


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
    bce, dice = (gradients.shares(losses_run.gradient(one, key, pixel), one.truth) for key in ("bce", "dice"))
    assert bce.gradient < 0.001
    assert dice.gradient == pytest.approx(0.5, abs=0.01)
    gamma = settings("losses-gamma")
    shares = []
    for value in (0, 2, 5):
        now = gamma | {"with": f"focal.gamma {value}, focal.alpha 0.5"}
        soft = losses_masks.pair(now, {})
        found = losses_run.gradient(soft, "focal", now)
        assert losses_run.settings("focal", now)["gamma"] == value
        far = np.abs(soft.probs - (soft.truth == 1)) < 0.2  # easy pixels
        shares.append(np.abs(found.map[far]).sum() / np.abs(found.map).sum())
    assert shares[0] > shares[1] > shares[2]
    beta = settings("losses-beta")
    both = losses_masks.pair(beta, {})
    pulled = [gradients.shares(losses_run.gradient(both, k, beta), both.truth) for k in ("bce", "weighted_bce")]
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
    assert (losses_run.gradient(pair, "bce", values).map[:32] == 0).all()


@pytest.mark.parametrize(
    "params",
    [
        {}, {"truth": "empty"}, {"truth": "empty", "guess": "full"}, {"truth": "full", "guess": "full"},
        {"truth": "pixel", "guess": "truth"}, {"truth": "thin", "guess": "truth", "right": "64"},
        {"truth": "discs", "guess": "truth", "salt": "0.5", "side": "256"},
        {"truth": "scene", "thing": "dog", "pair": "3"}, {"truth": "upload", "guess": "upload"},
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
    data = losses_extras.contents({"truth": "upload"}, {"truth": np.ones((9, 9), np.float32), "guess": np.ones((3, 3))})
    app.file_uploader(key="lesson.file").set_value(("lesson.zip", data, "application/zip"))
    ok(app.run())
    assert app.session_state["truth"] == "disc"
    assert "one size" in words(app)
