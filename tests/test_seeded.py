"""Networks of a seed: as after torch.manual_seed, whatever the other threads draw, seed or put back meanwhile."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from seglab import architectures
from seglab.memory import kept
from seglab.seeded import Seeded

KEYS = ("unet", "segnet", "vnet", "hrnet-v2", "deeplab-v1", "patch")


def weights(net: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def built(key: str) -> torch.Tensor:
    with Seeded(3):
        return weights(architectures.get(key).small(5))  # type: ignore[misc]


@pytest.mark.parametrize("key", KEYS)
def test_it_is_torchs_own_seed(key: str) -> None:
    before = torch.get_rng_state()
    found = built(key)
    assert torch.equal(torch.get_rng_state(), before), "torch's own numbers go on where they were"
    torch.manual_seed(3)
    assert torch.equal(found, weights(architectures.get(key).small(5)))  # type: ignore[misc]
    torch.set_rng_state(before)


def test_threads_dont_disturb_each_other() -> None:
    alone = {key: built(key) for key in KEYS}
    done = threading.Event()

    def disturb() -> None:
        while not done.is_set():
            torch.manual_seed(1)
            nn.Conv2d(3, 8, 3)

    other = threading.Thread(target=disturb)
    other.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(built, KEYS * 2))
    finally:
        done.set()
        other.join()
    for key, found in zip(KEYS * 2, together, strict=True):
        assert torch.equal(found, alone[key]), key


def test_measuring_memory_on_meta_puts_no_older_state_back() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Dropout(), nn.Conv2d(4, 4, 1))

    def loss(output: torch.Tensor) -> torch.Tensor:
        torch.rand(7)  # another thread's, as it were, in the middle of it
        return output.sum()

    torch.manual_seed(0)
    torch.rand(7)
    after = torch.get_rng_state()
    torch.manual_seed(0)
    kept(net, torch.empty(2, 3, 4, 4, device="meta"), loss=loss)
    assert torch.equal(torch.get_rng_state(), after)
