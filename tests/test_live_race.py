"""The training behind a live run: races of small networks, losses on a rare thing, threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from seglab.live import Runs, Snapshot, rare, threads
from seglab.live.race import Racer, race
from seglab.live.rare import Task, train
from seglab.live.small import Small, begin
from seglab.losses import bce, dice, focal
from seglab.palettes import SCENES
from seglab.sharing import Cancelled
from tests.live_runs import ended, one_thread

ROOT = Path(__file__).resolve().parents[1]
TINY = Task(pool=16, side=32)


@pytest.fixture(autouse=True)
def quick():
    with one_thread():
        yield


def linear(seed=0):
    net = nn.Linear(2, 1)
    begin(net, torch.Generator().manual_seed(seed))
    return net


def of_squares(net, batch):
    x, y = batch
    return ((net(x)[:, 0] - y) ** 2).mean()


def points(rng):
    x = torch.randn(8, 2, generator=rng)
    return x, x @ torch.tensor([1.0, -2.0])


def error(net):
    with torch.no_grad():
        return float((net.weight[0] - torch.tensor([1.0, -2.0])).abs().max()), ()


def test_a_race_does_what_torchs_adamw_does():
    snapshots, trained = ended(
        race({"a": Racer(linear(), of_squares)}, points, error, steps=25, batch=8, learning_rate=0.05, seed=3)
    )
    net, rng = linear(), torch.Generator().manual_seed(3 * 100_003)
    average = {}
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.05)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = of_squares(net, points(rng))
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        losses.append(loss.item())
        for name, value in net.state_dict().items():  # the first as it is, then 0.98 of the average so far
            average[name] = value.clone() if name not in average else 0.98 * average[name] + 0.02 * value
    torch.testing.assert_close(trained.weights["a"], average)
    assert [s.done for s in snapshots] == [10, 20, 25]
    assert [s.images for s in snapshots] == [80, 160, 200]
    assert snapshots[1].lines["a"].loss == pytest.approx(np.mean(losses[10:20]), rel=1e-4)
    assert snapshots[2].lines["a"].loss == pytest.approx(np.mean(losses[20:]), rel=1e-4)
    net.load_state_dict(average)
    assert snapshots[2].lines["a"].score == pytest.approx(error(net)[0], rel=1e-4)


def test_racers_do_not_change_each_other_nor_torchs_own_generator():
    def go(*names):
        racers = {name: Racer(linear(), of_squares) for name in names}
        before = torch.get_rng_state()
        weights = ended(race(racers, points, error, steps=5, batch=8, learning_rate=0.1))[1].weights
        assert torch.equal(before, torch.get_rng_state())
        return weights

    together, alone = go("a", "b", "c"), go("b")
    assert torch.equal(together["b"]["weight"], alone["b"]["weight"])
    assert torch.equal(together["a"]["weight"], together["b"]["weight"])


def test_who_diverges_leaves_the_race_and_the_others_go_on():
    def explodes(net, batch):
        return of_squares(net, batch) * float("inf")

    racers = {"bad": Racer(linear(), explodes), "good": Racer(linear(), of_squares)}
    snapshots, trained = ended(race(racers, points, error, steps=20, batch=8, learning_rate=0.1))
    assert "lower learning rate" in snapshots[-1].lines["bad"].note
    assert snapshots[-1].lines["good"].note == ""
    assert snapshots[-1].lines["good"].score < error(linear())[0]
    assert trained.steps == 20
    snapshots, trained = ended(
        race({"bad": Racer(linear(), explodes)}, points, error, steps=20, batch=8, learning_rate=0.1)
    )
    assert (len(snapshots), trained.steps) == (1, 1), "alone, it ends the race"


def test_a_race_that_is_stopped_hands_over_and_goes_on_later():
    generator = race({"a": Racer(linear(), of_squares)}, points, error, steps=50, batch=8, learning_rate=0.1)
    while (snapshot := next(generator)) is None:
        pass
    with pytest.raises(StopIteration) as end:
        generator.throw(Cancelled())
    trained = end.value.value
    assert trained.steps == snapshot.done == 10
    net = linear(1)
    net.load_state_dict(trained.weights["a"])
    racer = Racer(net, of_squares)
    snapshots, more = ended(race({"a": racer}, points, error, steps=10, batch=8, learning_rate=0.1, first=10))
    assert [(s.done, s.total) for s in snapshots] == [(20, 20)]
    assert more.steps == 20
    assert not torch.equal(more.weights["a"]["weight"], trained.weights["a"]["weight"]), "a copy, not the net's own"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [({"steps": 0}, "at least 1"), ({"learning_rate": 0.0}, "above 0"), ({"learning_rate": float("inf")}, "above 0")],
)
def test_races_that_cannot_be(arguments, says):
    settings = {"steps": 5, "batch": 8, "learning_rate": 0.1} | arguments
    with pytest.raises(ValueError, match=says):
        next(race({"a": Racer(linear(), of_squares)}, points, error, **settings))
    with pytest.raises(ValueError, match="1 to 3 networks"):
        next(race({}, points, error, steps=5, batch=8, learning_rate=0.1))


def test_first_weights_have_torchs_own_spread_and_come_from_the_seed():
    torch.manual_seed(0)
    theirs, ours, same = Small(), Small(), Small()
    begin(ours, torch.Generator().manual_seed(4))
    begin(same, torch.Generator().manual_seed(4))
    for (name, a), (_, b), (_, c) in zip(
        theirs.named_parameters(), ours.named_parameters(), same.named_parameters(), strict=True
    ):
        assert torch.equal(b, c)
        if a.ndim == 4 and a.numel() > 500:
            assert b.std().item() == pytest.approx(a.std().item(), rel=0.1), name
            assert b.abs().max() <= a.abs().max() * 1.02


def test_the_pool_is_what_scenes_draws_and_is_drawn_once():
    snapshots, _ = ended(train({"BCE": bce}, TINY, steps=1))
    images, truth = rare._pools.get((TINY.parameters, 32, rare.TRAIN_SEED, 16), lambda: pytest.fail("not kept"))
    sample = rare.scenes.training(rare.TRAIN_SEED, 16, TINY.parameters, (32, 32))[5]
    assert np.array_equal(images[5], sample.image)
    assert np.array_equal(truth[5], sample.labels == SCENES.index("ball"))
    again = train({"BCE": bce}, TINY, steps=1)
    next(again)
    next(again)
    assert isinstance(next(again), type(None))
    beside = snapshots[-1].beside
    assert [len(row) for row in beside.values()] == [rare.SHOWN] * 2
    assert all(truth.max() == 255 for truth in beside["truth"]), "the thing can be seen in each"


def test_the_score_is_the_iou_of_the_thing_on_scenes_that_no_slider_changes():
    def nothing(z, y):
        return (z * 0).sum()

    scored = [ended(train({"none": nothing}, Task(pool=16, side=32, imbalance=i), steps=1))[0][-1] for i in (0.0, 1.0)]
    for name in ("picture", "truth"):
        for a, b in zip(scored[0].beside[name], scored[1].beside[name], strict=True):
            assert np.array_equal(a, b)
    _, truth = rare._pools.get(
        (Task(imbalance=0.0).parameters, 32, rare.HELD_OUT_SEED, rare.HELD_OUT), lambda: pytest.fail("not kept")
    )
    # A network whose answer is "foreground" everywhere scores the thing's share.
    with torch.no_grad():
        generator = train({"none": nothing}, TINY, steps=1)
        everywhere = Small()
        everywhere.classify.weight.zero_()
        everywhere.classify.bias.fill_(5.0)
        after = rare.Trained(0, {"none": everywhere.state_dict()}, {})
    generator = train({"none": nothing}, TINY, steps=1, after=after)
    snapshots, _ = ended(generator)
    assert snapshots[-1].lines["none"].score == pytest.approx(truth.mean(), rel=1e-6)


def test_a_batch_is_one_tall_picture_or_each_by_itself():
    seen = []

    def shape(z, y):
        assert z.shape == y.shape
        seen.append(tuple(z.shape))
        return bce(z, y)

    ended(train({"a": shape}, TINY, steps=1))
    ended(train({"a": shape}, TINY, steps=1, per_picture=True))
    assert seen == [(8 * 32, 32), (8, 32, 32)]


def test_equal_seeds_give_equal_runs_whatever_happens_between_their_steps():
    one, _ = ended(train({"Dice": dice, "BCE": bce}, TINY, steps=10))
    generator, two = train({"Dice": dice, "BCE": bce}, TINY, steps=10), []
    for snapshot in generator:
        torch.rand(3)  # another visitor's run
        two.append(snapshot)
    two = [s for s in two if s is not None]
    assert one[-1].lines["Dice"].loss == two[-1].lines["Dice"].loss
    assert all(map(np.array_equal, one[-1].lines["BCE"].pictures, two[-1].lines["BCE"].pictures))


def test_no_warning_reaches_the_server_s_log():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ended(train({"BCE": bce}, TINY, steps=2))


@pytest.mark.parametrize(
    "arguments", [{"thing": "cat"}, {"pool": 4}, {"side": 30}, {"side": 256}, {"imbalance": 2.0}, {"scale": (1, 9)}]
)
def test_tasks_that_cannot_be(arguments):
    with pytest.raises(ValueError, match=f"{next(iter(arguments))}.*(must be|got)"):
        Task(**arguments)


def test_a_worker_computes_with_one_thread_and_no_other_thread_is_touched():
    """`torch.set_num_threads` in one thread sets the number of those that come later: what `one_thread` undoes."""
    code = """
import json, threading, torch
from seglab.live import threads
torch.set_num_threads(3)
found = {}
def look(name, first=None):
    def body():
        if first: first()
        found[name] = torch.get_num_threads()
    thread = threading.Thread(target=body)
    thread.start(); thread.join()
look("plain before")
look("worker", threads.one_thread)
look("plain after")
found["main"] = torch.get_num_threads()
look("naive", lambda: torch.set_num_threads(1))
look("after naive")
print(json.dumps(found))
"""
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
                         env=os.environ | {"PYTHONPATH": str(ROOT)}).stdout  # fmt: skip
    found = json.loads(out)
    assert found == {
        "plain before": 3, "worker": 1, "plain after": 3, "main": 3, "naive": 1, "after naive": 1
    }, "if only the last differs, torch has mended it and one_thread can be one line"  # fmt: skip


def test_a_forward_pass_is_seen_and_none_is_not():
    from seglab import runtime

    assert not threads.passes_run()
    if runtime.device().type == "cpu":
        with runtime.places().place():
            assert threads.passes_run()


def test_two_visitors_race_on_one_worker():
    runs = Runs(1, 4, prepare=threads.one_thread, gives_way=threads.passes_run, tidy=threads.tidy)
    try:
        both = [
            runs.start(who, "losses", partial(train, {"BCE": bce, "Dice": dice}, TINY, steps=30)) for who in ("a", "b")
        ]
        for run in both:
            assert runs.wait(run, 60), run.state
            assert run.state == "done", run.message
            assert run.history.latest.done == 30
            assert run.result.steps == 30
            assert run.bytes < 2 * 2**20
    finally:
        runs.close()
    assert threading.active_count() >= 1


MEMORY = """
import gc, json
from functools import partial
from seglab import machine
from seglab.live import Runs, threads
from seglab.live.rare import Task, train
from seglab.losses import bce, dice, focal

def resident():
    gc.collect()
    threads.tidy()
    return machine.memory()[0] / 1e6

runs = Runs(1, 4, prepare=threads.one_thread, tidy=threads.tidy)
found, most = [], 0
for n in range(6):
    make = partial(train, {"BCE": bce, "Dice": dice, "focal": focal}, Task(pool=60), steps=20, seed=n)
    run = runs.start("a", "losses", make)
    assert runs.wait(run, 120) and run.state == "done", run.message
    most = max(most, machine.memory()[0] / 1e6)
    found.append(resident())
print(json.dumps({"after": found, "most": most, "kept": run.bytes}))
"""


@pytest.mark.slow
def test_memory_returns_after_each_run():
    """Five more runs after the first, of three networks each, leave less than 15 MB more."""
    from scripts import serve

    child = subprocess.run([sys.executable, "-c", MEMORY], cwd=ROOT, capture_output=True, text=True,
                           env=os.environ | serve.MALLOC | {"PYTHONPATH": str(ROOT)})  # fmt: skip
    assert child.returncode == 0, child.stderr
    found = json.loads(child.stdout.splitlines()[-1])
    print(found)
    assert found["after"][-1] - found["after"][0] < 15
    assert found["kept"] < 3e6


@pytest.mark.slow
def test_at_strong_imbalance_dice_and_focal_find_what_bce_does_not():
    """Some 20 s of one free core: the lesson of the page."""
    losses = {"BCE": bce, "Dice": dice, "focal": partial(focal, alpha=0.75)}
    last: Snapshot = ended(train(losses, steps=300))[0][-1]
    assert last.lines["BCE"].score < 0.03
    assert last.lines["Dice"].score > 0.25
    assert last.lines["focal"].score > last.lines["BCE"].score + 0.03
