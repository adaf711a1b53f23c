"""`bench explain`: its sides agree, and its rows say what is wanted."""

from __future__ import annotations

import json

import numpy as np
import pytest

from seglab import __main__ as cli
from seglab.bench import engines, explain
from seglab.bench.sides import Timing
from seglab.preprocess import resize


def timing(ms, output=None, error=None):
    nothing = np.zeros(1) if output is None else output
    return Timing("", ms, ms, ms, 0, 0, (ms,), nothing, error)


@pytest.mark.parametrize("key", ["street-fast", "lraspp-mobilenet"])
def test_our_side_and_the_library_side_draw_the_same_map(tmp_path, key):
    task = {"model": key, "weights": str(tmp_path / "w.safetensors"), "picture": str(tmp_path / "p.npy")}
    engines.write(key, tmp_path / "w.safetensors")
    np.save(task["picture"], resize(engines.photo(), (128, 128)).permute(1, 2, 0).numpy())
    ours, theirs = explain.ours(task)()(), explain.library(task)()
    assert ours.shape == theirs.shape == (128, 128)
    assert np.abs(ours - theirs).max() <= explain.TOLERANCE
    assert theirs.max() == pytest.approx(1, abs=1e-3)
    assert explain.eager(task)().ndim == 4


def test_a_row_is_met_if_it_is_cheap_and_right():
    one, two = np.zeros(3), np.array([0, 0, 0.5])
    good = explain.row("street", [timing(100), timing(150, one), timing(400, one)])
    assert (good.ours_times, good.library_times, good.met, good.missing) == (1.5, 4, True, None)
    assert not explain.row("street", [timing(100), timing(190, one), timing(400, one)]).met
    wrong = explain.row("street", [timing(100), timing(150, one), timing(400, two)])
    assert (wrong.met, wrong.largest_difference) == (False, 0.5)
    failed = explain.row("street", [timing(100), timing(150, one), timing(float("nan"), one, "no room\nfor it")])
    assert (failed.met, failed.missing, failed.library_times) == (None, "no room", None)
    alone = explain.row("street", [timing(100), timing(150, one)])
    assert (alone.met, alone.missing) == (None, "grad-cam isn't installed")
    assert explain.row("street", [timing(100), timing(190, one)]).met is False
    text = explain.table([good, wrong, failed])
    assert text.count("falls short") == 1
    assert "no room" in text


def test_the_command_prints_json(capsys, monkeypatch):
    monkeypatch.setattr(explain, "measure", lambda keys, repeats, say: iter(
        [explain.row(k, [timing(100), timing(150)]) for k in keys]))  # fmt: skip
    assert cli.main(["bench", "explain", "--json", "--models", "street", "scenes"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["model"] for row in found["rows"]] == ["street", "scenes"]
    assert found["rows"][0]["ours_times"] == 1.5
    assert cli.main(["bench", "explain", "--models", "street"]) == 0
    assert "1.50×" in capsys.readouterr().out
    monkeypatch.setattr(explain, "measure", lambda keys, repeats, say: iter(
        [explain.row(k, [timing(100), timing(190 if k == "scenes" else 150)]) for k in keys]))  # fmt: skip
    assert cli.main(["bench", "explain", "--models", "street", "scenes"]) == 1
    assert "falls short" in capsys.readouterr().out


@pytest.mark.slow
def test_the_sides_run_in_processes_of_their_own():
    (row,) = explain.measure(["street-fast"], repeats=1, size=(128, 128))
    assert row.missing is None
    assert row.largest_difference <= explain.TOLERANCE
