"""Every formula in the table of losses is the one computed: both are evaluated, by unlike code."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from seglab.losses.catalogue import LOSSES, find
from tests.latex import evaluate, symbols

H, W = 5, 6
OWN = {"L", "N", "p", "y", "z", "i", "sum", "frac", "log", "max", "cosh", "left", "right", "quad", "J", "D", "T"}
KEYS = [loss.key for loss in LOSSES]


def distance(mask: np.ndarray) -> np.ndarray:
    """Distance of each pixel to the nearest one of the other kind, from all pairs of pixels."""
    at = np.argwhere(np.ones_like(mask))
    other = np.where(mask.ravel()[:, None] != mask.ravel()[None], cdist(at, at), np.inf)
    return other.min(1)


def jaccard_steps(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What each pixel adds to 1 − IoU, straight from the definition: the IoU of sets, pixel by pixel."""
    order = np.argsort(-(1 - (2 * y - 1) * z))
    g, wrong, before = np.zeros(len(y)), np.zeros(len(y), bool), 0.0
    for i in order:
        wrong[i] = True
        pred = np.where(wrong, 1 - y, y)
        now = 1 - (pred * y).sum() / np.maximum(pred, y).sum()
        g[i], before = now - before, now
    return g


def picture(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 2, (H, W))
    y = (rng.random((H, W)) < 0.4).astype(float)
    y[0, :2] = 0, 1  # both classes are there
    return z, y


def values(z: np.ndarray, y: np.ndarray) -> dict[str, object]:
    """All that a formula may hold, computed from z and y here, nothing of it by seglab."""
    flat_z, flat_y = z.ravel(), y.ravel()
    d = distance(y > 0)
    return {
        "z": flat_z, "y": flat_y, "p": 1 / (1 + np.exp(-flat_z)), "N": flat_z.size,
        "g": jaccard_steps(flat_z, flat_y), "d": d, "delta": distance(z > 0), "phi": np.where(flat_y > 0, 1 - d, d),
    }  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("seed", range(4))
def test_formula_equals_function(key, seed):
    loss = find(key)
    z, y = picture(seed)
    rng = np.random.default_rng(seed)
    chosen = {q.name: q.default if seed == 0 else rng.uniform(q.low, q.high) for q in loss.parameters}
    names = {q.symbol.lstrip("\\"): chosen[q.name] for q in loss.parameters}
    want = evaluate(loss.latex, values(z, y) | names, i=z.size)
    found = loss.function(torch.from_numpy(z), torch.from_numpy(y), **chosen).item()
    assert found == pytest.approx(want, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("key", KEYS)
def test_table_formula_and_function_have_the_same_parameters(key):
    loss = find(key)
    given = inspect.signature(loss.function).parameters
    defaults = {n: q.default for n, q in given.items() if n not in ("z", "y", "reduction") and q.default is not None}
    assert defaults == loss.defaults
    extra = {name.removesuffix("_i").lstrip("\\") for name, _ in loss.symbols}
    parameters = {q.symbol.lstrip("\\") for q in loss.parameters}
    assert parameters | extra <= symbols(loss.latex)
    assert symbols(loss.latex) - OWN - parameters - extra <= ({"beta"} if key == "balanced_bce" else set())


@pytest.mark.parametrize("key", KEYS)
def test_each_parameter_does_something_within_its_range(key):
    loss = find(key)
    z, y = (torch.from_numpy(a) for a in picture(9))
    for q in loss.parameters:
        ends = [loss.function(z, y, **{q.name: end}).item() for end in (q.low, q.default, q.high)]
        assert len({round(v, 9) for v in ends}) == 3, q.name
        assert q.low < q.default < q.high


def test_keys_are_unique_and_all_is_said():
    assert len(set(KEYS)) == len(LOSSES)
    for loss in LOSSES:
        assert loss.note
        assert loss.source
        assert all(q.meaning.endswith(".") for q in loss.parameters)
    with pytest.raises(ValueError, match="there are bce, "):
        find("Dice")
    for key in ("bce", "weighted_bce", "balanced_bce", "focal"):
        assert find(key).per_pixel
    assert sum(loss.per_pixel for loss in LOSSES) == 4
    assert [loss.key for loss in LOSSES if loss.group == "more"] == [
        "log_cosh_dice", "combo", "lovasz_hinge", "boundary", "hausdorff", "sensitivity_specificity"
    ]  # fmt: skip


@pytest.mark.parametrize("key", [loss.key for loss in LOSSES if loss.of_counts])
def test_counts_of_hard_masks_give_the_loss(key):
    loss = find(key)
    truth = torch.zeros(8, 8)
    truth[:4, :4] = 1
    pred = torch.zeros(8, 8)
    pred[1:6, 1:6] = 1  # TP 9, FP 16, FN 7
    want = loss.function(200 * pred - 100, truth, **loss.defaults)
    found = loss.of_counts(torch.tensor(9.0), torch.tensor(16.0), torch.tensor(7.0), **loss.defaults)
    assert found.item() == pytest.approx(want.item(), rel=1e-6)
