"""Sixteen visitors at once, some explaining, some segmenting: nobody's answer changes, and nothing stays behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from seglab import devices, inference, machine, runtime
from seglab.explain import Everywhere, Pixel, deletion, explain

KEYS = ("scenes", "street-fast")
METHODS = ("grad-cam", "hirescam", "gradient", "ablation-cam")


@pytest.fixture(scope="module")
def pictures():
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


def test_memory_comes_back(pictures):
    large = np.tile(pictures[0], (3, 3, 1))  # 288×384

    def work():
        for method in ("grad-cam", "gradient"):
            explain(large, "street-fast", Everywhere(2), method=method, short_side=0)
        deletion(large, "street-fast", Everywhere(2), np.random.default_rng(0).random((288, 384)), steps=4)
        devices.release()
        return machine.memory()[0]

    if not machine.memory()[0]:
        pytest.skip("this system doesn't tell how much memory a process has")
    before = [work(), work()][-1]
    after = [work() for _ in range(3)][-1]
    assert after - before < 30e6
