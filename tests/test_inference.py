"""From picture to logits, with small random networks, against the plain way written out."""

from __future__ import annotations

import gc
import itertools
import mmap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from seglab import inference, maps, runtime, tiling
from seglab.inference import Options
from seglab.options import input_size
from seglab.types import Palette
from seglab.zoo import Preprocess

K = 5
PALETTE = Palette("test", tuple("abcde"), tuple((k, k, k) for k in range(K)))
PREPROCESS = Preprocess(short_side=96)


class Record(list):
    """What a network and its folded copy got, in one list."""

    def __deepcopy__(self, memo):
        return self


class Net(nn.Module):
    """Fully convolutional, stride 4, each logit sees 31×31 pixels; `sizes` are the inputs it got."""

    def __init__(self, scale=3.0):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(),
            nn.Conv2d(8, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU(),
            nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU(),
            nn.Conv2d(8, K, 3, 1, 1),
        )  # fmt: skip
        generator = torch.Generator().manual_seed(1)
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):  # without biases and with full gain: the picture decides, not the seed
                nn.init.kaiming_normal_(layer.weight, generator=generator)
                nn.init.zeros_(layer.bias)
        self.scale = scale
        self.sizes = Record()

    def forward(self, x):
        self.sizes.append(tuple(x.shape[-2:]))
        return self.layers(x) * self.scale


REACH = 4  # logits that lie within 16 px of a border are touched by its padding


def loaded(net=None):
    found = runtime.ready("test", net or Net(), PALETTE, PREPROCESS, "0")
    if isinstance(found.net, Net):
        found.net.sizes.clear()  # of the pictures that folding was tried on
    return found


def picture(h, w, seed=0):
    """Smooth noise: a random picture whose classes change every few pixels, not at every pixel."""
    rng = np.random.default_rng(seed)
    small = torch.from_numpy(rng.random((1, 3, h // 8 + 2, w // 8 + 2)).astype(np.float32))
    return (F.interpolate(small, (h, w), mode="bicubic")[0].clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()


def plain(image, model, size=None):
    """The whole picture through the network, without any of our code but the network: (K, h, w) float32."""
    x = torch.from_numpy(image.copy()).permute(2, 0, 1)[None]
    if size and size != image.shape[:2]:
        x = F.interpolate(x, size, mode="bilinear", antialias=True)
    mean, std = (torch.tensor(v)[None, :, None, None] for v in (PREPROCESS.mean, PREPROCESS.std))
    with torch.no_grad():
        return model.net(((x.float() / 255 - mean) / std).to(model.device))[0].cpu()


def probs(z):
    z = z.double() if isinstance(z, torch.Tensor) else torch.from_numpy(z.copy()).double()
    return z.softmax(0).numpy()


OWN = Options(short_side=0)


def test_whole_picture_is_one_plain_forward_pass():
    model, image = loaded(), picture(101, 133)
    raw = inference.logits(image, model, OWN)
    wanted = plain(image, model)
    assert raw.dtype == np.float16
    assert raw.shape == tuple(wanted.shape)
    np.testing.assert_allclose(probs(raw), probs(wanted), atol=3e-3)
    np.testing.assert_array_equal(raw.max(0), 0)


def test_short_side_keeps_the_aspect_and_resizes_like_torchvision():
    from torchvision.transforms.v2.functional import resize

    image = picture(150, 211)
    for short in (64, 97, 200):
        size = input_size(image.shape, PREPROCESS, Options(short_side=short))
        wanted = resize(torch.from_numpy(image).permute(2, 0, 1), [short], antialias=True)
        assert size == tuple(wanted.shape[1:])
        assert torch.equal(inference.resize(image, size), wanted)
    model = loaded()
    inference.logits(image, model)
    inference.logits(image, model, Options(short_side=80))
    assert model.net.sizes == [(96, 135), (80, 112)]


@pytest.mark.parametrize(
    ("size", "short", "wanted"),
    [
        ((1, 1), 0, (64, 64)),
        ((1, 10_000), 100, (64, 1600)),  # not 100 × a million
        ((10_000, 1), 100, (1600, 64)),
        ((70, 64), 0, (70, 64)),
        ((480, 360), None, (128, 96)),
        ((30, 20), 100, (150, 100)),
    ],
)
def test_no_side_gets_tiny_or_endless(size, short, wanted):
    assert input_size(size, PREPROCESS, Options(short_side=short)) == wanted
    image = picture(*size)
    result = inference.segment(image, loaded(), Options(short_side=short))
    assert result.size == size


@pytest.mark.parametrize("blend", ["constant", "gaussian"])
@pytest.mark.parametrize(
    ("size", "tile", "overlap"), [((300, 429), 128, 0.25), ((257, 640), 96, 0.5), ((320, 70), 64, 0.6)]
)
def test_tiles_agree_with_the_whole_picture(size, tile, overlap, blend):
    model, image = loaded(), picture(*size)
    whole = plain(image, model)
    tiled = inference.logits(image, model, Options(short_side=0, tile=tile, overlap=overlap, blend=blend))
    assert max(max(s) for s in model.net.sizes[1:]) <= tile
    assert tiled.shape == tuple(whole.shape)
    # Exact where every tile that covers a logit sees all that the logit sees: by the plan, not by the code that blends.
    covered = np.ones(whole.shape[1:], bool)
    for row in tiling.plan(*size, tile, overlap):
        for t in row:
            inner = np.zeros_like(covered)
            top, left = (0 if start == 0 else start // 4 + REACH for start in (t.y, t.x))
            bottom = covered.shape[0] if t.y + t.h == size[0] else (t.y + t.h) // 4 - REACH
            right = covered.shape[1] if t.x + t.w == size[1] else (t.x + t.w) // 4 - REACH
            inner[top:bottom, left:right] = True
            outer = np.zeros_like(covered)
            outer[t.y // 4 : -(-(t.y + t.h) // 4), t.x // 4 : -(-(t.x + t.w) // 4)] = True
            covered &= inner | ~outer
    assert covered.mean() > 0.02
    difference = abs(probs(tiled) - probs(whole)).max(0)
    assert difference[covered].max() < 3e-3
    # And elsewhere it is closer to it than the answer to another picture, the same one upside down, by far.
    other = abs(probs(whole)[:, ::-1] - probs(whole)).max(0).mean()
    assert difference.mean() < {"gaussian": 0.05, "constant": 0.3}[blend] * other


def test_gaussian_blend_errs_less_than_constant():
    model, image = loaded(), picture(400, 400)
    whole = probs(plain(image, model))
    errors = {
        blend: abs(probs(inference.logits(image, model, Options(0, tile=96, overlap=0.5, blend=blend))) - whole).mean()
        for blend in ("constant", "gaussian")
    }
    assert errors["gaussian"] < 0.5 * errors["constant"]


def test_blending_is_the_weighted_mean_of_the_tiles():
    size, weights = (160, 230), {"constant": lambda n: np.ones(n)}
    weights["gaussian"] = lambda n: np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / (n / 8)) ** 2)
    rng = np.random.default_rng(0)
    rows = tiling.plan(*size, 96, 0.4)
    pieces = {t: rng.standard_normal((K, -(-t.h // 8), -(-t.w // 8))).astype(np.float32) for row in rows for t in row}
    for blend, weight in weights.items():
        sums, total = np.zeros((K, 20, 29)), np.zeros((20, 29))
        for t, piece in pieces.items():
            both = weight(piece.shape[1])[:, None] * weight(piece.shape[2])
            place = np.s_[t.y // 8 : t.y // 8 + piece.shape[1], t.x // 8 : t.x // 8 + piece.shape[2]]
            sums[(slice(None), *place)] += piece * both
            total[place] += both
        got = tiling.run(rows, lambda t: torch.from_numpy(pieces[t]), blend)
        np.testing.assert_allclose(probs(got), probs(sums / total), atol=1e-3)


@pytest.mark.parametrize("n", [64, 65, 95, 96, 97, 128, 129, 1000])
@pytest.mark.parametrize(("tile", "overlap"), [(64, 0), (96, 0.25), (100, 0.9), (128, 0.5)])
def test_plans_cover_everything_with_useful_aligned_tiles(n, tile, overlap):
    seen = np.zeros((n, 70), int)
    side = -(-tile // 32) * 32
    for row in tiling.plan(n, 70, tile, overlap):
        for t in row:
            assert t.y % 32 == t.x % 32 == 0
            assert min(n, side - 31) <= t.h <= side
            assert min(70, side - 31) <= t.w <= side
            assert (t.y + t.h <= n) & (t.x + t.w <= 70)
            seen[t.y : t.y + t.h, t.x : t.x + t.w] += 1
    assert seen.min() >= 1
    starts = [row[0].y for row in tiling.plan(n, 70, tile, overlap)]
    assert all(b - a <= max(32, side * (1 - overlap)) for a, b in itertools.pairwise(starts))


def test_huge_logits_are_averaged_down(monkeypatch):
    monkeypatch.setattr(tiling, "MAX_NUMBERS", K * 40 * 60)
    z = torch.from_numpy(np.random.default_rng(0).standard_normal((K, 160, 301)).astype(np.float32))
    rows = tiling.plan(160, 301, 64, 0.0)
    got = tiling.run(rows, lambda t: z[:, t.y : t.y + t.h, t.x : t.x + t.w], "constant")
    # Blocks of 8×8: 4×4 would still be 40×76.
    wanted = F.avg_pool2d(z[None], 8, ceil_mode=True)[0]
    assert got.shape == tuple(wanted.shape) == (K, 20, 38)
    np.testing.assert_allclose(probs(got), probs(wanted), atol=1e-3)


def test_a_picture_much_larger_than_a_tile_needs_little_memory():
    from seglab.cost import Counter

    class Thin(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, K, 8, 8)

        def forward(self, x):
            return self.conv(F.pad(x, (0, -x.shape[-1] % 8, 0, -x.shape[-2] % 8)))

    model, image = loaded(Thin()), picture(2000, 3000)
    gc.collect()
    with Counter() as counted:
        raw = inference.logits(image, model, Options(short_side=0, tile=256))
    assert raw.shape == (K, 250, 375)
    as_floats = image.size * 4  # 72 MB: what the picture alone would take as float32
    assert 3 * 256 * 256 * 4 < counted.peak < as_floats / 4


def test_flip_averages_logits_with_the_mirrored_picture():
    model, image = loaded(), picture(100, 128)
    wanted = (plain(image, model) + plain(image[:, ::-1], model).flip(-1)) / 2
    np.testing.assert_allclose(probs(inference.logits(image, model, Options(0, flip=True))), probs(wanted), atol=3e-3)
    once = probs(inference.logits(image, model, Options(0)))
    assert abs(once - probs(wanted)).max() > 0.05  # the mirrored answer is another one


def test_flip_makes_the_answer_to_a_mirrored_picture_the_mirrored_answer():
    model, image = loaded(), picture(100, 128)
    for options in (Options(0, flip=True), Options(0, flip=True, tile=64)):
        one, other = (inference.logits(i, model, options) for i in (image, np.ascontiguousarray(image[:, ::-1])))
        np.testing.assert_allclose(probs(one), probs(other[:, :, ::-1]), atol=3e-3)


def test_scales_average_logits_at_the_first_ones_resolution():
    model, image = loaded(), picture(96, 160)
    sizes = [(96, 160), (48, 80), (144, 240)]
    sizes[1] = (64, 80)  # no side below 64 px
    views = [plain(image, model, size) for size in sizes]
    wanted = sum(F.interpolate(v[None], views[0].shape[1:], mode="bilinear")[0] for v in views) / 3
    got = inference.logits(image, model, Options(0, scales=(1, 0.5, 1.5)))
    assert model.net.sizes[3:] == sizes
    np.testing.assert_allclose(probs(got), probs(wanted), atol=3e-3)
    mirrored = [plain(image[:, ::-1], model, size).flip(-1) for size in sizes]
    wanted = wanted / 2 + sum(F.interpolate(v[None], views[0].shape[1:], mode="bilinear")[0] for v in mirrored) / 6
    got = inference.logits(image, model, Options(0, scales=(1, 0.5, 1.5), flip=True))
    np.testing.assert_allclose(probs(got), probs(wanted), atol=3e-3)


def test_temperature_after_the_average_is_temperature_before_it():
    model, image, t = loaded(), picture(96, 128), 3.0
    two = [plain(image, model), plain(image[:, ::-1], model).flip(-1)]
    at_t = np.sqrt(probs(two[0] / t) * probs(two[1] / t))  # geometric mean of the probabilities at T
    at_t /= at_t.sum(0)
    raw = inference.logits(image, model, Options(0, flip=True))
    size = raw.shape[1:]
    np.testing.assert_allclose(maps.probability(raw, size, 2, temperature=t), at_t[2], atol=3e-3)


def test_nothing_overflows_fp16():
    model, image = loaded(Net(1e7)), picture(80, 100)
    raw = inference.logits(image, model, OWN)
    wanted = plain(image, model)
    assert wanted.abs().max() > 70_000  # above what fp16 holds
    assert np.isfinite(raw).all()
    np.testing.assert_array_equal(raw.argmax(0), wanted.argmax(0).numpy())
    assert np.isfinite(maps.entropy(raw, (160, 200))).all()


def test_what_comes_after_the_logits_runs_no_network():
    model, image = loaded(), picture(64, 96)
    before = runtime.forward_passes()
    result = inference.segment(image, model, OWN, temperature=2, threshold=0.3)
    assert runtime.forward_passes() == before + 1
    for t in (0.5, 1, 4):
        maps.labels(result.logits, result.size, temperature=t, threshold=0.5)
        maps.entropy(result.logits, result.size, temperature=t)
        maps.margin(result.logits, result.size, temperature=t)
        maps.probability(result.logits, result.size, 1, temperature=t)
        maps.top(result.logits, result.size, 3, 4, temperature=t)
    assert runtime.forward_passes() == before + 1
    wanted = maps.labels(result.logits, image.shape[:2], temperature=2, threshold=0.3)
    np.testing.assert_array_equal(result.labels, wanted)
    assert 0 < (result.labels == 255).mean() < 1


def test_passes_tells_sizes_and_progress_counts_them():
    model, image = loaded(), picture(150, 260)
    options = Options(0, tile=96, flip=True, scales=(1, 0.75))
    steps = []
    before = runtime.forward_passes()
    inference.logits(image, model, options, progress=lambda done, total: steps.append((done, total)))
    planned = inference.passes(image.shape[:2], PREPROCESS, options)
    assert sorted(planned) == sorted(model.net.sizes)
    assert steps == [(n, len(planned)) for n in range(len(planned) + 1)]
    assert runtime.forward_passes() - before == len(planned) > 8


def test_cancelling_stops_between_forward_passes():
    model, image = loaded(), picture(300, 300)
    with pytest.raises(runtime.Cancelled):
        inference.logits(image, model, Options(0, tile=64), cancel=lambda: len(model.net.sizes) >= 3)
    assert len(model.net.sizes) == 3
    assert runtime.places().running == runtime.places().waiting == 0


class Small(Net):
    """Runs out of memory above `most` pixels, as torch does on a GPU or on the CPU."""

    def __init__(self, most, error):
        super().__init__()
        self.most, self.error = most, error

    def forward(self, x):
        if x.shape[-1] * x.shape[-2] > self.most:
            raise self.error
        return super().forward(x)


CPU_ERROR = RuntimeError("[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory: …")


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory."), CPU_ERROR, MemoryError()])
def test_out_of_memory_goes_on_in_tiles_and_says_so(error):
    image, said = picture(300, 420), []
    model = loaded(Small(170 * 170, error))
    raw = inference.logits(image, model, OWN, notice=said.append)
    wanted = inference.logits(image, loaded(Net()), Options(0, tile=128))
    np.testing.assert_array_equal(raw, wanted)
    assert [s for s in said if "128 pixels" in s]
    assert runtime.places().running == 0


def test_out_of_memory_everywhere_says_what_to_do():
    with pytest.raises(runtime.OutOfMemory, match="smaller"):
        inference.logits(picture(300, 420), loaded(Small(10, CPU_ERROR)), OWN)
    with pytest.raises(runtime.OutOfMemory, match="lighter model"):
        inference.logits(picture(300, 420), loaded(Small(10, CPU_ERROR)), Options(0, tile=64))


def test_other_errors_are_not_taken_for_lack_of_memory():
    with pytest.raises(RuntimeError, match="shapes"):
        inference.logits(picture(300, 420), loaded(Small(10, RuntimeError("shapes don't fit"))), OWN)


@pytest.mark.skipif("bf16" not in runtime.precisions(), reason="no bf16 kernels on this machine")
def test_half_precision_agrees_roughly():
    model, image = loaded(), picture(96, 128)
    full, half = (inference.logits(image, model, Options(precision=p)) for p in ("fp32", "bf16"))
    assert abs(probs(full) - probs(half)).max() < 0.2
    assert (full.argmax(0) == half.argmax(0)).mean() > 0.95
    assert (full != half).any()  # it did run in another precision
    assert next(model.net.parameters()).dtype == torch.float32


def test_the_picture_is_not_changed_and_may_be_a_view():
    image = picture(100, 120)
    before, model = image.copy(), loaded()
    one = inference.logits(image[::-1, ::2], model)
    image.flags.writeable = False
    other = inference.logits(np.ascontiguousarray(image[::-1, ::2]), model)
    np.testing.assert_array_equal(one, other)
    inference.segment(image, model)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"short_side": 63}, "short_side"), ({"short_side": -1}, "short_side"), ({"short_side": 1e3}, "short_side"),
        ({"short_side": 10_000}, "short_side"), ({"tile": 32}, "tile"), ({"tile": True}, "tile"),
        ({"overlap": 0.95}, "overlap"), ({"overlap": -0.1}, "overlap"), ({"overlap": float("nan")}, "overlap"),
        ({"blend": "linear"}, "constant, gaussian"), ({"flip": 1}, "flip"), ({"scales": ()}, "scales"),
        ({"scales": (0.1,)}, "scales"), ({"scales": (1, 1.0)}, "differ"), ({"scales": (1.0,) * 9}, "scales"),
        ({"precision": "int8"}, "fp32, bf16, fp16"),
    ],
)  # fmt: skip
def test_wrong_options_are_told_apart(wrong, said):
    with pytest.raises(ValueError, match=said):
        Options(**wrong)


def test_options_are_hashable_keys():
    assert {Options(scales=[1.0, 2.0]): 1}[Options(scales=(1.0, 2.0))] == 1
    assert Options() != Options(tile=64)


def test_wrong_settings_fail_before_the_network_runs():
    model = loaded()
    for wrong in ({"temperature": 0}, {"threshold": 2}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            inference.segment(picture(64, 64), model, **wrong)
    with pytest.raises(ValueError, match="uint8"):
        inference.segment(picture(64, 64).astype(float), model)
    with pytest.raises(ValueError, match="there are street"):
        inference.segment(picture(64, 64), "stret")
    assert model.net.sizes == []


def test_networks_that_tiles_cannot_serve_are_refused():
    class Unpadded(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, K, 5)

        def forward(self, x):
            return self.conv(x)

    with pytest.raises(ValueError, match="Use tile 0"):
        inference.logits(picture(200, 200), loaded(Unpadded()), Options(0, tile=64))


def test_wrong_logits_are_refused():
    with pytest.raises(ValueError, match="wanted \\(N, 5, h, w\\)"):
        inference.logits(picture(64, 64), loaded(nn.Conv2d(3, 4, 1)))
    net = nn.Conv2d(3, K, 1)
    net.weight.data[0] = float("nan")
    with pytest.raises(ValueError, match="aren't numbers"):
        inference.logits(picture(64, 64), loaded(net))


@pytest.mark.parametrize(("side", "times"), [(512, 0), (1024, 1)])
def test_a_large_job_gives_memory_back_and_a_small_one_does_not_pay_for_it(side, times, monkeypatch):
    given = []
    monkeypatch.setattr(inference.allocator, "give_back", lambda: given.append(1))
    inference.logits(picture(side, side), loaded(), OWN)
    assert len(given) == times
    with pytest.raises(runtime.Cancelled):
        inference.logits(picture(side, side), loaded(), OWN, cancel=lambda: True)
    assert len(given) == 2 * times


def test_giving_memory_back_while_others_run(monkeypatch):
    monkeypatch.setattr(inference, "LARGE_JOB", 1)
    net, pictures = loaded(), [picture(200 + 8 * n, 260, n) for n in range(6)]
    options = Options(short_side=0, tile=128, flip=True)
    alone = [inference.segment(image, net, options) for image in pictures]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            together = pool.map(lambda image: inference.segment(image, net, options), pictures)
            for one, other in zip(alone, together, strict=True):
                assert np.array_equal(one.logits, other.logits)
                assert np.array_equal(one.labels, other.labels)


def test_large_results_have_memory_of_their_own():
    rows = tiling.plan(2048, 2048, 1024, 0.0)
    z = tiling.run(rows, lambda tile: torch.full((3, tile.h, tile.w), float(tile.x)), "constant")
    base = z
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base.obj if isinstance(base, memoryview) else base, mmap.mmap)
    assert z.flags.writeable
    assert z.flags.c_contiguous


def test_a_network_that_drops_what_its_stride_leaves_over():
    rows = tiling.plan(300, 100, 128, 0.25)
    z = tiling.run(rows, lambda tile: torch.zeros(2, tile.h // 8, tile.w // 8), "gaussian")
    assert z.shape == (2, 300 // 8, 100 // 8)
