"""Running a network to explain it while others use it: on a copy, one thread at a time, each pass in its turn.

Hooks and gradients need the network as it was built, in float32: `runtime.hooks_lock` hands out a copy that is never
the one that predictions run on. Passes of an explanation take that lock and wait for a place one by one, and each
removes its hooks before it ends: a method of thirty passes lets others in between, those too that explain the network.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from seglab import peak, runtime
from seglab.options import Options, input_size
from seglab.preprocess import normalize, prepared, resize
from seglab.runtime import Cancelled, Loaded
from seglab.types import Image, check_image
from seglab.zoo import Preprocess

T = TypeVar("T")

SMALL = 256  # pixels of the shorter side at most, for what needs dozens of passes
GRAPH = 2  # times what a forward pass takes: what a graph from the picture on does (1.6 on a StreetNet)
MOST = 1024  # for the rest: a graph remembers every layer, and that of a photo of 24 megapixels would fill any memory


@dataclass
class Passes:
    """Counts the passes of one job, in their turns; done of total.

    cancel: asked before each pass; true raises Cancelled. progress: called with (done, total). alone: each pass holds
    the lock on the network's copy for hooks; for work on that copy, and not for that on a network of one's own.
    """

    loaded: Loaded
    total: int
    cancel: Callable[[], bool] | None = None
    progress: Callable[[int, int], None] | None = None
    alone: bool = False
    done: int = 0

    def run(self, work: Callable[[Tensor], T], x: Tensor, *, graph: bool = False) -> T:
        """Return work(x), x on the device, when it is this pass's turn; `graph`: work remembers every layer's output.

        Raises:
            OutOfMemory: there surely isn't enough. Cancelled.

        """
        if self.cancel and self.cancel():
            raise Cancelled("Cancelled.")
        if graph:
            more = x.expand(GRAPH, -1, -1, -1)  # of one picture; the shape alone is looked at
            peak.ask_for_memory(self.loaded.key, self.loaded.net, self.loaded.device, more, "fp32")
        with runtime.hooks_lock(self.loaded, self.cancel) if self.alone else nullcontext():
            found = runtime.in_turn(self.loaded, x, work, cancel=self.cancel)
        self.done += 1
        if self.progress:
            self.progress(min(self.done, self.total), self.total)
        return found


def load(model: str | Loaded) -> Loaded:
    """Return the model by its key, or as it is."""
    return runtime.model(model) if isinstance(model, str) else model


def explained_size(
    size: tuple[int, int], preprocess: Preprocess, short_side: int | None = None, most: int | None = None
) -> tuple[int, int]:
    """Return height and width at which the network looks at a picture of `size`, (height, width) in px.

    Args:
        size: of the picture.
        preprocess: of the network.
        short_side: px; what the model was trained with if None, the picture's own if 0.
        most: px that the shorter side may have, whatever is asked for; None: no bound.

    >>> explained_size((600, 800), Preprocess(520)), explained_size((600, 800), Preprocess(520), 0, 300)
    ((520, 693), (300, 400))
    """
    h, w = input_size(size, preprocess, Options(short_side=short_side))
    if most is not None and min(h, w) > most:
        h, w = input_size(size, preprocess, Options(short_side=most))
    return h, w


def network_input(image: Image, loaded: Loaded, short_side: int | None = None, most: int | None = None) -> Tensor:
    """Return the picture as the network takes it, x (1, 3, h, w) float32.

    Args:
        image: (H, W, 3) uint8.
        loaded: knows the preprocessing.
        short_side: px; as for `explained_size`.
        most: px; as for `explained_size`.

    """
    check_image(image)
    size = explained_size((image.shape[0], image.shape[1]), loaded.preprocess, short_side, most)
    pixels = resize(prepared(image, loaded.preprocess), size)[None].float().div_(255)
    return normalize(pixels, loaded.preprocess.mean, loaded.preprocess.std)


@contextmanager
def with_gradients() -> Iterator[None]:
    """Switch gradients on, whatever the caller's own mode: under `inference_mode` nothing could be explained."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def twin(net: nn.Module) -> nn.Module:
    """Return a network of the same modules, to hook into or to take apart, which shares all numbers with `net`."""
    return copy.deepcopy(net, {id(t): t for t in (*net.parameters(), *net.buffers())})


def layer_of(net: nn.Module, loaded: Loaded, name: str | None) -> tuple[str, nn.Module]:
    """Return name and module of a layer, the model's usual one if no name is given; ValueError if there is none.

    >>> from seglab.palettes import SCENES
    >>> from seglab.zoo import Preprocess
    >>> net = nn.Sequential(nn.Conv2d(3, 11, 1))
    >>> layer_of(net, runtime.ready("demo", net, SCENES, Preprocess(0), ""), "0")[1]
    Conv2d(3, 11, kernel_size=(1, 1), stride=(1, 1))
    """
    usual = loaded.spec.cam_layers if loaded.spec else ()
    if name is None and not usual:
        raise ValueError(f"{loaded.key} names no layers for Grad-CAM: say which one, by its name in the network.")
    chosen = usual[0] if name is None else name
    modules = dict(net.named_modules())
    if not chosen or chosen not in modules:
        known = ", ".join(usual or [n for n, _ in net.named_children()])
        raise ValueError(f"{loaded.key} has no layer {chosen!r}; there are {known}.")
    return chosen, modules[chosen]


def layer_sizes(loaded: Loaded, size: tuple[int, int]) -> dict[str, tuple[int, int, int]]:
    """Return channels, height and width of each of the model's layers for Grad-CAM, for an input of `size`.

    Runs on tensors without numbers, so that it costs next to nothing. `size` is (height, width) in px, as the network
    takes it: see `explained_size`.

    >>> layer_sizes(runtime.model("scenes"), (96, 96))["context"]
    (96, 6, 6)
    """
    net, found = loaded.net, {}
    shadow = copy.deepcopy(
        net, {id(t): torch.empty_like(t, device="meta") for t in (*net.parameters(), *net.buffers())}
    )

    def see(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            found[name] = (output.shape[1], output.shape[2], output.shape[3])

        return hook

    names = loaded.spec.cam_layers if loaded.spec else ()
    for name in names:
        shadow.get_submodule(name).register_forward_hook(see(name))
    with torch.no_grad():
        shadow(torch.empty(1, 3, *size, device="meta"))
    return {name: found[name] for name in names}
