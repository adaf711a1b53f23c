"""Half-precision copies of networks, each checked against float32 on one picture before anybody uses it.

bf16 and fp16 keep 8 and 11 significant bits. Trained networks hardly notice: about one label in ten thousand changes.
But weights or sums can be too large for fp16, and some networks lose more than they may: that is seen here, once.
"""

from __future__ import annotations

import contextlib
import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seglab import rounding
from seglab.relu16 import WholeReLU

LEAST = 0.99  # share of equal labels below which a copy is refused
MARGIN = 1 / 8  # of the logits' spread: pixels whose two best classes are closer are not compared
SIZE = 256  # side of the probe, in pixels
PROBES = 1, 2, 3, 4  # whose means weights are rounded to keep; 0 is the check's


class Half(nn.Module):
    """A network in half precision that takes float32, and whose first and last convolution may compute in it.

    The picture itself keeps more than half precision's digits that way, for next to no time: of all that rounding
    changes in the labels of a StreetNet of 5.0 M parameters, a third to two thirds came from there (on CamVid 0.10 % →
    0.05 %). So do the scores of a network that gives them smaller than its picture (0.04 % → 0.03 %); at full size that
    would cost 5 %.
    """

    def __init__(self, net: nn.Module, dtype: torch.dtype, first: str | None, last: str | None) -> None:
        super().__init__()
        self.net, self.dtype, self.first, self.last = copy.deepcopy(net).to(dtype), dtype, first, last
        sound = (bool(t.isfinite().all()) for t in net.state_dict().values() if t.is_floating_point())
        self.whole = all(sound)  # what damaged weights give must stay NaN, so that the pass can say so
        for name, out in ((first, dtype), (last, torch.float32)):
            if name is not None:
                self.net.set_submodule(name, _Exact(copy.deepcopy(net.get_submodule(name)), out))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) float32 → logits in half precision, or in float32 from a last convolution."""
        with WholeReLU() if self.whole and x.device.type == "cpu" else contextlib.nullcontext():
            return self.net(x if self.first is not None else x.to(self.dtype))


class _Exact(nn.Module):
    """A convolution in float32 amid others in half precision; `out` is what the next one takes."""

    def __init__(self, conv: nn.Module, out: torch.dtype) -> None:
        super().__init__()
        self.conv, self.out = conv, out

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x.float()).to(self.out)


def half(net: nn.Module, dtype: torch.dtype, channels_last: bool) -> Half:
    """Return a copy of `net` in `dtype`; `channels_last` if the device's kernels hardly pay without."""
    # Tensors made in inference mode can't take part in gradients ever after.
    with torch.inference_mode(False), torch.no_grad():
        found = Half(net, dtype, *_ends(net))
        found = found.to(memory_format=torch.channels_last) if channels_last else found
        # The means of a GPU's float32 would be TF32's, which rounds as fp16 does; and not on the check's own picture.
        on_cpu = next(net.parameters()).device.type == "cpu"
        full = _sharing(net) if on_cpu else copy.deepcopy(net).cpu()
        rounding.keep_means(full, found.net, found, torch.cat([probe(seed) for seed in PROBES]), dtype)
        return found


def _ends(net: nn.Module) -> tuple[str | None, str | None]:
    """Return the names of the convolutions at both ends; None for one that isn't seen.

    The first is the only one that reads the picture, the last gives the scores, smaller than the picture.
    """
    net = _sharing(net)
    picture = probe()[..., :64, :64].to(next(net.parameters()).device)
    first: list[str] = []
    last: dict[int, str] = {}  # of those that gave something smaller, by that tensor's id
    kept: list[Tensor] = []  # an id may be given again to another tensor

    def seen(name: str, x: Tensor, out: Tensor) -> None:
        if x is picture:
            first.append(name)
        kept.append(out)
        if out.shape[-1] < picture.shape[-1]:
            last[id(out)] = name

    hooks = [
        module.register_forward_hook(lambda _, inputs, out, name=name: seen(name, inputs[0], out) if inputs else None)
        for name, module in net.named_modules()
        if name and type(module) is nn.Conv2d
    ]
    try:
        scores = last.get(id(net(picture)))
    except (RuntimeError, ValueError, TypeError, AttributeError):
        return None, None
    finally:
        for hook in hooks:
            hook.remove()
    begin = first[0] if len(first) == 1 else None
    for ends in ((begin, scores if scores != begin else None), (begin, None)):
        # In bfloat16, which every device has: whoever else reads the float32 picture or scores fails here.
        with contextlib.suppress(RuntimeError, ValueError, TypeError, AttributeError):
            Half(net, torch.bfloat16, *ends)(picture)
            return ends
    return None, None


def _sharing(net: nn.Module) -> nn.Module:
    """Return a copy that shares the weights: other threads run the network itself, and would run into its hooks."""
    return copy.deepcopy(net, {id(t): t for t in (*net.parameters(), *net.buffers())})


def probe(seed: int = 0) -> Tensor:
    """Return a picture to try a network on: (1, 3, SIZE, SIZE) float32, normalised as networks want it.

    Noise in octaves, each twice as coarse as the one before and twice as strong, as in photographs (their amplitude
    falls as 1/frequency), mostly grey like them, with flat bright and dark rectangles for edges. Real pictures differ
    between installations; this one is here, the same for a seed, and costs a few milliseconds to draw.
    """
    dice = torch.Generator().manual_seed(seed)
    picture = torch.zeros(1, 3, SIZE, SIZE)
    side = 2
    while side <= SIZE:
        grey, colour = (torch.randn(1, channels, side, side, generator=dice) for channels in (1, 3))
        octave = F.interpolate(grey + 0.4 * colour, (SIZE, SIZE), mode="bilinear", align_corners=False)
        picture += octave * (2 / side)
        side *= 2
    for _ in range(12):
        x, y, w, h = torch.randint(8, SIZE // 2, (4,), generator=dice).tolist()
        picture[..., 2 * y : 2 * y + h, 2 * x : 2 * x + w] += torch.randn(1, 3, 1, 1, generator=dice)
    return (picture - picture.mean()) / picture.std()


def agreement(full: nn.Module, other: nn.Module) -> float:
    """Return the share of the probe's clear labels, 0..1, that `other` gives like `full`, both from float32 pictures.

    Clear are pixels where float32's best class leads the next by more than MARGIN of the logits' standard deviation:
    where it leads by less, any rounding decides, and in a network that has learnt nothing that is nearly everywhere.
    1.0 where nothing is clear or there is but one class; 0.0 for scores that aren't numbers.
    """
    where = next(full.parameters()).device
    picture = probe().to(where)
    with torch.inference_mode():
        wanted, got = full(picture).float(), other(picture).float()
    if wanted.ndim != 4 or wanted.shape[1] < 2 or not torch.isfinite(wanted).all():
        return 1.0  # nothing to compare with: the pass itself will say what is wrong
    if not torch.isfinite(got).all():
        return 0.0
    best = wanted.topk(2, 1).values
    clear = best[:, 0] - best[:, 1] > MARGIN * wanted.std()
    equal = wanted.argmax(1) == got.argmax(1)
    return float(equal[clear].float().mean()) if clear.any() else 1.0
