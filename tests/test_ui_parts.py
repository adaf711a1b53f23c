from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from seglab import zoo
from seglab.palettes import CAMVID
from seglab.sharing import ByteCache, Cancelled
from seglab.types import Palette
from ui import cache, jobs, legend, pin, segment_advice
from ui.cost_strip import amount


def test_kept_arrays_are_made_once_and_read_only():
    store = ByteCache(1000, cache.size_of)
    made = []

    def make():
        made.append(1)
        return np.zeros(4, np.uint8), 1.5

    first = cache.kept(store, "a", make)
    assert cache.kept(store, "a", make) is first
    assert made == [1]
    with pytest.raises(ValueError, match="read-only"):
        first[0][0] = 1


def test_image_hash_tells_pictures_apart_and_takes_a_view():
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    other = image.copy()
    other[0, 0, 0] += 1
    assert cache.image_hash(image) != cache.image_hash(other)
    assert cache.image_hash(image[:, ::-1]) == cache.image_hash(image[:, ::-1].copy())


def test_two_watchers_share_one_job_and_see_its_progress():
    runs, seen, go = [], [], threading.Event()

    def work(progress, cancel):
        runs.append(1)
        progress(1, 3)
        go.wait(5)
        return "done"

    results = []
    threads = [
        threading.Thread(target=lambda: results.append(jobs.watch("shared", work, lambda *at: seen.append(at))))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.4)
    go.set()
    for thread in threads:
        thread.join(5)
    assert results == ["done", "done"]
    assert runs == [1]
    assert (1, 3) in seen


def test_work_is_told_to_stop_when_its_watcher_leaves():
    told = threading.Event()

    def work(progress, cancel):
        while not cancel():
            time.sleep(0.01)
        told.set()
        raise Cancelled

    def leave(done, total):
        raise KeyboardInterrupt  # as Streamlit does: an exception out of a call of Streamlit

    with pytest.raises(KeyboardInterrupt):
        jobs.watch("left", work, leave)
    assert told.wait(2)


@pytest.mark.parametrize("error", [ValueError("no"), TimeoutError("slow")])
def test_what_the_work_raises_is_raised_and_forgotten(error):
    def fail(progress, cancel):
        raise error

    with pytest.raises(type(error), match=str(error)):
        jobs.watch("failing", fail, lambda *_: None)
    assert jobs.watch("failing", lambda *_: 7, lambda *_: None) == 7


def test_legend_counts_every_pixel_and_lists_the_largest_first():
    labels = np.full((10, 10), 3, np.uint8)
    labels[:2] = 0
    labels[9] = 255
    counts = legend.areas(labels, len(CAMVID))
    assert counts.sum() == 100
    assert counts[-1] == 10
    html = legend.table(counts, CAMVID)
    assert html.index("Road") < html.index("Sky") < html.index("unsure")
    assert "70.0" in html
    assert "Fence" not in html


def test_legend_escapes_names():
    palette = Palette("p", ("<script>",), ((1, 2, 3),))
    assert "<script>" not in legend.table(np.array([5, 0]), palette)


def test_pin_names_what_moved_and_what_changed():
    labels = np.zeros((2, 2), np.uint8)
    numbers = {"p": (0.8768, 3), "ms": (10.04, 1), "Sky, %": (50.0, 1), "Car, %": (2.04, 1)}
    a = pin.Pinned(labels, CAMVID, {name: pin.Number(*n) for name, n in numbers.items()}, {"Temperature T": "2"})
    numbers = {"p": (0.9, 3), "ms": (1234.56, 1), "Road, %": (1.0, 1), "Car, %": (1.96, 1)}
    choices = {"Temperature T": "2", "Mirror and average": "on"}
    b = pin.Pinned(labels, CAMVID, {name: pin.Number(*n) for name, n in numbers.items()}, choices)
    assert pin.moved(a, b) == ["Mirror and average: – → on"]
    assert pin.changes(a, b) == [
        ("p", "0.877", "0.900", "+0.023"), ("ms", "10.0", "1234.6", "+1224.6"), ("Sky, %", "50.0", "0.0", "-50.0"),
        ("Car, %", "2.0", "2.0", "0"), ("Road, %", "0.0", "1.0", "+1.0"),
    ]  # fmt: skip


def test_difference_wants_one_size():
    with pytest.raises(ValueError, match="same picture"):
        pin.difference(np.zeros((2, 2), np.uint8), np.zeros((3, 2), np.uint8))


@pytest.mark.parametrize(
    ("value", "unit", "written"), [(0, "", "0"), (999, "B", "999 B"), (1000, "B", "1.0 kB"), (5.2e12, "", "5.2 T")]
)
def test_amounts(value, unit, written):
    assert amount(value, unit).strip() == written


VOC_AREAS = np.bincount([0], minlength=21) * 1000


@pytest.mark.parametrize(
    ("model", "areas", "confidence", "familiar", "suits", "words"),
    [
        ("lraspp-mobilenet", VOC_AREAS, 0.99, None, None, "background"),
        ("street", np.ones(11, int), 0.5, 0.9, None, "unfamiliar"),
        ("street", np.ones(11, int), 0.95, 0.9, None, None),
        ("street", np.ones(11, int), 0.5, None, None, None),
        ("street", np.ones(11, int), 0.5, 0.9, ("street",), None),
        ("street", np.ones(11, int), 0.95, 0.9, ("lraspp-mobilenet",), "doesn't know"),
        ("street", np.ones(11, int), 0.95, 0.9, (), "No model"),
    ],
)
def test_advice(model, areas, confidence, familiar, suits, words):
    found = segment_advice.advise(model, zoo.get(model).palette, areas, confidence, familiar, suits)
    if words is None:
        assert found is None
    else:
        assert words in found.reason
        assert model not in found.models
        assert all(zoo.get(key).palette.title != zoo.get(model).palette.title for key in found.models)
        assert bool(found.models) == (suits != ())


def test_the_parts_of_the_page_need_no_torch_to_load():
    modules = [f"ui.{path.stem}" for path in Path(cache.__file__).parent.glob("*.py") if path.stem != "__init__"]
    script = (
        f"import sys, importlib; [importlib.import_module(m) for m in {modules}]; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(cache.__file__).parents[1], timeout=120)
