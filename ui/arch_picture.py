"""The picture that the networks see: a drawn street or a photo, resized and normalised; of V-Net a drawn volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seglab import architectures, zoo
from seglab.types import Image
from ui import arch_net
from ui.arch_net import Spec
from ui.compare_source import Source

if TYPE_CHECKING:
    from torch import Tensor

VOLUME_SEED = 7
OF_SCENES = ("scenes", architectures.PREFIX)  # how the models begin that were trained on drawn streets


@dataclass(frozen=True)
class Given:
    """A network's input: the source, its shape, a name for caches."""

    source: Source
    spec: Spec
    shape: tuple[int, ...]

    @property
    def key(self) -> tuple[object, ...]:
        """What the input and the network's weights depend on."""
        weights = zoo.weights_hash(self.spec.model) if self.spec.model else ""
        return self.spec, weights, self.shape, "" if self.spec.volumes else self.source.photo.hash

    @property
    def title(self) -> str:
        """What it is of."""
        return "a drawn volume" if self.spec.volumes else self.source.photo.title


def given(spec: Spec, source: Source) -> Given:
    """Return the input of a network for a picture."""
    return Given(source, spec, arch_net.shape_for(spec, source.photo.size))


def familiar(one: Given) -> bool:
    """Return whether the picture is of the kind that the network was trained on; False where that isn't known."""
    model, photo = one.spec.model or "", one.source.photo
    if one.spec.volumes:
        return True
    if model.startswith(OF_SCENES):
        return photo.key == "scene"
    return photo.suits is not None and model.removesuffix("-fast") in photo.suits


def seen(one: Given) -> Image:
    """Return the picture (h, w, 3) at the size at which the network sees it; of a volume its middle slice."""
    from seglab.preprocess import resize

    if one.spec.volumes:
        middle = _voxels(one)[one.shape[2] // 2]
        grey = ((middle + 1) * (255 / 3)).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    found: Image = resize(one.source.photo.image, (one.shape[-2], one.shape[-1])).permute(1, 2, 0).numpy()
    return found


def tensor(one: Given) -> Tensor:
    """Return what goes into the network, (1, C, H, W) or (1, 1, D, H, W) float32 on its device."""
    import torch

    from seglab.preprocess import normalize, prepared, resize

    device = next(arch_net.net(one.spec).parameters()).device
    if one.spec.volumes:
        return torch.tensor(_voxels(one))[None, None].to(device)
    preprocess = zoo.get(one.spec.model).preprocess if one.spec.model else zoo.Preprocess(arch_net.SIDE)
    pixels = resize(prepared(one.source.photo.image, preprocess), (one.shape[-2], one.shape[-1]))
    return normalize(pixels[None].float() / 255, preprocess.mean, preprocess.std).to(device)


def _voxels(one: Given) -> np.ndarray:
    from seglab.datasets import volumes

    depth, height, width = one.shape[-3:]
    return volumes.draw(VOLUME_SEED, 0, (depth, height, width)).voxels
