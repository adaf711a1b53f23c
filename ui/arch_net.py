"""A network to look into: built small or as published, measured once, its stages placed in a diagram; all kept.

Small networks have numbers: those they were trained to, where such weights are here, else random ones of a fixed seed.
Networks as published live on "meta" tensors: their sizes and costs are known, and no memory is spent on weights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from seglab import architectures, zoo
from seglab.architectures import Architecture
from seglab.sharing import ByteCache
from ui import arch_detector, arch_layouts, arch_place
from ui.arch_layouts import Layout
from ui.arch_place import Line, Spot, Stages
from ui.cache import kept

if TYPE_CHECKING:
    from torch import nn

    from seglab.stages import Stage

SEED = 0
SIDE, LONGEST, STEP = 128, 256, 32  # pixels: the small networks' shorter side, what the longer may be, in such steps
VOLUME = (1, 1, 32, 64, 64)
OWN = "streetnet"  # our own network, which is no row of the table
# What the papers put in, rows × columns, where that is plain; of the others VOC's usual 512.
PAPER_SIZES = {
    "patch": (512, 512), "unet-paper": (572, 572), "unet": (512, 512), "deconvnet": (224, 224), "segnet": (360, 480),
    "pspnet": (473, 473), "deeplab-v3": (513, 513), "deeplab-v3plus": (513, 513), "linknet": (360, 640),
    "deeplab-v3plus-xception": (512, 1024), "hrnet-v1": (256, 192), "hrnet-v2": (512, 1024), "hrnet-v2p": (512, 1024),
    "tiramisu-56": (360, 480), "tiramisu-67": (360, 480), "tiramisu": (360, 480), "mask-rcnn": (800, 1088),
}  # fmt: skip
PAPER_SIZE, PAPER_VOLUME = (512, 512), (1, 1, 64, 128, 128)
# Trained elsewhere in the lab, and which architecture they are: `seglab.zoo`'s keys.
TRAINED = {
    "unet": ("nuclei-unet",), "fpn": ("street",), OWN: ("scenes", "street-fast"), "mask-rcnn": ("scenes-instances",)
}  # fmt: skip
BACKBONE = "backbone."
CLASSES = 11  # of small networks with random weights, as Scenes has

_NETS: ByteCache[Any] = ByteCache(128 * 2**20, lambda net: sum(_bytes(p) for p in net.parameters()))
_FOUND: ByteCache[Any] = ByteCache(32 * 2**20, lambda found: 4096 * len(found[0]))


@dataclass(frozen=True)
class Spec:
    """Which network: its architecture, how it is built ("small", "paper", a trained model), random weights or not."""

    key: str
    build: str
    random: bool = False

    @property
    def row(self) -> Architecture | None:
        """The architecture's row; None for our own network."""
        return None if self.key == OWN else architectures.get(self.key)

    @property
    def model(self) -> str | None:
        """Whose trained weights it has, as a key of the zoo; None: random ones, or none at all."""
        if self.random or self.build == "paper":
            return None
        if self.build != "small":
            return self.build
        found = self.row.model if self.row else None
        return found if found and zoo.weights_here(found) else None

    @property
    def volumes(self) -> bool:
        """Whether it takes volumes."""
        return self.row is not None and self.row.volumes

    @property
    def has_numbers(self) -> bool:
        """Whether its weights are numbers, so that it can be run."""
        return self.build != "paper"


@dataclass(frozen=True)
class Drawn:
    """A network's diagram: nodes with what was measured of them, lines between; and the whole network's numbers."""

    spec: Spec
    shape: tuple[int, ...]
    layout: Layout
    spots: tuple[Spot, ...]
    lines: tuple[Line, ...]
    whole: Stage

    @cached_property
    def stages(self) -> tuple[Spot, ...]:
        """The nodes that are stages, in the order of the pass."""
        return tuple(spot for spot in self.spots if spot.stage is not None)

    def find(self, name: str) -> Spot | None:
        """Return the stage of that id."""
        return next((spot for spot in self.stages if spot.id == name), None)


def builds(key: str) -> tuple[str, ...]:
    """Return how an architecture can be built here: "small", "paper", and trained models of it.

    >>> builds("tiramisu-56")
    ('paper',)
    """
    if key == OWN:
        return tuple(model for model in TRAINED[OWN] if zoo.weights_here(model)) or ("street-fast",)
    row = architectures.get(key)
    small = ("small",) if row.small or row.stands_for_it else ()
    there = (model for model in TRAINED.get(key, ()) if model != row.stands_for_it)
    return (*small, "paper", *(model for model in there if zoo.weights_here(model)))


def shape_for(spec: Spec, size: tuple[int, int]) -> tuple[int, ...]:
    """Return the input's shape: small networks see a picture of `size` (H, W) at 128 px, the others the paper's size.

    >>> shape_for(Spec("unet", "small"), (400, 640)), shape_for(Spec("unet-paper", "paper"), (1, 1))
    ((1, 3, 128, 192), (1, 3, 572, 572))
    """
    if spec.volumes:
        return VOLUME if spec.build == "small" else PAPER_VOLUME
    if spec.build == "paper":
        return (1, 3, *PAPER_SIZES.get(spec.key, PAPER_SIZE))
    short = min(size)
    return (1, 3, *(min(LONGEST, STEP * round(SIDE * side / short / STEP)) for side in size))


def net(spec: Spec) -> nn.Module:
    """Return the network, in eval mode; shared by all visitors, so only to be read (`seglab.shadow`)."""
    import torch

    from seglab import runtime
    from seglab.seeded import Seeded

    if spec.model is not None:
        return runtime.model(spec.model).net  # which keeps it, by its weights' hash and within its own budget

    def make() -> nn.Module:
        filled = torch.device("meta") if spec.build == "paper" else Seeded(SEED)
        with torch.inference_mode(False), filled:
            return _build(spec).eval().requires_grad_(False)

    found: nn.Module = _NETS.get(spec, make)
    return found


def device(spec: Spec) -> str:
    """Return what the network is on, as torch calls it: "cpu", "cuda", "mps", "meta"."""
    return next(net(spec).parameters()).device.type


def _build(spec: Spec) -> nn.Module:
    row = spec.row
    if row is None or spec.build not in ("small", "paper"):
        return zoo.get(spec.build).build()
    if spec.build == "paper":
        found = row.paper_size()
        for module in found.modules():
            if getattr(module, "eps", 1) == 0:  # torchvision's Mask R-CNN; in training torch wants some
                setattr(module, "eps", 1e-5)  # noqa: B010, no module is known to have one
        return found
    return zoo.get(str(row.stands_for_it)).build() if row.small is None else row.small(CLASSES)


def draw(spec: Spec, shape: tuple[int, ...]) -> Drawn:
    """Measure a network for an input of `shape` and place its stages; kept, for it takes some tenths of a second."""

    def make() -> tuple[tuple[Spot, ...], Drawn]:
        found = _draw(spec, shape)
        return found.spots, found

    result: Drawn = kept(_FOUND, (spec, shape), make)[1]
    return result


def _draw(spec: Spec, shape: tuple[int, ...]) -> Drawn:
    from seglab.links import wiring
    from seglab.stages import measure

    built = net(spec)
    plan = arch_layouts.layout(spec.key, [name for name, _ in built.named_modules()])
    names = list(dict.fromkeys(name for place in plan.places for name in (*place.also, place.name)))
    stages = {(stage.name, stage.call): stage for stage in measure(built, shape, ["", *names])}
    if spec.key == "mask-rcnn":
        stages |= _backbone_fields(built, stages, shape)
        stages = arch_detector.unknown_memory(stages)
    spots, lines = arch_place.placed(plan, stages, wiring(built, shape, names), shape)
    if spec.key == "mask-rcnn":
        spots, lines = arch_detector.as_in_the_paper(spots, lines)
    return Drawn(spec, shape, plan, spots, lines, stages["", 0])


def looking(spec: Spec, name: str) -> tuple[nn.Module, str]:
    """Return the network whose fields a stage's are, and its name in there: of a detector its backbone.

    What follows a detector's backbone looks where it found something, so that no field can be told.
    """
    if spec.key == "mask-rcnn":
        return net(spec).get_submodule("backbone"), name.removeprefix(BACKBONE)
    return net(spec), name


def _backbone_fields(built: nn.Module, stages: Stages, shape: tuple[int, ...]) -> Stages:
    """Return the stages of a detector's backbone with the fields that they have in there."""
    from seglab.receptive_field import of_calls

    names = [name for name, _ in stages if name.startswith(BACKBONE)]
    calls = of_calls(built.get_submodule("backbone"), [name.removeprefix(BACKBONE) for name in names], shape)
    return {(BACKBONE + name, 0): replace(stages[BACKBONE + name, 0], fields=fields) for name, fields in calls}


def _bytes(weight: Any) -> int:
    return 0 if weight.is_meta else weight.numel() * weight.element_size()
