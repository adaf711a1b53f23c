"""The script of the page "Losses & metrics" runs as it stands, and gives the library's numbers and gradients."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seglab import export
from seglab.losses import catalogue, gradients
from seglab.metrics import confusion, scores
from tests.pages.test_losses import npy, ok, shown, start, words
from ui import code, losses_code, losses_masks, losses_run, losses_state, state
from ui.losses_masks import MASK, Pair
from ui.texts import losses as text
from ui.viewer import Stroke

IGNORED = losses_state.pack([Stroke(255, 0.0, ((0, 0), (31, 9))), Stroke(1, 2.5, ((4, 20), (12, 28)))])
DOUBTS = losses_state.pack([Stroke(5, 0.0, ((0, 8), (20, 14))), Stroke(0, 1.5, ((16, 16), (25, 16)))])
PAIRS: dict[str, dict[str, str]] = {
    "soft": {"truth": "disc", "guess": "truth", "side": "32", "right": "3", "soften": "2"},
    "hard": {"truth": "discs", "guess": "truth", "side": "32", "down": "-2", "sure": "0"},
    "perfect": {"truth": "disc", "guess": "truth", "side": "32", "sure": "1"},
    "painted": {"truth": "disc", "guess": "truth", "side": "32", "inkt": IGNORED, "inkp": DOUBTS, "cut": "0.4"},
    "empty": {"truth": "empty", "guess": "full", "side": "16"},
    "nowhere": {"truth": "empty", "side": "16", "sure": "0"},
    "full": {"truth": "full", "guess": "background", "side": "16"},
    "pixel": {"truth": "pixel", "guess": "truth", "side": "16", "salt": "0.1"},
}
KEYS = losses_state.KEYS


def settings(params: dict[str, str]) -> dict[str, Any]:
    values, messages = state.read(losses_state.FIELDS, params)
    assert messages == []
    return values


def moved(key: str, share: float) -> str:
    """Return the link's words that put each parameter of a loss somewhere between its ends."""
    values = {(key, p.name): p.low + share * (p.high - p.low) for p in losses_run.loss(key).parameters}
    return losses_state.with_parameters(values)


def run(script: str, pair: Pair, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the script beside the files of the tab "Download"; return its names."""
    monkeypatch.chdir(folder)
    (folder / losses_code.TRUTH_FILE).write_bytes(export.indexed_png(pair.truth, MASK))
    (folder / losses_code.GUESS_FILE).write_bytes(npy(pair.probs))
    names: dict[str, Any] = {}
    before = np.geterr()
    try:
        exec(compile(script, "shown", "exec"), names)
    finally:
        np.seterr(**before)
    return names


def imported(script: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(script)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module))
    return found


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("key", KEYS)
def test_value_and_gradient_are_the_librarys(
    key: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for share in (None, 0.0, 0.4):  # the parameters' defaults, their lowest values, and others
        beside = KEYS[(KEYS.index(key) + 5) % len(KEYS)]
        params = PAIRS[name] | {"loss": key, "beside": beside, "with": "" if share is None else moved(key, share)}
        now = settings(params)
        pair = losses_masks.pair(now, {})
        script = losses_code.write(pair, now)
        found = run(script, pair, tmp_path, monkeypatch)
        assert list(found["losses"]) == [key, beside]
        for one in (key, beside):
            wanted = gradients.gradient(one, gradients.logits(pair.probs), pair.truth, **losses_run.settings(one, now))
            assert found["losses"][one].item() == pytest.approx(wanted.value, rel=1e-6, abs=1e-9)
            np.testing.assert_allclose(
                found["gradients"][one], wanted.map, rtol=1e-6, atol=1e-6 * max(1e-6, np.abs(wanted.map).max())
            )
            assert f"# {losses_run.loss(one).title}: {losses_run.loss(one).latex}\n" in script
        saved = np.load(tmp_path / "gradients.npz")
        assert np.array_equal(saved[key], found["gradients"][key])


@pytest.mark.parametrize("name", PAIRS)
def test_the_metrics_are_the_librarys(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = settings(PAIRS[name])
    pair = losses_masks.pair(now, {})
    found = run(losses_code.write(pair, now), pair, tmp_path, monkeypatch)
    assert np.array_equal(found["cm"], pair.matrix)
    assert found["accuracy"] == pytest.approx(confusion.pixel_accuracy(pair.matrix))
    np.testing.assert_allclose(found["iou"], confusion.iou(pair.matrix))
    np.testing.assert_allclose(found["dice"], scores.dice(pair.matrix))


@pytest.mark.parametrize("kind", ["ships", "disc", "discs", "thin", "pixel", "empty", "full"])
@pytest.mark.parametrize(("side", "extent"), [("16", "0.02"), ("64", "0.3"), ("256", "0.9")])
def test_what_is_drawn_is_drawn_again(
    kind: str, side: str, extent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file is needed for what the sliders make, and the masks are the same to the last bit."""
    changes: tuple[dict[str, str], ...] = (
        {"guess": "background"}, {"guess": "full", "sure": "0.35"}, {"guess": "truth", "right": "-5", "down": "3"},
        {"guess": "truth", "grow": "2", "salt": "0.2"}, {"guess": "truth", "grow": "-1", "soften": "1.5", "sure": "0"},
    )  # fmt: skip
    for change in changes:
        now = settings({"truth": kind, "side": side, "extent": extent} | change)
        pair = losses_masks.pair(now, {})
        script = losses_code.write(pair, now)
        assert losses_code.TRUTH_FILE not in script
        assert losses_code.GUESS_FILE not in script
        found = run(script, pair, tmp_path, monkeypatch)
        assert np.array_equal(found["truth"], pair.truth)
        assert np.array_equal(found["guess"].astype(np.float32), pair.probs)


def test_it_is_short_and_needs_nothing_of_ours() -> None:
    long = {"truth": "thin", "guess": "truth", "right": "1", "grow": "1", "salt": "0.1", "soften": "1", "sure": "0.5"}
    for params in (long, PAIRS["painted"]):
        pair = losses_masks.pair(settings(params), {})
        for a, b in itertools.product(KEYS, repeat=2):
            script = losses_code.write(pair, settings(params | {"loss": a, "beside": b}))
            assert script.count("\n") <= code.MAX_LINES
            assert imported(script) <= {"numpy", "torch", "PIL", "scipy"}
            assert script.count('losses["') == len({a, b})  # each once


def test_every_loss_of_the_library_is_written_out() -> None:
    assert set(losses_code.LINES) == {loss.key for loss in catalogue.LOSSES}
    for loss in catalogue.LOSSES:
        lines = losses_code.LINES[loss.key]
        assert lines.count("\n") < 5
        for parameter in loss.parameters:
            assert parameter.name in lines


def test_the_page_shows_it_and_says_which_files_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = start(answered="1")
    app.session_state["losses.tab"] = text.TAB_CODE
    ok(app.run())
    assert text.CODE_FILES[:9] not in words(app)
    now = settings({})
    found = run(app.code[0].value, losses_masks.pair(now, {}), tmp_path, monkeypatch)
    assert shown(app)[text.MEAN_IOU] == f"{100 * np.nanmean(found['iou']):.1f} %" == "47.5 %"
    assert shown(app)[text.MEAN_DICE] == f"{100 * np.nanmean(found['dice']):.1f} %" == "48.7 %"
    app = start(answered="1", **PAIRS["painted"])
    app.session_state["losses.tab"] = text.TAB_CODE
    ok(app.run())
    assert f"`{losses_code.TRUTH_FILE}` and `{losses_code.GUESS_FILE}`" in words(app)
    app = start(answered="1", truth="disc", guess="truth", inkp=DOUBTS)
    app.session_state["losses.tab"] = text.TAB_CODE
    ok(app.run())
    assert f"First put `{losses_code.GUESS_FILE}` from" in words(app)


def test_where_nothing_is_counted_there_is_no_script() -> None:
    app = start(answered="1", truth="disc", inkt=losses_state.pack([Stroke(255, 0.0, ((0, 0), (63, 63)))]))
    app.session_state["losses.tab"] = text.TAB_CODE
    ok(app.run())
    assert not app.code
    assert text.NOTHING_COUNTED in words(app)
