"""The labs of the page "Architectures": each number against one reckoned otherwise."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.pages.apps import ok, opened, words
from ui import (
    arch_aspp,
    arch_flat,
    arch_net,
    arch_separable,
    arch_slopes,
    arch_spp,
    arch_state,
    arch_top,
    arch_window,
    compare_source,
    state,
)
from ui.arch_net import Spec
from ui.texts import architectures_labs as text

start = partial(opened, "6_Architectures")


@pytest.mark.parametrize("lab", arch_state.ALWAYS[1:])
def test_every_lab_opens(lab: str) -> None:
    app = start(alab=lab)
    intros = {"window": text.W_NOTICE, "flat": text.F_INTRO, "separable": text.S_INTRO, "aspp": text.A_INTRO,
              "slopes": text.G_INTRO, "spp": text.P_INTRO, "top": text.T_INTRO}  # fmt: skip
    assert intros[lab][:20] in words(app, "markdown")
    assert not words(app, "error")
    app.session_state["alab"] = "net"
    ok(app.run())


def test_the_window_by_hand() -> None:
    # 39×39 patches: 36, 18, 16, 8, 6, 3 cells a side; 11 classes.
    loop, _ = arch_window.macs(24)
    net = arch_net.net(arch_window.SPEC)
    widths = [conv.out_channels for conv in net.convs]
    patch = (
        36**2 * 16 * 3 * widths[0] + 16**2 * 9 * widths[0] * widths[1] + 6**2 * 9 * widths[1] * widths[2]
        + 9 * widths[2] * 96 + 96 * 11
    )  # fmt: skip
    assert loop == 24 * 24 * patch
    values, _ = state.read(arch_state.FIELDS, {})
    found = arch_window.measure(compare_source.scene(values), 24)
    assert found.loop_macs == loop
    assert found.gap < 1e-4 * max(1.0, found.most)
    assert found.loop_ms > found.pass_ms > 0
    assert found.loop_macs > 10 * found.pass_macs


@pytest.mark.parametrize(("k", "c", "d"), [(3, 64, 128), (1, 8, 16), (5, 32, 8)])
def test_separable_arithmetic_is_what_torch_counts(k: int, c: int, d: int) -> None:
    found = arch_separable.measure(k, c, d)
    assert found.weights == arch_separable.formula(k, c, d)
    assert found.macs == tuple(64 * 64 * n for n in found.weights)
    assert min(found.ms) > 0


def test_a_separable_one_by_one_is_larger() -> None:
    assert text.S_MORE in words(start(alab="separable", sk="1"), "markdown")


@pytest.mark.parametrize(("side", "rate"), [(7, 2), (9, 12), (33, 18)])
def test_taps_are_counted_one_by_one(side: int, rate: int) -> None:
    inside = [sum(0 <= i + k * rate < side for k in (-1, 0, 1)) for i in range(side)]
    np.testing.assert_array_equal(arch_aspp.taps(side, rate), np.outer(inside, inside))


def test_gradients_are_autograds_and_without_skips_those_of_zeroed_ones() -> None:
    torch.manual_seed(1)
    net = arch_net.net(Spec("unet", "small", random=True))
    x, target = torch.rand(2, 3, 32, 32), torch.randint(0, 11, (2, 32, 32))
    found = arch_slopes.norms(net, x, target, skips=True)
    assert list(found) == list(arch_slopes.STAGES)
    plain = arch_net._build(Spec("unet", "small")).train()
    plain.load_state_dict(net.state_dict())
    F.cross_entropy(plain(x), target).backward()
    for name, norm in found.items():
        grads = [p.grad.flatten() for p in plain.get_submodule(name).parameters() if p.grad is not None]
        assert norm == pytest.approx(float(torch.cat(grads).norm()), rel=1e-3)
    cut = arch_slopes.norms(net, x, target, skips=False)
    # The same as a network whose weights for what comes across are 0, but for the gradient of those weights.
    for i in range(4):
        conv = plain.get_submodule(f"join.{i}")[0]
        assert isinstance(conv, nn.Conv2d)
        with torch.no_grad():
            conv.weight[:, : conv.in_channels // 2] = 0
    plain.zero_grad()
    F.cross_entropy(plain(x), target).backward()
    for name in ("down.0", "down.4", "up.2", "classify"):
        grads = [p.grad.flatten() for p in plain.get_submodule(name).parameters() if p.grad is not None]
        assert cut[name] == pytest.approx(float(torch.cat(grads).norm()), rel=1e-3)


@pytest.mark.parametrize("number", [0, 31])
def test_what_the_page_says_of_skips_is_so(number: int) -> None:
    x, target = arch_slopes.batch(number)
    assert x.shape == (4, 3, 128, 128)
    found = {}
    for key in arch_state.UNETS:
        net = arch_net.net(Spec(key, "small", random=True))
        found[key] = [arch_slopes.norms(net, x, target, skips=skips) for skips in (True, False)]
    across, without = found["unet-paper"]
    assert across["down.0"] > 100 * without["down.0"], "a short cut"
    across, without = found["unet"]
    flat = [without[f"down.{i}"] for i in range(5)]
    assert max(flat) < 2 * min(flat), "BatchNorm keeps it alive"
    assert across["down.4"] < without["down.4"] / 10, "with skips the bottom hears little"


def test_the_top_of_a_u_learns_one_street_by_heart() -> None:
    whole, alone = (arch_top.learn(which, 0) for which in (arch_top.WHOLE, arch_top.TOP))
    # Four 3×3 convolutions at full size, one after the other; and the U-Net's own numbers.
    assert (alone.field, whole.field) == (9, 204)
    assert alone.parameters == 9 * (3 * 8 + 3 * 8 * 8) + 4 * 16 + 9 * 11
    assert whole.parameters == 486_643
    assert alone.own > 0.85
    assert whole.own > 0.85
    assert alone.others < alone.own - 0.15, "it has learnt that street, not streets"
    assert alone.losses[-1] < alone.losses[0] / 4
    app = start(alab="top")
    assert text.T_COLUMNS[1] in words(app, "markdown"), "kept: shown without being asked"
    assert text.T_WAITS in words(start(alab="top", tnumber="1"), "caption")


def test_the_top_is_the_whole_with_nothing_from_below() -> None:
    whole, alone = built_pair()
    x = torch.rand(1, 3, 32, 32)
    join = whole.join[3]

    def cut(module: nn.Module, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
        across, below = given[0].chunk(2, 1)
        return (torch.cat([across, torch.zeros_like(below)], 1),)

    join.register_forward_pre_hook(cut)
    with torch.no_grad():
        torch.testing.assert_close(alone(x), whole(x))


def built_pair() -> tuple[nn.Module, nn.Module]:
    """Return a U-Net and its top with the same weights, in eval mode."""
    whole, alone = arch_top.built(arch_top.WHOLE), arch_top.built(arch_top.TOP)
    parts = dict(whole.named_modules())
    with torch.no_grad():
        for n, name in enumerate(("down.0", "join.3", "classify")):
            for mine, its in zip(alone[n].parameters(), parts[name].parameters(), strict=True):  # type: ignore[index]
                mine.copy_(its[:, : mine.shape[1]] if mine.ndim == 4 else its)
    return whole.eval(), alone.eval()


def test_full_resolution_sees_as_far_at_a_price_counted_by_hand() -> None:
    one, other = arch_flat.count(8, 1)
    # Two 3×3 at full size: 5 px; pooling: 6; two at half size: 6 + 2·4 = 14; of its cells doubled, one 3×3 sees at most
    # two, 2 px apart: 16. So 17 = 1 + 2·8 px is the least that full resolution can do.
    assert (other.field, one.field, one.layers, other.layers) == (16, 17, 8, 5)
    pixels = 128 * 128
    assert one.macs == pixels * (9 * 3 * 8 + 7 * 9 * 8 * 8 + 8 * 11)
    small = pixels // 4 * (9 * 8 * 16 + 9 * 16 * 16)
    assert other.macs == pixels * (9 * 3 * 8 + 9 * 8 * 8 + 9 * 16 * 8 + 8 * 11) + small
    # As many steps more, the further behind: of both measures, at every width.
    for base in arch_flat.BASES:
        pairs = [arch_flat.count(base, steps) for steps in arch_flat.STEPS]
        assert all(a.field - b.field in (0, 1) and a.weights < b.weights for a, b in pairs)
        for what in ("macs", "kept"):
            ratios = [getattr(a, what) / getattr(b, what) for a, b in pairs]
            assert ratios == sorted(ratios), (base, what)


def test_pooling_takes_maxima_over_regions_whatever_the_size() -> None:
    values = torch.arange(2 * 6 * 4.0).reshape(1, 2, 6, 4)
    found = arch_spp.pooled(values, (1, 2))
    assert found.tolist() == [[23.0, 47.0, 9.0, 11.0, 21.0, 23.0, 33.0, 35.0, 45.0, 47.0]]
    assert arch_spp.pooled(torch.zeros(1, 96, 10, 5)).shape == (1, 96 * 21)


def test_a_dense_layer_breaks_at_another_size_with_torchs_own_words() -> None:
    assert arch_spp.tried(10, torch.zeros(1, 10)) == ""
    assert "shapes cannot be multiplied" in arch_spp.tried(10, torch.zeros(1, 11))
    said = words(start(alab="spp", spside="160"), "markdown")
    assert "96×5×5" in said
    assert "mat1 and mat2 shapes cannot be multiplied (1x2400 and 4704x10)" in said
    assert "**breaks:**" not in words(start(alab="spp", spside="224"), "markdown")
