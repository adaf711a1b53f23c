"""The tabs "Descend", "Train live", "Border weights": numbers against the library, runs that begin and stop."""

from __future__ import annotations

import base64
import io
import re
import time
from functools import partial

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from seglab import descend as library
from seglab.live import Line, Run, Runs, Snapshot, gaps, rare
from seglab.live.race import Trained
from seglab.losses import border as borders
from seglab.losses.catalogue import LOSSES, find
from seglab.metrics import confusion, scores
from tests.latex import evaluate
from tests.pages.apps import ok, words
from ui import (
    cache,
    compare_state,
    live_runs,
    losses_border,
    losses_descend,
    losses_film,
    losses_masks,
    losses_state,
    losses_train,
    segment_state,
    state,
)  # fmt: skip
from ui.losses_descend import Descent
from ui.texts import live
from ui.texts import losses as page_text
from ui.texts import losses_more as text
from ui.viewer import Stroke


def page() -> None:
    import streamlit as st

    from ui import losses_border, losses_descend, losses_masks, losses_train
    from ui.losses_state import FIELDS
    from ui.state import follow_link, keep_link

    follow_link(FIELDS, st.query_params, st.session_state, "losses")
    pair = losses_masks.pair(st.session_state, {})
    if st.session_state["tab"] == "descend":
        losses_descend.descend(pair)
    elif st.session_state["tab"] == "train":
        losses_train.train()
    else:
        losses_border.border()
    keep_link(FIELDS, st.query_params, st.session_state, "losses")


def start(tab: str, **params: str) -> AppTest:
    app = AppTest.from_function(page, default_timeout=60)
    app.session_state["tab"] = tab
    for key, value in params.items():
        app.query_params[key] = value
    return ok(app.run())


def settings(**params: str) -> dict[str, object]:
    values, messages = state.read(losses_state.FIELDS, params)
    assert messages == []
    return values


# Descend

SMALL = {"truth": "disc", "extent": "0.06", "d_steps": "60"}  # 12 pixels of 4096


def test_a_descent_is_the_librarys() -> None:
    now = settings(**SMALL, loss="focal", **{"with": "focal.alpha 0.75"})
    pair = losses_masks.pair(now, {})
    losses = {"focal": partial(find("focal").function, gamma=2.0, alpha=0.75),
              "dice": partial(find("dice").function, **find("dice").defaults)}  # fmt: skip
    steps = list(library.descend(library.draw(pair.truth), pair.truth, losses, start=0.1, learning_rate=0.3, steps=60))
    for key in losses:
        found = losses_descend.descent(pair, key, now)
        assert (found.left, found.empty, found.steps) == (steps[-1][key].left, steps[-1][key].empty, 60)
        assert found.foreground == pytest.approx([at[key].foreground for at in steps], rel=1e-4)
        assert found.background == pytest.approx([at[key].background for at in steps], rel=1e-4)
        assert found.found.tolist() == [int((at[key].probs > 0.5).sum()) for at in steps]
        assert found.shown[0] == 0
        assert found.shown[-1] == 60
        for n, mask in zip(found.shown, found.masks, strict=True):
            assert (
                np.abs(mask / losses_film.BRIGHTEST - steps[n][key].probs).max() < 0.51 / losses_film.BRIGHTEST + 1e-4
            )


def test_the_tab_says_who_stays_at_all_background() -> None:
    app = start("descend", **SMALL)
    pair = losses_masks.pair(settings(**SMALL), {})
    dice = losses_descend.descent(pair, "dice", settings(**SMALL))
    assert dice.left is not None
    assert f"Soft Dice leaves “all background” after {dice.left} steps; Binary cross-entropy is still there" in words(
        app
    )
    assert [metric.value for metric in app.metric] == ["60 of 60", f"{dice.empty} of 60"]
    assert len(app.get("plotly_chart")) == 4


def test_the_film_shows_each_mask_with_its_numbers() -> None:
    now = settings(**SMALL)
    pair = losses_masks.pair(now, {})
    both = [losses_descend.descent(pair, key, now) for key in ("bce", "dice")]
    film = losses_film.film(library.draw(pair.truth), both, ["BCE", "Dice"])
    assert [frame.name for frame in film.frames] == [str(n) for n in both[0].shown]
    assert [step.label for step in film.layout.sliders[0].steps] == [str(n) for n in both[0].shown]
    from seglab.draw import heat_colors

    k = len(film.frames) // 2
    for n, one in enumerate(both):
        data = base64.b64decode(film.frames[k].data[n].source.partition(",")[2])
        pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        assert np.array_equal(pixels, heat_colors()[one.masks[k]])
    step = int(both[1].shown[k])
    assert f"background {both[1].background[step]:+.2g}" in film.frames[k].layout.annotations[2].text


def way(left: int | None, empty: int, found: int = 5, steps: int = 10, diverged: int | None = None) -> Descent:
    line = np.zeros(steps + 1)
    calls = np.full(steps + 1, found)
    return Descent(np.array([0]), np.zeros((1, 2, 2), np.uint8), calls, line, line, left, empty, diverged)


@pytest.mark.parametrize(
    ("a", "b", "says"),
    [
        (way(None, 11), way(None, 11), "Both stay"), (way(None, 11), way(4, 4), "**B leaves “all background” after 4"),
        (way(1, 1), way(7, 7), "**A leaves “all background” after 1 step, B after 7.**"),
        (way(2, 2), way(2, 2), "after 2 steps. Make"), (way(0, 0), way(0, 0), "Neither ever"),
        (way(0, 3), way(2, 11), "from the first step on. Later A says “all background” for 3 steps"),
    ],
    ids=range(6),
)  # fmt: skip
def test_the_sentence_fits_what_happened(a: Descent, b: Descent, says: str) -> None:
    assert says in losses_descend.notice(a, b, ["A", "B"])


def test_what_goes_wrong_with_a_descent_is_said() -> None:
    assert "falls back" in losses_descend.warned(way(3, 8, found=0), "A", 5, 100)
    assert "ends with 60 pixels called object, where 5" in losses_descend.warned(way(3, 3, found=60), "A", 5, 100)
    assert "ran over after 1 step:" in losses_descend.warned(way(3, 8, diverged=1), "A", 5, 100)
    began = way(0, 3, found=0), way(0, 0, found=90)  # with object everywhere: not a fault of the steps
    for fine in (*began, way(None, 11, found=0), way(3, 3), way(3, 3, found=20)):
        assert losses_descend.warned(fine, "A", 5, 100) == ""
    app = start("descend", **SMALL, d_rate="10")  # far too high for Dice
    assert "Soft Dice falls back to “all background”" in words(app)
    app = start("descend", **SMALL, d_rate="5")
    assert "Soft Dice ends with 4,096 pixels" in words(app)


@pytest.mark.parametrize(
    "params",
    [
        {"loss": "hausdorff", "beside": "boundary"}, {"loss": "dice"}, {"truth": "full"}, {"truth": "pixel"},
        {"d_start": "0.99", "d_rate": "10"}, {"d_steps": "10"},
        {"inkt": losses_state.pack([Stroke(255, 0.0, ((0, 0), (31, 9)))])},  # a part isn't counted
    ],
    ids=str,
)  # fmt: skip
def test_any_pair_can_be_descended(params: dict[str, str]) -> None:
    app = start("descend", **{"truth": "disc", "side": "32", "d_steps": "20"} | params)
    assert len(app.metric) == 2


def test_without_an_object_or_with_too_many_pixels_there_is_no_descent() -> None:
    assert page_text.NO_OBJECT in words(start("descend", truth="empty"))
    app = start("descend", truth="disc", side="256", d_steps="10")
    assert "256×256" in words(app)
    assert not app.metric
    ok(app.button(key="losses.descend.compute").click().run())
    assert len(app.metric) == 2
    ok(app.run())
    assert len(app.metric) == 2, "what has been computed stays"


def test_a_descent_is_kept_while_the_prediction_is_painted() -> None:
    now = settings(truth="disc", side="16", d_steps="10")
    first = losses_descend.descent(losses_masks.pair(now, {}), "bce", now)
    moved = now | {"guess": "truth", "right": 3}
    assert losses_descend.descent(losses_masks.pair(moved, {}), "bce", moved) is first
    other = now | {"d_rate": 0.1}
    assert losses_descend.descent(losses_masks.pair(other, {}), "bce", other) is not first
    assert cache.size_of(first) < 100_000


def test_the_start_can_be_the_objects_share() -> None:
    app = start("descend")  # five ships in a hundred pixels
    ok(app.button(key="losses.descend.prior").click().run())
    assert app.session_state["d_start"] == 0.05
    assert "-2.94" in words(app)  # log(0.05 / 0.95)
    assert app.query_params["d_start"] in ("0.05", ["0.05"])


# Live runs


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch):
    """Runs of their own, and small tasks."""
    found = Runs(1, 2)
    monkeypatch.setattr(live_runs, "runs", lambda: found)
    monkeypatch.setattr(live_runs, "session", lambda: "ann")
    monkeypatch.setattr(rare, "Task", partial(rare.Task, pool=16, side=32))
    monkeypatch.setattr(gaps, "Task", partial(gaps.Task, pool=8, side=32, size=4))
    for module in (rare, gaps):
        monkeypatch.setattr(module, "HELD_OUT", 4)
        module._pools.clear()
    yield found
    found.close()
    for module in (rare, gaps):
        module._pools.clear()


def until(what, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it didn't happen"
        time.sleep(0.01)


def run_of(runs: Runs, name: str) -> Run:
    found = runs.find("ann", name)
    assert found is not None
    return found


def test_a_training_begins_shows_and_stops(runs: Runs) -> None:
    app = start("train", t_steps="2000", t_losses="dice,bce")
    assert "2000 steps of 2 networks" in words(app)
    ok(app.button(key="losses.train.start").click().run())
    run = run_of(runs, losses_train.RUN)
    until(lambda: run.history.latest is not None)
    assert list(run.history.latest.lines) == ["Soft Dice", "Binary cross-entropy"]
    ok(app.run())
    ok(app.button(key="losses.train.stop").click().run())
    assert runs.wait(run, 30)
    ok(app.run())
    assert "Stopped at step" in words(app)
    assert "hasn’t found it" in words(app) or "finds the thing" in words(app)
    assert run.history.latest.done <= run.result.steps < 2000
    # Change something, and go on.
    app.session_state["with"] = "dice.epsilon 1"
    ok(app.run())
    ok(app.button(key="losses.train.on").click().run())
    more = run_of(runs, losses_train.RUN)
    until(lambda: more.history.latest is not None and more.history.latest.done > run.result.steps)
    runs.stop(more)
    assert runs.wait(more, 30)


def test_the_losses_are_the_tables_with_the_links_parameters() -> None:
    app = start("train", t_losses="focal,moon,dice,bce,tversky", **{"with": "focal.gamma 4"})
    assert app.multiselect(key=losses_train.CHOSEN).value == ["focal", "dice", "bce"]
    assert r"$\gamma$ = 4, $\alpha$ = 0.25" in words(app)
    found = losses_train.chosen({losses_train.CHOSEN: ["focal"], "with": "focal.gamma 4"})
    assert found["Focal"].func is find("focal").function
    assert found["Focal"].keywords == {"gamma": 4.0, "alpha": 0.25}
    ok(app.multiselect(key=losses_train.CHOSEN).set_value(["jaccard"]).run())
    assert app.session_state["t_losses"] == "jaccard"
    ok(app.multiselect(key=losses_train.CHOSEN).set_value([]).run())
    assert text.T_NOBODY in words(app)
    assert set(app.multiselect(key=losses_train.CHOSEN).options) == {x.title for x in LOSSES if x.group == "few"}


def test_how_rare_the_thing_is_is_counted() -> None:
    from seglab.datasets import scenes
    from seglab.palettes import SCENES

    app = start("train", t_thing="dog", t_imbalance="0", t_things="3")
    how = rare.Task("dog", 0.0, (3, 3)).parameters
    masks = [s.labels == SCENES.index("dog") for s in scenes.training(rare.TRAIN_SEED, 60, how, (64, 64))]
    assert f"Of 60, **{sum(m.any() for m in masks)} hold the thing (dog)**; it is {np.mean(masks):.2%}" in words(app)


def test_who_found_the_thing_is_said_and_who_did_not() -> None:
    run = Run("ann", "losses.train", lambda: iter(()))
    for step, score in ((10, 0.0), (20, 0.1), (30, 0.4)):
        run._take(Snapshot(step, 30, step, {"BCE": Line(0.1, 0.01), "Dice": Line(0.9, score)}))
    best, other = losses_train.notice(run)
    assert "**Dice** finds the thing from step 20" in best
    assert "0.40" in best
    assert "**BCE** hasn’t found it: IoU 0.01" in other


# Border weights


@pytest.mark.parametrize("params", [{}, {"b_w0": "3", "b_sigma": "2", "b_seed": "11", "b_touching": "0.3"}], ids=str)
def test_the_formulas_numbers_are_the_librarys_weights(params: dict[str, str]) -> None:
    found = losses_border.computed(settings(**params))
    height, width = found.weights.shape
    want = borders.border_weights(borders.separate(found.ids), found.w0, found.sigma)
    assert np.array_equal(found.weights, want)
    gap = divmod(int(found.term.argmax()), width)
    rng = np.random.default_rng(0)
    for row, column in [gap, *rng.integers(0, (height, width), (60, 2)).tolist()]:
        at = losses_border.pixel(found, column, row)
        assert at.w == pytest.approx(want[row, column], abs=2e-6)
        if not found.apart[row, column]:
            falloff = np.exp(-((at.d1 + at.d2) ** 2) / (2 * found.sigma**2))
            assert at.w == pytest.approx(at.wc + found.w0 * falloff)
    y, x = gap
    at = losses_border.pixel(found, x, y)
    near = np.sort([np.hypot(*(np.argwhere(found.apart == k) - gap).T).min() for k in np.unique(found.apart)[1:]])
    assert (at.d1, at.d2) == pytest.approx(near[:2])


def test_the_tab_shows_the_heaviest_pixel_and_then_the_clicked_one() -> None:
    app = start("border")
    found = losses_border.computed(settings())
    row, column = divmod(int(found.term.argmax()), found.ids.shape[1])
    assert f"w({column}, {row})" in app.latex[1].value
    assert f"= {found.weights[row, column]:.3f}" in app.latex[1].value
    y, x = np.argwhere(found.apart > 0)[0].tolist()
    app.session_state[losses_border.AT] = found.key, (x, y)  # what a click leaves
    ok(app.run())
    assert "inside a nucleus" in app.latex[1].value
    assert f"w({x}, {y}) = w_c = {found.classes[1]:.3f}" in app.latex[1].value
    app.session_state["b_seed"] = 8
    ok(app.run())
    assert "inside a nucleus" not in app.latex[1].value, "it was a pixel of another picture"


def test_how_much_of_the_weight_the_gaps_have() -> None:
    app = start("border")
    found = losses_border.computed(settings())
    cut = (found.ids > 0) & (found.apart == 0)
    plain = borders.border_weights(found.apart, 0)
    assert f"{cut.mean():.1%} of the pixels" in words(app)
    assert f"**{found.weights[cut].sum() / found.weights.sum():.1%} with it**" in words(app)
    assert f"{plain[cut].sum() / plain.sum():.1%} without" in words(app)


def png(ids: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(ids).save(out, "PNG")
    return out.getvalue()


def test_own_nuclei_come_in_and_go_again() -> None:
    app = start("border")
    ids = np.zeros((20, 30), np.uint16)
    ids[2:18, 2:15], ids[2:18, 15:28] = 7, 60_000  # they touch
    app.file_uploader(key=losses_border.FILE).set_value(("ids.png", png(ids), "image/png"))
    ok(app.run())
    found = losses_border.computed(settings() | {losses_border.UPLOAD: ids})
    assert found.image is None
    assert np.array_equal(app.session_state[losses_border.UPLOAD], ids)
    row, column = divmod(int(found.term.argmax()), 30)
    assert column in (14, 15)
    assert f"w({column}, {row})" in app.latex[1].value
    app.file_uploader(key=losses_border.FILE).set_value(("no.png", b"nonsense", "image/png"))
    ok(app.run())
    assert "`no.png` can’t be used" in words(app)
    assert np.array_equal(app.session_state[losses_border.UPLOAD], ids)
    next(b for b in app.button if b.label == text.B_BACK).click()
    ok(app.run())
    assert losses_border.UPLOAD not in app.session_state


def test_one_nucleus_alone_has_no_gap() -> None:
    ids = np.zeros((8, 9), np.uint16)
    ids[2:5, 2:5] = 3
    found = losses_border.computed(settings() | {losses_border.UPLOAD: ids})
    at = losses_border.pixel(found, 0, 0)
    assert (at.d2, at.falloff) == (np.inf, 0)
    assert at.w == found.weights[0, 0] == pytest.approx(found.classes[0])


@pytest.mark.parametrize("seed", range(3))
def test_the_border_formula_is_the_one_computed_and_so_are_the_numbers_in_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    w0, sigma = rng.uniform(1, 20), rng.uniform(2, 9)
    found = losses_border.computed(settings() | {"b_seed": seed, "b_w0": w0, "b_sigma": sigma})
    rows, columns = np.nonzero((found.apart == 0) & (found.term > 1e-3))
    for n in rng.choice(len(rows), 5, replace=False):
        y, x = int(rows[n]), int(columns[n])
        at = losses_border.pixel(found, x, y)
        symbols = {"w_c": at.wc, "w_0": w0, "d_1": at.d1, "d_2": at.d2, "sigma": sigma}
        value = evaluate(text.B_FORMULA.replace("(x)", ""), symbols)
        assert value == pytest.approx(found.weights[y, x], rel=1e-5)
        _, filled, short, end = text.B_FILLED.format(**vars(at) | {"w0": w0, "sigma": sigma}).split(" = ")
        assert evaluate(short, {}) == pytest.approx(float(end), abs=1e-3 + w0 * 1e-4)
        assert evaluate(filled, {}) == pytest.approx(float(end), abs=0.01 + 0.002 * w0)  # two digits of each distance


def test_the_identity_of_dice_and_iou_is_the_one_that_the_scores_obey() -> None:
    formula = re.match(r"Dice = (.+), always", page_text.IDENTITY_NOTE)
    assert formula
    latex = formula[1].replace("·", r" \cdot ").replace("IoU", r"\mathrm{IoU}")
    for cm in np.random.default_rng(0).integers(0, 99, (9, 2, 2)):
        for k in (0, 1):
            value = evaluate(latex, {"IoU": confusion.iou(cm)[k]})
            assert value == pytest.approx(scores.dice(cm)[k], rel=1e-12)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (png(np.zeros((4, 4), np.uint16)), "no nucleus"), (png(np.ones((2, 1025), np.uint16)), "at most 1024"),
        (png(np.ones((4, 4, 3), np.uint8)), "grey"), (b"nonsense", "PNG|picture|file"),
        (png(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)), "photograph"),
        (png(np.arange(2116, dtype=np.uint16).reshape(46, 46)), "2,115 nuclei; at most 2,000"),
    ],
    ids=range(6),
)  # fmt: skip
def test_files_that_are_no_ids_get_a_sentence(data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        losses_border.read(data)


def test_with_and_without_begins_shows_and_stops(runs: Runs) -> None:
    app = start("border", b_steps="1000", b_w0="20")
    ok(app.button(key="losses.gaps.start").click().run())
    run = run_of(runs, losses_border.RUN)
    until(lambda: run.history.latest is not None)
    assert tuple(run.history.latest.lines) == text.B_NAMES
    ok(app.run())
    ok(app.button(key="losses.gaps.stop").click().run())
    assert runs.wait(run, 30)
    assert run.state == "stopped", run.message
    ok(app.run())
    outcome = run.result
    assert f"After {outcome.trained.steps} steps" in words(app)
    assert app.get("plotly_chart")
    assert live.GO_ON in [button.label for button in app.button]


def outcome(without: float, with_: float, best: float = 0.0, best_with: float = 0.0) -> gaps.Outcome:
    half = gaps.THRESHOLDS.index(0.5)
    scores = []
    for at_half, top in ((without, best), (with_, best_with)):
        row = [0.0] * len(gaps.THRESHOLDS)
        row[half], row[-1] = at_half, top
        scores.append(tuple(row))
    return gaps.Outcome(Trained(300, {}, {}), dict(zip(text.B_NAMES, scores, strict=True)))


def test_the_outcome_is_said_as_it_is() -> None:
    first, second, third = losses_border.notice(outcome(0.24, 0.87, 0.88, 0.9))
    assert "**24%** without and **87%**" in first
    assert "**88% (at 0.95)**" in second
    assert third == text.B_MOVED
    assert losses_border.notice(outcome(0.1, 0.8, 0.3, 0.0))[-1] == text.B_NOT_MOVED
    assert losses_border.notice(outcome(1.0, 1.0))[1:] == [text.B_NO_DIFFERENCE]


# The link


def test_the_new_choices_clash_with_no_pages() -> None:
    keys = [field.key for module in (losses_state, compare_state, segment_state) for field in module.FIELDS]
    ours = [field.key for field in losses_state.FIELDS if field.key[:2] in ("d_", "t_", "b_")]
    assert len(ours) == 17
    assert all(keys.count(key) == 1 for key in ours)


def test_strangers_links_do_no_harm() -> None:
    bad = {"d_start": "0", "d_rate": "nan", "t_thing": "cat", "t_losses": "<b>,bce,bce", "b_sigma": "0", "b_seed": "-1"}
    for tab in ("descend", "train", "border"):
        start(tab, **bad)
