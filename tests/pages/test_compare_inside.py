"""The part "Inside Mask R-CNN", run without a browser, on a small detector with random weights."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from seglab import runtime
from seglab.inside import origins, pasted
from seglab.inside_losses import losses
from seglab.instances import Detections, detect
from seglab.nets.mask_rcnn_small import light
from seglab.types import Palette, Sample
from seglab.zoo import Preprocess
from tests.pages.apps import words
from ui import compare_inside, cutout, lessons, state, upsampling_labs
from ui.texts import compare_inside as text

PALETTE = Palette("shapes", ("ground", "disc", "box"), ((9, 9, 9), (0, 114, 178), (213, 94, 0)), things=(1, 2))
IMAGE = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)


@lru_cache
def loaded() -> runtime.Loaded:
    torch.manual_seed(0)
    net = light(2, smallest=8, proposals=60, sampled=16, width=8, channels=16, hidden=16).eval()
    with torch.no_grad():
        net.roi_heads.box_predictor.cls_score.weight *= 30
        net.roi_heads.box_predictor.bbox_pred.weight *= 5
        net.rpn.head.cls_logits.weight *= 30
    return runtime.ready("a test's", net, PALETTE, Preprocess(0), "test-inside")


@lru_cache
def found() -> Detections:
    return detect(IMAGE, loaded())


@lru_cache
def largest() -> int:
    """Return a detection that is well inside the picture, so that a truth can be drawn under it."""
    boxes = found().boxes
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    whole = (boxes[:, 0] > 1) & (boxes[:, 1] > 1) & (boxes[:, 2] < 127) & (boxes[:, 3] < 95)
    return int(np.where(whole, areas, 0).argmax())


@lru_cache
def truth() -> Sample:
    """Return the picture with a truth that has an object under that detection, and no other."""
    x0, y0, x1, y1 = found().boxes[largest()].round().astype(int)
    ids = np.zeros(IMAGE.shape[:2], np.uint16)
    ids[y0:y1, x0:x1] = 5
    return Sample(IMAGE, np.where(ids > 0, 2, 0).astype(np.uint8), PALETTE, "drawn", ids=ids)


@pytest.fixture(autouse=True)
def links(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str]]]:
    """Return what is linked, (file, parameters): an app that is one function has no other pages."""
    found: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr("streamlit.page_link", lambda file, query_params, **_: found.append((file, query_params)))
    return found


def script(image, sample, model, detections, index, threshold):  # its source is run alone, without this file's imports
    from ui.compare_inside import inside

    inside(image, sample, model, detections, index, threshold)


def run(sample: Sample | None, index: int | None = None, threshold: float = 0.5, **more: Any) -> AppTest:
    given = {"image": IMAGE, "sample": sample, "model": loaded(), "detections": found(), "threshold": threshold}
    given["index"] = largest() if index is None else index
    app = AppTest.from_function(script, default_timeout=60, kwargs=given | more).run()
    assert not app.exception, app.exception[0].message
    return app


def formulas(app: AppTest) -> list[str]:
    return [element.value.strip().strip("$") for element in app.get("latex")]


def numbers(formula: str) -> list[float]:
    return [float(n) for n in re.findall(r"(?<![\d.])-?\d+\.\d+", formula)]


def alts(app: AppTest) -> list[str]:
    return [picture.alt for element in app.image for picture in element.proto.imgs]


def test_four_pictures_then_four_of_the_losses_each_with_words():
    app = run(truth())
    said = alts(app)
    assert len(said) == 8
    assert len(set(said)) == 8
    assert all(len(one) > 20 for one in said)
    name = PALETTE.names[found().classes[largest()]]
    assert name in said[0]
    probability, _ = pasted(found(), largest())
    assert f"{int((probability > 0.5).sum()):,} of them" in said[2]
    assert f"{found().scores[largest()]:.2f}" in words(app)


def test_the_correction_with_its_numbers_gives_the_box():
    formula = next(f for f in formulas(run(None)) if "e^{" in f and "cdot" in f)
    x, tx, w, bx, y, ty, h, by, _, tw, bw, _, th, bh = numbers(formula)
    came, box = origins(IMAGE, loaded(), found()), found().boxes[largest()]
    a = came.proposals[largest()]
    assert (x, y, w, h) == pytest.approx(((a[0] + a[2]) / 2, (a[1] + a[3]) / 2, a[2] - a[0], a[3] - a[1]), abs=0.006)
    assert (bx, by, bw, bh) == pytest.approx(
        ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[2] - box[0], box[3] - box[1]), abs=0.006
    )
    assert (bx, by) == pytest.approx((x + w * tx / 10, y + h * ty / 10), abs=0.05)
    assert (bw, bh) == pytest.approx((w * np.exp(tw / 5), h * np.exp(th / 5)), abs=0.15)


def test_losses_are_printed_with_the_numbers_that_make_them():
    app = run(truth())
    whole = losses(truth(), loaded())
    terms = whole.at(found().boxes[largest()])
    assert terms is not None
    printed = formulas(app)
    cls = next(f for f in printed if r"\ln p_u" in f)
    p, loss = numbers(cls)
    assert loss == pytest.approx(-np.log(p), abs=2e-4 / p)
    assert loss == pytest.approx(terms.cls, abs=1e-4)
    table = next(f for f in printed if "array" in f)
    wanted, t, each = np.array(numbers(table)).reshape(4, 3).T
    np.testing.assert_allclose(wanted, terms.wanted, atol=6e-4)
    d = np.abs(t - wanted)
    np.testing.assert_allclose(each, np.where(d < 1 / 9, 4.5 * d**2, d - 1 / 18), atol=2.5e-3)
    total = numbers(next(f for f in printed if "box} &=" in f))
    assert total[-1] == pytest.approx(sum(total[:-1]), abs=3e-3)
    assert total[-1] == pytest.approx(terms.box_loss, abs=6e-4)
    targets = numbers(next(f for f in printed if r"t^*_h" in f))
    assert targets[3] == pytest.approx(10 * (targets[0] - targets[1]) / targets[2], abs=0.02)
    assert targets[10] == pytest.approx(5 * np.log(targets[8] / targets[9]), abs=0.02)
    whole_sum, mask = numbers(next(f for f in printed if "mask} &= -" in f))
    assert mask == pytest.approx(terms.mask_loss, abs=6e-4)
    assert mask == pytest.approx(whole_sum / 784, abs=6e-4)
    *parts, everything = numbers(printed[-1])
    assert parts == pytest.approx([whole.rpn, whole.cls, whole.box, whole.mask], abs=6e-4)
    assert everything == pytest.approx(sum(parts), abs=3e-3)
    assert everything == pytest.approx(whole.total, abs=6e-4)
    assert f"{whole.proposals} proposals, {whole.on_objects} of them" in words(app)
    assert "**box**" in words(app)  # the true class


def test_which_pixel_costs_most():
    terms = losses(truth(), loaded()).at(found().boxes[largest()])
    line = next(line for line in words(run(truth())).splitlines() if "costliest" in line)
    row, column = (int(n) - 1 for n in re.findall(r"(?:row|column) (\d+)", line))
    assert terms.bce[row, column] == terms.bce.max()
    assert f"costs {terms.bce.max():.2f}" in line
    outline = (terms.target > 0.01) & (terms.target < 0.99)
    assert f"{terms.bce[outline].sum() / terms.bce.sum():.0%} of the loss" in line


def test_a_false_alarm_costs_its_class_alone():
    ids = np.zeros_like(truth().ids)
    ids[:4, :4] = 1
    elsewhere = replace(truth(), ids=ids, labels=(ids > 0).astype(np.uint8))
    app = run(elsewhere)
    assert "false alarm" in words(app)
    assert len(alts(app)) == 4
    background = origins(IMAGE, loaded(), found()).background[largest()]
    assert numbers(next(f for f in formulas(app) if r"\ln p_u" in f))[-1] == pytest.approx(
        -np.log(background), abs=1e-4
    )
    assert not any("mask} &= -" in f for f in formulas(app))
    assert numbers(formulas(app)[-1])[-1] == pytest.approx(losses(elsewhere, loaded()).total, abs=6e-4)


@pytest.mark.parametrize("sample", [None, "no ids", "others"])
def test_without_a_truth_it_shows_what_it_can_and_says_why(sample):
    given = {
        None: None,
        "no ids": replace(truth(), ids=None),
        "others": replace(truth(), palette=replace(PALETTE, title="others")),
    }[sample]
    app = run(given)
    assert len(alts(app)) == 4
    assert len(app.info) == 1
    assert ("others" if sample == "others" else text.NO_TRUTH) in app.info[0].value
    assert not any("mathrm" in f for f in formulas(app))


def test_a_proposal_that_training_adds():
    """Where nothing of the network's lies on the object: its own box, whose correction is nothing."""
    y, x = next(
        (y, x)
        for y, x in ((60, 4), (4, 4), (40, 60), (80, 100), (4, 110))
        if not any(overlap(found().boxes[i], (x, y, x + 12, y + 3)) for i in range(len(found())))
    )
    ids = np.zeros_like(truth().ids)
    ids[y : y + 3, x : x + 12] = 9
    thin = replace(truth(), ids=ids, labels=(ids > 0).astype(np.uint8))
    box = np.float32([[x, y, x + 12, y + 3]])
    given = Detections(box, np.array([1]), np.float32([0.9]), np.full((1, 28, 28), 0.7, np.float16), (96, 128), PALETTE)
    app = run(thin, 0, detections=given)
    assert text.NO_ORIGIN in words(app)  # made up here
    assert "adds the object’s own box" in words(app)
    table = numbers(next(f for f in formulas(app) if "array" in f))
    assert table[0::3] == [0, 0, 0, 0]


def overlap(a: Any, b: Any) -> bool:
    w, h = max(0, min(a[2], b[2]) - max(a[0], b[0])), max(0, min(a[3], b[3]) - max(a[1], b[1]))
    return w * h > 0.4 * ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h)


def test_a_threshold_and_another_object_run_no_network():
    first = run(truth())
    passes = runtime.forward_passes()
    other = run(truth(), threshold=0.7)
    assert runtime.forward_passes() == passes
    probability, _ = pasted(found(), largest())
    for app, threshold in ((first, 0.5), (other, 0.7)):
        assert text.MASK.format(pixels=int((probability > threshold).sum()), threshold=threshold) in words(app)
    run(truth(), index=0)
    assert runtime.forward_passes() == passes


def test_what_cannot_be_had_is_said(monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise runtime.OutOfMemory("there is no room")

    monkeypatch.setattr("seglab.inside_losses.losses", full)
    app = run(replace(truth(), key="again", ids=truth().ids * 2))
    assert app.warning[0].value == "there is no room"
    assert len(alts(app)) == 4


def test_only_detections_that_are_there():
    with pytest.raises(ValueError, match=f"0 to {len(found()) - 1}; got -1"):
        compare_inside.inside(IMAGE, None, loaded(), found(), -1, 0.5)


def test_the_lab_on_roialign_is_linked(links: list[tuple[str, dict[str, str]]]) -> None:
    run(None)
    [(file, params)] = links
    assert file in [lesson.file for lesson in lessons.LESSONS]
    values, problems = state.read(upsampling_labs.FIELDS, params)
    assert (values["lab"], problems) == ("roi", [])


def test_colours_lie_where_their_numbers_do():
    """A mask of 2×2 over a box of 3×1 pixels in a window of 6×2, 80 dots a pixel."""
    values = np.float32([[1, 2], [3, 4]])
    out = cutout.stretch(values, np.float32([1.5, 0.5, 4.5, 1.5]), (0, 0, 6, 2))
    assert out.shape == (160, 480)
    assert np.isnan(out[:40]).all()
    assert np.isnan(out[:, :120]).all()
    assert np.isnan(out[:, 360:]).all()
    assert (out[40:80, 120:240] == 1).all()
    assert (out[40:80, 240:360] == 2).all()
    assert (out[80:120, 120:240] == 3).all()
    assert (out[80:120, 240:360] == 4).all()


@pytest.mark.parametrize(
    ("box", "size"),
    [
        ((3, 3, 5, 6), (96, 128)),
        ((0, 0, 128, 96), (96, 128)),
        ((0, 90, 9, 96), (96, 128)),
        ((0, 0, 1, 300), (300, 1)),
        ((5000, 10, 5990, 3990), (4000, 6000)),
    ],
)
def test_windows_hold_their_boxes_and_stay_in_the_picture(box, size):
    x0, y0, x1, y1 = window = cutout.window_around(np.float32([box]), size)
    assert 0 <= x0 <= box[0] < box[2] <= x1 <= size[1]
    assert 0 <= y0 <= box[1] < box[3] <= y1 <= size[0]
    side = max(16, int(np.ceil(1.2 * max(box[2] - box[0], box[3] - box[1]))))
    assert (x1 - x0, y1 - y0) == (min(side, size[1]), min(side, size[0]))
    assert max(cutout.shown_size(window)) == 480
    assert cutout.photo(np.zeros((*size, 3), np.uint8), window).shape[:2] == cutout.shown_size(window)


def test_a_frame_lies_on_its_box_and_dashes_have_gaps():
    grey = np.full((480, 480, 3), 128, np.uint8)
    box, window = np.float32([2, 2, 8, 6]), (0, 0, 10, 10)
    solid = cutout.framed(grey, box, window, (255, 255, 255))
    dashed = cutout.framed(grey, box, window, (255, 255, 255), dashed=True)
    for x, y in ((200, 96), (384, 200), (200, 288), (96, 200)):
        assert solid[y, x].tolist() == [255, 255, 255]
    assert (solid[150:230, 150:330] == 128).all()  # nothing inside
    top = (dashed[96, 96:384] == 255).all(1)
    assert 0.4 < top.mean() < 0.9
    assert (grey == 128).all()


def test_the_scale_marks_the_threshold_and_reads_without_colour():
    html = cutout.bar(0.3)
    assert "left:30%" in html
    assert 'aria-label="Colour scale' in html
    assert "threshold 0.30" in html
