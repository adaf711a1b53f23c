"""The race with and without border weights: loss and score by hand, what differs between both, and that it helps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from seglab.datasets import cells
from seglab.live import gaps
from seglab.live.gaps import NAMES, THRESHOLDS, Task, train
from seglab.live.small import Small, begin
from seglab.live.snapshots import bytes_of
from seglab.losses import border
from seglab.preprocess import normalize
from seglab.sharing import Cancelled
from tests.live_runs import ended, one_thread

TINY = Task(pool=8, side=32, size=4)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gaps, "HELD_OUT", 5)
    gaps._pools.clear()
    with one_thread():
        yield
    gaps._pools.clear()


def drawn(seed, n, task=TINY):
    return [cells.draw(seed, k, task.parameters) for k in range(n)]


def as_input(images):
    return normalize(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255)


def test_the_first_loss_by_hand():
    """−Σ w log p_t / Σ w of the first batch, at the first weights, with the weights of the whole pool's classes."""
    snapshots, _ = ended(train(TINY, steps=1))
    samples = drawn(gaps.TRAIN_SEED, TINY.pool)
    apart = [border.separate(s.ids) for s in samples]
    balance = border.balance(np.stack(apart))
    rng = torch.Generator().manual_seed(0)
    chosen = torch.randint(TINY.pool, (gaps.BATCH,), generator=rng).tolist()
    axes = [axis for axis in (1, 0) if torch.rand((), generator=rng) < 0.5]
    net = Small()
    begin(net, torch.Generator().manual_seed(0))
    with torch.no_grad():
        p = net.train()(as_input([np.flip(samples[k].image, axes) for k in chosen])).sigmoid().double().numpy()
    for name, w0 in zip(NAMES, (0.0, TINY.w0), strict=True):
        above = below = 0.0
        for k, probability in zip(chosen, p, strict=True):
            weights = np.flip(border.border_weights(apart[k], w0, TINY.sigma, balance), axes)
            y = np.flip(apart[k] > 0, axes)
            above -= (weights * np.log(np.where(y, probability, 1 - probability))).sum()
            below += weights.sum()
        assert snapshots[0].lines[name].loss == pytest.approx(above / below, rel=1e-4)
    assert snapshots[0].lines[NAMES[0]].loss != snapshots[0].lines[NAMES[1]].loss


def test_the_border_term_is_all_that_differs():
    with_, _ = ended(train(TINY, steps=10))
    off, same = ended(train(Task(pool=8, side=32, size=4, w0=0), steps=10))
    a, b = (same.trained.weights[name] for name in NAMES)
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert off[-1].lines[NAMES[0]].loss == with_[-1].lines[NAMES[0]].loss
    assert off[-1].lines[NAMES[1]].loss != with_[-1].lines[NAMES[1]].loss


def count(found, truth):
    """TP, FP, FN of islands at an IoU above ½, one pair after the other."""
    hits = 0
    for k in range(1, found.max() + 1):
        for n in np.unique(truth[truth > 0]):
            union = ((found == k) | (truth == n)).sum()
            hits += ((found == k) & (truth == n)).sum() / union > 0.5
    true = len(np.unique(truth[truth > 0]))
    return hits, found.max() - hits, true - hits


@pytest.fixture(scope="module")
def learnt():
    """A run of sixty steps on larger pictures: something is found, and not all."""
    before = gaps.HELD_OUT
    gaps.HELD_OUT = 5
    task = Task(pool=16, touching=0.5)
    found = task, *ended(train(task, steps=60))
    gaps.HELD_OUT = before
    return found


def test_the_scores_by_hand(learnt):
    task, snapshots, outcome = learnt
    samples = drawn(gaps.HELD_OUT_SEED, 5, task)
    for name in NAMES:
        net = Small()
        net.load_state_dict(outcome.trained.weights[name])
        with torch.no_grad():
            p = net.eval()(as_input([s.image for s in samples])).sigmoid().numpy()
        for at in (0.5, 0.8):
            sums = np.zeros(3)
            for probability, sample in zip(p, samples, strict=True):
                found, n = ndimage.label(probability > at, np.ones((3, 3)))
                for k in range(1, n + 1):
                    if (found == k).sum() < 10:  # specks are no nuclei
                        found[found == k] = 0
                found = np.unique(found, return_inverse=True)[1].reshape(found.shape)
                sums += count(found, sample.ids)
            want = sums[0] / sums.sum()
            assert outcome.by_threshold[name][THRESHOLDS.index(at)] == pytest.approx(want, abs=1e-9)
            if at == 0.5:
                assert snapshots[-1].lines[name].score == pytest.approx(want, abs=1e-9)
    assert 0 < outcome.by_threshold[NAMES[1]][THRESHOLDS.index(0.5)] < 1, "otherwise this shows nothing"


def test_what_is_shown(learnt):
    _, snapshots, outcome = learnt
    snapshot = snapshots[-1]
    assert set(snapshot.beside) == {"picture", "truth"}
    rows = [*snapshot.beside.values(), *(line.pictures for line in snapshot.lines.values())]
    assert [(len(row), row[0].shape) for row in rows] == [(4, (64, 64, 3))] * 4
    assert snapshots[0].beside["truth"][0] is snapshot.beside["truth"][0]
    assert bytes_of(snapshot) < 250_000
    assert bytes_of(outcome) < 2**20


def test_a_stopped_run_has_its_outcome_and_goes_on():
    generator = train(TINY, steps=50)
    while (snapshot := next(generator)) is None:
        pass
    with pytest.raises(StopIteration) as end:
        generator.throw(Cancelled())
    outcome = end.value.value
    assert outcome.trained.steps == snapshot.done == 10
    assert all(len(scores) == len(THRESHOLDS) for scores in outcome.by_threshold.values())
    snapshots, more = ended(train(TINY, steps=10, after=outcome))
    assert [(s.done, s.total) for s in snapshots] == [(20, 20)]
    fresh, _ = ended(train(TINY, steps=10))
    assert snapshots[0].lines[NAMES[0]].loss < fresh[0].lines[NAMES[0]].loss, "it took up the weights"
    assert more.trained.steps == 20


def test_names_are_the_callers():
    snapshots, outcome = ended(train(TINY, steps=1, names=("a", "b")))
    assert list(snapshots[0].lines) == list(outcome.by_threshold) == ["a", "b"]


@pytest.mark.parametrize(
    "arguments",
    [{"touching": 1.5}, {"size": 3}, {"w0": -1}, {"sigma": 0.0}, {"sigma": float("nan")}, {"pool": 4}, {"side": 256}],
)
def test_tasks_that_cannot_be(arguments):
    name = next(iter(arguments))
    with pytest.raises(ValueError, match=f"{name} must be .* got"):
        Task(**arguments)


def test_a_side_that_halves_twice():
    with pytest.raises(ValueError, match="multiple of 4"):
        Task(side=50)


@pytest.mark.slow
def test_border_weights_part_what_touches_and_change_nothing_else(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gaps, "HELD_OUT", 40)
    half = THRESHOLDS.index(0.5)
    _, touching = ended(train(steps=300))
    without, with_ = (touching.by_threshold[name] for name in NAMES)
    assert without[half] < 0.4
    assert with_[half] > 0.75
    assert max(without) > 0.75, "it is a matter of the threshold, mostly"
    _, apart = ended(train(Task(touching=0.0), steps=150))
    assert min(scores[half] for scores in apart.by_threshold.values()) > 0.9
