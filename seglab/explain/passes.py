"""Running a network to explain it while others use it: on a copy, one thread at a time, each pass in its turn.

Hooks and gradients need the network as it was built, in float32: `runtime.hooks_lock` hands out a copy that is never
the one that predictions run on. Passes of an explanation wait for a place as all others do, one by one, so that a
method of thirty passes lets others in between.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from seglab import runtime
from seglab.options import Options, input_size
from seglab.preprocess import normalize, prepared, resize
from seglab.runtime import Cancelled, Loaded
from seglab.types import Image, check_image

T = TypeVar("T")

SMALL = 256  # pixels of the shorter side at most, for what needs dozens of passes
MOST = 1024  # for the rest: a graph remembers every layer, and that of a photo of 24 megapixels would fill any memory


@dataclass
class Passes:
    """Counts the passes of one job, in their turns; done of total.

    cancel: asked before each pass; true raises Cancelled. progress: called with (done, total).
    """

    loaded: Loaded
    total: int
    cancel: Callable[[], bool] | None = None
    progress: Callable[[int, int], None] | None = None
    done: int = 0

    def run(self, work: Callable[[Tensor], T], x: Tensor) -> T:
        """Return work(x), x on the device, when it is this pass's turn."""
        if self.cancel and self.cancel():
            raise Cancelled("Cancelled.")
        found = runtime.in_turn(self.loaded, x, work, cancel=self.cancel)
        self.done += 1
        if self.progress:
            self.progress(min(self.done, self.total), self.total)
        return found


def load(model: str | Loaded) -> Loaded:
    """Return the model by its key, or as it is."""
    return runtime.model(model) if isinstance(model, str) else model


def network_input(image: Image, loaded: Loaded, short_side: int | None = None, most: int | None = None) -> Tensor:
    """Return the picture as the network takes it, x (1, 3, h, w) float32.

    Args:
        image: (H, W, 3) uint8.
        loaded: knows the preprocessing.
        short_side: px; what the model was trained with if None, the picture's own if 0.
        most: px that the shorter side may have where `short_side` is None.

    """
    check_image(image)
    size = (image.shape[0], image.shape[1])
    h, w = input_size(size, loaded.preprocess, Options(short_side=short_side))
    if short_side is None and most is not None and min(h, w) > most:
        h, w = input_size(size, loaded.preprocess, Options(short_side=most))
    pixels = resize(prepared(image, loaded.preprocess), (h, w))[None].float().div_(255)
    return normalize(pixels, loaded.preprocess.mean, loaded.preprocess.std)


@contextmanager
def alone(loaded: Loaded) -> Iterator[nn.Module]:
    """Give a copy of the network for hooks and gradients, to one thread at a time, with gradients switched on.

    Whatever the caller's own mode: under `inference_mode` nothing could be explained.
    """
    with runtime.hooks_lock(loaded) as net, torch.inference_mode(False), torch.enable_grad():
        yield net


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


def layer_sizes(
    loaded: Loaded, size: tuple[int, int], short_side: int | None = None
) -> dict[str, tuple[int, int, int]]:
    """Return channels, height and width of each of the model's layers for Grad-CAM, for a picture of `size`.

    Runs on tensors without numbers, so that it costs next to nothing. `size` is (height, width) in px.

    >>> layer_sizes(runtime.model("scenes"), (96, 96), short_side=0)["context"]
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
    h, w = input_size(size, loaded.preprocess, Options(short_side=short_side))
    with torch.no_grad():
        shadow(torch.empty(1, 3, h, w, device="meta"))
    return {name: found[name] for name in names}
