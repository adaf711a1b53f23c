"""The bench's own sums and its sides on a small picture; how fast they are is not tested here."""

from __future__ import annotations

import numpy as np
import pytest

from seglab.bench import postprocess
from seglab.bench.sides import Timing

SHAPE = (21, 9, 13)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(postprocess, "SIZE", (120, 160))


def timing(ms, **arrays):
    return Timing("side", ms, ms, ms, 0, 0, (ms,), {name: np.array(value) for name, value in arrays.items()})


def outputs(task, shape=SHAPE):
    return [getattr(postprocess, f"{side}_{task.function}")(shape)() for side in ("plain", "ours")]


@pytest.mark.parametrize("task", postprocess.TASKS, ids=lambda task: task.function)
def test_both_sides_do_the_same(task):
    plain, ours = outputs(task)
    row = postprocess.row(task, "small", timing(100.0, **plain), timing(1.0, **ours))
    assert row.met in (True, None)
    assert row.speedup == 100
    assert row.largest_difference <= task.tolerance
    assert all(np.ptp(values) > 0 for values in plain.values())  # there was something to compare


def test_too_slow_or_too_wrong_is_not_met():
    labels, both, overlay, _ = postprocess.TASKS
    same = {"labels": [[1, 2]]}
    assert postprocess.row(labels, "", timing(8.0, **same), timing(1.0, **same)).met is True
    assert postprocess.row(labels, "", timing(7.9, **same), timing(1.0, **same)).met is False
    wrong = postprocess.row(labels, "", timing(80.0, **same), timing(1.0, labels=[[1, 3]]))
    assert (wrong.met, wrong.equal, wrong.largest_difference) == (False, 0.5, 1)
    near, far = (timing(1.0, entropy=[0.5 + d], **same) for d in (5e-5, 2e-4))
    plain = timing(9.0, entropy=[0.5], **same)
    assert [postprocess.row(both, "", plain, t).met for t in (near, far)] == [True, False]
    dark, off = (timing(1.0, picture=np.array([value], np.uint8)) for value in (0, 2))
    assert postprocess.row(overlay, "", timing(99.0, picture=np.array([255], np.uint8)), dark).largest_difference == 255
    assert postprocess.row(overlay, "", timing(99.0, picture=np.array([0], np.uint8)), off).met is False


def test_the_table_shows_what_falls_short():
    labels = postprocess.TASKS[0]
    rows = [postprocess.row(labels, "small", timing(ms, labels=[1]), timing(1.0, labels=[1])) for ms in (4.0, 16.0)]
    short, met = postprocess.table(rows).splitlines()[1:3]
    assert "4.0×" in short
    assert "falls short" in short
    assert "16.0×" in met
    assert "falls short" not in met


def test_logits_look_like_a_networks():
    z = postprocess.fields(SHAPE)
    assert (z.shape, z.dtype) == (SHAPE, np.float16)
    assert (z.max(0) == 0).all()
    np.testing.assert_array_equal(z, postprocess.fields(SHAPE))
    assert (z != postprocess.fields(SHAPE, 1)).any()
