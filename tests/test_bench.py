"""`bench`: the sides' processes, the comparison of what they give, and `bench inference` at a tiny size."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from seglab import __main__ as cli
from seglab import runtime
from seglab.bench import engines, inference, sides
from seglab.bench.sides import Side, SideError, Timing

HERE = "tests.test_bench:"


# --- targets, run in the sides' processes ---


def where_am_i(_):
    print("this goes to stderr, not into the answers")
    runs = []

    def run():
        runs.append(1)
        names = np.array(sorted(os.environ))
        main = threading.current_thread() is threading.main_thread()
        return {"names": names, "main": np.array(main), "runs": np.array(len(runs)), "pid": np.array(os.getpid())}

    return run


def faults(_):
    """Page faults of the second of two rounds of large buffers, as a network's layers take and free them."""
    import ctypes
    import resource

    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]

    def layers():
        for _ in range(5):
            buffers = [libc.malloc(size << 20) for size in (8, 70, 32)]
            for buffer, size in zip(buffers, (8, 70, 32), strict=True):
                ctypes.memset(buffer, 1, size << 20)
            for buffer in buffers:
                libc.free(buffer)

    def run():
        layers()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        layers()
        return np.array(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

    return run


def naps(milliseconds):
    def run():
        time.sleep(milliseconds / 1000)
        return lambda: (time.sleep(0.2), np.full((2, 3), milliseconds))[1]  # made after the clock has stopped

    return run


def broken(when):
    if when == "set-up":
        raise ValueError("no such network")

    def run():
        if when == "exit":
            os._exit(3)
        raise RuntimeError("out of luck")

    return run


# --- sides ---


def test_plain_sides_know_nothing_of_our_settings(monkeypatch):
    ours = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "2147483647", "KMP_BLOCKTIME": "0", "OMP_PROC_BIND": "1"}
    for name, value in (ours | {"OMP_NUM_THREADS": "1"}).items():
        monkeypatch.setenv(name, value)
    plain, tuned = sides.alternate([Side("p", f"{HERE}where_am_i", plain=True), Side("t", f"{HERE}where_am_i")], 1)
    names = set(plain.output["names"])
    assert not names & ours.keys()
    assert not [name for name in names if name.startswith("MALLOC")]
    assert "OMP_NUM_THREADS" in names  # all sides have as many threads
    assert set(tuned.output["names"]) >= ours.keys()
    assert plain.output["main"]
    assert not tuned.output["main"]
    assert len({int(plain.output["pid"]), int(tuned.output["pid"]), os.getpid()}) == 3


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_our_sides_keep_buffers_and_plain_ones_do_not(monkeypatch):
    for name in [name for name in os.environ if name.startswith(sides.SETTINGS)]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("SEGLAB_ALLOCATOR", raising=False)
    plain, tuned = sides.alternate([Side("p", f"{HERE}faults", plain=True), Side("t", f"{HERE}faults")], 1)
    assert plain.output > 20_000
    assert tuned.output < 1_000  # in a second thread


def test_runs_and_warm_up_are_counted_and_only_runs_are_timed():
    (counted,) = sides.alternate([Side("c", f"{HERE}where_am_i")], repeats=3, warmup=2)
    assert len(counted.times_ms) == 3
    assert counted.output["runs"] == 2 + 3 + 1  # the last one, untimed, for memory and result
    slow, fast = sides.alternate([Side("slow", f"{HERE}naps", 60), Side("fast", f"{HERE}naps", 20)], 3, warmup=0)
    assert (slow.name, fast.name) == ("slow", "fast")
    assert 60 <= slow.low_ms <= slow.median_ms <= slow.high_ms
    assert fast.low_ms < 200  # what makes the result is not timed
    assert (slow.output == 60).all()
    assert sides.speedup(slow, fast) == slow.median_ms / fast.median_ms
    if Path("/proc/self/status").exists():
        assert 1_000_000 < slow.resident_bytes <= slow.peak_bytes


@pytest.mark.parametrize(
    ("when", "said"), [("set-up", "no such network"), ("run", "out of luck"), ("exit", "status 3")]
)
def test_a_side_that_fails_says_so_or_is_left_out(when, said):
    with pytest.raises(SideError, match=said) as caught:
        sides.alternate([Side("bad", f"{HERE}broken", when)], 1)
    assert str(caught.value).startswith("bad: ")
    good, bad = sides.alternate([Side("good", f"{HERE}naps", 1), Side("bad", f"{HERE}broken", when, may_fail=True)], 1)
    assert said in bad.error
    assert math.isnan(bad.median_ms)
    assert good.error is None
    assert good.median_ms > 0


def test_no_repeats_is_an_error():
    with pytest.raises(ValueError, match="at least 1"):
        sides.alternate([], 0)


def test_equal_share():
    a, b = np.array([[1, 2], [3, 4]]), np.array([[1, 2], [3, 5]])
    assert sides.equal_share(a, b) == 0.75
    assert sides.equal_share({"x": a, "y": a}, {"x": a, "y": b}) == 7 / 8
    with pytest.raises(ValueError, match="same shapes"):
        sides.equal_share(a, a[0])
    with pytest.raises(ValueError, match="same shapes"):
        sides.equal_share({"x": a}, {"y": a})


# --- inference ---


def timing(name, ms, output=None):
    return Timing(name, ms, ms, ms, 0, 0, (ms,), np.zeros(10000, np.uint8) if output is None else output)


def rows(key, exact, half, wrong=0):
    other = np.zeros(10000, np.uint8)
    other[:wrong] = 1
    times = {"eager fp32": timing("", 600), "exact fp32": timing("", 600 / exact, other)}
    times["bf16"] = timing("", 600 / half, other)
    return [inference._row(key, (8, 8), 1, side, times) for side in (*times, "OpenVINO bf16")]


def test_speed_and_labels_are_of_eager():
    eager, exact, half, absent = rows(engines.UNET, 2.0, 4.0, wrong=5)
    assert (eager.speedup, exact.speedup, half.speedup) == (1, 2, 4)
    assert exact.equal_labels == 0.9995
    assert exact.images_per_second == pytest.approx(1000 / 300, abs=1e-3)
    assert (absent.ms, absent.missing) == (None, "not installed")


def test_what_falls_short_is_named():
    assert inference.misses(rows(engines.UNET, 2.0, 3.5)) == []
    assert inference.misses(rows("fcn-resnet50", 1.3, 1.7, wrong=2)) == []
    found = inference.misses(rows(engines.UNET, 1.9, 3.4) + rows("fcn-resnet50", 1.2, 1.7, wrong=3))
    assert [line.split(":")[0] for line in found] == [
        "unet-32, exact fp32", "unet-32, bf16", "fcn-resnet50, exact fp32", "fcn-resnet50, exact fp32",
    ]  # fmt: skip
    trained = inference.misses(rows("street", 1.0, 1.0, wrong=11))  # no speed is asked for, labels are
    assert len(trained) == 2
    assert all("equal labels" in line for line in trained)
    both = rows(engines.UNET, 2.0, 4.0) + rows("street-fast", 10.0, 20.0)
    assert inference.street_fast(both) == pytest.approx({"exact fp32": 10, "bf16": 20})
    assert [line.split(":")[0] for line in inference.misses(both)] == ["street-fast, exact fp32"]


def test_on_a_gpu_every_precision_is_measured_against_eager_at_each_batch(monkeypatch):
    asked = []

    def alternate(wanted, repeats):
        asked.append([(side.name, side.argument["device"], side.plain) for side in wanted])
        size = len(np.load(wanted[0].argument["input"]))
        if size == 32:
            raise SideError("eager fp32: OutOfMemoryError: CUDA out of memory.\nTried to allocate 9 GiB")
        return [timing(side.name, 10.0 * size if side.plain else 4.0 * size) for side in wanted]

    monkeypatch.setattr(runtime, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(runtime, "precisions", lambda: ("fp32", "bf16", "fp16"))
    monkeypatch.setattr(sides, "alternate", alternate)
    found = list(inference.measure(["street-fast"], [1, 8, 32], 3, sizes={"street-fast": (64, 64)}))
    names = ["eager fp32", "exact fp32", "bf16", "fp16"]
    assert asked == [[(name, "cuda", name == "eager fp32") for name in names]] * 3
    assert [(row.batch, row.side) for row in found] == [(batch, name) for batch in (1, 8, 32) for name in names]
    for row in found[:8]:
        assert row.images_per_second == (100 if row.side == "eager fp32" else 250)
        assert row.speedup == (1 if row.side == "eager fp32" else 2.5)
    assert {row.missing for row in found[8:]} == {"eager fp32: OutOfMemoryError: CUDA out of memory."}
    assert inference.table(found).count("CUDA out of memory.") == 4
    monkeypatch.setattr(sides, "alternate", lambda *_: (_ for _ in ()).throw(SideError("broken")))
    with pytest.raises(SideError):
        list(inference.measure(["street-fast"], [1], 3, sizes={"street-fast": (64, 64)}))


def test_the_batches_of_a_gpu(monkeypatch, capsys):
    batches = []
    monkeypatch.setattr(inference, "measure", lambda models, sizes, *_: iter(batches.append(sizes) or ()))
    monkeypatch.setattr(inference, "where", lambda: "a machine")
    for device in ("cpu", "cuda"):
        monkeypatch.setattr(runtime, "device", lambda device=device: torch.device(device))
        assert cli.main(["bench", "inference"]) == 0
    assert batches == [[1], [1, 8, 32]]


def test_random_networks_use_all_their_classes():
    torch.manual_seed(0)
    net = engines.sane(engines.build("lraspp-mobilenet"), 21, 128)
    with torch.no_grad():
        z = torch.cat([net(engines.picture((128, 128), 2, name)) for name in engines.PHOTOS])
    assert len(z.argmax(1).unique()) > 10
    torch.testing.assert_close(z.mean((0, 2, 3)), torch.zeros(21), atol=1e-3, rtol=0)
    torch.testing.assert_close(z.std((0, 2, 3)), torch.ones(21), atol=1e-2, rtol=0)


def test_bench_inference_prints_json_and_a_table(monkeypatch, capsys):
    monkeypatch.setattr(inference, "OPTIONAL", dict.fromkeys(inference.OPTIONAL, "no_such_package"))
    arguments = ["bench", "inference", "--models", "street-fast", "--size", "64", "--repeats", "1", "--batch", "1", "2"]
    assert cli.main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "threads" in found["machine"]
    ours = [row for row in found["rows"] if row["side"] == "exact fp32"]
    assert [row["batch"] for row in ours] == [1, 2]
    for row in ours:
        assert row["size"] == [64, 64]
        assert row["trained"]
        assert row["equal_labels"] >= 0.99
        assert row["images_per_second"] == pytest.approx(1000 * row["batch"] / row["ms"], rel=1e-3)
    table = inference.table([inference.Row(**{**row, "size": tuple(row["size"])}) for row in found["rows"]])
    assert "street-fast, 64×64, batch 2, real weights" in table
    assert len(table.splitlines()) == 2 * (3 + len(found["rows"]) // 2)
    others = [row for row in found["rows"] if row["side"].startswith(("ONNX", "OpenVINO"))]
    assert {row["missing"] for row in others} <= {"not installed"}
    assert table.count("not installed") == len(others)


@pytest.mark.slow
@pytest.mark.parametrize(("side", "package"), inference.OPTIONAL.items())
def test_other_engines_give_the_same_labels(side, package):
    pytest.importorskip(package)
    rows = inference.measure(["street-fast"], [1], 1, sizes={"street-fast": (96, 128)})
    (row,) = [row for row in rows if row.side.startswith(side)]
    assert row.missing is None
    assert row.equal_labels > 0.98


@pytest.mark.parametrize(
    "arguments",
    [
        ["--models", "nope"],
        ["--repeats", "0"],
        ["--batch", "x"],
        ["--size", "0"],
        ["--size", "32"],
        ["--picture", "no.jpg"],
    ],
    ids=" ".join,
)
def test_wrong_arguments_are_refused(arguments, capsys):
    try:
        status = cli.main(["bench", "inference", *arguments])
    except SystemExit as stop:
        status = stop.code
    assert status == 2
    assert capsys.readouterr().out == ""


def test_help_needs_no_torch():
    code = (
        "import sys\nfrom seglab.__main__ import parser\nparser().format_help()\n"
        "assert 'torch' not in sys.modules and 'playwright' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=sides.ROOT)
