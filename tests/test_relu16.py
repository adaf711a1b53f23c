"""ReLU as a comparison of whole numbers: bit for bit torch's own, in place or not, however it is called."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from seglab import halves
from seglab.relu16 import WholeReLU


def every(dtype):
    """Return all 65536 numbers of a half precision but NaN, in a map that is laid out channels last."""
    numbers = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(dtype)
    numbers = torch.where(numbers.isnan(), torch.zeros((), dtype=dtype), numbers)
    return numbers.view(1, 16, 64, 64).contiguous(memory_format=torch.channels_last)


CALLS = {
    "F.relu": F.relu, "F.relu in place": lambda x: F.relu(x, inplace=True), "F.relu, place": lambda x: F.relu(x, True),
    "torch.relu": torch.relu, "torch.relu_": torch.relu_, "x.relu": lambda x: x.relu(), "x.relu_": lambda x: x.relu_(),
    "F.relu_": lambda x: F.relu_(x), "keyword": lambda x: F.relu(input=x), "nn": nn.ReLU(),
    "nn in place": nn.ReLU(inplace=True),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_it_is_torchs(name, dtype):
    x = every(torch.bfloat16).to(dtype) if dtype is torch.float32 else every(dtype)
    kept, theirs = x.clone(), x.clone()
    wanted = CALLS[name](theirs)
    with WholeReLU():
        found = CALLS[name](x)
    assert found.dtype == dtype
    assert torch.equal(found, wanted)
    assert found.stride() == wanted.stride()
    assert torch.equal(x, theirs), "changed in place where torch does, and only there"
    assert (found is x) == (wanted is theirs)
    assert torch.equal(kept, x) == torch.equal(kept, theirs)


def test_views_and_what_wants_gradients():
    x = every(torch.bfloat16)
    with WholeReLU():
        part = x[:, ::2, 3:9]
        assert torch.equal(torch.relu(part), part.clamp_min(0))
        leaf = torch.tensor([-1.0, 2.0], dtype=torch.bfloat16, requires_grad=True)
        torch.relu(leaf).sum().backward()
    assert leaf.grad.tolist() == [0.0, 1.0]


def test_what_damaged_weights_give_stays_nan():
    """On x86 0/0 and inf - inf are NaNs whose sign is set, which would all become 0."""
    parts = nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1)
    net = nn.Sequential(*parts).requires_grad_(False)
    x = halves.probe()
    assert halves.half(net, torch.bfloat16, channels_last=True)(x).isfinite().all()
    net[2].weight[1] = torch.zeros(()) / torch.zeros(())
    assert not net(x).isfinite().all()
    assert not halves.half(net, torch.bfloat16, channels_last=True)(x).isfinite().all()


def test_half_precision_copies_use_it(monkeypatch):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1))
    copied = halves.half(net.requires_grad_(False), torch.bfloat16, channels_last=True)
    x = halves.probe()
    seen = []
    clamp = torch.Tensor.clamp_min
    monkeypatch.setattr(torch.Tensor, "clamp_min", lambda self, *args: seen.append(self.dtype) or clamp(self, *args))
    with torch.inference_mode():
        found = copied(x)
    assert seen == [torch.int16]
    monkeypatch.setattr(
        halves, "WholeReLU", type("Nothing", (), {"__enter__": lambda s: s, "__exit__": lambda *_: None})
    )
    with torch.inference_mode():
        assert torch.equal(found, copied(x))
