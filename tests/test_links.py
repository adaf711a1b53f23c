"""How stages hang together: hand-made networks, and real ones against what a disturbed stage's output reaches."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from seglab import architectures, zoo
from seglab.links import Wiring, wiring
from ui import arch_layouts

Call = tuple[str, int]  # a stage's name, and which of its calls
OUTPUT: Call = ("output", 0)


def conv(c_in: int, c_out: int) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, 3, padding=1)


def named(found: Wiring) -> set[tuple[str, str]]:
    """Return the links by what their ends are called."""
    names = [node.name or node.kind for node in found.nodes]
    return {(names[link.source], names[link.target]) for link in found.links}


class Sums(nn.Module):
    """a(x) + b(x) + c(x), then d; and x itself joins the output."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.d = (conv(3, 3) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        return self.d(torch.relu(self.a(x) + self.b(x) + self.c(x))) + x


def test_a_sum_of_three_is_one_node_and_silent_operations_arent_told() -> None:
    found = wiring(Sums(), (1, 3, 8, 8), ["a", "b", "c", "d"])
    assert [node.kind for node in found.nodes] == ["input", *["stage"] * 3, "sum", "stage", "sum", "output"]
    assert {(link.source, link.target) for link in found.links} == {
        (0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4), (4, 5), (0, 6), (5, 6), (6, 7),
    }  # fmt: skip
    assert all(link.operations == () for link in found.links)


class Pools(nn.Module):
    """Max-unpooling, with the indices going across; a list and a dict of maps on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.pool, self.unpool = conv(3, 2), nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)
        self.middle, self.last = conv(2, 2), conv(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        y, where = self.pool(y)
        y = self.middle(y)
        y = self.last(self.unpool(y, where))
        return nn.functional.interpolate(y, scale_factor=2, mode="bilinear")


def test_indices_go_across_and_operations_are_told() -> None:
    found = wiring(Pools(), (1, 3, 8, 8), ["first", "pool", "middle", "unpool", "last"])
    names = [node.name for node in found.nodes]
    across = [link for link in found.links if link.indices]
    assert [(names[link.source], names[link.target]) for link in across] == [("pool", "unpool")]
    assert found.into(len(found.nodes) - 1)[0].operations == ("UpsampleBilinear2D",)
    assert found.nodes[-1].shape == (1, 2, 16, 16)
    assert found.nodes[names.index("pool")].shape == (1, 2, 4, 4)


def test_calls_are_numbered_and_wrong_names_are_told() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.same = conv(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.same(self.same(x))

    found = wiring(Twice(), (1, 3, 8, 8), ["same"])
    assert [(node.name, node.call) for node in found.nodes[1:-1]] == [("same", 0), ("same", 1)]
    with pytest.raises(ValueError, match="within each other"):
        wiring(nn.Sequential(nn.Sequential(conv(3, 3))), (1, 3, 8, 8), ["0", "0.0"])
    with pytest.raises(ValueError, match="no part called 'moon'"):
        wiring(Twice(), (1, 3, 8, 8), ["moon"])


def test_the_network_is_left_as_it_was() -> None:
    net = Pools().train()
    before = [p.requires_grad for p in net.parameters()]
    wiring(net, (1, 3, 8, 8), ["first"])
    assert net.training
    assert [p.requires_grad for p in net.parameters()] == before
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def built(key: str) -> nn.Module:
    torch.manual_seed(0)
    net = zoo.get("scenes").build() if key == "streetnet" else architectures.get(key).small(3)  # type: ignore[misc]
    return net.eval()


@pytest.mark.parametrize(
    "key",
    ["unet", "unet-paper", "segnet", "fcn-8s", "linknet", "fpn", "pspnet", "deeplab-v3plus", "hrnet-v2", "tiramisu",
     "vnet", "streetnet"],
)  # fmt: skip
def test_links_are_what_a_disturbance_reaches(key: str) -> None:
    """Disturb what one call of a stage gives and freeze all others': just those that read it see another input."""
    net = built(key)
    plan = arch_layouts.layout(key, [name for name, _ in net.named_modules()])
    names = list(dict.fromkeys(place.name for place in plan.places))
    x = torch.rand(1, 1, 16, 32, 32) if key == "vnet" else torch.rand(1, 3, 64, 64)
    inputs: dict[Call, list[Tensor]] = {}
    outputs: dict[Call, object] = {}
    disturbed: list[Call] = []
    calls: Counter[str] = Counter()

    def before(name: str):
        def hook(module, given):
            inputs[name, calls[name]] = [t.clone() for t in tree_leaves(given)]

        return hook

    def after(name: str):
        def hook(module, given, output):
            call = name, calls[name]
            calls[name] += 1
            if call not in outputs:
                outputs[call] = tree_map(torch.clone, output)
                return None
            if call not in disturbed:
                return outputs[call]
            # Places of maxima, turned round, are still places that there are.
            return tree_map(lambda t: t * 1.5 + 0.5 if t.is_floating_point() else t.flip(-1), outputs[call])

        return hook

    for name in names:
        net.get_submodule(name).register_forward_pre_hook(before(name))
        net.get_submodule(name).register_forward_hook(after(name))
    with torch.no_grad():
        plain_output = net(x)
        plain = dict(inputs)
        reached = set()
        for call in list(plain):
            disturbed[:] = [call]
            calls.clear()
            out = net(x)
            reached |= {
                (call, other) for other in plain
                if any(not torch.equal(a, b) for a, b in zip(plain[other], inputs[other], strict=True))
            }  # fmt: skip
            if not torch.equal(out, plain_output):
                reached.add((call, OUTPUT))
    found = wiring(built(key), x.shape, names)

    def called(node: int) -> Call:
        return (found.nodes[node].name or found.nodes[node].kind), found.nodes[node].call

    def ends(node: int) -> set[Call]:  # through joins
        if found.nodes[node].kind in ("sum", "concat"):
            return {end for link in found.into(node) for end in ends(link.source)}
        return {called(node)}

    ours = {(source, called(link.target))
            for link in found.links if found.nodes[link.target].kind in ("stage", "output")
            for source in ends(link.source)}  # fmt: skip
    assert {pair for pair in ours if pair[0] != ("input", 0)} == reached
