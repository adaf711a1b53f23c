"""Objectives: what each asks of a network. `Classes` is tested with the loop, in test_train.py."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from seglab.augment import Augment, view_with_ids
from seglab.datasets import cells
from seglab.losses import border
from seglab.nets.unet import UNet
from seglab.objectives import Gaps

SMALL = cells.Parameters(count=8, size=12, height=128, width=128)
CELLS = [cells.draw(7, i, SMALL) for i in range(4)]
STILL = Augment(
    (128, 128), scale=(1.0, 1.0), aspect=1.0, rotation=0.0, light=0.0, blur=0.0, noise=0.0, rare=0.0, paste=0.0
)
CPU = torch.device("cpu")


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(3)


class Fixed(nn.Module):
    """Answers every picture with the same logits (1, 2, H, W)."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(x), -1, -1, -1)


def test_gaps_is_the_border_weighted_cross_entropy_of_the_view():
    sample, flat = CELLS[0], Fixed(torch.randn(1, 2, 128, 128, generator=rng()))
    loss = Gaps(bend=0.0).begin(CELLS, STILL, CPU, None)(flat, [sample], rng())
    _, ids = view_with_ids(sample, STILL, rng())  # the same view: the generator stands where it stood
    apart = border.separate(ids.numpy())
    weights = torch.from_numpy(border.border_weights(apart, w0=4, sigma=5, class_weights=(1, 1)))
    log_p = flat.logits[0].log_softmax(0)
    picked = torch.where(torch.from_numpy(apart > 0), log_p[1], log_p[0])
    assert loss.item() == pytest.approx((-(weights * picked).sum() / weights.sum()).item(), rel=1e-4)


def test_gaps_leaves_out_what_lies_past_the_edge():
    wide = dataclasses.replace(STILL, scale=(0.5, 0.5))  # the view is twice as wide as the picture
    flat = Fixed(torch.zeros(1, 2, 128, 128))
    loss = Gaps(bend=0.0).begin(CELLS, wide, CPU, None)(flat, [CELLS[0]], rng())
    loss.backward()
    _, ids = view_with_ids(CELLS[0], wide, rng())
    assert 0.7 < (ids < 0).float().mean() < 0.8  # three quarters of it
    assert not flat.logits.grad[:, :, ids < 0].any()
    assert flat.logits.grad[:, :, ids >= 0].all()


def test_a_network_learns_gaps():
    torch.manual_seed(0)
    net = UNet(2, base=4).train()
    loss_of = Gaps(bend=4.0).begin(CELLS, dataclasses.replace(STILL, rotation=90.0, light=0.1), CPU, None)
    optimizer, views, losses = torch.optim.AdamW(net.parameters(), 1e-2), rng(), []
    for _ in range(25):
        loss = loss_of(net, CELLS, views)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.6 * losses[0]


def test_score_of_gaps_is_one_for_the_truth_and_nothing_for_nothing():
    inside = torch.from_numpy(border.separate(CELLS[0].ids) > 0)
    sure = torch.where(inside, 9.0, -9.0)
    assert Gaps().score(Fixed(torch.stack([-sure, sure])[None]), CELLS[:1]) == 1
    assert Gaps().score(Fixed(torch.stack([sure * 0 + 9, sure * 0 - 9])[None]), CELLS[:1]) == 0


def test_gaps_asks_for_ids_and_takes_no_teacher():
    with pytest.raises(ValueError, match="leave the teacher out"):
        Gaps().begin(CELLS, STILL, CPU, nn.Identity())
    with pytest.raises(ValueError, match="no instance ids"):
        Gaps().begin([dataclasses.replace(CELLS[0], ids=None)], STILL, CPU, None)
