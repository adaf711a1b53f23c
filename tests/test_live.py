"""Live runs without networks: turns, places, pauses, stops, crashes, visitors who leave, and what is kept."""

from __future__ import annotations

import gc
import itertools
import threading
import time
import weakref

import numpy as np
import pytest

from seglab.live import History, Line, Runs, Snapshot
from seglab.live import runs as module
from seglab.live.snapshots import KEPT, POINTS, SNAPSHOT_BYTES, bytes_of
from seglab.sharing import Cancelled


def moment(n: int, total: int = 100, picture: np.ndarray | None = None) -> Snapshot:
    return Snapshot(n, total, 8 * n, {"a": Line(1 / n, 0.5, () if picture is None else (picture,))})


def steps(total: int, each: float = 0.002, log: list | None = None, who: str = ""):
    """A run of `total` steps; says in `log` whose steps they were."""

    def make():
        for n in range(1, total + 1):
            time.sleep(each)
            if log is not None:
                log.append(who)
            yield moment(n, total)
        return f"{total} steps"

    return make


def until(what, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it didn't happen"
        time.sleep(0.005)


@pytest.fixture
def quick(monkeypatch):
    """Shorter times for everything."""
    monkeypatch.setattr(module, "TURN", 0.02)
    monkeypatch.setattr(module, "LOOK", 0.01)


@pytest.fixture
def make_runs(quick):
    made = []

    def make(workers=1, most=4, **arguments):
        made.append(Runs(workers, most, **arguments))
        return made[-1]

    yield make
    for runs in made:
        runs.close()


def test_a_run_goes_from_start_to_result(make_runs):
    runs = make_runs()
    run = runs.start("ann", "page", steps(20))
    assert runs.wait(run, 20)
    assert (run.state, run.result, run.history.latest.done) == ("done", "20 steps", 20)
    assert [point.step for point in run.history.points()] == list(range(1, 21))
    assert runs.find("ann", "page") is run
    assert runs.find("ben", "page") is None
    assert run.seconds_left is None


def test_two_visitors_on_one_thread_both_get_on(make_runs):
    runs, log = make_runs(), []
    one = runs.start("ann", "page", steps(100, log=log, who="ann"))
    two = runs.start("ben", "page", steps(100, log=log, who="ben"))
    until(lambda: not one.live and not two.live)
    first = log[: log.index("ben") + 100]
    assert first.count("ben") >= 25, "the second waited for the first to end"
    turns = sum(a != b for a, b in itertools.pairwise(log))
    assert turns >= 6


def test_steps_of_two_runs_never_happen_at_once_on_one_thread_and_do_on_two(make_runs):
    now, most = [], []

    def make():
        for n in range(1, 30):
            now.append(1)
            most.append(len(now))
            time.sleep(0.003)
            now.pop()
            yield moment(n)

    runs = make_runs(1)
    both = [runs.start(who, "page", make) for who in ("ann", "ben")]
    assert all(runs.wait(run, 20) for run in both)
    assert max(most) == 1
    runs = make_runs(2)
    both = [runs.start(who, "page", make) for who in ("ann", "ben")]
    assert all(runs.wait(run, 20) for run in both)
    assert max(most) == 2


def test_who_comes_late_waits_in_order_and_sees_the_place(make_runs):
    runs = make_runs(1, 2)
    going = [runs.start(f"v{n}", "page", steps(10_000)) for n in range(2)]
    late = [runs.start(f"v{n}", "page", steps(5)) for n in (2, 3)]
    until(lambda: all(run.state == "going" for run in going))
    assert [run.state for run in late] == ["waiting"] * 2
    assert [runs.place(run) for run in (*going, *late)] == [0, 0, 1, 2]
    assert runs.sharing == 2
    assert late[0]._work is None, "a run that waits has no networks yet"
    runs.stop(going[0])
    assert runs.wait(late[0], 20)
    assert late[0].state == "done"
    assert runs.wait(late[1], 20)


def test_too_many_who_wait_are_told(make_runs, monkeypatch):
    monkeypatch.setattr(module, "QUEUE", 2)
    runs = make_runs(1, 1)
    first = runs.start("v0", "page", steps(10_000))
    until(lambda: first.state == "going")
    runs.start("v1", "page", steps(1))
    runs.start("v2", "page", steps(1))
    left_out = runs.start("v3", "page", steps(1))
    assert left_out.state == "failed"
    assert "wait already" in left_out.message


def test_pause_and_resume(make_runs):
    runs = make_runs()
    run = runs.start("ann", "page", steps(10_000))
    until(lambda: run.history.latest is not None)
    runs.pause(run)
    assert run.state == "paused"
    time.sleep(0.05)
    at = run.history.latest.done
    time.sleep(0.1)
    assert run.history.latest.done == at
    assert run.live
    assert runs.sharing == 0
    runs.resume(run)
    until(lambda: run.history.latest.done > at + 5)
    assert run.seconds_left > 0
    assert run.images_per_second > 0


def test_a_long_pause_makes_room_when_others_wait(make_runs, monkeypatch):
    monkeypatch.setattr(module, "PAUSE_MOST", 0.05)
    runs = make_runs(1, 1)
    run = runs.start("ann", "page", steps(10_000))
    until(lambda: run.history.latest is not None)
    runs.pause(run)
    time.sleep(0.2)
    assert run.state == "paused", "nobody waits"
    other = runs.start("ben", "page", steps(3))
    assert runs.wait(other, 20)
    assert run.state == "stopped"
    assert run.message == module.MADE_ROOM


def test_stop_keeps_what_there_is_and_lets_the_run_hand_over(make_runs):
    closed = threading.Event()

    def make():
        try:
            for n in range(1, 10_000):
                time.sleep(0.001)
                yield moment(n)
        except Cancelled:
            return "so far"
        finally:
            closed.set()

    runs = make_runs()
    run = runs.start("ann", "page", make)
    until(lambda: run.history.latest is not None)
    runs.stop(run)
    assert runs.wait(run, 20)
    assert (run.state, run.result) == ("stopped", "so far")
    assert closed.is_set()
    assert run.history.latest.done >= 1
    assert runs.find("ann", "page") is run


def test_a_paused_run_can_be_stopped_and_one_that_does_not_listen_is_ended(make_runs):
    def stubborn():
        n = 0
        while True:
            n += 1
            try:
                yield moment(n)
            except Cancelled:
                yield None

    runs = make_runs()
    for make in (steps(10_000), stubborn):
        run = runs.start("ann", "page", make)
        until(lambda run=run: run.history.latest is not None)
        runs.pause(run)
        runs.stop(run)
        assert runs.wait(run, 20)
        assert run.state == "stopped"
        assert run.result is None


@pytest.mark.parametrize("error", [ValueError("Lower the rate."), RuntimeError("boom"), SystemExit(3)])
def test_a_crash_is_a_message_and_the_thread_lives(make_runs, error):
    def make():
        yield moment(1)
        raise error

    runs = make_runs()
    run = runs.start("ann", "page", make)
    assert runs.wait(run, 20)
    assert run.state == "failed"
    assert run.message == (str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}")
    assert run.history.latest.done == 1
    after = runs.start("ben", "page", steps(3))
    assert runs.wait(after, 20)
    assert after.state == "done"


def test_what_cannot_begin_and_what_is_too_large_to_show_are_messages(make_runs):
    def large():
        yield moment(1, picture=np.zeros((1100, 1000), np.uint8))

    def refuses():
        raise ValueError("No such thing.")

    runs = make_runs()
    run = runs.start("ann", "page", refuses)
    assert runs.wait(run, 20)
    assert (run.state, run.message) == ("failed", "No such thing.")
    run = runs.start("ann", "page", large)
    assert runs.wait(run, 20)
    assert "fewer or smaller pictures" in run.message


def test_a_failing_worker_hook_does_not_end_the_runs(make_runs):
    def fails():
        raise RuntimeError("no torch")

    runs = make_runs(prepare=fails, tidy=fails)
    for n in range(2):
        run = runs.start("ann", f"page {n}", steps(3))
        assert runs.wait(run, 20)
        assert run.state == "done"


def test_a_visitor_has_one_run_going(make_runs):
    runs = make_runs()
    first = runs.start("ann", "losses", steps(10_000))
    until(lambda: first.history.latest is not None)
    again = runs.start("ann", "losses", steps(10_000))
    assert runs.find("ann", "losses") is again
    until(lambda: not first.live)
    assert first.message == ""
    until(lambda: again.history.latest is not None)
    other = runs.start("ann", "upsampling", steps(3))
    assert runs.wait(other, 20)
    until(lambda: not again.live)
    assert (again.state, again.message) == ("stopped", module.REPLACED)
    assert runs.find("ann", "losses") is again, "what it has shown stays"


def test_a_run_goes_on_with_the_history_of_another(make_runs):
    runs = make_runs()
    first = runs.start("ann", "page", steps(5))
    assert runs.wait(first, 20)

    def more():
        for n in range(6, 9):
            yield moment(n)

    second = runs.start("ann", "page", more, first.history)
    assert runs.wait(second, 20)
    assert [point.step for point in second.history.points()] == list(range(1, 9))


def test_who_has_left_gets_no_turns_and_after_a_while_is_forgotten(make_runs, monkeypatch):
    here = {"ann", "ben"}
    monkeypatch.setattr(module, "GRACE", 0.3)
    runs = make_runs(alive=lambda owner: owner in here)
    run = runs.start("ann", "page", steps(10_000))
    other = runs.start("ben", "page", steps(10_000))
    until(lambda: run.history.latest is not None and other.history.latest is not None)
    here.remove("ann")
    time.sleep(0.15)
    at, others = run.history.latest.done, other.history.latest.done
    time.sleep(0.05)
    assert run.history.latest.done == at
    assert run.live
    here.add("ann")  # the connection came back
    until(lambda: run.history.latest.done > at)
    here.remove("ann")
    until(lambda: not run.live)
    assert run.state == "stopped"
    assert runs.find("ann", "page") is None
    until(lambda: other.history.latest.done > others)
    assert other.live


def test_what_was_kept_of_one_who_left_is_dropped_too(make_runs, monkeypatch):
    here = {"ann"}
    monkeypatch.setattr(module, "GRACE", 0.05)
    runs = make_runs(alive=lambda owner: owner in here)
    run = runs.start("ann", "page", steps(3))
    assert runs.wait(run, 20)
    gone = weakref.ref(run)
    del run
    assert runs.bytes > 0
    here.clear()
    until(lambda: runs.bytes == 0)
    gc.collect()
    assert gone() is None


def test_all_that_a_run_held_is_free_after_it(make_runs):
    class Network:
        pass

    alive: list = []

    def make_with(fails: bool):
        def make():
            network = Network()
            alive.append(weakref.ref(network))
            for n in range(1, 30):
                yield moment(n)
            if fails:
                raise RuntimeError("it fails with its network in its frame")

        return make

    runs = make_runs()
    for fails in (False, True):
        run = runs.start("ann", "page", make_with(fails))
        assert runs.wait(run, 20)
    stopped = runs.start("ann", "page", make_with(False))
    runs.stop(stopped)
    assert runs.wait(stopped, 20)
    until(lambda: not runs._at_work)
    gc.collect()
    assert [ref() for ref in alive] == [None] * len(alive)


def test_ended_runs_keep_no_more_than_the_budget_the_oldest_go_first(make_runs):
    picture = np.zeros((500, 1000), np.uint8)

    def make():
        yield moment(1, 1, picture.copy())
        return np.zeros(500_000, np.uint8)

    runs = make_runs(budget=2_500_000)
    ended = [runs.start(f"v{n}", "page", make) for n in range(4)]
    for run in ended:
        assert runs.wait(run, 20)
    assert 900_000 < ended[0].bytes < 1_100_000
    assert runs.bytes <= 2_500_000
    assert [runs.find(f"v{n}", "page") is not None for n in range(4)] == [False, False, True, True]


def test_steps_let_others_pass_but_not_for_ever(make_runs, monkeypatch):
    monkeypatch.setattr(module, "GIVE_WAY", 0.1)
    busy = [True]
    runs = make_runs(gives_way=lambda: busy[0])
    run = runs.start("ann", "page", steps(10_000, each=0.0))
    began = time.monotonic()
    until(lambda: run.history.latest is not None and run.history.latest.done >= 3)
    assert time.monotonic() - began >= 0.25, "three steps, each after a tenth of a second"
    busy[0] = False
    at = run.history.latest.done
    until(lambda: run.history.latest.done > at + 50, 5)


def test_history_is_bounded_and_spans_the_whole_run():
    history = History()
    picture = np.zeros((64, 64), np.uint8)
    for n in range(1, 5001):
        history.add(moment(n, 5000, picture.copy()))
    points, kept = [p.step for p in history.points()], [s.done for s in history.snapshots()]
    assert len(points) <= POINTS + 1
    assert len(kept) <= KEPT + 1
    for row in (points, kept):
        assert row[0] == 1
        assert row[-1] == 5000
        gaps = np.diff(row)
        assert (gaps > 0).all()
        assert len(set(gaps[:-1].tolist())) == 1, "evenly spread, but for the newest"
    assert history.bytes < (KEPT + 1) * 4096 + 100_000


def test_bytes_count_an_array_once_and_look_into_everything():
    torch = pytest.importorskip("torch")
    array, tensor = np.zeros(100, np.float32), torch.zeros(10)
    assert bytes_of([array, {"x": (array, tensor)}, moment(1, picture=np.zeros((5, 5), np.uint8))]) == 400 + 40 + 25
    assert bytes_of("text") == bytes_of(None) == bytes_of(1.5) == 0


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ({}, "1 to 3 lines"),
        ({str(n): Line(0.0) for n in range(4)}, "1 to 3 lines"),
        ({"a": Line(0.0, 0.0, (np.zeros((4, 4)),))}, "uint8"),
        ({"a": Line(0.0, 0.0, (np.zeros((4, 4, 2), np.uint8),))}, "uint8"),
        ({"a": Line(0.0, 0.0, (np.zeros(SNAPSHOT_BYTES + 1, np.uint8)[None],))}, "fewer or smaller"),
    ],
)
def test_snapshots_that_cannot_be_shown(lines, says):
    with pytest.raises(ValueError, match=says):
        Snapshot(1, 2, 3, lines)


def test_there_is_a_worker_and_a_place_at_least():
    with pytest.raises(ValueError, match="at least one"):
        Runs(0, 1)
    with pytest.raises(ValueError, match="at least one"):
        Runs(1, 0)
