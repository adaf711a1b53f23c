"""The Segment page, run without a browser, on small networks with random weights."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from seglab import inference, maps, runtime, tiling, zoo
from seglab.inference import Options
from seglab.palettes import CAMVID
from tests.pages.apps import menu, ok, words
from ui import (
    cache,
    code,
    gallery,
    lesson_file,
    picker,
    segment_code,
    segment_lesson,
    segment_run,
    segment_truth,
    tabs,
    warm,
)
from ui.presets import PRESETS
from ui.texts import segment as text

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def fresh(random_weights: Path) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.switch_page("pages/1_Segment.py")
    return app


@pytest.fixture
def page(fresh: AppTest) -> AppTest:
    return ok(fresh.run())


def button(app: AppTest, key: str) -> object:
    return next(element for element in app.button if element.key == key)


def png(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG")
    return out.getvalue()


PHOTO = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)


def test_a_visitor_gets_a_result_at_once_and_an_empty_link(page: AppTest) -> None:
    assert not page.error
    assert dict(page.query_params) == {}
    table = next(element.proto.body for element in page.get("html") if "sl-legend" in element.proto.body)
    assert "%" in table


@pytest.mark.parametrize("view", ["labels", "probability", "entropy", "margin"])
def test_views_temperature_and_confidence_run_no_network(page: AppTest, view: str) -> None:
    before = runtime.forward_passes()
    assert before > 0
    page.selectbox(key="view").set_value(view).run()
    page.slider(key="temp").set_value(2.0).run()
    page.slider(key="conf").set_value(0.5).run()
    ok(page)
    assert runtime.forward_passes() == before
    page.toggle(key="flip").set_value(True).run()
    ok(page)
    assert runtime.forward_passes() == before + 2


def test_a_heat_view_makes_no_labels_that_nobody_sees(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    real = maps.labels
    monkeypatch.setattr(maps, "labels", lambda *args, **kwargs: (made.append(kwargs), real(*args, **kwargs))[1])
    cache.MAPS.clear()
    page.selectbox(key="view").set_value("entropy").run()
    page.slider(key="temp").set_value(2.0).run()  # without a threshold, the same labels
    assert ok(page)
    assert made == []
    page.slider(key="conf").set_value(0.5).run()  # other areas in the legend
    assert len(made) == 1
    cache.MAPS.clear()
    page.selectbox(key="view").set_value("margin").run()  # whose areas are known
    assert len(made) == 1
    button(page, "segment.pin.button").click().run()  # A is a mask
    assert len(made) == 2
    page.selectbox(key="view").set_value("labels").run()
    ok(page)
    assert len(made) == 2


def test_a_full_hd_photo_is_looked_at_without_another_pass(page: AppTest) -> None:
    upload(page, "large.png", png(np.tile(PHOTO, (16, 22, 1))[:1080, :1920]))
    before = runtime.forward_passes()
    for view in ("probability", "entropy", "margin", "labels"):
        page.selectbox(key="view").set_value(view).run()
        page.slider(key="temp").set_value(page.slider(key="temp").value + 0.5).run()
        page.slider(key="conf").set_value(page.slider(key="conf").value + 0.1).run()
        ok(page)
    assert page.session_state["picker.own"].size == (1080, 1920)
    assert runtime.forward_passes() == before


def test_the_camera_gives_a_picture(page: AppTest) -> None:
    menu(page).button_group(key="picker.source").set_value("camera").run()
    page.camera_input(key="picker.camera").set_value(("camera.jpg", png(PHOTO), "image/jpeg")).run()
    assert ok(page).session_state["picker.own"].size == PHOTO.shape[:2]


def test_what_is_chosen_stands_in_the_link_and_the_link_brings_it_back(page: AppTest, fresh: AppTest) -> None:
    page.selectbox(key="view").set_value("probability").run()
    page.selectbox(key="cls").set_value("Tree").run()
    page.selectbox(key="short").set_value("128").run()
    page.slider(key="temp").set_value(2.0).run()
    link = dict(ok(page).query_params)
    assert {key: value if isinstance(value, str) else value[0] for key, value in link.items()} == {
        "view": "probability", "cls": "Tree", "short": "128", "temp": "2",
    }  # fmt: skip
    other = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    other.switch_page("pages/1_Segment.py")
    for key, value in link.items():
        other.query_params[key] = value
    ok(other.run())
    assert other.selectbox(key="cls").value == "Tree"
    assert other.selectbox(key="short").value == "128"
    assert other.slider(key="temp").value == 2.0


JUNK = {
    "image": "../../etc/passwd", "model": "gpt", "short": "-1", "view": "<b>", "cls": "💥" * 40, "temp": "nan",
    "conf": "2", "tile": "7", "overlap": "x", "blend": "", "flip": "yes", "scales": "9", "precision": "fp64",
    "sha": "z" * 500, "file": "a\nb",
}  # fmt: skip


def test_junk_in_a_link_gives_defaults_and_messages(fresh: AppTest) -> None:
    for key, value in JUNK.items():
        fresh.query_params[key] = value
    ok(fresh.run())
    assert dict(fresh.query_params) == {}
    assert all(f"`{key}` in the link" in words(fresh, "warning") for key in JUNK)
    assert "<b>" not in words(fresh, "warning")


def test_a_class_that_the_model_lacks_is_named(fresh: AppTest) -> None:
    fresh.query_params["view"] = "probability"
    fresh.query_params["cls"] = "Unicorn"
    ok(fresh.run())
    assert "Unicorn" in words(fresh, "info")
    assert fresh.selectbox(key="cls").value in CAMVID.names


def test_a_link_to_an_own_picture_names_the_missing_file_and_the_file_heals_it(fresh: AppTest) -> None:
    fresh.query_params["image"] = "upload"
    fresh.query_params["file"] = "holiday.png"
    fresh.query_params["sha"] = "0123456789abcdef"
    fresh.query_params["temp"] = "2"
    ok(fresh.run())
    assert "`holiday.png`" in words(fresh, "warning")
    assert "image" in fresh.query_params  # the link stays what it was until the visitor chooses
    upload(fresh, "holiday.png", png(PHOTO))
    assert "holiday.png" not in words(fresh, "warning")
    assert "isn't the photo" in words(fresh, "info")
    assert fresh.slider(key="temp").value == 2.0


def upload(app: AppTest, name: str, data: bytes) -> AppTest:
    menu(app).button_group(key="picker.source").set_value("upload").run()
    app.file_uploader(key="picker.file").set_value((name, data, "application/octet-stream")).run()
    return ok(app)


@pytest.mark.parametrize("data", [b"", b"no picture", png(PHOTO)[:200], b"%PDF-1.4", b"\x00" * 5000])
def test_a_file_that_is_no_picture_leaves_everything_as_it_was(page: AppTest, data: bytes) -> None:
    upload(page, "good.png", png(PHOTO))
    page.slider(key="temp").set_value(2.0).run()
    upload(page, "bad.jpg", data)
    assert "still in use" in words(page, "error")
    assert page.session_state["picker.own"].name == "good.png"
    assert page.slider(key="temp").value == 2.0


def test_a_picture_that_is_chosen_brings_a_model_that_knows_it_or_says_why_not(page: AppTest) -> None:
    button(menu(page), "picker.chelsea").click().run()
    ok(page)
    assert page.session_state["model"] == "deeplabv3-mobilenet"
    assert "isn't here" in words(page, "warning")  # no network in tests: the embedded model answers, and says so
    assert "doesn't know what this picture shows" in words(page, "warning")
    button(page, "notice.picture").click().run()
    assert page.session_state["image"] == "china"
    assert page.session_state["model"] == "street"
    assert not ok(page).warning


def test_a_download_that_failed_is_not_tried_at_every_move(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = runtime.model_or_default
    monkeypatch.setattr(runtime, "model_or_default", lambda key, *more: (calls.append(key), real(key, *more))[1])
    page.selectbox(key="model").set_value("lraspp-mobilenet").run()
    page.slider(key="temp").set_value(2.0).run()
    ok(page)
    assert calls == ["lraspp-mobilenet"]
    button(page, "notice.retry").click().run()
    assert calls == ["lraspp-mobilenet"] * 2


def test_an_unsure_model_says_so(fresh: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    card = dataclasses.replace(zoo.card("street"), confidence_p05=0.999)
    monkeypatch.setattr(zoo, "card", lambda key: card)
    upload(ok(fresh.run()), "noise.png", png(PHOTO))
    assert "unfamiliar ground" in words(fresh, "warning")
    assert [element.key for element in fresh.button if (element.key or "").startswith("notice.")]


def test_out_of_memory_is_told_and_the_choices_stay(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise runtime.OutOfMemory("No room.")

    monkeypatch.setattr(inference, "logits", fail)
    page.slider(key="temp").set_value(3.0).run()
    page.selectbox(key="short").set_value("1080").run()
    ok(page)
    assert "short side" in words(page, "error")
    assert page.selectbox(key="short").value == "1080"
    monkeypatch.undo()


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.key)
def test_presets_set_what_they_say(page: AppTest, preset: object) -> None:
    button(page, f"preset.{preset.key}").click().run()
    ok(page)
    assert page.session_state["image"] == preset.params["image"]
    assert page.session_state["view"] == preset.params.get("view", "labels")


def test_the_palace_is_what_its_presets_say() -> None:
    model, photo = runtime.model("street"), gallery.load("china")
    names, size = model.palette.names, photo.shape[:2]
    scores = inference.logits(photo, model)
    labels, sure = maps.labels(scores, size), maps.labels(scores, size, threshold=0.9)
    small = maps.labels(inference.logits(photo, model, Options(short_side=128)), size)
    kept = {name: (sure == k)[labels == k].mean() for k, name in enumerate(names) if (labels == k).any()}
    assert max(kept["Sign"], kept["Car"]) < 0.1
    assert kept["Building"] < 0.4
    assert min(kept["Sky"], kept["Tree"]) > 0.7
    palace = labels == names.index("Building")
    assert np.isin(small[palace], (names.index("Sign"), names.index("Car"))).mean() > 0.8


def test_the_question_is_answered_by_measuring(page: AppTest) -> None:
    page.radio(key="predict").set_value("none").run()
    told = words(ok(page), "markdown")
    assert "Measured just now" in told
    assert "**0 of" in told
    assert "That is what you said" in told


def test_pin_shows_what_changed(page: AppTest) -> None:
    button(page, "segment.pin.button").click().run()
    page.slider(key="conf").set_value(0.9).run()
    ok(page)
    assert "Moved: `Least confidence: 0 → 0.9`." in words(page, "markdown")
    rows = page.dataframe[0].value
    assert "Unsure, %" in set(rows.iloc[:, 0])
    assert float(rows[rows.iloc[:, 0] == "Unsure, %"]["B"].iloc[0]) > 0
    assert re.fullmatch(r"\d+\.\d", rows[rows.iloc[:, 0] == "Network time, ms"]["A"].iloc[0])
    button(page, "segment.pin.button").click().run()
    assert not ok(page).dataframe


def test_what_a_large_photo_took_is_given_back_after_each_run_and_once_after_it(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []
    monkeypatch.setattr(picker.allocator, "give_back", lambda: given.append(1))
    monkeypatch.setattr(picker.images, "LARGE", 300_000)  # pixels: the gallery's 640×427 is smaller
    page.run()
    assert given == []
    upload(page, "large.png", png(np.tile(PHOTO, (8, 8, 1))))
    menu(page).button_group(key="picker.source").set_value("gallery").run()
    given.clear()
    page.run()
    assert len(given) == 1
    button(page, "picker.china").click().run()
    assert not page.button_group, "the menu closes with the choice, and isn't there then"
    assert len(given) == 2
    page.run()
    ok(page)
    assert len(given) == 2


def tab(app: AppTest, name: str) -> AppTest:
    app.session_state["segment.tab"] = name
    return ok(app.run())


@pytest.mark.parametrize("what", ["replace", "replace_in", "blur", "filter", "cut"])
def test_uses(page: AppTest, what: str) -> None:
    tab(page, "Use it")
    page.selectbox(key="use.what").set_value(what).run()
    ok(page)
    assert any("Download this picture" in element.label for element in page.button)


def test_every_export_is_offered_and_none_is_made_before_it_is_asked_for(page: AppTest, monkeypatch) -> None:
    from seglab import export

    made = []
    monkeypatch.setattr(export, "indexed_png", lambda *args: made.append(args))
    tab(page, "Download")
    titles = [element.label for element in page.button if element.key.startswith("files.segment")]
    assert [form.title for form in export.FORMATS] == titles
    assert made == []


def test_own_ground_truth(page: AppTest) -> None:
    photo = picker.from_gallery("china")
    labels = inference.segment(photo.image, "street").labels
    tab(page, "Your ground truth")
    uploader = page.file_uploader(key="truth.file")
    uploader.set_value(("truth.png", png(labels), "image/png")).run()
    ok(page)
    assert [metric.value for metric in page.metric] == ["1.000", "1.000"]
    page.file_uploader(key="truth.file").set_value(("small.png", png(labels[:10]), "image/png")).run()
    assert "640×10" in words(ok(page), "error")
    page.file_uploader(key="truth.file").set_value(("c.png", png(np.full_like(labels, 77)), "image/png")).run()
    assert "77" in words(ok(page), "error")
    page.file_uploader(key="truth.file").set_value(("rgb.png", png(photo.image), "image/png")).run()
    assert ok(page).error


def test_ground_truth_by_hand() -> None:
    labels = np.array([[0, 0, 1, 255]], np.uint8)
    score = segment_truth.measure(png(np.array([[0, 1, 1, 1]], np.uint8)), labels, CAMVID)
    # Sky: 1 of {1 right, 1 taken from Building}; Building: 1 of {1 right, 1 called Sky, 1 unsure}.
    assert score.iou[:2].tolist() == [1 / 2, 1 / 3]
    assert score.mean_iou == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert score.accuracy == 0.5
    with pytest.raises(segment_truth.TruthError, match="255"):
        segment_truth.measure(png(np.full((1, 4), 255, np.uint8)), labels, CAMVID)


def test_a_lesson_file_carries_picture_choices_and_mask(page: AppTest) -> None:
    mask = np.zeros(PHOTO.shape[:2], np.uint8)
    choices = {"image": "upload", "file": "mine.png", "temp": "2", "view": "labels"}
    data = lesson_file.pack(choices, picture=PHOTO, mask=png(mask))
    tab(page, "Download")
    page.file_uploader(key="lesson.file").set_value(("lesson.zip", data, "application/zip")).run()
    ok(page)
    assert page.session_state["picker.own"].name == "mine.png"
    assert page.slider(key="temp").value == 2.0
    assert "Corrected by hand" in words(page, "caption")
    page.file_uploader(key="lesson.file").set_value(("bad.zip", b"PK\x03\x04 nonsense", "application/zip")).run()
    assert "lesson file again" in words(ok(page), "warning")
    assert page.session_state["picker.own"].name == "mine.png"


def test_a_mask_of_other_classes_or_size_is_refused_with_its_reason(page: AppTest) -> None:
    for mask in (np.full(PHOTO.shape[:2], 200, np.uint8), np.zeros((3, 3), np.uint8)):
        data = lesson_file.pack({"image": "upload", "file": "m.png"}, picture=PHOTO, mask=png(mask))
        tab(page, "Download")
        page.file_uploader(key="lesson.file").set_value(("lesson.zip", data, "application/zip")).run()
        assert page.session_state[segment_lesson.MASK] is None
        assert "can't be used" in words(ok(page.run()), "warning")


CASES = {
    "plain": ("china", Options(), 1.0, 0.0),
    "tiles": ("rocket", Options(short_side=256, tile=128, overlap=0.5, blend="constant"), 1.0, 0.0),
    "gaussian": ("motorcycle", Options(tile=256), 0.5, 0.15),
    "augmented": ("chelsea", Options(short_side=192, flip=True, scales=(1.0, 0.75, 1.25)), 0.7, 0.2),
    "everything": ("rocket", Options(short_side=192, tile=128, flip=True, scales=(1.0, 0.75, 1.25)), 2.0, 0.1),
    "own size": ("coffee", Options(short_side=0), 1.0, 0.0),
}


@pytest.mark.parametrize("case", CASES)
def test_the_code_shown_gives_the_same_labels(random_weights: Path, tmp_path: Path, case: str) -> None:
    key, options, temperature, threshold = CASES[case]
    same_labels(random_weights, tmp_path, "street-fast", key, options, temperature, threshold, stride=2)


@pytest.mark.parametrize(("tile", "stride"), [(0, 1), (128, 2)])
def test_logits_that_are_too_many_are_averaged_in_the_code_too(
    random_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tile: int, stride: int
) -> None:
    monkeypatch.setattr(tiling, "MAX_NUMBERS", 11 * 190 * 190)
    same_labels(
        random_weights, tmp_path, "street", "rocket", Options(short_side=250, tile=tile), 1.0, 0.0, stride=stride
    )


def same_labels(
    random_weights: Path, tmp_path: Path, model: str, key: str, options: Options, temperature: float, threshold: float,
    stride: int,
) -> None:  # fmt: skip
    photo = picker.from_gallery(key)
    result = inference.segment(photo.image, model, options, temperature=temperature, threshold=threshold)
    height, _ = inference.input_size(photo.size, zoo.get(model).preprocess, options)
    assert round(height / result.logits.shape[1]) == stride
    wanted = result.labels
    script = segment_code.write(photo, model, options, temperature, threshold, stride)
    assert script.count("\n") <= code.MAX_LINES
    assert max(map(len, script.splitlines())) <= 120
    # The weights are the test's, so the one thing that differs from a visitor's machine is where seglab finds them.
    (tmp_path / "script.py").write_text(script)
    (tmp_path / "run.py").write_text(
        f"import pathlib; from seglab import zoo; zoo.WEIGHTS = pathlib.Path({str(random_weights)!r})\n"
        "exec(compile(open('script.py').read(), 'script.py', 'exec'))\n"
    )
    subprocess.run([sys.executable, "run.py"], cwd=tmp_path, check=True, env=_environment(), timeout=300)
    with Image.open(tmp_path / "labels.png") as file:
        got = np.asarray(file)
    assert len(np.unique(wanted)) > 1
    np.testing.assert_array_equal(got, wanted)


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


def test_the_code_for_torchvision_models_builds_their_networks(random_weights: Path) -> None:
    import torch
    from torchvision.models import segmentation

    photo = picker.from_gallery("chelsea")
    for key, spec in zoo.MODELS.items():
        if not isinstance(spec.source, zoo.Torchvision) or spec.task != "semantic":
            continue
        script = segment_code.write(photo, key, Options(), 1.0, 0.0, 8)
        line = next(line for line in script.splitlines() if line.startswith("net = segmentation."))
        # The same call without the download: the weights argument is evaluated, then left out.
        call, _, weights = line.removeprefix("net = ").removesuffix(")").partition("(weights=")
        assert eval(weights, {"segmentation": segmentation}).url.endswith(spec.source.file)
        if key not in ("lraspp-mobilenet", "deeplabv3-mobilenet"):
            continue  # the large ones are built the same way
        net = eval(call, {"segmentation": segmentation})(weights=None, weights_backbone=None).eval()
        look = script[script.index("def look") : script.index("def keep")]
        scope = {"net": net, "torch": torch, "device": "cpu", "mean": 0.5, "std": 0.2}
        exec(look, scope)
        assert scope["look"](torch.zeros(1, 3, 64, 96, dtype=torch.uint8)).shape[0] == 21


def test_the_notebook_holds_the_script() -> None:
    book = json.loads(code.notebook("a = 1\n\nprint(a)\n"))
    assert ["".join(cell["source"]) for cell in book["cells"]] == ["a = 1", "print(a)"]
    assert book["nbformat"] == 4


def test_a_rerun_is_quick(page: AppTest) -> None:
    page.run()
    began = time.perf_counter()
    page.slider(key="temp").set_value(1.5).run()
    assert time.perf_counter() - began < 3  # some 0.1 s on an idle machine; a forward pass would not fit either


def test_before_a_network_runs_the_page_takes_the_lab_back_until_what_it_wants_is_kept(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fragment's run can't be interrupted (tabs.whole): how many more runs of the page have none."""
    monkeypatch.setattr(warm, "ready", lambda: True)
    page.run().run()
    assert page.session_state[tabs.WHOLE] == 0, "nothing had to run: the lab is a fragment"
    page.toggle(key="flip").set_value(True).run()
    assert page.session_state[tabs.WHOLE] == 1, "the network ran in the page's own run, begun anew"
    assert ok(page.run()).session_state[tabs.WHOLE] == 0


def test_after_a_failure_the_next_press_brings_the_tabs_back(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "ready", lambda: True)
    page.run().run()
    with monkeypatch.context() as broken:
        broken.setattr(segment_run, "run", lambda *_: (_ for _ in ()).throw(ValueError("no room")))
        page.slider(key="temp").set_value(2.0).run()
    assert [error.value for error in page.error] == ["no room"]
    assert not page.tabs
    assert page.session_state[tabs.BROKEN], "or “Again” would be the fragment's, and bring back nothing else"
    next(one for one in page.button if one.label == text.AGAIN).click().run()
    assert len(ok(page).tabs) == 5


def test_a_press_that_keeps_a_is_not_lost_where_the_network_has_to_run_first(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm, "ready", lambda: True)
    page.run().run()
    cache.LOGITS.clear()  # as when other visitors fill it
    button(page, "segment.pin.button").click().run()
    ok(page)
    assert page.session_state["segment.pin"] is not None
