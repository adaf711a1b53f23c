"""Sixteen visitors at once, some explaining, some segmenting: nobody's answer changes, and nothing stays behind."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from seglab import inference, machine, runtime
from seglab.explain import Everywhere, Pixel, explain
from seglab.runtime import Cancelled
from ui import jobs

KEYS = ("scenes", "street-fast")
METHODS = ("grad-cam", "hirescam", "gradient", "ablation-cam")


@pytest.fixture(scope="module")
def pictures():
    return drawn()


def drawn():
    y, x = np.mgrid[:96, :128]
    return [
        np.stack([np.sin((x + 9 * n) / 11), np.cos(y / (5 + n)), np.sin((x - y) / 17)], -1)
        .__mul__(127)
        .astype(np.uint8)
        for n in range(4)
    ]


def segmented(n, pictures):
    return inference.logits(pictures[n % 4], KEYS[n % 2], inference.Options(short_side=0))


def explained(n, pictures):
    target = Pixel(2, 40, 30) if n % 3 else Everywhere(2)
    return explain(pictures[n % 4], KEYS[n % 2], target, method=METHODS[n % 4], short_side=0).raw


def visit(n, pictures):
    return [(segmented if n % 2 else explained)(n // 2, pictures) for _ in range(2)]


def test_sixteen_at_once_get_what_each_gets_alone(pictures):
    alone = [visit(n, pictures) for n in range(16)]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda n: visit(n, pictures), range(16)))
    for n, (a, b) in enumerate(zip(alone, together, strict=True)):
        for one, two in zip(a, b, strict=True):
            np.testing.assert_array_equal(one, two, err_msg=f"visitor {n}")
    for key in KEYS:
        loaded = runtime.model(key)
        with runtime.hooks_lock(loaded) as copied:
            for net in (loaded.net, loaded.folded, copied):
                assert all(p.grad is None for p in net.parameters())
                assert not any(m._forward_hooks or m._backward_hooks for m in net.modules())


# In a process of its own: what other tests left to be freed, or have cached, would be counted too.
MEMORY = """
import sys
import numpy as np
from concurrent.futures import ThreadPoolExecutor
from seglab import devices, machine
from seglab.explain import Everywhere, deletion
from tests.explain import test_visitors as visitors

large = [np.tile(picture, (3, 3, 1)) for picture in visitors.drawn()]  # 288×384

def work():
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: visitors.visit(n, large), range(16)))
    deletion(large[0], "street-fast", Everywhere(2), np.random.default_rng(0).random((288, 384)), steps=4)
    devices.release()
    return machine.memory()[0]

print(*(work() for _ in range(int(sys.argv[1]))))
"""


def test_memory_comes_back():
    if not machine.memory()[0]:
        pytest.skip("this system doesn't tell how much memory a process has")
    run = [sys.executable, "-c", MEMORY, "5"]
    out = subprocess.run(run, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    _, before, _, _, after = map(int, out.stdout.split())
    assert after - before < 30e6


class Slow:
    """An explanation of many passes that is under way, in a job, until the block is left; each pass waits for `go`."""

    def __init__(self, picture, key):
        self.begun, self.stop, self.steps = threading.Event(), threading.Event(), []
        self.thread = threading.Thread(target=self._run, args=(picture, key))

    def _run(self, picture, key):
        def work(progress, cancel):
            def step(done, total):
                self.steps.append(done)
                self.begun.set()
                time.sleep(0.05)

            try:
                explain(picture, key, Everywhere(2), method="integrated-gradients", short_side=0,
                        cancel=lambda: cancel() or self.stop.is_set(), progress=step)  # fmt: skip
            except Cancelled:
                return

        jobs.watch(("slow", id(self)), work, lambda *_: None, long=True)

    def __enter__(self):
        self.thread.start()
        assert self.begun.wait(30)
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(30)


def test_a_quick_explanation_gets_its_turn_between_the_passes_of_a_slow_one(pictures):
    with Slow(pictures[0], "street-fast") as slow:
        explain(pictures[1], "street-fast", Everywhere(2), short_side=0)
        assert len(slow.steps) < 20, "it waited for a pass or two, not for all 34"


def test_who_waits_for_the_lock_can_leave():
    loaded = runtime.model("street-fast")
    with ThreadPoolExecutor(1) as pool, runtime.hooks_lock(loaded):
        began = time.monotonic()
        late = pool.submit(explain, np.zeros((64, 64, 3), np.uint8), loaded, Everywhere(2), short_side=0,
                           cancel=lambda: time.monotonic() - began > 0.2)  # fmt: skip
        with pytest.raises(Cancelled):
            late.result(timeout=10)


def test_however_many_wait_for_long_work_a_segmentation_is_answered(pictures):
    """More of them than there are threads, and none of them done: the hooks' lock is held all the while."""
    loaded, n = runtime.model("street-fast"), 12

    def wait(i):
        def work(progress, cancel):
            try:
                return explain(pictures[0], loaded, Everywhere(2), method="integrated-gradients", short_side=0,
                               cancel=lambda: cancel() or over.is_set())  # fmt: skip
            except Cancelled:
                return None

        return jobs.watch(("waiting", i), work, lambda *_: None, long=True)

    over = threading.Event()
    with ThreadPoolExecutor(n + 1) as visitors:
        with runtime.hooks_lock(loaded):
            waiting = [visitors.submit(wait, i) for i in range(n)]
            asked = visitors.submit(jobs.watch, "segment", lambda *_: segmented(1, pictures), lambda *_: None)
            try:
                assert asked.result(timeout=20).shape[0] == 11
                assert not any(one.done() for one in waiting)
            finally:
                over.set()
        assert [one.result(timeout=20) for one in waiting] == [None] * n
