"""How a network's stages hang together, found by running it: which reads what, joined by sum or by concatenation.

No graph is written down by hand: the network is run once on "meta" tensors, whose outputs are cut loose at every stage,
so that autograd's graph in front of a stage's input leads back to just those stages that it is made of, through the
operations between them (pooling, enlarging, cropping), sums and concatenations.

Conventions: nodes are numbered in the order of the pass, 0 being the input and the last one the output; stages are
calls of parts, as in `seglab.stages`, and must not lie within each other. A sum of several terms is one node.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from seglab.shadow import Sketching, part, shadow

Kind = Literal["input", "stage", "sum", "concat", "output"]
# Of autograd's graph: what joins several tensors. A stack counts as the sum that is taken of it.
_JOINS = {"Add": "sum", "Cat": "concat", "Stack": "sum"}
_SILENT = ("Clone", "Relu", "LeakyRelu", "Alias", "View", "Expand", "Sum", "Unsafe", "Reshape")  # nothing to tell of


@dataclass(frozen=True)
class Node:
    """The input, a call of a stage, a sum or concatenation between stages, or the output; `shape` is what it gives."""

    kind: Kind
    name: str = ""
    call: int = 0
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Link:
    """What node `target` reads of node `source`, by number, and the operations on the way, in autograd's words.

    indices: that only places of maxima go this way, as max-unpooling wants them.
    """

    source: int
    target: int
    operations: tuple[str, ...] = ()
    indices: bool = False


@dataclass(frozen=True)
class Wiring:
    """Nodes and links of a network."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]

    def into(self, node: int) -> tuple[Link, ...]:
        """Return the links that lead to a node."""
        return tuple(link for link in self.links if link.target == node)


def wiring(net: nn.Module, shape: Sequence[int], names: Sequence[str]) -> Wiring:
    """Return how the parts `names` of a network hang together; the network isn't touched.

    Args:
        net: the network, float32.
        shape: of its input, (1, C, H, W) or (1, C, D, H, W).
        names: of parts that are run, as in `named_modules`; what lies between them is told by the links' operations.

    Raises:
        ValueError: an unknown name, or parts within each other.

    >>> class Skip(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.a, self.b = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(7, 2, 1)
    ...     def forward(self, x):
    ...         return self.b(torch.cat([x, self.a(x)], 1))
    >>> found = wiring(Skip(), (1, 3, 8, 8), ["a", "b"])
    >>> [(node.kind, node.name) for node in found.nodes]
    [('input', ''), ('stage', 'a'), ('concat', ''), ('stage', 'b'), ('output', '')]
    >>> [(link.source, link.target) for link in found.links]
    [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4)]
    """
    for one in names:
        for other in names:
            if other != one and other.startswith(f"{one}." if one else ""):
                raise ValueError(f"Stages must not lie within each other; {other!r} is part of {one or 'all'!r}.")
    quiet, finder = shadow(net, meta=True), _Finder()
    for name in names:
        module = part(quiet, name)
        module.register_forward_pre_hook(finder.before(name))
        module.register_forward_hook(finder.after)
    with torch.inference_mode(False), torch.enable_grad(), Sketching():
        output = quiet(finder.cut(0, torch.empty(tuple(shape), device="meta")))
        finder.add(Node("output", shape=_shape(output)), output)
    return finder.tidied()


class _Finder:
    """Collects nodes and links while the network runs. All that it numbers by id() it also keeps alive."""

    def __init__(self) -> None:
        self.nodes: list[Node] = [Node("input")]
        self.links: list[Link] = []
        self.running: list[int] = []
        self.calls: dict[str, int] = {}
        self.cuts: dict[int, tuple[int, Tensor]] = {}  # by the id of a tensor cut loose: the node that gave it
        self.places: dict[int, tuple[int, Tensor]] = {}  # likewise, of indices
        self.joins: dict[int, tuple[int, Any]] = {}  # by the id of autograd's function

    def add(self, node: Node, given: Any = ()) -> int:
        """Add a node that reads some tensors; they may be new joins, which come before it."""
        found = list(self.sources(given))
        self.nodes.append(node)
        self.links += [Link(source, len(self.nodes) - 1, operations, indices) for source, operations, indices in found]
        return len(self.nodes) - 1

    def cut(self, node: int, given: Any) -> Any:
        """Return what a node gives, cut loose from what came before."""
        self.nodes[node] = replace(self.nodes[node], shape=_shape(given))

        def one(t: Any) -> Any:
            if not isinstance(t, Tensor):
                return t
            if not t.is_floating_point():
                self.places[id(t)] = node, t
                return t
            loose = t.detach().requires_grad_()
            self.cuts[id(loose)] = node, loose
            return loose.clone()  # a ReLU may change it in place

        return tree_map(one, given)

    def before(self, name: str) -> Any:
        def hook(module: nn.Module, inputs: Any) -> None:
            call = self.calls[name] = self.calls.get(name, -1) + 1
            self.running.append(self.add(Node("stage", name, call), inputs))

        return hook

    def after(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        return self.cut(self.running.pop(), output)

    def sources(self, given: Any) -> Iterator[tuple[int, tuple[str, ...], bool]]:
        """Yield (node, operations, indices) for all that some tensors are made of, each once."""
        seen = set()
        for t in tree_leaves(given):
            if not isinstance(t, Tensor):
                continue
            found = [(self.places[id(t)][0], (), True)] if id(t) in self.places else self.behind(t.grad_fn, ())
            for one in found:
                if one not in seen:
                    seen.add(one)
                    yield one

    def behind(self, function: Any, operations: tuple[str, ...]) -> list[tuple[int, tuple[str, ...], bool]]:
        """Return the nodes behind one of autograd's functions, the nearest ones only."""
        if function is None:
            return []
        name = function.name().partition("Backward")[0].rpartition("::")[2]
        if hasattr(function, "variable"):
            known = self.cuts.get(id(function.variable))
            return [] if known is None else [(known[0], operations, False)]
        if name in _JOINS and id(function) in self.joins:
            return [(self.joins[id(function)][0], operations, False)]
        here = operations if name.startswith(_SILENT) or name in _JOINS else (name, *operations)
        rest = () if name in _JOINS else here
        found = [one for following, _ in function.next_functions for one in self.behind(following, rest)]
        if name not in _JOINS or len(found) < 2:
            return [(node, (*before, *operations), i) for node, before, i in found] if name in _JOINS else found
        kind: Any = _JOINS[name]
        join = self.add(Node(kind, shape=tuple(function._input_metadata[0].shape)))
        self.joins[id(function)] = join, function
        self.links += [Link(source, join, before, i) for source, before, i in found]
        return [(join, operations, False)]

    def tidied(self) -> Wiring:
        """Return the wiring: terms of terms as one sum, nodes that nobody reads left out, links in order."""
        links, last = self.links, len(self.nodes) - 1
        for join in reversed(range(last)):
            kind = self.nodes[join].kind
            out = [link for link in links if link.source == join]
            if kind not in ("sum", "concat"):
                continue
            if not out:
                links = [link for link in links if link.target != join]
            elif len(out) == 1 and not out[0].operations and self.nodes[out[0].target].kind == kind:
                (only,) = out
                links = [
                    Link(link.source, only.target, link.operations, link.indices) if link.target == join else link
                    for link in links
                    if link is not only
                ]
        used = {0, last, *(n for n, node in enumerate(self.nodes) if node.kind == "stage")}
        used |= {node for link in links for node in (link.source, link.target)}
        order = {old: new for new, old in enumerate(sorted(used))}
        renamed = (Link(order[k.source], order[k.target], k.operations, k.indices) for k in links)
        unique = sorted(dict.fromkeys(renamed), key=lambda k: (k.target, k.source))
        return Wiring(tuple(self.nodes[old] for old in order), tuple(unique))


def _shape(given: Any) -> tuple[int, ...]:
    """Return the shape of the first tensor."""
    return next((tuple(t.shape) for t in tree_leaves(given) if isinstance(t, Tensor)), ())
