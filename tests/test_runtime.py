"""Loading, keeping and sharing of networks; cost; checkpoints. With small networks, and in many threads."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import pickle
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from seglab import allocator, copies, devices, halves, inference, runtime, zoo
from seglab import cost as costs
from seglab import peak as peaks
from seglab.bench import engines
from seglab.download import DownloadError, WeightsError
from seglab.sharing import ByteCache, Cancelled, Places
from seglab.types import Palette

PALETTE = Palette("test", ("a", "b", "c"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))
ROOT = Path(__file__).resolve().parents[1]
PREPROCESS = zoo.Preprocess(short_side=96)


def tiny():
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 3, 1))


def loaded(net=None):
    return runtime.ready("tiny", net or tiny(), PALETTE, PREPROCESS, "0")


@pytest.fixture
def models(monkeypatch):
    """An empty model cache for this test alone."""
    cache = ByteCache(1 << 30, sizeof=lambda m: m.bytes)
    monkeypatch.setattr(runtime, "_models", cache)
    return cache


@pytest.fixture
def fake_zoo(monkeypatch):
    """Three models of about 1000 numbers each, whose weights take a moment; `.loads` counts."""

    fake = SimpleNamespace(loads=[])
    specs = {
        key: zoo.ModelSpec(
            key, key, lambda: nn.Conv2d(3, 3, 11), zoo.Embedded(f"{key}.safetensors"), PREPROCESS, PALETTE, (), "", ""
        )
        for key in ("one", "two", "three")
    }

    def state_dict(key, progress=None):
        fake.loads.append(key)
        if progress:
            progress(1, 2)
        time.sleep(0.05)
        return specs[key].build().state_dict()

    monkeypatch.setattr(zoo, "MODELS", specs)
    monkeypatch.setattr(zoo, "state_dict", state_dict)
    monkeypatch.setattr(zoo, "weights_hash", lambda key: key * 2)
    return fake


BYTES = (3 * 3 * 11 * 11 + 3) * 4


# --- the cache ---


def test_first_requests_at_the_same_time_load_once(models, fake_zoo):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(runtime.model, ["one"] * 8))
    assert fake_zoo.loads == ["one"]
    assert len(set(found)) == 1
    assert found[0].bytes == models.bytes == BYTES
    assert not found[0].net.training
    assert not any(p.requires_grad for p in found[0].net.parameters())


def test_least_recently_used_goes_first_and_its_memory_is_free(models, fake_zoo):
    models.budget = 2 * BYTES
    nets = {key: weakref.ref(runtime.model(key).net) for key in ("one", "two")}
    runtime.model("one")
    runtime.model("three")
    gc.collect()
    assert nets["two"]() is None
    assert nets["one"]() is not None
    assert models.bytes == 2 * BYTES
    runtime.model("one")
    assert fake_zoo.loads == ["one", "two", "three"]
    runtime.model("two")
    assert fake_zoo.loads[3:] == ["two"]


def test_a_model_in_use_works_on_after_it_was_forgotten(models, fake_zoo):
    models.budget = 0
    held = runtime.model("one")
    x = torch.randn(1, 3, 32, 32)
    before = runtime.forward(held, x)
    runtime.model("two")
    assert ("model", "one", "oneone") not in models
    assert torch.equal(runtime.forward(held, x), before)
    assert runtime.model("one") is not held


def test_new_weights_on_disk_are_noticed(models, fake_zoo, monkeypatch):
    old = runtime.model("one")
    monkeypatch.setattr(zoo, "weights_hash", lambda key: "other")
    assert runtime.model("one") is not old
    assert runtime.model("one").weights_hash == "other"


def test_a_failed_load_is_told_to_all_and_tried_again():
    cache, calls, gate = ByteCache(10, sizeof=len), [], threading.Event()

    def load():
        calls.append(1)
        gate.wait(5)
        raise WeightsError("no network")

    with ThreadPoolExecutor(4) as pool:
        tries = [pool.submit(cache.get, "a", load) for _ in range(4)]
        time.sleep(0.1)
        gate.set()
        errors = [str(t.exception(5)) for t in tries]
    assert errors == ["no network"] * 4
    assert len(calls) == 1
    assert cache.get("a", lambda: "fine") == "fine"


@pytest.mark.parametrize("stop", [Cancelled, KeyboardInterrupt])
def test_who_leaves_while_loading_does_not_take_the_others_along(stop):
    cache, calls, gate = ByteCache(10, sizeof=len), [], threading.Event()

    def load():
        calls.append(1)
        if len(calls) == 1:
            gate.wait(5)
            raise stop
        return "fine"

    def first():
        with pytest.raises(stop):
            cache.get("a", load)
        return "left"

    with ThreadPoolExecutor(4) as pool:
        tries = [pool.submit(first)]
        time.sleep(0.1)
        tries += [pool.submit(cache.get, "a", load) for _ in range(3)]
        time.sleep(0.1)
        gate.set()
        assert [t.result(5) for t in tries] == ["left", "fine", "fine", "fine"]
    assert len(calls) == 2


def test_one_value_above_the_budget_is_kept_alone():
    cache = ByteCache(10, sizeof=len)
    for key in ("a", "b"):
        cache.get(key, lambda: "x" * 100)
    assert "b" in cache
    assert "a" not in cache
    cache.clear()
    assert cache.bytes == 0


def test_missing_weights_give_the_default_and_a_message(models, fake_zoo, monkeypatch):
    whole = zoo.state_dict

    def offline(key, progress=None):
        if key == "two":
            raise DownloadError("No network.")
        return whole(key, progress)

    monkeypatch.setattr(zoo, "state_dict", offline)
    monkeypatch.setattr(zoo, "DEFAULT", "one")
    assert runtime.model_or_default("three")[1] is None
    found, message = runtime.model_or_default("two")
    assert found is runtime.model("one")
    assert "“one”" in message
    assert "No network." in message
    monkeypatch.setattr(zoo, "DEFAULT", "two")
    with pytest.raises(DownloadError):
        runtime.model_or_default("two")


def test_unknown_models_are_named():
    with pytest.raises(ValueError, match="there are street"):
        runtime.model("nope")


def test_weights_of_another_network_are_refused(models, fake_zoo, monkeypatch):
    monkeypatch.setattr(zoo, "state_dict", lambda key, progress=None: nn.Conv2d(3, 4, 11).state_dict())
    with pytest.raises(WeightsError, match="another network"):
        runtime.model("one")


# --- turns ---


def test_no_more_than_so_many_run_and_the_others_are_counted(monkeypatch):
    places = Places(2)
    monkeypatch.setattr(runtime, "places", lambda: places)
    running, most, gate, lock = [0], [0], threading.Event(), threading.Lock()

    class Slow(nn.Module):
        def forward(self, x):
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            gate.wait(5)
            with lock:
                running[0] -= 1
            return x

    model, before = loaded(Slow()), runtime.forward_passes()
    with ThreadPoolExecutor(6) as pool:
        passes = [pool.submit(runtime.forward, model, torch.zeros(1, 3, 8, 8)) for _ in range(6)]
        deadline = time.monotonic() + 5
        while (places.running, places.waiting) != (2, 4) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (places.running, places.waiting) == (2, 4)
        gate.set()
        for p in passes:
            p.result(5)
    assert most[0] == 2
    assert (places.running, places.waiting) == (0, 0)
    assert runtime.forward_passes() == before + 6


def test_turns_come_in_the_order_of_asking():
    places, order, threads = Places(1), [], []

    def many(name, n):
        for _ in range(n):
            with places.place():
                order.append(name)
                time.sleep(0.01)

    with places.place():  # both queue up first
        for name, n in (("tiles", 10), ("one", 1)):
            threads.append(threading.Thread(target=many, args=(name, n)))
            threads[-1].start()
            while places.waiting < len(threads):
                time.sleep(0.005)
    for thread in threads:
        thread.join(5)
    assert order[:3] == ["tiles", "one", "tiles"]


def test_waiting_can_be_cancelled_and_an_error_gives_the_place_back():
    places = Places(1)
    with places.place():
        with pytest.raises(Cancelled), places.place(cancel=lambda: True):
            pass
        assert places.waiting == 0
    with pytest.raises(ZeroDivisionError), places.place():
        raise ZeroDivisionError
    assert places.running == 0
    with pytest.raises(ValueError, match="at least one"):
        Places(0)


def test_many_threads_get_the_same_answers_as_one(models):
    model = loaded()
    pictures = [torch.randn(1, 3, 20 + n, 30) for n in range(12)]
    wanted = [runtime.forward(model, x) for x in pictures]
    with ThreadPoolExecutor(6) as pool:
        got = list(pool.map(lambda x: runtime.forward(model, x), pictures))
    assert all(torch.equal(a, b) for a, b in zip(wanted, got, strict=True))


def test_hooks_are_alone_on_a_copy_and_never_fire_for_others(models):
    model, fired, inside = loaded(), [], []
    x = torch.randn(1, 3, 8, 8)

    def look(n):
        with runtime.hooks_lock(model) as net:
            assert net is not model.net
            inside.append(n)
            assert len(inside) == 1
            handle = net[0].register_forward_hook(lambda *_: fired.append(n))
            runtime.forward(model, x)  # others' passes
            assert fired == []
            out = net(x.clone().requires_grad_(True))
            out.sum().backward()  # gradients flow
            assert fired == [n]
            handle.remove()
            fired.clear()
            inside.clear()
        return out.detach()

    with ThreadPoolExecutor(4) as pool:
        outs = list(pool.map(look, range(4)))
    for out in outs:
        torch.testing.assert_close(out, runtime.forward(model, x))


# --- precision ---


@pytest.mark.skipif("bf16" not in runtime.precisions(), reason="no bf16 kernels on this machine")
def test_half_precision_copies_are_kept_counted_and_freed(models):
    model = loaded()
    x = torch.randn(1, 3, 16, 16)
    full = runtime.forward(model, x)
    assert models.bytes == 0  # a hand-made network isn't ours to keep
    half = runtime.forward(model, x, precision="bf16")
    assert half.dtype == torch.float32
    assert not torch.equal(half, full)
    torch.testing.assert_close(half, full, atol=0.05, rtol=0.05)
    assert 0 < models.bytes < model.bytes
    copies = [entry[0] for entry in models._values.values()]
    assert copies[0].net.net[3].weight.dtype == torch.bfloat16
    runtime.forward(model, x, precision="bf16")
    assert len(models._values) == 1
    copied = weakref.ref(copies.pop().net)
    runtime.free()
    assert copied() is None
    assert torch.equal(runtime.forward(model, x), full)


@pytest.mark.skipif("bf16" not in runtime.precisions(), reason="no bf16 kernels on this machine")
def test_half_precision_is_checked_once_against_float32(models, monkeypatch):
    model, x = loaded(), torch.randn(1, 3, 16, 16)
    checks, measure = [], halves.agreement
    monkeypatch.setattr(halves, "agreement", lambda *args: checks.append(measure(*args)) or checks[-1])
    runtime.forward(model, x)
    assert not checks
    for _ in range(2):
        runtime.forward(model, x, precision="bf16")
    (agreed,) = checks
    assert 0.99 <= agreed <= 1

    class Fragile(nn.Module):
        """Its classes differ by what bf16 can't hold: 256 + 1/4."""

        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor([256.0, 256.25, 255.75]).view(1, 3, 1, 1))

        def forward(self, x):
            return (self.scale + 0 * x - 256.0) * 100

    fragile = loaded(Fragile())
    assert runtime.forward(fragile, x).argmax(1).unique().tolist() == [1]
    for _ in range(2):  # and again: a refusal is not kept as a copy
        with pytest.raises(ValueError, match=r"tiny gives other labels in bf16 .*100\.0%.* choose fp32"):
            runtime.forward(fragile, x, precision="bf16")
    assert runtime.forward(fragile, x).shape == (1, 3, 16, 16)


@pytest.mark.skipif("bf16" not in runtime.precisions(), reason="no bf16 kernels on this machine")
@pytest.mark.parametrize("key", ["street", "street-fast"])
def test_the_embedded_models_agree_in_half_precision(key):
    """What pages run, on the probe and on two photographs: all labels, clear or not."""
    model = runtime.model(key)
    assert halves.agreement(model.folded, copies.half(model, "bf16", runtime._models).folded) > 0.995
    pictures = (
        (engines.photo(), 0.999),
        (pytest.importorskip("skimage.data").astronaut(), 0.995),
    )  # a portrait: no street
    for photo, least in pictures:
        full, fast = (inference.segment(photo, model, inference.Options(precision=p)) for p in ("fp32", "bf16"))
        assert (full.labels == fast.labels).mean() >= least


# --- folding ---


def test_passes_run_the_folded_network_and_hooks_the_one_that_was_built(models):
    net = tiny()
    net[1].running_mean.fill_(0.5)
    model = loaded(net)
    assert model.net is net
    assert isinstance(model.net[1], nn.BatchNorm2d)
    assert isinstance(model.folded[1], nn.Identity)
    # 3 convolutions' worth: both first ones, and the last one, which they share.
    first, norm, last = (sum(t.numel() * t.element_size() for t in net[n].state_dict().values()) for n in (0, 1, 3))
    assert model.bytes == 2 * first + norm + last
    with runtime.hooks_lock(model) as copied:
        assert isinstance(copied[1], nn.BatchNorm2d)
    x = torch.randn(1, 3, 20, 30)
    torch.testing.assert_close(runtime.forward(model, x), net(x), atol=1e-5, rtol=1e-5)
    seen = []
    for part in (model.net, model.folded):
        part.register_forward_hook(lambda part, *_: seen.append(part))
    runtime.forward(model, x)
    assert seen == [model.folded]
    assert runtime.cost(model, 32, 32).parameters == sum(p.numel() for p in tiny().parameters())


# --- the allocator ---

TUNED = """
import os, resource, sys, threading
from seglab import devices, machine
import torch

def work():
    net = torch.nn.Sequential(*(torch.nn.Conv2d(16, 16, 1) for _ in range(4))).requires_grad_(False)
    x = torch.zeros(1, 16, 1024, 1024)
    for _ in range(10):  # a freed buffer lacks the bytes that aligning another one takes: holes fit after some passes
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        net(x)
        found.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

found = []
work()
threads = found[-1]
thread = threading.Thread(target=work)
thread.start()
thread.join()
kept, _ = machine.memory()
devices.release()
print(threads, found[-1], (kept - machine.memory()[0]) // 2**20)
"""


def tuned(**environment):
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_", "SEGLAB_"))}
    run = [sys.executable, "-c", TUNED]
    out = subprocess.run(run, env=env | environment, capture_output=True, text=True, check=True, cwd=ROOT)
    return [int(number) for number in out.stdout.split()]


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="only glibc is tuned")
def test_buffers_are_kept_between_passes_and_given_back():
    main, thread, returned = tuned()
    assert main < 1000
    assert thread < 1000
    assert returned > 60  # MB: an input and an output are 64 each
    main, thread, _ = tuned(SEGLAB_ALLOCATOR="system")
    assert main > 10_000
    assert thread > 10_000


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="only glibc is tuned")
def test_who_has_set_malloc_keeps_it():
    assert tuned(MALLOC_MMAP_THRESHOLD_="1000000", MALLOC_TRIM_THRESHOLD_="1000000")[0] > 10_000
    assert tuned(GLIBC_TUNABLES="glibc.malloc.trim_threshold=1000000:glibc.malloc.mmap_threshold=1000000")[0] > 10_000


def test_another_malloc_is_left_alone_silently(monkeypatch):
    keep = allocator.keep_buffers.__wrapped__
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: SimpleNamespace())
    assert keep() is False
    allocator.give_back()
    monkeypatch.setattr(allocator.sys, "platform", "win32")
    assert keep() is False


def test_precisions_a_machine_lacks_are_refused(monkeypatch):
    assert runtime.precisions()[0] == "fp32"
    monkeypatch.setattr(devices, "precisions", lambda: ("fp32",))
    with pytest.raises(ValueError, match="choose among fp32"):
        runtime.forward(loaded(), torch.zeros(1, 3, 8, 8), precision="fp16")


@pytest.mark.parametrize("name", ["foo", "meta", "xpu", "cuda:x", "CPU", "cpu:3", "mps", "cuda:99"])
def test_devices_that_cannot_be_used_are_refused(monkeypatch, name):
    if name == "mps" and torch.backends.mps.is_available():
        pytest.skip("an Apple GPU")
    monkeypatch.setenv("SEGLAB_DEVICE", name)
    with pytest.raises(ValueError, match=f"SEGLAB_DEVICE.*{name}") as caught:
        devices.device.__wrapped__()
    assert len(str(caught.value)) < 250
    assert "\n" not in str(caught.value)


def test_the_cpu_can_always_be_used(monkeypatch):
    monkeypatch.setenv("SEGLAB_DEVICE", "cpu")
    assert devices.device.__wrapped__() == torch.device("cpu")
    monkeypatch.delenv("SEGLAB_DEVICE")
    assert devices.device.__wrapped__() == runtime.device()


# --- memory ---


class Hungry(nn.Module):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, x):
        self.held = weakref.ref(activation := x * 2)
        raise self.error if activation.sum() is not None else AssertionError


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 99 bytes."),
        RuntimeError("MPS backend out of memory"),
        RuntimeError("GET was unable to find an engine to execute this computation"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError(),
    ],
)
def test_out_of_memory_has_one_class_and_holds_nothing(error):
    model = loaded(Hungry(error))
    with pytest.raises(runtime.OutOfMemory, match="smaller short side") as caught:
        runtime.forward(model, torch.zeros(1, 3, 8, 8))
    assert caught.value.__context__ is None  # else the failed pass's tensors would live as long as the error
    error.__traceback__ = None
    assert model.net.held() is None


def test_a_picture_that_surely_does_not_fit_is_refused_before_the_system_ends_the_process(monkeypatch):
    model, x = loaded(), torch.zeros(1, 3, 1200, 1000)
    monkeypatch.setattr(costs, "available_memory", lambda: 10_000_000)
    before = runtime.forward_passes()
    with pytest.raises(runtime.OutOfMemory):
        runtime.forward(model, x)
    assert runtime.forward_passes() == before
    monkeypatch.setattr(costs, "available_memory", lambda: None)  # unknown: try
    assert runtime.forward(model, x).shape == (1, 3, 1200, 1000)


def test_a_detectors_heads_do_not_count_as_if_they_grew_with_the_picture(monkeypatch):
    from seglab import peak
    from seglab.nets.mask_rcnn_small import scenes_instances

    monkeypatch.setattr(costs, "available_memory", lambda: 1_500_000_000)  # scaled from 256 px it would ask for 3.2 GB
    net, large = scenes_instances().eval(), torch.zeros(1, 3, 1088, 1024)
    peak.ask_for_memory("scenes-instances", net, torch.device("cpu"), large, "fp32")
    monkeypatch.setattr(costs, "available_memory", lambda: 300_000_000)
    with pytest.raises(runtime.OutOfMemory):
        peak.ask_for_memory("scenes-instances", net, torch.device("cpu"), large, "fp32")


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="Linux tells")
def test_available_memory_is_of_this_machine():
    total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    assert 1 << 20 < costs.available_memory() <= total


def test_peak_memory_is_of_the_largest_pass_in_the_block(models):
    model = loaded(nn.Conv2d(3, 3, 1))
    with runtime.peak_memory() as peak:
        runtime.forward(model, torch.zeros(1, 3, 100, 200))
        runtime.forward(model, torch.zeros(1, 3, 10, 20))
    if runtime.device().type == "cpu":
        assert peak.bytes == 2 * 3 * 100 * 200 * 4 + model.bytes  # what goes in and what comes out
    with runtime.peak_memory() as nothing:
        pass
    assert nothing.bytes <= peak.bytes
    assert not peaks._open


def test_a_block_within_another_counts_for_both(models):
    model = loaded(nn.Conv2d(3, 3, 1))
    with runtime.peak_memory() as outer:
        runtime.forward(model, torch.zeros(1, 3, 10, 20))
        with runtime.peak_memory() as inner:
            runtime.forward(model, torch.zeros(1, 3, 100, 200))
        between = outer.ms
        runtime.forward(model, torch.zeros(1, 3, 10, 20))
    assert 0 < inner.ms < between < outer.ms
    if runtime.device().type == "cpu":
        assert outer.bytes == inner.bytes == 2 * 3 * 100 * 200 * 4 + model.bytes


def test_other_threads_passes_are_not_counted(models):
    model = loaded(nn.Conv2d(3, 3, 1))
    with runtime.peak_memory() as peak:
        other = threading.Thread(target=runtime.forward, args=(model, torch.zeros(1, 3, 10, 20)))
        other.start()
        other.join()
    assert peak.ms == 0
    assert not peak.bytes or runtime.device().type == "cuda"


def test_a_network_is_not_kept_alive_by_the_peak_that_it_took(models):
    model = loaded(nn.Conv2d(3, 3, 1))
    net = weakref.ref(model.net)
    with runtime.peak_memory() as peak:
        runtime.forward(model, torch.zeros(1, 3, 10, 20))
    with contextlib.suppress(ZeroDivisionError), runtime.peak_memory():
        runtime.forward(model, torch.zeros(1, 3, 10, 20))
        raise ZeroDivisionError
    del model
    gc.collect()
    assert net() is None
    assert peak.ms > 0


def test_on_cuda_every_open_block_hears_of_every_peak(monkeypatch):
    """With a counter in the place of a GPU: to read it begins anew, so no block may lose what another one reads."""
    highest = [0]
    monkeypatch.setattr(peaks, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda where: highest[0])
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda where: highest.__setitem__(0, 1))
    highest[0] = 1000  # before any block
    with runtime.peak_memory() as outer:
        highest[0] = 50
        with runtime.peak_memory() as inner:
            highest[0] = 20
        with runtime.peak_memory() as later:
            pass
    assert (outer.bytes, inner.bytes, later.bytes) == (50, 20, 1)


def test_time_of_passes_is_without_the_waiting_for_a_turn(models):
    model = loaded(nn.Conv2d(3, 3, 1))
    taken = threading.Event()

    def occupy() -> None:
        with contextlib.ExitStack() as stack:
            for _ in range(runtime.places().n):
                stack.enter_context(runtime.places().place())
            taken.set()
            time.sleep(1.0)

    other = threading.Thread(target=occupy)
    other.start()
    taken.wait()
    began = time.perf_counter()
    with runtime.peak_memory() as peak:
        runtime.forward(model, torch.zeros(1, 3, 10, 20))
    waited = 1000 * (time.perf_counter() - began)
    other.join()
    assert 0 < peak.ms < waited - 500


# --- checkpoints ---


@pytest.fixture(scope="module")
def street():
    torch.manual_seed(3)
    return zoo.get("street-fast").build().eval()


def answers(net):
    with torch.no_grad():
        x = torch.linspace(-1, 1, 3 * 32 * 32).view(1, 3, 32, 32)
        return net(x.to(next(net.parameters()).device)).cpu()


def test_safetensors_say_which_model_they_are_of(tmp_path, models, street):
    path = tmp_path / "mine.safetensors"
    save_file(
        {k: v.half() if v.is_floating_point() else v for k, v in street.state_dict().items()},
        path,
        {"model": "street-fast"},
    )
    found = runtime.checkpoint(path)
    assert found.key == "mine.safetensors"
    assert found.palette == zoo.get("street-fast").palette
    assert len(found.weights_hash) == 16
    torch.testing.assert_close(answers(found.net), answers(street), atol=0.02, rtol=0.02)
    assert runtime.checkpoint(str(path)) is found
    with pytest.raises(ValueError, match="of model 'street-fast'"):
        runtime.checkpoint(path, key="street")


def test_a_changed_file_is_loaded_anew(tmp_path, models, street):
    path = tmp_path / "mine.safetensors"
    save_file(street.state_dict(), path, {"model": "street-fast"})
    old = runtime.checkpoint(path)
    state = {**street.state_dict(), "classify.bias": torch.full_like(street.classify.bias, 7.0)}
    time.sleep(0.02)
    save_file(state, path, {"model": "street-fast"})
    new = runtime.checkpoint(path)
    assert new.weights_hash != old.weights_hash
    assert (new.net.classify.bias == 7).all()


def test_a_palette_of_its_own(tmp_path, models, street):
    names = [f"class {n}" for n in range(11)]
    palette = {"title": "Mine", "names": names, "colors": [[n, n, n] for n in range(11)], "things": [1]}
    path = tmp_path / "mine.safetensors"
    save_file(street.state_dict(), path, {"model": "street-fast", "palette": json.dumps(palette)})
    assert runtime.checkpoint(path).palette == Palette(
        "Mine", tuple(names), tuple((n, n, n) for n in range(11)), things=(1,)
    )
    save_file(street.state_dict(), path, {"model": "street-fast", "palette": "{}"})
    with pytest.raises(ValueError, match="palette"):
        runtime.checkpoint(path)


def test_pt_files_of_each_kind(tmp_path, models, street):
    wanted, state = answers(street), street.state_dict()
    torch.save({"model": "street-fast", "state_dict": state}, tmp_path / "a.pt")
    torch.save({"average": state, "net": {}, "identity": {"key": "street-fast"}, "epoch": 3}, tmp_path / "b.pt")
    torch.save(state, tmp_path / "c.pth")
    torch.testing.assert_close(answers(runtime.checkpoint(tmp_path / "a.pt").net), wanted)
    torch.testing.assert_close(answers(runtime.checkpoint(tmp_path / "b.pt").net), wanted)
    torch.testing.assert_close(answers(runtime.checkpoint(tmp_path / "c.pth", key="street-fast").net), wanted)
    with pytest.raises(ValueError, match="doesn't say which model"):
        runtime.checkpoint(tmp_path / "c.pth")


class Evil:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (self.mark, "w")


def test_code_in_a_checkpoint_never_runs(tmp_path, models):
    mark = tmp_path / "ran"
    with open(tmp_path / "evil.pt", "wb") as file:
        pickle.dump({"state_dict": Evil(str(mark))}, file, protocol=2)
    torch.save({"model": "street-fast", "state_dict": Evil(str(mark))}, tmp_path / "evil.pth")
    for name in ("evil.pt", "evil.pth"):
        with pytest.raises(ValueError, match="evil"):
            runtime.checkpoint(tmp_path / name)
    assert not mark.exists()


def test_wrong_files_are_told_apart(tmp_path, models, street):
    def refused(name, said, content=b"", **kwargs):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ValueError, match=said):
            runtime.checkpoint(path, **kwargs)

    refused("missing.pt", "no checkpoint", None)
    refused("weights.bin", "safetensors, .pt or .pth")
    refused("empty.safetensors", "no readable safetensors")
    refused("empty.pt", "no readable checkpoint")
    refused("noise.pth", "noise.pth", b"\x00\x01" * 500)
    refused("list.pt", "holds list", _saved([1, 2]))
    refused("dict.pt", "tensors by name", _saved({"model": "street", "state_dict": {"a": 1}}))
    refused("nothing.pt", "holds a dict", _saved({"model": "street", "state_dict": {}}))
    refused("other.pt", "No model", _saved({"model": "nope", "state_dict": street.state_dict()}))
    refused("misfit.pt", "another network", _saved({"model": "street", "state_dict": street.state_dict()}))
    save_file(street.state_dict(), tmp_path / "bare.safetensors")
    refused("bare.safetensors", "doesn't say which model", None)


def _saved(content):
    from io import BytesIO

    torch.save(content, buffer := BytesIO())
    return buffer.getvalue()


# --- on real weights, where they are ---


def test_the_embedded_model_segments_a_street(data):
    file = sorted((data / "camvid" / "val").glob("*.webp"))[0]
    truth = np.asarray(Image.open(data / "camvid" / "valannot" / f"{file.stem}.png"))
    result = inference.segment(np.asarray(Image.open(file).convert("RGB")), "street-fast")
    known = truth < 11
    assert (result.labels == truth)[known].mean() > 0.75
