"""The maps against a naive float64 softmax at full size, and against F.interpolate + argmax."""

from __future__ import annotations

import multiprocessing
import os
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
import torch.nn.functional as F

from seglab import cores, maps

SHAPES = [  # (K, h, w), (H, W): up, down, mixed, equal, one pixel, wide, odd ratios
    ((21, 13, 17), (104, 131)),
    ((5, 40, 30), (13, 11)),
    ((3, 20, 9), (10, 90)),
    ((7, 16, 24), (16, 24)),
    ((4, 1, 1), (9, 5)),
    ((11, 2, 300), (37, 3001)),
    ((1, 6, 6), (12, 12)),
    ((255, 5, 5), (33, 34)),
    ((2, 33, 47), (34, 46)),
]


def make(shape, seed=0, scale=4.0):
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float16)


def naive(logits, size, temperature=1.0):
    """Float64 probabilities (K, H, W) at full size; its own interpolation, by coordinates."""

    def axis(n, m):
        at = np.clip((np.arange(m) + 0.5) * n / m - 0.5, 0, n - 1)
        low = np.floor(at).astype(int)
        return low, np.minimum(low + 1, n - 1), at - low

    z = logits.astype(np.float64)
    a, b, t = axis(z.shape[1], size[0])
    z = z[:, a] * (1 - t)[:, None] + z[:, b] * t[:, None]
    a, b, t = axis(z.shape[2], size[1])
    z = z[:, :, a] * (1 - t) + z[:, :, b] * t
    return scipy.special.softmax(z / temperature, axis=0)


def assert_labels_of_interpolate(logits, size):
    """Equal, or else a tie within float32's rounding: no interpolation is 'the' right one there."""
    wanted = F.interpolate(torch.from_numpy(logits)[None].float(), size, mode="bilinear", align_corners=False)[0]
    wanted = wanted.numpy()
    got = maps.labels(logits, size)
    y, x = np.nonzero(got != wanted.argmax(0))
    assert len(y) <= 3  # one tie may last for some pixels, where the picture's border repeats the network's
    assert (wanted.max(0)[y, x] - wanted[got[y, x], y, x] < 1e-5).all()


@pytest.mark.parametrize(("shape", "size"), SHAPES)
def test_labels_are_those_of_interpolate_and_argmax(shape, size):
    for seed in range(3):
        assert_labels_of_interpolate(make(shape, seed), size)


def test_labels_exact_over_random_shapes():
    rng = np.random.default_rng(7)
    for _ in range(40):
        shape = (int(rng.integers(2, 30)), *(int(n) for n in rng.integers(1, 40, 2)))
        size = tuple(int(n) for n in rng.integers(1, 120, 2))
        assert_labels_of_interpolate(make(shape, int(rng.integers(1000))), size)


def test_a_tie_goes_to_the_first_class():
    logits = np.zeros((6, 4, 4), np.float16)
    logits[2] = logits[4] = 1
    assert (maps.labels(logits, (17, 19)) == 2).all()


def test_full_hd_has_the_labels_of_the_plain_way():
    assert_labels_of_interpolate(make((21, 65, 65), 1), (1080, 1920))


@pytest.mark.parametrize(("shape", "size"), SHAPES)
@pytest.mark.parametrize("temperature", [1, 0.3, 2.5])
def test_maps_match_the_naive_softmax(shape, size, temperature):
    logits = make(shape, 2)
    probs = naive(logits, size, temperature)
    two = np.sort(probs, axis=0)[::-1]
    k = shape[0] // 2
    # Positions are float32, as in F.interpolate: their error grows with the width and with 1/temperature.
    close = {"rtol": 0, "atol": (1e-3 if max(size) > 1000 else 3e-5) / min(temperature, 1)}
    np.testing.assert_allclose(maps.probability(logits, size, k, temperature=temperature), probs[k], **close)
    np.testing.assert_allclose(
        maps.margin(logits, size, temperature=temperature), two[0] - (two[1] if len(two) > 1 else 0), **close
    )
    if len(probs) > 1:
        entropy = scipy.stats.entropy(probs, base=len(probs), axis=0)
        np.testing.assert_allclose(maps.entropy(logits, size, temperature=temperature), entropy, **close)
    else:
        assert (maps.entropy(logits, size, temperature=temperature) == 0).all()
    x, y = size[1] // 3, size[0] // 2
    listed = maps.top(logits, size, x, y, n=3, temperature=temperature)
    best = np.argsort(-probs[:, y, x], kind="stable")[:3]
    assert [k for k, _ in listed] == best.tolist()
    np.testing.assert_allclose([p for _, p in listed], probs[best, y, x], **close)
    assert maps.mean_confidence(logits, temperature=temperature) == pytest.approx(
        naive(logits, shape[1:], temperature).max(0).mean(), abs=1e-5
    )


def test_threshold_marks_what_is_unsure():
    logits, size = make((6, 9, 11), 3, 1.0), (50, 61)
    probs = naive(logits, size, 1.7)
    p = probs.max(0)
    for threshold in (0.2, 0.4, 0.9, 1):
        got = maps.labels(logits, size, temperature=1.7, threshold=threshold)
        clear = abs(p - threshold) > 1e-5
        np.testing.assert_array_equal(got[clear], np.where(p < threshold, 255, probs.argmax(0))[clear])
    assert (maps.labels(logits, size, threshold=0.4) == 255).any()
    assert not (maps.labels(logits, size, threshold=0) == 255).any()


def test_temperature_moves_confidence_but_no_label():
    logits, size = make((6, 9, 11), 4), (50, 61)
    np.testing.assert_array_equal(maps.labels(logits, size), maps.labels(logits, size, temperature=4))
    blunt, plain, sharp = (maps.mean_confidence(logits, temperature=t) for t in (3, 1, 0.3))
    assert blunt < plain < sharp


def test_probability_of_several_classes_is_their_sum():
    logits, size = make((6, 9, 11), 5), (30, 31)
    probs = naive(logits, size)
    np.testing.assert_allclose(maps.probability(logits, size, {1, 4, 5}), probs[[1, 4, 5]].sum(0), atol=2e-5)
    assert maps.probability(logits, size, range(6)).max() <= 1


@pytest.mark.parametrize("value", [100.0, 60000.0])
def test_extreme_fp16_logits_stay_finite(value):
    logits = np.where(np.random.default_rng(0).random((4, 5, 6)) < 0.5, -value, value).astype(np.float16)
    for t in (0.05, 1, 50):
        for found in (
            maps.entropy(logits, (40, 41), temperature=t),
            maps.margin(logits, (40, 41), temperature=t),
            maps.probability(logits, (40, 41), 0, temperature=t),
        ):
            assert np.isfinite(found).all()
            assert 0 <= found.min() <= found.max() <= 1
    np.testing.assert_allclose(
        maps.probability(logits, (40, 41), 1), naive(logits, (40, 41))[1], atol=0.02 if value > 1000 else 1e-4
    )


def test_memory_stays_far_below_the_full_size_volume():
    # (K, H, W) in float32 would be 21 × 1500 × 2000 × 4 B = 252 MB; the answer itself is 12 MB.
    logits = make((21, 60, 80))
    cores.threads.cache_clear()  # new threads, so that their scratch memory is counted too
    tracemalloc.start()
    try:
        with ThreadPoolExecutor(12) as visitors:
            kept = list(visitors.map(lambda _: maps.entropy(logits, (1500, 2000)).nbytes, range(12)))
        together = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert kept == [12_000_000] * 12
    # All answers at once, but scratch memory only for as many as there are cores.
    assert 12e6 <= together < 12 * 12e6 + 20e6 * len(cores.threads()._threads)


def test_many_threads_at_once_get_what_one_gets():
    jobs = [(make((9, 12, 17), seed), (70 + seed, 91), 0.5 + seed / 4) for seed in range(24)]

    def both(job):
        logits, size, t = job
        return maps.labels(logits, size, threshold=0.5), maps.entropy(logits, size, temperature=t)

    wanted = list(map(both, jobs))
    with ThreadPoolExecutor(24) as visitors:
        got = list(visitors.map(both, jobs))
    for ours, theirs in zip(got, wanted, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_has_threads_of_its_own():
    logits = make((4, 5, 6))
    maps.labels(logits, (30, 30))  # the threads are there before the fork
    child = multiprocessing.get_context("fork").Process(target=maps.labels, args=(logits, (30, 30)))
    child.start()
    child.join(60)
    stuck = child.is_alive()
    child.kill()
    assert not stuck
    assert child.exitcode == 0


def test_logits_are_not_changed_and_may_be_read_only():
    logits = make((5, 8, 8))
    before = logits.copy()
    logits.flags.writeable = False
    maps.labels(logits, (20, 20), threshold=0.5, temperature=2)
    maps.labels(logits, (8, 8), threshold=0.5, temperature=2)
    maps.entropy(logits, (8, 8))
    np.testing.assert_array_equal(logits, before)


def test_sizes_of_numpys_numbers_and_lists_will_do():
    logits = make((3, 4, 4))
    wanted = maps.labels(logits, (9, 11))
    for size in ([9, 11], (np.int64(9), np.uint16(11)), wanted.shape, torch.Size((9, 11))):
        np.testing.assert_array_equal(maps.labels(logits, size), wanted)


GOOD = np.zeros((3, 4, 4), np.float16)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: maps.labels(GOOD, (8, 8), temperature=0), "temperature"),
        (lambda: maps.entropy(GOOD, (8, 8), temperature=-1), "temperature"),
        (lambda: maps.margin(GOOD, (8, 8), temperature=float("nan")), "temperature"),
        (lambda: maps.mean_confidence(GOOD, temperature=float("inf")), "temperature"),
        (lambda: maps.labels(GOOD, (8, 8), threshold=1.01), "threshold"),
        (lambda: maps.labels(GOOD, (8, 8), threshold=-0.1), "threshold"),
        (lambda: maps.labels(GOOD, (8, 8), threshold=float("nan")), "threshold"),
        (lambda: maps.labels(GOOD, (0, 8)), "size"),
        (lambda: maps.labels(GOOD, (8,)), "size"),
        (lambda: maps.labels(GOOD, (8, 8, 3)), "size"),
        (lambda: maps.labels(GOOD, 8), "size"),
        (lambda: maps.labels(GOOD, (8.0, 8.0)), "whole pixels"),
        (lambda: maps.entropy(GOOD, ("8", "8")), "size"),
        (lambda: maps.margin(GOOD, None), "size"),
        (lambda: maps.top(GOOD, (8,), 0, 0), "size"),
        (lambda: maps.top(GOOD, (8, 10), 1.5, 0), "1.5"),
        (lambda: maps.mean_confidence(GOOD[0, 0]), r"\(K, h, w\)"),
        (lambda: maps.mean_confidence(GOOD.tolist()), "list"),
        (lambda: maps.probability(GOOD[0], (8, 8), 0), r"\(K, h, w\)"),
        (lambda: maps.probability(GOOD, (8, 8), None), "0 to 2"),
        (lambda: maps.probability(GOOD, (8, 8), 1.5), "0 to 2"),
        (lambda: maps.labels(GOOD[0], (8, 8)), r"\(K, h, w\)"),
        (lambda: maps.labels(GOOD * np.nan, (8, 8)), "finite"),
        (lambda: maps.entropy(GOOD - np.inf, (8, 8)), "finite"),
        (lambda: maps.labels(GOOD.astype(int), (8, 8)), "float"),
        (lambda: maps.labels(np.zeros((256, 1, 1), np.float16), (8, 8)), "255"),
        (lambda: maps.probability(GOOD, (8, 8), 3), "0 to 2"),
        (lambda: maps.probability(GOOD, (8, 8), -1), "0 to 2"),
        (lambda: maps.probability(GOOD, (8, 8), ()), "0 to 2"),
        (lambda: maps.top(GOOD, (8, 10), 10, 0), "10×8"),
        (lambda: maps.top(GOOD, (8, 10), 0, 0, n=0), "at least 1"),
    ],
)
def test_wrong_arguments_are_told_apart(call, said):
    with pytest.raises(ValueError, match=said):
        call()
