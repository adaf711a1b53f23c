"""The page "Losses & metrics" on the picture in use: a network's mask, which the visitor corrects."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from seglab import inference, maps, runtime, zoo
from seglab.types import Image
from tests.pages.apps import menu, ok, opened, shown, words
from ui import (
    cache,
    gallery,
    lesson,
    lesson_file,
    losses_extras,
    losses_photo,
    losses_state,
    picker,
    segment_run,
    segment_state,
    state,
)
from ui.losses_masks import UPLOADS
from ui.texts import losses as text
from ui.viewer import Stroke

PHOTO = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
INK = losses_state.pack([Stroke(1, 0.0, ((0, 0), (30, 30)))])
start = partial(opened, "3_Losses_and_metrics", answered="1", truth="photo", guess="model", sure="0")


def use(app: AppTest, photo: Image) -> None:
    """Make an own picture the one in use, as the upload does."""
    name, sha = "mine.png", cache.image_hash(photo)
    app.session_state[picker.OWN] = picker.Photo(photo, gallery.UPLOAD, name, sha, "")
    app.session_state.image, app.session_state.file, app.session_state.sha = gallery.UPLOAD, name, sha


def hand_in(app: AppTest, data: bytes) -> None:
    """Load a lesson file; the tab "Download" must be open."""
    app.file_uploader(key=lesson.FILE).set_value(("lesson.zip", data, "application/zip"))
    ok(app.run())


def test_truth_and_prediction_begin_as_what_the_network_says_of_the_picture() -> None:
    app = start(cls="Building")
    loaded = runtime.model(zoo.DEFAULT)
    photo = gallery.load(gallery.DEFAULT)
    logits = inference.logits(photo, loaded, inference.Options())
    own = app.session_state[UPLOADS]
    probs = own["photo"]
    assert max(probs.shape) == 256
    assert probs.shape == own["image"].shape[:2]
    want = maps.probability(logits, probs.shape, loaded.palette.names.index("Building"))
    np.testing.assert_allclose(probs, want, atol=1e-6)
    assert 0.05 < (probs >= 0.5).mean() < 0.95
    assert shown(app)[text.IOU] == "100.0 %"


def test_paint_in_the_truth_is_the_networks_mistake_and_goes_with_another_class() -> None:
    ink = losses_state.pack([Stroke(0, 0.0, ((0, 0), (255, 255)))])
    app = start(cls="Building", inkt=ink)
    assert shown(app)[text.PRECISION] == "0.0 %", "there is no building, the visitor said"
    ok(app.selectbox(key="cls").select("Sky").run())
    assert app.session_state["inkt"] == ""
    assert shown(app)[text.IOU] == "100.0 %"


def test_a_link_to_another_class_keeps_the_paint_that_it_brings() -> None:
    app = start(cls="Building")
    ink = losses_state.pack([Stroke(1, 0.0, ((0, 0), (255, 255)))])
    app.query_params["cls"], app.query_params["inkt"] = "Sky", ink
    ok(app.run())
    assert app.session_state["inkt"] == ink
    assert shown(app)[text.PRECISION] == "100.0 %"


def test_choosing_it_starts_with_the_networks_answer_and_presets_keep_the_picture() -> None:
    app = opened("3_Losses_and_metrics", answered="1", truth="disc", guess="truth")
    ok(app.selectbox(key="truth").select("photo").run())
    assert (app.session_state["guess"], app.session_state["sure"]) == ("model", 0)
    assert shown(app)[text.IOU] == "100.0 %"
    other = next(key for key in gallery.here() if key != gallery.DEFAULT)
    ok(menu(app).button(key=f"picker.{other}").click().run())
    app.session_state["losses.tab"] = text.TAB_TRY
    ok(app.run())
    ok(next(button for button in app.button if "losses-empty" in (button.key or "")).click().run())
    assert app.session_state["truth"] == "empty"
    assert app.session_state["image"] == other


def test_a_lesson_file_brings_picture_class_and_paint_back() -> None:
    app = start(cls="Sky")
    use(app, PHOTO)
    app.session_state["losses.tab"] = text.TAB_DOWNLOAD
    ok(app.run())
    app.session_state["inkt"] = INK
    ok(app.run())
    assert app.session_state[UPLOADS]["photo"].shape == (90, 120)
    assert app.session_state["inkt"] == INK
    choices = state.write(losses_state.FIELDS, app.session_state)
    data = lesson.contents(app.session_state[picker.OWN], choices)

    other = start(cls="Building", inkt=losses_state.pack([Stroke(0, 0.0, ((1, 1), (9, 9)))]))
    other.session_state["losses.tab"] = text.TAB_DOWNLOAD
    ok(other.run())
    hand_in(other, data)
    assert other.session_state[UPLOADS]["photo"].shape == (90, 120)
    assert [other.session_state[key] for key in ("guess", "cls", "inkt")] == ["model", "Sky", INK]
    assert "guess" not in other.session_state[UPLOADS], "the picture is no prediction"


def test_paint_of_a_link_waits_for_its_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(lesson_file.LIMITS, "picture.png", 1000)  # so it comes as a JPEG, with another hash
    link = {"image": "upload", "file": "mine.png", "sha": cache.image_hash(PHOTO), "cls": "Sky", "inkt": INK}
    for comes_as_lesson in (False, True):
        app = start(cls="Sky")  # another picture was painted on before
        app.session_state["losses.tab"] = text.TAB_DOWNLOAD
        for key, value in link.items():
            app.query_params[key] = value
        ok(app.run())
        assert "mine.png" in words(app, "warning")
        assert app.session_state["inkt"] == INK
        if comes_as_lesson:
            hand_in(app, lesson_file.pack({"truth": "photo", "guess": "model", "answered": "1", **link}, picture=PHOTO))
        else:
            use(app, PHOTO)
            ok(app.run())
        assert app.session_state[UPLOADS]["photo"].shape == (90, 120)
        assert app.session_state["inkt"] == INK
        ok(menu(app).button(key=f"picker.{gallery.DEFAULT}").click().run())
        assert app.session_state["inkt"] == "", "it was of the own picture"


def test_paint_of_a_link_waits_for_its_network(monkeypatch: pytest.MonkeyPatch) -> None:
    later = next(key for key in segment_state.MODELS if zoo.get(key).palette != zoo.get(zoo.DEFAULT).palette)
    here = runtime.model(zoo.DEFAULT)
    monkeypatch.setattr(segment_run, "load", lambda key: (here, "It can't be had now."))
    app = start(model=later, cls="cat", inkt=INK)
    assert "It can't be had now." in words(app)
    palette = replace(here.palette, names=("cat", *here.palette.names[1:]))
    monkeypatch.setattr(segment_run, "load", lambda key: (replace(here, key=later, palette=palette), None))
    ok(app.run())
    assert app.selectbox(key="cls").value == "cat"
    assert app.session_state["inkt"] == INK


def test_only_links_about_the_picture_read_and_write_it() -> None:
    app = start()
    other = next(key for key in gallery.here() if key != gallery.DEFAULT)
    ok(menu(app).button(key=f"picker.{other}").click().run())
    assert app.query_params["image"] in (other, [other])
    ok(app.selectbox(key="truth").select("disc").run())
    assert not {"image", "file", "sha", "model", "cls"} & {*app.query_params}
    app.query_params["truth"] = "thin"
    app.query_params["image"] = gallery.DEFAULT
    app.session_state["losses.tab"] = text.TAB_DOWNLOAD
    ok(app.run())
    assert (app.session_state["truth"], app.session_state["image"]) == ("thin", other)
    hand_in(app, losses_extras.contents({"truth": "discs"}, {}))
    assert (app.session_state["truth"], app.session_state["image"]) == ("discs", other)


def test_an_own_prediction_of_a_picture_is_said_not_to_be_in_the_lesson_file() -> None:
    app = start()
    app.session_state["losses.tab"] = text.TAB_DOWNLOAD
    ok(app.run())
    assert text.LESSON_NO_GUESS not in words(app)
    ok(app.selectbox(key="guess").select("upload").run())
    assert text.LESSON_NO_GUESS in words(app)


def test_another_truth_after_the_networks_gets_its_confidence_back() -> None:
    app = start()
    ok(app.selectbox(key="truth").select("disc").run())
    assert (app.session_state["guess"], app.session_state["sure"]) == ("truth", -0.2)


def test_what_is_made_of_the_picture_is_kept_and_large_ones_are_tidied_up(monkeypatch: pytest.MonkeyPatch) -> None:
    app = start()
    tidied: list[str] = []
    monkeypatch.setattr(picker, "tidy", lambda photo: tidied.append(photo.key))
    monkeypatch.setattr(losses_photo, "_small", lambda *args: pytest.fail("it is there"))
    ok(app.run())
    assert tidied == [gallery.DEFAULT]


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (64, 64)])
def test_pictures_of_any_shape_are_taken(size: tuple[int, int]) -> None:
    app = start()
    photo = np.full((*size, 3), 90, np.uint8)
    use(app, photo)
    ok(app.run())
    h, w = app.session_state[UPLOADS]["photo"].shape
    assert (h, w) == (size if max(size) <= 256 else (1, 256))
