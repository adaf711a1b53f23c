"""The page "Compare tasks", with networks that say what is true (or what a test wants) in the place of trained ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from seglab import runtime
from seglab.instances import SIDE, Detections
from seglab.truths import instances_of, truth
from seglab.types import InstanceResult, Sample
from tests.pages.apps import ok, opened, words
from ui import (
    compare_code,
    compare_names,
    compare_presets,
    compare_run,
    compare_source,
    compare_state,
    segment_run,
    state,
)
from ui.compare_run import Settings
from ui.texts import compare as text

ROOT = Path(__file__).resolve().parents[2]
start = partial(opened, "2_Compare_tasks")


def loose(sample: Sample, scores: np.ndarray | None = None) -> Detections:
    """The true objects as a pass of a detector would give them: small masks, read off the truth at cells' middles."""
    objects = instances_of(truth(sample))
    masks = np.stack([small(objects, i) for i in range(len(objects))]) if len(objects) else np.zeros((0, SIDE, SIDE))
    falling = np.linspace(0.99, 0.6, len(objects), dtype=np.float32) if scores is None else np.float32(scores)
    return Detections(objects.boxes, objects.classes, falling, masks.astype(np.float16), objects.size, objects.palette)


def small(objects: InstanceResult, i: int) -> np.ndarray:
    x0, y0, x1, y1 = objects.boxes[i]
    xs, ys = (low + (np.arange(SIDE) + 0.5) * (high - low) / SIDE for low, high in ((x0, x1), (y0, y1)))
    return objects.mask(i)[np.ix_(ys.astype(int), xs.astype(int))].astype(float)


@pytest.fixture
def oracle(random_weights: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Let both networks answer with the truth of drawn pictures; `.scores` gives the objects other scores."""
    told = SimpleNamespace(scores=None, passes=0)
    real = segment_run.run

    def run(photo, loaded, options, temperature, threshold):
        told.passes += 1
        sample = next((s for s in told.samples if np.array_equal(s.image, photo.image)), None)
        if sample is None:
            return real(photo, loaded, options, temperature, threshold)
        logits = np.where(np.arange(len(sample.palette))[:, None, None] == sample.labels, 0, -20).astype(np.float16)
        return SimpleNamespace(logits=logits, ms=1.0, peak=1, notice="")

    def detect(source, detector):
        told.passes += 1
        return (loose(source.sample, told.scores), 1.0, 1)

    told.samples = []
    for name in ("scene", "cells"):
        draw = getattr(compare_source, name)

        def noted(now, draw=draw):
            source = draw(now)
            told.samples.append(source.sample)
            return source

        monkeypatch.setattr(f"ui.picture.{name}", noted)
    monkeypatch.setattr(segment_run, "run", run)
    monkeypatch.setattr(compare_run, "_detect", detect)
    return told


def things(app: AppTest) -> int:
    return compare_source.scene(app.session_state).things or 0


def test_it_opens_with_the_question_and_answers_after_the_guess(oracle: SimpleNamespace) -> None:
    app = start()
    assert text.GUESS in words(app)
    assert "Can't count" not in words(app)
    assert oracle.passes == 0
    next(n for n in app.number_input if n.key == "compare.said").set_value(5)
    next(b for b in app.button if b.label == text.REVEAL).click()
    ok(app.run())
    said = words(app)
    n = things(app)
    assert text.GUESSED_TRUE.format(n=5, true=n) in said
    assert f"**{n} objects**" in said
    assert f"**{n} things and" in said
    assert app.query_params["open"] in ("1", ["1"])


def test_a_guess_is_remembered_by_picture(oracle: SimpleNamespace) -> None:
    app = start(open="1", seed="4")
    app.session_state["seed"] = 5
    ok(app.run())
    assert text.GUESS in words(app)  # another picture
    next(n for n in app.number_input if n.key == "compare.said").set_value(3)
    next(b for b in app.button if b.label == text.REVEAL).click()
    ok(app.run())
    app.session_state["seed"] = 4
    ok(app.run())
    assert "objects**" in words(app)  # answered before
    app.session_state["seed"] = 5
    ok(app.run())
    assert "Your guess: **3**" in words(app)


def test_nothing_is_computed_twice_in_a_run(oracle: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    from seglab import instances, panoptic
    from ui import cache

    monkeypatch.setattr(cache, "MAPS", cache.ByteCache(1, cache.size_of))  # nothing outlives its making: a large photo
    counted: dict[str, int] = {}
    for module, name in ((panoptic, "fuse"), (instances, "select")):
        real = getattr(module, name)

        def counting(*args, real=real, name=name, **more):
            counted[name] = counted.get(name, 0) + 1
            return real(*args, **more)

        monkeypatch.setattr(module, name, counting)
    start(open="1", seed="7")
    assert counted == {"fuse": 1, "select": 1}


def test_another_picture_asks_again(oracle: SimpleNamespace) -> None:
    app = start(open="1")
    before = app.session_state["seed"]
    next(b for b in app.button if b.label == text.ANOTHER).click()
    ok(app.run())
    assert app.session_state["seed"] != before
    assert text.GUESS in words(app)


def test_no_threshold_runs_a_network(oracle: SimpleNamespace) -> None:
    app = start(open="1")
    passes, forwards = oracle.passes, runtime.forward_passes()
    for key, value in (("score", 0.8), ("visible", 0.9), ("mask", 0.7), ("nms", 0.2), ("limit", 3), ("stuff", 512)):
        next(s for s in app.slider if s.key == key).set_value(value)
        ok(app.run())
        assert app.session_state[key] == value
    assert "**3 objects**" in words(app)
    # The stand-in for the logits is asked each time, and computes nothing; the detector's answer is kept.
    assert runtime.forward_passes() == forwards
    assert oracle.passes - passes == 6


def test_no_threshold_runs_a_real_network(random_weights: Path) -> None:
    app = start(open="1", score="0.05")
    forwards = runtime.forward_passes()
    assert forwards > 0
    for key, value in (("score", 0.3), ("visible", 0.9), ("mask", 0.7), ("nms", 0.2), ("limit", 3), ("stuff", 512)):
        next(s for s in app.slider if s.key == key).set_value(value)
        ok(app.run())
    assert runtime.forward_passes() == forwards


def test_moving_what_is_drawn_does_not_ask_again(oracle: SimpleNamespace) -> None:
    app = start(open="1", seed="7", things="3")
    next(s for s in app.slider if s.key == "things").set_value(9)
    ok(app.run())
    said = words(app)
    assert text.GUESS not in said
    assert text.TRUE.format(true=things(app)) in said


def test_a_guess_is_of_the_picture_that_was_seen(oracle: SimpleNamespace) -> None:
    app = start(seed="7", things="3")
    next(n for n in app.number_input if n.key == "compare.said").set_value(5)
    next(b for b in app.button if b.label == text.REVEAL).click()
    ok(app.run())
    assert "Your guess: **5**" in words(app)
    next(s for s in app.slider if s.key == "things").set_value(9)
    ok(app.run())
    assert "Your guess" not in words(app)


def test_a_second_link_shows_its_answers_too(oracle: SimpleNamespace) -> None:
    app = start(open="1", seed="4")
    app.query_params["seed"] = "5"
    ok(app.run())
    assert text.GUESS not in words(app)
    next(b for b in app.button if b.label == text.ANOTHER).click()  # but the visitor's own next one asks
    ok(app.run())
    assert text.GUESS in words(app)
    assert "open" not in app.query_params


def test_a_chosen_model_stands_in_the_link_and_one_that_nobody_chose_does_not(oracle: SimpleNamespace) -> None:
    app = start(open="1", what="cells")
    assert "semantic" not in app.query_params
    next(s for s in app.selectbox if s.key == "compare.semantic").set_value("nuclei-unet-30")
    ok(app.run())
    next(s for s in app.selectbox if s.key == "compare.semantic").set_value("nuclei-unet")
    ok(app.run())
    assert app.query_params["semantic"] in ("nuclei-unet", ["nuclei-unet"])  # the first in the list, but chosen


def test_links_tell_of_the_kind_of_picture_alone(oracle: SimpleNamespace) -> None:
    assert not {"image", "sha"} & set(start(open="1", image="chelsea", sha="ab").query_params)
    assert "things" not in start(open="1", what="cells", things="20").query_params


def test_the_limit_counts_what_takes_part(oracle: SimpleNamespace) -> None:
    app = start(open="1", seed="7", things="8")
    objects = instances_of(truth(oracle.samples[-1]))
    last = int(objects.classes[-1])  # its scores are the lowest
    name, n = objects.palette.names[last], int((objects.classes == last).sum())
    few = start(open="1", seed="7", things="8", only=name, limit="1")
    assert "**1 object**" in words(few)
    assert n >= 1
    assert text.LIMIT_REACHED.format(n=1) in words(few)
    three = start(open="1", what="cells", count="12", objects="components", limit="3")
    assert "**3 objects**" in words(three)
    assert app.session_state["limit"] == 300


def test_more_than_a_hundred_nuclei_are_ranked(oracle: SimpleNamespace) -> None:
    app = start(open="1", what="cells", count="150", touching="0", radius="6", limit="2")
    app.session_state["compare.tab"] = text.TAB_TRUTH
    ok(app.run())
    ap50 = next(float(m.value) for m in app.metric if m.label == text.AP50)
    assert ap50 > 0.9  # of the true objects; the best hundred alone would have 0.67, two 0.02


def test_a_clicked_pixel_says_who_has_it_and_by_the_page_s_names(
    oracle: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    real = compare_run.run
    monkeypatch.setattr("ui.compare_run.run", lambda *a: made.append(real(*a)) or made[-1])
    app = start(open="1", seed="39", things="20", crowding="1", stuff="0", visible="0.2")
    run = made[-1]
    result = run.fused()
    app.session_state["compare.tab"] = text.TAB_STEPS

    def asked(y: int, x: int) -> str:
        app.session_state["compare.clicked"] = (run.source.photo.hash, (x, y))
        ok(app.run())
        return words(app).split(f"Pixel x = {x}, y = {y}")[1]

    stuff = next(s for s in result.segments if not s.thing)
    y, x = np.argwhere((result.segment_ids == stuff.id) & (run.claims() == 0))[0].tolist()
    assert f"- {result.palette.names[stuff.label]}: **{text.WON}**" in asked(y, x)
    y, x = np.argwhere(run.claims() > 1)[0].tolist()
    called, owner = compare_names.names(run, result), int(result.segment_ids[y, x])
    said = asked(y, x).split("\n\n")[1]
    assert f"- {called[owner]} · " in said
    assert said.count("- ") >= 2
    # The library calls a segment by its id; the page numbers each class.
    cut = [s for s in result.steps if s.index >= 0 and s.lost_to]
    assert cut
    for step in cut:
        assert called[step.lost_to[0][0]] in compare_names.reason(run, step)
    ids = {f"{result.palette.names[s.label]} {s.id}" for s in result.segments} - set(called.values())
    assert not any(f"{name}." in compare_names.reason(run, step) for step in cut for name in ids)


def test_the_score_decides_who_is_counted(oracle: SimpleNamespace) -> None:
    app = start(open="1", things="6", seed="4")
    n = things(app)
    assert n >= 4
    scores = loose(oracle.samples[-1]).scores
    next(s for s in app.slider if s.key == "score").set_value(0.75)
    ok(app.run())
    assert f"**{(scores > 0.75).sum()} objects**" in words(app)


def test_a_street_without_things(oracle: SimpleNamespace) -> None:
    app = start(open="1", things="0", seed="5")
    said = words(app)
    assert text.TRUE.format(true=0) in said
    assert text.SAYS_INSTANCE_NONE in said
    assert "**0 things and" in said
    for tab in (text.TAB_STEPS, text.TAB_TRUTH, text.TAB_INSIDE):
        app.session_state["compare.tab"] = tab
        ok(app.run())
    assert text.INSIDE_NONE in words(app)


def test_a_class_switched_to_stuff_loses_its_objects(oracle: SimpleNamespace) -> None:
    app = start(open="1", seed="7", things="8")
    source = compare_source.scene(app.session_state)
    objects = instances_of(truth(source.sample))
    name = objects.palette.names[int(objects.classes[0])]
    gone = int((objects.classes == objects.classes[0]).sum())
    switched = start(open="1", seed="7", things="8", switched=name)
    assert f"**{len(objects) - gone} things and" in words(switched)
    assert app.session_state["switched"] == ""
    only = start(open="1", seed="7", things="8", only=name)
    assert f"**{gone} objects**" in words(only)


def test_stuff_that_takes_no_part_becomes_void(oracle: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    real = compare_run.run
    monkeypatch.setattr("ui.compare_run.run", lambda *a: made.append(real(*a)) or made[-1])
    start(open="1", seed="7", things="8", stuff="0")
    assert {"sky", "road"} <= {made[-1].palette.names[s.label] for s in made[-1].fused().segments}
    app = start(open="1", seed="7", things="8", stuff="0", only="road")
    assert [made[-1].palette.names[s.label] for s in made[-1].fused().segments] == ["road"]
    assert text.SAYS_INSTANCE_ONLY in words(app)


def test_classes_take_part_under_either_name() -> None:
    from seglab.palettes import CAMVID
    from seglab.palettes_coco import COCO

    run = SimpleNamespace(semantic=SimpleNamespace(palette=CAMVID), detector=SimpleNamespace(palette=COCO))
    run.settings = Settings(only="Pedestrian,sky")
    semantic, objects = compare_run.Run.part(run)  # type: ignore[arg-type]
    assert [CAMVID.names[k] for k in semantic] == ["Sky", "Pedestrian"]
    assert [COCO.names[k] for k in objects] == ["person"]


def test_every_download_and_a_lesson_file_that_brings_all_back(
    oracle: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[str, bytes] = {}

    def offer(label: str, make: Callable[[], bytes], name: str, mime: str, **more: Any) -> None:
        files[name] = make()

    with monkeypatch.context() as patch:
        patch.setattr("ui.files.offer", offer)
        app = start(open="1", seed="11", things="5", score="0.35")
        app.session_state["compare.tab"] = text.TAB_DOWNLOAD
        ok(app.run())
    assert {name.rsplit("_", 1)[-1] for name in files} == {
        "semantic.png", "ids.png", "objects.json", "panoptic.png", "panoptic.json", "segments.csv", "lesson.zip",
    }  # fmt: skip
    assert all(files.values())
    lesson = files["drawn_street_11_lesson.zip"]
    other = start(open="1", seed="3")
    other.session_state["compare.tab"] = text.TAB_DOWNLOAD
    ok(other.run())
    other.file_uploader(key="lesson.file").set_value(("lesson.zip", lesson, "application/zip"))
    ok(other.run())
    assert [other.session_state[key] for key in ("seed", "things", "score")] == [11, 5, 0.35]
    assert "lesson file is loaded" in words(other)
    assert text.TRUE.format(true=things(other)) in words(other)


def test_a_lesson_file_carries_an_own_photo(random_weights: Path) -> None:
    from ui import lesson, picker

    pixels = np.random.default_rng(2).integers(0, 256, (60, 90, 3), np.uint8)
    photo = picker.Photo(pixels, "upload", "noise.png", picker.image_hash(pixels), "noise")
    data = lesson.contents(photo, {"what": "photo", "image": "upload", "file": "noise.png", "sha": photo.hash})
    app = start(open="1", what="photo")
    app.session_state["compare.tab"] = text.TAB_DOWNLOAD
    ok(app.run())
    app.file_uploader(key="lesson.file").set_value(("lesson.zip", data, "application/zip"))
    ok(app.run())
    assert np.array_equal(app.session_state["picker.own"].image, pixels)
    assert text.UNKNOWN in words(app)


def test_drawn_nuclei_have_room() -> None:
    from seglab.datasets import cells

    now = {field.key: field.default for field in compare_state.FIELDS}
    assert compare_state.cell_parameters(now).width == 256
    many = compare_state.cell_parameters(now | {"count": 300})
    assert many.width > 256
    assert cells.draw(3, 0, many).ids.max() >= 295


def test_the_truth_tab_says_that_the_truth_is_perfect_and_misses_are_counted(oracle: SimpleNamespace) -> None:
    app = start(open="1", seed="7", things="8", stuff="0", visible="0")
    app.session_state["compare.tab"] = text.TAB_TRUTH
    ok(app.run())
    values = {m.label: float(m.value) for m in app.metric}
    assert values[text.MEAN_IOU] == 1.0
    assert values[text.AP50] == pytest.approx(1.0)
    assert values[text.PQ] > 0.85  # masks of 28×28 cells, pasted back
    n = things(app)
    lower = start(open="1", seed="7", things="8", stuff="0", visible="0", score="0.95")
    lower.session_state["compare.tab"] = text.TAB_TRUTH
    ok(lower.run())
    kept = int((loose(oracle.samples[-1]).scores > 0.95).sum())
    table = lower.dataframe[0].value
    assert table["TP"].sum() + table["FN"].sum() == n + len([k for k in table["Class"] if k in STUFF])
    assert table["FN"].sum() >= n - kept


STUFF = ("sky", "building", "road", "pavement", "tree", "water")


def test_the_steps_end_with_the_whole_map_and_say_why(oracle: SimpleNamespace) -> None:
    app = start(open="1", seed="7", things="8", step="400")
    app.session_state["compare.tab"] = text.TAB_STEPS
    ok(app.run())
    slider = next(s for s in app.slider if s.key == "step")
    assert slider.value == slider.max
    assert f"Step {slider.max:.0f} of {slider.max:.0f}" in words(app)
    slider.set_value(1)
    ok(app.run())
    assert "Step 1 of" in words(app)
    assert "Kept" in words(app)
    assert any(r"=1.00\quad\ge\quad0.5" in latex.value for latex in app.latex)  # all of the first one is visible
    slider = next(s for s in app.slider if s.key == "step")
    slider.set_value(0)
    ok(app.run())
    assert text.STEP_START in words(app)


def test_a_detectors_own_selection_is_one_click_away(oracle: SimpleNamespace) -> None:
    app = start(open="1", what="cells")
    usual = app.button(key="compare.usual")
    assert not usual.disabled
    ok(usual.click().run())
    assert [app.slider(key=key).value for key in ("score", "nms", "mask")] == [0.6, 0.3, 0.4]
    assert "".join(app.query_params["mask"]) == "0.4"
    assert app.button(key="compare.usual").disabled
    ok(app.selectbox(key="compare.objects").select("watershed").run())
    assert not [button for button in app.button if button.key == "compare.usual"]


def test_three_ways_to_count_nuclei(oracle: SimpleNamespace) -> None:
    app = start(open="1", what="cells", touching="1", count="20", seed="3", objects="components")
    sample = oracle.samples[-1]
    true = len(instances_of(truth(sample)))
    counts = {row[0]: int(row[1]) for row in app.table[0].value.itertuples(index=False)}
    assert counts[text.WAYS["components"]] < true
    assert true - 1 <= counts["Nuclei, Mask R-CNN"] <= true  # of true boxes that overlap its own NMS may drop one
    assert counts[text.WAYS["watershed"]] == counts[text.WAYS["components"]]  # of a map without doubts: no gaps in it


def test_a_pinned_result_is_compared_with_what_was_moved(oracle: SimpleNamespace) -> None:
    app = start(open="1", seed="7", things="8")
    next(b for b in app.button if b.key == "compare.pin.button").click()
    ok(app.run())
    next(s for s in app.slider if s.key == "score").set_value(0.9)
    ok(app.run())
    assert f"`{text.SCORE}: 0.5 → 0.9`" in words(app)
    rows = {row[0]: row[1:] for row in app.dataframe[0].value.itertuples(index=False)}
    before, after, change = rows[text.NUMBER_OBJECTS]
    assert int(before) > int(after)
    assert int(change) == int(after) - int(before)


@pytest.mark.parametrize("preset", compare_presets.PRESETS, ids=lambda preset: preset.key)
def test_each_preset_is_a_valid_link_that_says_nothing_twice(preset) -> None:
    values, messages = state.read(compare_state.FIELDS, preset.params)
    assert messages == []
    assert state.write(compare_state.FIELDS, values) == preset.params


def test_strangers_links_do_no_harm(oracle: SimpleNamespace) -> None:
    app = start(open="1", score="9", seed="-3", what="moon", objects="street", switched="<b>", step="1e9")
    assert "must be" in words(app)
    assert app.session_state["score"] == 0.5
    mixed = start(open="1", what="scene", objects="nuclei-instances", only="moon,CAR")
    assert mixed.session_state["only"] == "car"


@pytest.mark.parametrize("size", [(64, 64), (40, 700)])
def test_photos_of_any_size(random_weights: Path, size: tuple[int, int]) -> None:
    from ui import picker

    app = start(what="photo", open="1")
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    with_photo = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    with_photo.switch_page("pages/2_Compare_tasks.py")
    for key in ("picker.own", "image", "sha", "file"):
        if key in app.session_state:
            with_photo.session_state[key] = app.session_state[key]
    photo = picker.Photo(pixels, "upload", "noise.png", picker.image_hash(pixels), "noise")
    with_photo.session_state["picker.own"] = photo
    with_photo.session_state["image"], with_photo.session_state["sha"] = "upload", photo.hash
    with_photo.session_state["what"], with_photo.session_state["open"] = "photo", True
    ok(with_photo.run())
    assert text.UNKNOWN in words(with_photo)
    assert text.APPROXIMATE in words(with_photo)
    with_photo.session_state["compare.tab"] = text.TAB_TRUTH
    ok(with_photo.run())
    assert text.NO_TRUTH in words(with_photo)


def test_without_the_models_it_says_so(random_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare_state.zoo, "offered", lambda task=None: ("street",))
    assert text.NO_MODELS in words(start())


def test_settings_are_what_the_session_says() -> None:
    now = {field.key: field.default for field in compare_state.FIELDS}
    assert Settings.of(now) == Settings()
    assert Settings.of(now | {"limit": 5, "only": "car"}) == replace(Settings(), limit=5, only="car")


@pytest.mark.parametrize(
    "params",
    [
        {"seed": "7", "things": "6", "score": "0.05", "stuff": "100", "visible": "0.3"},
        {
            "seed": "3",
            "score": "0.05",
            "mask": "0.4",
            "nms": "0.3",
            "limit": "9",
            "only": "car,dog",
            "first": "smaller",
        },
        {"seed": "7", "things": "9", "score": "0.05", "switched": "car", "limit": "4"},
        {"seed": "7", "things": "9", "score": "0.05", "only": "car,dog,person", "limit": "2"},
        {"what": "cells", "seed": "3", "count": "12", "objects": "watershed"},
        {"what": "cells", "seed": "3", "count": "12", "objects": "watershed", "switched": "nucleus"},
        {"what": "cells", "seed": "3", "count": "12", "objects": "components", "mask": "0.45"},
        {"what": "cells", "seed": "2", "count": "9", "score": "0.05"},
        {"what": "photo", "image": "chelsea", "score": "0.05"},
    ],
    ids=lambda params: params.get("objects", params.get("what", params.get("first", "scene"))),
)
def test_the_code_gives_the_same_map(random_weights: Path, tmp_path: Path, params: dict[str, str]) -> None:
    """Run as it stands, in the same process: seglab is used for the weights and to draw the picture alone."""
    made = []
    with pytest.MonkeyPatch.context() as patch:
        real = compare_run.run
        patch.setattr("ui.compare_run.run", lambda *a: made.append(real(*a)) or made[-1])
        app = start(open="1", **params)
        app.session_state["compare.tab"] = text.TAB_CODE
        ok(app.run())
        script = next(c.value for c in app.code)
        assert script.count("\n") <= 40
        assert "inference" not in script
        patch.chdir(tmp_path)
        try:
            exec(compile(script, "shown", "exec"), {})
        finally:
            torch.set_grad_enabled(True)
    assert made
    wanted = made[-1].fused().segment_ids
    got = np.load(tmp_path / "panoptic.npy")
    assert (got == wanted).mean() > 0.999


def test_the_code_splits_as_the_page_does() -> None:
    from scipy import ndimage

    from seglab import watershed
    from seglab.palettes import NUCLEI

    noise = np.random.default_rng(0).normal(size=(90, 90))
    p = (0.5 + 0.25 * ndimage.gaussian_filter(noise, 4) / ndimage.gaussian_filter(noise, 4).std()).clip(0.01, 0.99)
    run = SimpleNamespace(
        settings=Settings(score=0.4, mask=0.55), semantic=SimpleNamespace(palette=NUCLEI), objects="watershed",
        part=lambda: ((0, 1), (0, 1)), fused=lambda: SimpleNamespace(palette=NUCLEI),
    )  # fmt: skip
    known: dict[str, Any] = {"np": np, "z": torch.tensor(np.stack([np.log(1 - p), np.log(p)]))}
    exec(compare_code._read_off(run)[0], known)  # type: ignore[arg-type]
    low, high = compare_run.seeded(0.55)
    wanted = watershed.split(p, threshold=low, confident=high)
    assert len(wanted) > 5
    assert len(known["found"]) == len(wanted)
    assert (sum(known["found"]) > 0).sum() == (wanted.ids() > 0).sum()
