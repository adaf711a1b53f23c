"""The number that is explained, as a function of the network's input: y, and the probability that goes with it.

Conventions: x (N, 3, h, w) as networks take it; y (N,), a sum of logits over the target's region; the probability (N,)
is the mean over the same region, 0..1. A region is of the picture's size and logits are of the network's, which are
brought to the picture's bilinearly. That is linear, so Σ over the region's pixels of the enlarged logits is Σ over the
network's cells of w·z, w being the region taken back through the same interpolation: exact, a region of one pixel
too, and the enlarged logits never exist. Probabilities are read in the cells, with the same w.
"""

from __future__ import annotations

import copy
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seglab import maps
from seglab.explain import targets
from seglab.explain.targets import Category, Instance, Mask, Target
from seglab.nets.mask_rcnn import Detector
from seglab.types import Palette

Of = Literal["logit", "probability"]


class Score:
    """y = score(x) of a target; `score.probability(x)` is what changes of the picture are measured by.

    What the network itself predicts (a class's region, an object's mask) is taken from the first picture it sees, and
    stays: a picture with parts deleted is asked about the same pixels.

    Args:
        net: a network, in eval mode, float32.
        target: what to explain.
        palette: of the network's classes.
        size: height and width of the picture.
        of: what is summed: logits, as the paper has it, or probabilities, whose gradient can vanish.

    Raises:
        ValueError: the target isn't one of this network, or has no pixel.

    >>> net = nn.Conv2d(3, 11, 1)
    >>> from seglab.palettes import SCENES
    >>> Score(net, targets.Everywhere(2), SCENES, (8, 8))(torch.zeros(2, 3, 4, 4)).shape
    torch.Size([2])

    """

    def __init__(
        self, net: nn.Module, target: Target, palette: Palette, size: tuple[int, int], of: Of = "logit"
    ) -> None:
        targets.check(target, palette, size)
        if of not in ("logit", "probability"):
            raise ValueError(f"of must be 'logit' or 'probability'; got {of!r}.")
        if isinstance(net, Detector) != isinstance(target, Instance):
            what = "objects, one by one" if isinstance(net, Detector) else "classes, no objects"
            raise ValueError(f"This network finds {what}: choose a target of that kind.")
        self.net, self.target, self.palette, self.size, self.of = net, target, palette, size, of
        self.region: Mask | None = None  # bool (H, W), once it is known; None of classifiers and objects
        self._inside: Tensor | None = None  # an object's mask, bool (28, 28)
        self._weights: dict[tuple[int, int], Tensor] = {}  # by the size of the logits

    def __call__(self, x: Tensor) -> Tensor:
        """Return y (N,)."""
        return self._sum(x, self.of)[0]

    def mean(self, x: Tensor) -> Tensor:
        """Return y divided by the number of pixels in the region (N,)."""
        total, pixels = self._sum(x, self.of)
        return total / pixels

    def probability(self, x: Tensor) -> Tensor:
        """Return the mean probability (N,), 0..1."""
        total, pixels = self._sum(x, "probability")
        return total / pixels

    def on(self, net: nn.Module) -> Score:
        """Return the same score of another network, about the same pixels; this one must have seen the picture."""
        other = copy.copy(self)
        other.net = net
        return other

    def mirrored(self) -> Score:
        """Return the score of the picture mirrored left to right; this one must have seen the picture."""
        other = copy.copy(self)
        other._weights = {}
        if self.region is not None:
            other.region = np.ascontiguousarray(self.region[:, ::-1])
        if self._inside is not None:
            other._inside = self._inside.flip(-1)
        if isinstance(self.target, Instance):
            other.target = targets.mirrored(self.target, self.size[1])
        return other

    def _sum(self, x: Tensor, of: Of) -> tuple[Tensor, Tensor]:
        values, weight = self._object(x, self.target, of) if isinstance(self.target, Instance) else self._classes(x, of)
        return (values * weight).reshape(len(x), -1).sum(1), weight.sum()

    def _classes(self, x: Tensor, of: Of) -> tuple[Tensor, Tensor]:
        """Return the class's logits or probabilities (N, …), and the weight (…) of each in the sum."""
        z = self.net(x)
        wanted = 2 if isinstance(self.target, Category) else 4
        if not isinstance(z, Tensor) or z.ndim != wanted or z.shape[1] != len(self.palette):
            got = tuple(z.shape) if isinstance(z, Tensor) else type(z).__name__
            kind = "a class for each pixel" if wanted == 4 else "a class for the picture"
            raise ValueError(f"This target is for networks that give {kind}; this one gave {got}: choose another.")
        values = (z.softmax(1) if of == "probability" else z)[:, self.target.k]
        if isinstance(self.target, Category | Instance):
            return values, z.new_ones(())
        if self.region is None:
            first = z[0].detach().float().cpu().numpy()
            self.region = targets.region(self.target, self.palette, self.size, lambda: maps.labels(first, self.size))
        cells = (z.shape[2], z.shape[3])
        if cells not in self._weights:
            self._weights[cells] = weights(self.region, cells).to(z.device)
        return values, self._weights[cells]

    def _object(self, x: Tensor, target: Instance, of: Of) -> tuple[Tensor, Tensor]:
        """Return the same of one object: its class's logit (N,), or its mask's (N, 28, 28)."""
        net = self.net
        assert isinstance(net, Detector)
        label = dict(zip(self.palette.things, net.labels, strict=True)).get(target.k)
        if label is None:
            raise ValueError(
                f"{self.palette.names[target.k]} is no thing that this network finds: choose another class."
            )
        images, _ = net.transform(list(x))
        seen, heads = net.backbone(images.tensors), net.roi_heads
        scale = x.new_tensor([x.shape[3] / self.size[1], x.shape[2] / self.size[0]] * 2)
        boxes = [x.new_tensor([target.box]) * scale] * len(x)
        if target.of == "class":
            z, _ = heads.box_predictor(heads.box_head(heads.box_roi_pool(seen, boxes, images.image_sizes)))
            return (z.softmax(1) if of == "probability" else z)[:, label], z.new_ones(())
        m = heads.mask_predictor(heads.mask_head(heads.mask_roi_pool(seen, boxes, images.image_sizes)))[:, label]
        if self._inside is None:
            self._inside = m[0].detach() > 0
            if not self._inside.any():
                raise ValueError("This object's mask is empty, so there is nothing to explain: take its class.")
        return m.sigmoid() if of == "probability" else m, self._inside.to(m)


def weights(region: Mask, cells: tuple[int, int]) -> Tensor:
    """Return w (h, w) for which Σ w·z is the sum, over the region's pixels, of z enlarged to the region's size.

    >>> weights(np.ones((4, 4), bool), (2, 2)).tolist()
    [[4.0, 4.0], [4.0, 4.0]]
    """
    with torch.inference_mode(False), torch.enable_grad():
        z = torch.zeros(1, 1, *cells, requires_grad=True)
        large = F.interpolate(z, region.shape, mode="bilinear", align_corners=False)
        summed = (large * torch.from_numpy(region.astype(np.float32))).sum()
        return torch.autograd.grad(summed, z)[0][0, 0]
