"""The race of three generators: the pattern by hand, the first loss, what differs, stops and going on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from seglab.datasets import cells
from seglab.live import generators
from seglab.live.generators import RACE, UPS, Drawer, SubPixel, evenness, height_of, pattern, started, train
from seglab.live.small import begin
from seglab.sharing import Cancelled
from seglab.upsampling.checkerboard import spectrum
from tests.live_runs import ended, one_thread


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(generators, "POOL", 12)
    monkeypatch.setattr(generators, "HELD_OUT", 6)
    generators._pictures.clear()
    with one_thread():
        yield
    generators._pictures.clear()


def drawn(seed, n):
    return np.stack([cells.draw(seed, k, generators.PARAMETERS).image[..., 0] for k in range(n)])


def test_the_pattern_is_what_was_added():
    dice = np.random.default_rng(0)
    truth = dice.uniform(0, 255, (5, 16, 16))
    tile = dice.normal(size=(4, 4))
    assert pattern(truth + np.tile(tile, (4, 4)), truth) == pytest.approx(tile.std())
    assert pattern(truth + 30, truth) == pytest.approx(0, abs=1e-9)
    slow = np.sin(2 * np.pi * np.arange(16) / 16)[None, None, :]  # one wave across: no pattern of period 4
    assert pattern(truth + 9 * slow, truth) == pytest.approx(0, abs=1e-9)
    assert height_of(evenness(3.7)) == pytest.approx(3.7)


def test_the_pattern_is_the_spikes_power():
    """Its square is the power at the multiples of 1/4: of a pattern alone, all the power there is."""
    tile = np.random.default_rng(1).normal(size=(4, 4))
    error = np.tile(tile, (8, 8))
    at = [(16 + v * 8, 16 + u * 8) for v in (-2, -1, 0, 1) for u in (-2, -1, 0, 1) if (v, u) != (0, 0)]
    power = spectrum(error)
    assert pattern(error[None], np.zeros((1, 32, 32))) ** 2 == pytest.approx(sum(power[place] for place in at))


def test_the_first_loss_by_hand():
    snapshots, _ = ended(train(steps=1, seed=4))
    pool = drawn(generators.TRAIN_SEED, 12)
    rng = torch.Generator().manual_seed(4 * 100_003)
    batch = pool[torch.randint(12, (generators.BATCH,), generator=rng).numpy()].astype(np.float32) / 255
    for axis in (2, 1):
        if torch.rand((), generator=rng) < 0.5:
            batch = np.flip(batch, axis)
    for up in RACE:
        net = Drawer(up)
        begin(net, torch.Generator().manual_seed(4))
        with torch.no_grad():
            made = net.train()(torch.from_numpy(batch.copy())[:, None])[:, 0].double().numpy()
        assert snapshots[0].lines[up].loss == pytest.approx(((made - batch) ** 2).mean(), rel=1e-4)


def test_score_and_pictures_are_of_the_held_out_pictures():
    snapshots, result = ended(train(steps=10))
    held_out = drawn(generators.HELD_OUT_SEED, 6)
    last = snapshots[-1]
    np.testing.assert_array_equal(np.stack(last.beside["picture"]), held_out[:4])
    for up in RACE:
        net = Drawer(up).eval()
        net.load_state_dict(result.weights[up])
        with torch.no_grad():
            made = 255 * net(torch.from_numpy(held_out / np.float32(255))[:, None])[:, 0].numpy()
        error = made.astype(float) - held_out
        places = np.array([[error[:, i::4, j::4].mean() for j in range(4)] for i in range(4)])
        assert last.lines[up].score == pytest.approx(1 / (1 + places.std()), rel=1e-5)
        np.testing.assert_array_equal(last.lines[up].pictures[0], np.clip(np.rint(made[0]), 0, 255).astype(np.uint8))


def test_the_layers_are_what_they_are_called():
    x, rng = torch.rand(1, 3, 5, 5), torch.Generator().manual_seed(0)
    for up, kernel in (("transposed 3/2", 3), ("transposed 4/2", 4)):
        layer = generators.upsampler(up, 3, 2)
        begin(layer, rng)
        assert layer.weight.shape == (3, 2, kernel, kernel)
        assert layer.stride == (2, 2)
        ones = F.conv_transpose2d(torch.ones(1, 1, 5, 5), torch.ones(1, 1, kernel, kernel), stride=2)
        middle = ones[0, 0, 3:-3, 3:-3]
        assert (middle.min() == middle.max()) == (kernel == 4)
        assert layer(x).shape == (1, 2, 10, 10)
    resize = generators.upsampler("resize", 3, 2)
    flat = resize(torch.ones(1, 3, 5, 5))
    assert float(flat.detach().std((2, 3)).max()) < 1e-6, "a flat picture stays flat"
    with pytest.raises(ValueError, match="one of transposed 3/2"):
        generators.upsampler("nails", 1, 1)


def test_resize_has_next_to_no_pattern_and_the_others_begin_with_one():
    snapshots, _ = ended(train(steps=30))
    others, _ = ended(train(steps=30, ups=UPS[3:]))
    most = {
        up: max(height_of(snapshot.lines[up].score) for snapshot in (snapshots if up in RACE else others)) for up in UPS
    }
    for flat in ("resize", "bilinear", "sub-pixel ICNR"):
        assert most[flat] < 1
        assert min(most["transposed 3/2"], most["transposed 4/2"], most["sub-pixel"]) > 2 * most[flat]


def test_the_sub_pixel_layer_is_the_shuffle_and_icnr_begins_as_nearest():
    x = torch.rand(2, 3, 5, 5)
    layer = SubPixel(3, 2)
    begin(layer, torch.Generator().manual_seed(1))
    ours, channels = layer(x).detach(), layer.convolve(x).detach()
    for i, j in np.ndindex(2, 2):
        torch.testing.assert_close(ours[:, :, i::2, j::2], channels[:, 2 * i + j :: 4])
    weight = layer.convolve.weight.clone()
    layer.start_equal()
    assert torch.equal(layer.convolve.weight, weight), "only ICNR begins equal"
    equal = SubPixel(3, 2, icnr=True)
    equal.load_state_dict(layer.state_dict())
    equal.start_equal()
    first = F.conv2d(F.pad(x, (1, 1, 1, 1), "replicate"), weight[::4], equal.convolve.bias[::4])
    torch.testing.assert_close(equal(x).detach(), F.interpolate(first, scale_factor=2.0).detach())
    parts = [module for module in started("sub-pixel ICNR", 0).modules() if isinstance(module, SubPixel)]
    assert len(parts) == 3
    assert all(torch.equal(part.convolve.weight[0], part.convolve.weight[3]) for part in parts)


def test_a_run_goes_on_and_a_stopped_one_has_a_result():
    _, first = ended(train(steps=3, names=("a", "b", "c")))
    more, second = ended(train(steps=2, names=("a", "b", "c"), after=first))
    assert (first.steps, second.steps, more[-1].done) == (3, 5, 5)
    assert not torch.equal(first.weights["a"]["start.weight"], second.weights["a"]["start.weight"])
    run = train(steps=100)
    while next(run) is None:
        pass
    with pytest.raises(StopIteration) as stopped:
        run.throw(Cancelled("enough"))
    assert stopped.value.value.steps == generators.EVERY


@pytest.mark.parametrize(("shape", "other"), [((2, 8, 8), (3, 8, 8)), ((2, 6, 8), (2, 6, 8)), ((8, 8), (8, 8))])
def test_other_shapes_are_refused(shape, other):
    with pytest.raises(ValueError, match="multiples of 4"):
        pattern(np.zeros(shape), np.zeros(other))
