"""The bench's own sums and its sides on small masks; how fast they are is not tested here."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest

from seglab.bench import against, metrics
from seglab.bench.sides import Timing
from seglab.cli import bench


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(metrics, "SIZE", (120, 200))
    monkeypatch.setattr(metrics, "MASK", (150, 150))


def timing(ms, **arrays):
    return Timing("side", ms, ms, ms, 0, 0, (ms,), {name: np.array(value) for name, value in arrays.items()})


@pytest.mark.parametrize("task", metrics.TASKS, ids=lambda task: task.name)
def test_both_sides_give_the_same_numbers(task):
    plain, ours = (side(task.argument)() for side in (task.plain, task.ours))
    assert plain.keys() == ours.keys()
    row = against.row(task, timing(100.0, **plain), timing(1.0, **ours))
    assert row.met is True
    assert row.largest_difference <= metrics.TOLERANCE
    assert not any(np.isnan(value).any() for value in ours.values())
    assert sum(value.size for value in ours.values()) in (1, 3, 1 + 5 * metrics.CLASSES)
    assert all(value.min() > 0 for value in ours.values())  # there was something to compare


def test_the_sides_can_be_run_again():
    for task in metrics.TASKS:
        for side in (task.plain, task.ours):
            work = side(task.argument)
            first, second = work(), work()
            assert all(np.array_equal(first[key], second[key]) for key in first)


def test_too_slow_or_too_wrong_is_not_met():
    task = metrics.TASKS[0]
    same = timing(1.0, iou=[0.5, np.nan])
    assert against.row(task, timing(50.0, iou=[0.5, np.nan]), same).met is True
    assert against.row(task, timing(49.0, iou=[0.5, np.nan]), same).met is False
    assert against.row(task, timing(99.0, iou=[0.5002, np.nan]), same).met is False
    wrong = against.row(task, timing(99.0, iou=[0.5, 0.0]), same)
    assert (wrong.met, wrong.largest_difference > 1e300) == (False, True)
    ends = timing(1.0, d=[np.inf, -np.inf, 0.0])
    assert against.row(task, timing(99.0, d=[np.inf, -np.inf, 0.0]), ends).largest_difference == 0
    for other in ([np.inf, np.inf, 0.0], [np.inf, -np.inf, np.inf], [0.0, -np.inf, 0.0], [np.nan, -np.inf, 0.0]):
        assert against.row(task, timing(99.0, d=other), ends).met is False
    far = against.row(metrics.TASKS[3], timing(9.0, d=[1000.01]), timing(1.0, d=[1000.0]))
    assert far.met is True  # of 1000 px, a hundredth is a rounding error of float32


def test_the_table_and_a_missing_package(monkeypatch):
    monkeypatch.setattr(against, "find_spec", lambda name: None)
    rows = [against.measure(task, 1) for task in metrics.TASKS]
    text = against.table(rows, "")
    assert text.count("isn't installed (pip install -r requirements-dev.txt)") == len(rows)
    slow = against.row(metrics.TASKS[0], timing(4.0, x=[1]), timing(1.0, x=[1]))
    assert "4.0×" in against.table([slow], "")
    assert "falls short" in against.table([slow], "")


def test_the_command(monkeypatch, capsys):
    monkeypatch.setattr(against, "measure", lambda task, n: against.Row(task.name, task.package, task.wanted, n, 1, n))
    parser = argparse.ArgumentParser()
    bench.add(parser.add_subparsers())
    args = parser.parse_args(["bench", "metrics", "--json", "--repeats", "7"])
    assert args.run(args) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["task"] for row in rows] == [task.name for task in metrics.TASKS]
    assert {row["plain_ms"] for row in rows} == {7}
