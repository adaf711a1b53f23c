"""What training keeps: sums by hand, and all storages that are alive after a forward pass."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.checkpoint import checkpoint
from torchvision.models import resnet18

from seglab.memory import activation_bytes, kept
from seglab.nets.street import StreetNet
from seglab.nets.unet import UNet

N, C, H, W = 2, 8, 10, 12
INPUT, MAP = 4 * N * 3 * H * W, 4 * N * C * H * W  # bytes of (N, 3, H, W) and (N, C, H, W)
STATISTICS = 4 * 2 * C  # BatchNorm's mean and deviation of the batch


def picture(device: str = "cpu") -> torch.Tensor:
    return torch.rand(N, 3, H, W, device=device)


class Alive(TorchDispatchMode):
    """All storages that operations made and that are still there: another way to the same number."""

    def __init__(self) -> None:
        super().__init__()
        self.made: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for t in tree_leaves(out):
            if isinstance(t, torch.Tensor):
                ref = StorageWeakRef(t.untyped_storage())
                self.made.setdefault(ref.cdata, (ref, t.untyped_storage().nbytes()))
        return out

    def bytes(self, *without: torch.Tensor) -> int:
        left_out = {t.untyped_storage()._cdata for t in without}
        return sum(n for cdata, (ref, n) in self.made.items() if not ref.expired() and cdata not in left_out)


def measured(net: nn.Module, x: torch.Tensor) -> int:
    """Bytes alive after a training pass, apart from the output, the weights and what was there before."""
    net = copy.deepcopy(net).train().requires_grad_(True)
    with Alive() as alive:
        y = net(x)
    return alive.bytes(y, *net.parameters(), *net.buffers())


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_convolution_batchnorm_relu_by_hand(inplace, device):
    net = nn.Sequential(nn.Conv2d(3, C, 3, padding=1), nn.BatchNorm2d(C), nn.ReLU(inplace))
    # The input, for the convolution's weights; its output and statistics, for BatchNorm; ReLU's output. BatchNorm's
    # output goes as soon as ReLU has read it: written in place or not, no difference.
    assert activation_bytes(net, picture(device)) == INPUT + MAP + STATISTICS + MAP


def test_max_pooling_keeps_its_input_and_an_index_of_8_bytes_for_each_output():
    pool = nn.Sequential(nn.Conv2d(3, C, 3, padding=1), nn.MaxPool2d(2))
    assert activation_bytes(pool, picture()) == INPUT + MAP + 8 * N * C * (H // 2) * (W // 2)
    mean = nn.Sequential(nn.Conv2d(3, C, 3, padding=1), nn.AvgPool2d(2))
    assert activation_bytes(mean, picture()) == INPUT + MAP


def test_what_several_keep_and_views_count_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(3, C, 3, padding=1), nn.Conv2d(3, C, 1)
            self.dense = nn.Linear(C * H * W, 5)

        def forward(self, x):
            y = F.relu(self.a(x) + self.b(x))  # both convolutions keep x; a sum keeps nothing; ReLU keeps y
            return self.dense(y.flatten(1))  # the same storage as y

    assert activation_bytes(Twice(), picture()) == INPUT + MAP


def test_weights_and_buffers_are_no_activations():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3, H, W))
            self.register_buffer("table", torch.ones(3, H, W))

        def forward(self, x):
            return x * self.weight * self.table  # keeps x, for the weight's gradient, and the table

    assert activation_bytes(Scaled(), picture()) == INPUT


def test_a_branch_that_leads_nowhere_is_not_kept():
    class Wasteful(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(3, C, 3, padding=1), nn.Conv2d(3, C, 3, padding=1)

        def forward(self, x):
            F.relu(self.b(x))
            return self.a(x)

    assert activation_bytes(Wasteful(), picture()) == INPUT


def test_the_loss_keeps_too():
    net, target = nn.Conv2d(3, 5, 1), torch.zeros(N, H, W, dtype=torch.int64)
    found = activation_bytes(net, picture(), lambda logits: F.cross_entropy(logits, target))
    # Log-probabilities, the target's int64, and the sum of weights that it is divided by.
    assert found == INPUT + 4 * N * 5 * H * W + 8 * N * H * W + 4


NETS = {"unet": lambda: UNet(3, base=4), "street": lambda: StreetNet(5, width=8), "resnet18": resnet18}


@pytest.mark.parametrize("name", NETS)
def test_real_networks_against_all_that_is_alive_and_on_meta(name):
    torch.manual_seed(0)
    net, x = NETS[name](), torch.rand(2, 3, 64, 64)
    found = activation_bytes(net, x)
    # The input isn't made by an operation: `measured` doesn't see it. Dropout makes its mask by an operation.
    assert found == measured(net, x) + 4 * x.numel()
    assert activation_bytes(net, x.to("meta")) == found
    assert activation_bytes(net.eval().requires_grad_(False), x) == found  # as if all learnt


class Checkpointed(nn.Module):
    def __init__(self, blocks: nn.Sequential, reentrant: bool) -> None:
        super().__init__()
        self.blocks, self.reentrant = blocks, reentrant

    def forward(self, x):
        x = self.blocks[0](x)
        for block in self.blocks[1:]:
            x = checkpoint(block, x, use_reentrant=self.reentrant, preserve_rng_state=False)
        return x


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing_keeps_what_goes_into_a_block_and_no_more(reentrant):
    def block() -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(C, C, 3, padding=1), nn.BatchNorm2d(C), nn.ReLU(), nn.Conv2d(C, C, 1))

    first = nn.Sequential(nn.Conv2d(3, C, 3, padding=1))
    blocks = nn.Sequential(first, *(block() for _ in range(3)))
    plain, saving = activation_bytes(blocks, picture()), activation_bytes(Checkpointed(blocks, reentrant), picture())
    # Plain: the input, and for each block its input, the convolution's output, statistics, ReLU's output.
    assert plain == INPUT + 3 * (3 * MAP + STATISTICS)
    assert saving == INPUT + 3 * MAP
    before, after = measured(blocks, picture()), measured(Checkpointed(blocks, reentrant), picture())
    assert before - after == plain - saving > 0


def test_parts_by_call():
    net = UNet(3, base=4)
    names = [name for name, child in net.named_modules() if not list(child.children()) and name]
    x = torch.zeros(2, 3, 32, 32)
    found = kept(net, x, names)
    assert sum(size for _, size in found.calls) == found.bytes  # all that is kept, the leaves keep: no F.relu here
    pools = [size for name, size in found.calls if name == "pool"]
    assert pools == [8 * 2 * 4 * 2**i * (16 // 2**i) ** 2 for i in range(4)]  # indices; the input, ReLU has kept
    nested = dict(kept(net, x, ["down.0", "down.0.1", ""]).calls)
    assert nested[""] == found.bytes
    assert nested["down.0"] == 4 * (2 * 3 + 4 * 2 * 4) * 32 * 32 + 2 * 4 * 2 * 4
    assert nested["down.0.1"] == 4 * 2 * 4 * 32 * 32 + 4 * 2 * 4  # BatchNorm: its input, its statistics


def test_nothing_is_changed():
    net = nn.Sequential(nn.Conv2d(3, C, 3), nn.BatchNorm2d(C), nn.Dropout(0.5)).eval()
    net[0].weight.grad = torch.ones_like(net[0].weight)
    before, x = copy.deepcopy(net.state_dict()), picture()
    state = torch.get_rng_state()
    kept(net, x, ["0", "1"])
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(module.training for module in net.modules())
    assert torch.equal(net[0].weight.grad, torch.ones_like(net[0].weight))
    assert net[1].weight.grad is None
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_under_inference_mode_too():
    net = nn.Sequential(nn.Conv2d(3, C, 3, padding=1), nn.ReLU())
    x = picture()
    with torch.inference_mode():
        assert activation_bytes(net, x) == INPUT + MAP


def test_errors_are_sentences():
    with pytest.raises(ValueError, match=r"has no part called 'convs'.*named_modules"):
        kept(UNet(2, base=4), torch.zeros(1, 3, 32, 32), ["convs"])
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        activation_bytes(nn.BatchNorm2d(3), torch.zeros(1, 3, 1, 1))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_against_what_cuda_has_allocated():
    net, x = UNet(3, base=16).cuda().train(), torch.rand(4, 3, 256, 256, device="cuda")
    net(x)  # the library takes its scratch memory now
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    y = net(x)
    held = torch.cuda.memory_allocated() - before - y.untyped_storage().nbytes()
    assert activation_bytes(net, x) - 4 * x.numel() == pytest.approx(held, rel=0.02)
