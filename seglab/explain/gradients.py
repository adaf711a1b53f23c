"""Maps without a layer: which pixels of the picture itself the score hangs on.

Conventions: x (1, 3, H, W) is the network's input, normalised; maps are (H, W). They need the graph of the whole
network, from the picture on: several times the time and memory of Grad-CAM.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seglab.explain.drawn import Drawn
from seglab.explain.gradcam import ScoreOf, gradient
from seglab.explain.passes import Passes

STEPS = 32


def saliency(score: ScoreOf, x: Tensor, passes: Passes) -> Drawn:
    """Return max over channels of |∂y/∂x|, and y. A map without signs, and usually a noisy one.

    Source: Simonyan, Vedaldi & Zisserman 2014, arXiv:1312.6034, section 3.1.
    """
    y, g = passes.run(lambda x: _slope(score, x), x, graph=True)
    return Drawn(g[0].abs().amax(0), y)


def integrated_gradients(score: ScoreOf, x: Tensor, passes: Passes, steps: int = STEPS) -> Drawn:
    """Return Σ over channels of (x − x')·∫₀¹ ∂y/∂x(x' + t(x − x')) dt, y(x), and the gap.

    The baseline x' is 0 in the network's units: the training pictures' mean colour. The integral is by the midpoint
    rule. What the map should add up to is y(x) − y(x') ("completeness"); the gap is how far it is off, as a share of
    that (NaN if that is 0).

    Args:
        score: makes y (1,) from x.
        x: (1, 3, H, W).
        passes: runs them: `steps` and two more.
        steps: of the integral; more make the gap smaller.

    Raises:
        ValueError: the gradient vanishes all the way.

    Source: Sundararajan, Taly & Yan 2017, arXiv:1703.01365, eq. 1 and proposition 1.

    """

    def value(x: Tensor) -> float:
        with torch.no_grad():
            return float(score(x))

    top, bottom = passes.run(value, x), passes.run(value, torch.zeros_like(x))
    total = torch.zeros_like(x)
    for n in range(steps):
        total += passes.run(lambda x: _slope(score, x)[1], x * ((n + 0.5) / steps), graph=True).to(x)
    found, change = (total / steps * x)[0].sum(0), top - bottom
    return Drawn(found, top, gap=(float(found.sum()) - change) / abs(change) if change else float("nan"))


def _slope(score: ScoreOf, x: Tensor) -> tuple[float, Tensor]:
    """Return y and ∂y/∂x (1, 3, H, W)."""
    x = x.detach().clone().requires_grad_()
    y = score(x)
    return float(y.detach()), gradient(y, x)
