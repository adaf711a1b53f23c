"""The other ways to draw such a map: pytorch-grad-cam's formulas, on our own passes.

What the library is asked for is its arithmetic: it gets activations A and gradients G that `gradcam` has made, and
hooks into nothing. The two methods that run the network again and again get it wrapped, so that they can be counted and
cancelled, and one of them a copy that it may take apart.

Conventions: A and G (1, C, h, w) are a layer's activations and the gradient of the score there; maps are before the
ReLU, (h, w), signed. Where a method weighs channels, the map is Σ_k α_k A^k, as for Grad-CAM, and α is kept.

- Grad-CAM++ (Chattopadhay et al. 2018, arXiv:1710.11063, eq. 19): α_k = Σ_ij w_ij ReLU(G_ij).
- HiResCAM (Draelos & Carin 2020, arXiv:2011.08891): Σ_k G^k ⊙ A^k; exact where the rest of the network is linear.
- XGrad-CAM (Fu et al. 2020, arXiv:2008.02312): α_k = Σ_ij A_ij G_ij / Σ_ij A_ij.
- Layer-CAM (Jiang et al. 2021, IEEE TIP 30): Σ_k ReLU(G^k) ⊙ A^k.
- EigenCAM (Muhammad & Yeasin 2020, arXiv:2008.00299): the first principal component of A. No score is asked. By
  scikit-learn, because the library decomposes a matrix of (h·w)² numbers, 9 GB for 180×270 cells, and leaves the sign
  to chance; ours points where the activations are.
- Score-CAM (Wang et al. 2020, arXiv:1910.01279): α = softmax over k of the score of the picture seen through A^k.
- Ablation-CAM (Desai & Ramaswamy 2020, WACV): α_k = (y − y without channel k) / |y|. The paper divides by y: where that
  is negative, as logits may be, everything would change its sign.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seglab import runtime
from seglab.explain.drawn import Drawn, weighed
from seglab.explain.gradcam import activations, grad_cam, gradient
from seglab.explain.gradients import STEPS, integrated_gradients, saliency
from seglab.explain.passes import MOST, SMALL, Passes, twin
from seglab.explain.score import Score

STRONGEST = 32  # channels that Score-CAM and Ablation-CAM try, those whose activations vary most over the picture
BATCH = 8  # of them at once

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Method:
    """One way to draw a map.

    passes: how many of the network it takes; by_layer: whether it looks at a layer; small: whether it takes so many
    passes that the picture is made small for it; cls: the library's class.
    """

    title: str
    paper: str
    passes: int = 1
    by_layer: bool = True
    small: bool = False
    cls: str = ""

    @property
    def most(self) -> int:
        """Pixels that the shorter side of the picture has at most, whatever is asked for."""
        return SMALL if self.small else MOST


METHODS = {
    "grad-cam": Method("Grad-CAM", "Selvaraju et al. 2017, arXiv:1610.02391"),
    "grad-cam++": Method("Grad-CAM++", "Chattopadhay et al. 2018, arXiv:1710.11063", cls="GradCAMPlusPlus"),
    "hirescam": Method("HiResCAM", "Draelos & Carin 2020, arXiv:2011.08891", cls="HiResCAM"),
    "xgrad-cam": Method("XGrad-CAM", "Fu et al. 2020, arXiv:2008.02312", cls="XGradCAM"),
    "layer-cam": Method("Layer-CAM", "Jiang et al. 2021, IEEE Transactions on Image Processing 30", cls="LayerCAM"),
    "eigencam": Method("EigenCAM", "Muhammad & Yeasin 2020, arXiv:2008.00299"),
    "score-cam": Method(
        "Score-CAM", "Wang et al. 2020, arXiv:1910.01279", 1 + STRONGEST // BATCH, small=True, cls="ScoreCAM"
    ),
    "ablation-cam": Method(
        "Ablation-CAM", "Desai & Ramaswamy 2020, WACV", 2 + STRONGEST // BATCH, small=True, cls="AblationCAM"
    ),
    "gradient": Method("Gradient", "Simonyan, Vedaldi & Zisserman 2014, arXiv:1312.6034", by_layer=False),
    "integrated-gradients": Method(
        "Integrated gradients", "Sundararajan, Taly & Yan 2017, arXiv:1703.01365", STEPS + 2, by_layer=False, small=True
    ),
}


def draw(method: str, score: Score, layer: nn.Module | None, x: Tensor, passes: Passes) -> Drawn:
    """Return the map of one of the METHODS.

    Args:
        method: its key.
        score: what is explained; its network is a copy that nobody else runs during a pass.
        layer: of that network; None for gradients, which look at none.
        x: (1, 3, H, W).
        passes: runs them, one at a time.

    Raises:
        ValueError: see `gradcam`; the library is needed and isn't installed. Cancelled.

    """
    if method == "gradient":
        return saliency(score, x, passes)
    if method == "integrated-gradients":
        return integrated_gradients(score, x, passes)
    assert layer is not None
    if method == "grad-cam":
        cam, alpha, A, G, total = passes.run(lambda x: grad_cam(score, layer, x), x)
        return Drawn(cam, float(total), A, alpha, G=G)
    if method in ("score-cam", "ablation-cam", "eigencam"):
        A, y = passes.run(lambda x: _look(score, layer, x), x)
        if method == "eigencam":
            return Drawn(torch.from_numpy(eigen(_array(A))), y, A)
        return (_score_cam if method == "score-cam" else _ablation_cam)(score, layer, A, y, x, passes)
    return passes.run(lambda x: _of_gradient(method, score, layer, x), x)


def eigen(A: Floats) -> Floats:
    """Return the first principal component of activations (C, h, w), channels as variables: (h, w), mean 0.

    Its sign is chosen so that it is large where the activations are.

    >>> eigen(np.float32([[[0, 3]], [[0, 4]]])).tolist()  # one place is off, one is on by (3, 4)
    [[-2.5, 2.5]]
    """
    from sklearn.decomposition import PCA

    cells = A.reshape(len(A), -1).T.astype(np.float64)
    found = PCA(1, svd_solver="covariance_eigh").fit_transform(cells)[:, 0]
    found *= 1 if found @ cells.sum(1) >= 0 else -1
    return found.astype(np.float32).reshape(A.shape[1:])


def strongest(A: Tensor, n: int = STRONGEST) -> NDArray[np.int64]:
    """Return the channels of A (C, h, w) whose activations vary most over the places, n at most, the most first.

    >>> strongest(torch.tensor([[[5.0, 5.0]], [[0.0, 1.0]], [[0.0, 2.0]]]), 2).tolist()
    [2, 1]
    """
    spread = A.flatten(1).std(1, correction=0)
    return spread.argsort(descending=True, stable=True)[:n].cpu().numpy()


class Seen(nn.Module):
    """The network as the library wants one: pictures in, a number for each out; each batch is a pass in its turn.

    The number is the mean over the region, not the sum: Score-CAM takes a softmax of it, which sums of thousands of
    logits would turn into the choice of one channel.
    """

    def __init__(self, score: Score, passes: Passes) -> None:
        super().__init__()
        self.net, self.score, self.passes = score.net, score, passes

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) → (N, 1)."""
        return self.passes.run(lambda x: self.score.mean(x)[:, None], x)


def _look(score: Score, layer: nn.Module, x: Tensor) -> tuple[Tensor, float]:
    """Return the layer's activations (C, h, w) and y."""
    with torch.no_grad():
        y, A = activations(score, layer, x)
    return A[0].detach(), float(y)


def _of_gradient(method: str, score: Score, layer: nn.Module, x: Tensor) -> Drawn:
    y, A = activations(score, layer, x)
    G = gradient(y, A)
    cam = _library(method)(score.net, [])  # no layers: it hooks into nothing
    if method in ("hirescam", "layer-cam"):
        raw = cam.get_cam_image(None, None, None, _array(A), _array(G), False)[0]
        return Drawn(torch.from_numpy(raw), float(y.detach()), A[0].detach())
    alpha = cam.get_cam_weights(None, None, None, _array(A), _array(G))[0]
    return weighed(torch.from_numpy(alpha).to(A.device), A[0].detach(), float(y.detach()))


def _score_cam(score: Score, layer: nn.Module, A: Tensor, y: float, x: Tensor, passes: Passes) -> Drawn:
    channels = strongest(A)
    cam = _library("score-cam")(Seen(score, passes), [])
    cam.batch_size = BATCH
    found = cam.get_cam_weights(x.to(A.device), None, [_only], _array(A[None, channels]), None)[0]
    return _some(found, channels, A, y)


def _ablation_cam(score: Score, layer: nn.Module, A: Tensor, y: float, x: Tensor, passes: Passes) -> Drawn:
    channels, cls = strongest(A), _library("ablation-cam")
    if y == 0:
        raise ValueError("The score is exactly 0, and Ablation-CAM divides by it: choose another region.")
    # The library puts a layer of its own in the place of ours, and if it is stopped, it stays there: so it gets a copy
    # of the network, which shares all numbers with this one. Under the lock, or others' hooks would be copied too.
    name = next(n for n, module in score.net.named_modules() if module is layer)
    with runtime.hooks_lock(passes.loaded, passes.cancel):
        shadow = twin(score.net)
    cam = cls(Seen(score.on(shadow), passes), [], ablation_layer=_switch(channels), batch_size=BATCH)
    found = cam.get_cam_weights(x.to(A.device), shadow.get_submodule(name), [_only], _array(A[None]), None)[0]
    return _some(found[channels] * np.sign(y), channels, A, y)


def _switch(channels: NDArray[np.int64]) -> nn.Module:
    """Return a layer for the library's Ablation-CAM that sets one of these channels to 0 after the other, as the paper.

    The library's own sets them to −10⁷ where activations may be negative.
    """

    class Switch(import_module("pytorch_grad_cam.ablation_layer").AblationLayer):  # type: ignore[misc]
        def activations_to_be_ablated(self, activations: Any, ratio: float = 1.0) -> NDArray[np.int64]:
            self.indices = channels
            return channels

        def __call__(self, inputs: Any) -> Tensor:
            without: Tensor = self.activations  # one picture's, once for each channel of this batch
            without[range(len(without)), self.indices[: len(without)]] = 0
            return without

    return Switch()


def _some(found: Floats, channels: NDArray[np.int64], A: Tensor, y: float) -> Drawn:
    """Weigh some channels of A, the others by 0."""
    alpha = torch.zeros(len(A), device=A.device)
    alpha[channels] = torch.from_numpy(np.float32(found)).to(alpha)
    return weighed(alpha, A, y)


def _only(output: Tensor) -> Tensor:
    return output[0]


def _array(t: Tensor) -> Floats:
    return t.detach().cpu().numpy()


@cache
def _library(method: str) -> Callable[..., Any]:
    """Return the library's class of a method; loaded when first asked for, as it brings OpenCV and Matplotlib along."""
    try:
        import pytorch_grad_cam
    except ImportError as error:
        what = f"{METHODS[method].title} needs the package grad-cam (pip install grad-cam)"
        raise ValueError(f"{what}, which can't be used here: {error}.") from error
    for module in ("score_cam", "ablation_cam"):  # their progress bars would fill the server's log
        import_module(f"pytorch_grad_cam.{module}").tqdm = SimpleNamespace(tqdm=iter)  # type: ignore[attr-defined]
    return getattr(pytorch_grad_cam, METHODS[method].cls)  # type: ignore[no-any-return]
