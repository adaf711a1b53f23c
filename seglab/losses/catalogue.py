"""The one table of the binary losses: what the Losses & metrics page lists, plots and trains with.

Conventions: `latex` is the formula of reduction "mean" for one picture, and just what `function` computes (a test
evaluates both). Its symbols are p_i, y_i and z_i (probability, truth and logit of pixel i), N (pixels), those of the
`parameters`, and the extra ones in `symbols`. All functions are called `function(z, y, **parameters)`; see
`seglab.losses.inputs` for z, y and the reductions. U-Net's border weights need a map of cells: `seglab.losses.border`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from seglab.losses import distances, lovasz, mixtures, pixels, regions


@dataclass(frozen=True)
class Parameter:
    """A number that a lesson moves: keyword, LaTeX symbol, the default, a slider's ends, and what it does."""

    name: str
    symbol: str
    default: float
    low: float
    high: float
    meaning: str


@dataclass(frozen=True)
class Loss:
    r"""A binary loss. `group`: at once in view ("few"), or behind "more losses".

    symbols: (LaTeX, meaning) of what the formula has beside p, y, z, N and the parameters.
    per_pixel: each pixel's term depends on its own p and y alone, so it has a curve over p.
    of_counts: the same loss from TP, FP, FN (`of_counts(tp, fp, fn, **parameters)`), if it depends on no more for masks
    of 0 and 1.

    >>> find("focal").defaults
    {'gamma': 2.0, 'alpha': 0.25}
    """

    key: str
    title: str
    group: Literal["few", "more"]
    latex: str
    parameters: tuple[Parameter, ...]
    function: Callable[..., Tensor]
    note: str
    source: str
    per_pixel: bool = False
    of_counts: Callable[..., Tensor] | None = None
    symbols: tuple[tuple[str, str], ...] = ()

    @property
    def defaults(self) -> dict[str, float]:
        """The parameters' defaults, by name."""
        return {parameter.name: parameter.default for parameter in self.parameters}


EPSILON = Parameter(
    "epsilon", r"\varepsilon", regions.EPSILON, 0.0, 10.0,
    "Pixels added above and below: keeps an empty mask defined, and blunts the loss of small objects if it is large.",
)  # fmt: skip
EPSILON_LOG = Parameter(
    "epsilon", r"\varepsilon", regions.EPSILON, 1e-6, 10.0,
    "Pixels added above and below: bounds the logarithm where nothing is found.",
)  # fmt: skip
FALSE_ALARMS = Parameter("alpha", r"\alpha", 0.3, 0.0, 2.0, "What a falsely predicted pixel costs.")
MISSES = Parameter("beta", r"\beta", 0.7, 0.0, 2.0, "What a missed pixel costs.")

INTERSECTION = r"\sum_i p_i y_i"
JACCARD = rf"J = \frac{{{INTERSECTION} + \varepsilon}}{{\sum_i p_i + \sum_i y_i - {INTERSECTION} + \varepsilon}}"
DICE = rf"D = \frac{{2 {INTERSECTION} + \varepsilon}}{{\sum_i p_i + \sum_i y_i + \varepsilon}}"
TVERSKY = (
    rf"T = \frac{{{INTERSECTION} + \varepsilon}}"
    rf"{{{INTERSECTION} + \alpha \sum_i p_i (1 - y_i) + \beta \sum_i (1 - p_i) y_i + \varepsilon}}"
)
BCE_SUM = r"\sum_i \left[ y_i \log p_i + (1 - y_i) \log(1 - p_i) \right]"

LOSSES: tuple[Loss, ...] = (
    Loss(
        "bce", "Binary cross-entropy", "few",
        rf"L = -\frac{{1}}{{N}} {BCE_SUM}",
        (), pixels.bce,
        "Every pixel counts the same, so a small object is a small part of the loss and of its gradient. One slide "
        "calls this softmax cross-entropy; with −log(1 − p) for what is not true it is BCE, once for each class.",
        "Jadon 2020, arXiv:2006.14822, binary cross-entropy", per_pixel=True,
    ),
    Loss(
        "weighted_bce", "Weighted BCE", "few",
        r"L = -\frac{1}{N} \sum_i \left[ \beta y_i \log p_i + (1 - y_i) \log(1 - p_i) \right]",
        (Parameter("beta", r"\beta", 2.0, 0.1, 20.0, "How many times a foreground pixel counts."),),
        pixels.weighted_bce,
        "β > 1 cuts false negatives, β < 1 cuts false positives; some slides have it the other way round.",
        "Jadon 2020, arXiv:2006.14822, weighted binary cross-entropy", per_pixel=True,
    ),
    Loss(
        "balanced_bce", "Balanced BCE", "few",
        r"L = -\frac{1}{N} \sum_i \left[ \beta y_i \log p_i + (1 - \beta) (1 - y_i) \log(1 - p_i) \right], \quad "
        r"\beta = 1 - \frac{1}{N} \sum_i y_i",
        (), pixels.balanced_bce,
        "β is the share of background in this truth, so both classes weigh the same. A truth with one class alone "
        "gives 0: its weight is 0.",
        "Xie & Tu 2015 (HED), arXiv:1504.06375, eq. 2", per_pixel=True,
    ),
    Loss(
        "focal", "Focal", "few",
        r"L = -\frac{1}{N} \sum_i \left[ \alpha y_i (1 - p_i)^{\gamma} \log p_i"
        r" + (1 - \alpha) (1 - y_i) p_i^{\gamma} \log(1 - p_i) \right]",
        (
            Parameter("gamma", r"\gamma", 2.0, 0.0, 5.0, "How much pixels that are right already are turned down."),
            Parameter("alpha", r"\alpha", 0.25, 0.0, 1.0, "The weight of foreground; background has 1 − α."),
        ),
        pixels.focal,
        "The exponent is on 1 − p, not on 1 − α as on one slide, and α is the weight of foreground, not of "
        "background. γ = 0 is the α-balanced cross-entropy.",
        "Lin et al. 2017, arXiv:1708.02002, eq. 5", per_pixel=True,
    ),
    Loss(
        "dice", "Soft Dice", "few",
        rf"L = 1 - D, \quad {DICE}",
        (EPSILON,), regions.dice,
        "True negatives don't appear, so background can't drown a small object; with ε = 0 an empty truth has no "
        "gradient at all.",
        "Sudre et al. 2017, arXiv:1707.03237; Jadon 2020, arXiv:2006.14822", of_counts=regions.dice_of,
    ),
    Loss(
        "dice_squared", "Soft Dice, squares (V-Net)", "few",
        rf"L = 1 - \frac{{2 {INTERSECTION} + \varepsilon}}{{\sum_i p_i^2 + \sum_i y_i^2 + \varepsilon}}",
        (EPSILON,), regions.dice_squared,
        "The same as Dice on hard masks. The push on background goes with p², not p: a small p is soon left alone.",
        "Milletari et al. 2016, arXiv:1606.04797, section 3", of_counts=regions.dice_of,
    ),
    Loss(
        "jaccard", "Soft Jaccard, 1 − J", "few",
        rf"L = 1 - J, \quad {JACCARD}",
        (EPSILON,), regions.jaccard,
        "Never below the Dice loss of the same masks, as the indices have D = 2J/(1 + J); the best answer is the same.",
        "Rahman & Wang 2016, ISVC, section 3", of_counts=regions.jaccard_of,
    ),
    Loss(
        "log_jaccard", "−log J", "few",
        rf"L = -\log J, \quad {JACCARD}",
        (EPSILON_LOG,), regions.log_jaccard,
        "The gradient of 1 − J times 1/J: large as long as almost nothing is found.",
        "Iglovikov & Shvets 2018 (TernausNet), arXiv:1801.05746", of_counts=regions.log_jaccard_of,
    ),
    Loss(
        "one_minus_log_jaccard", "1 − log J", "few",
        rf"L = 1 - \log J, \quad {JACCARD}",
        (EPSILON_LOG,), regions.one_minus_log_jaccard,
        "The lecture's form. Its least value is 1, not 0, and its gradient is that of −log J.",
        "the lecture", of_counts=regions.one_minus_log_jaccard_of,
    ),
    Loss(
        "bce_jaccard", "α·BCE + (1 − α)·Jaccard", "few",
        rf"L = -\frac{{\alpha}}{{N}} {BCE_SUM} + (1 - \alpha) (1 - J), \quad {JACCARD}",
        (
            Parameter("alpha", r"\alpha", 0.5, 0.0, 1.0, "The share of cross-entropy; the rest is the Jaccard loss."),
            EPSILON,
        ),
        mixtures.bce_jaccard,
        "What is mixed in is the loss 1 − J: with the index J itself, a better answer would cost more.",
        "Buslaev et al. 2018, arXiv:1806.05182",
    ),
    Loss(
        "tversky", "Tversky", "few",
        rf"L = 1 - T, \quad {TVERSKY}",
        (FALSE_ALARMS, MISSES, EPSILON), regions.tversky,
        "α = β = ½ is Dice, α = β = 1 is Jaccard; β > α makes misses dearer than false alarms.",
        "Salehi et al. 2017, arXiv:1706.05721, eq. 3", of_counts=regions.tversky_of,
    ),
    Loss(
        "focal_tversky", "Focal Tversky", "few",
        rf"L = (1 - T)^{{1/\gamma}}, \quad {TVERSKY}",
        (
            FALSE_ALARMS,
            MISSES,
            Parameter("gamma", r"\gamma", 4 / 3, 0.5, 3.0, "Above 1: the gradient grows as the answer gets better."),
            EPSILON,
        ),
        regions.focal_tversky,
        "The paper's exponent is 1/γ, other texts write γ; and the paper's α goes with the misses, here β does.",
        "Abraham & Khan 2019, arXiv:1810.07842, eq. 4", of_counts=regions.focal_tversky_of,
    ),
    Loss(
        "log_cosh_dice", "Log-cosh Dice", "more",
        rf"L = \log \cosh(1 - D), \quad {DICE}",
        (EPSILON,), regions.log_cosh_dice,
        "The gradient of Dice times tanh of the Dice loss: gentle near the goal. At most log cosh 1 ≈ 0.434.",
        "Jadon 2020, arXiv:2006.14822, log-cosh Dice", of_counts=regions.log_cosh_dice_of,
    ),
    Loss(
        "combo", "Combo", "more",
        r"L = -\frac{\alpha}{N} \sum_i \left[ \beta y_i \log p_i + (1 - \beta) (1 - y_i) \log(1 - p_i) \right]"
        rf" - (1 - \alpha) D, \quad {DICE}",
        (
            Parameter("alpha", r"\alpha", 0.5, 0.0, 1.0, "The share of cross-entropy; the rest is Dice."),
            Parameter("beta", r"\beta", 0.5, 0.0, 1.0, "Above ½ misses are dearer, below it false alarms."),
            EPSILON,
        ),
        mixtures.combo,
        "The Dice index is subtracted, so the least value is −(1 − α), below 0.",
        "Taghanaki et al. 2019, arXiv:1805.02798",
    ),
    Loss(
        "lovasz_hinge", "Lovász hinge", "more",
        r"L = \sum_i g_i \max(1 - (2 y_i - 1) z_i, 0)",
        (), lovasz.lovasz_hinge,
        "Convex in z, and 1 − IoU where all errors are 0 or 1. A pixel that is right by a margin of 1 has no gradient.",
        "Berman et al. 2018, arXiv:1705.08790, section 2",
        symbols=(
            ("g_i", "what pixel i adds to 1 − IoU when pixels become mistakes one by one, the largest error first"),
        ),
    ),
    Loss(
        "boundary", "Boundary", "more",
        r"L = \frac{1}{N} \sum_i \phi_i p_i",
        (), distances.boundary,
        "Linear in p: a pixel is pushed by where it lies, whatever is predicted elsewhere. An empty truth, or an "
        "object of one pixel, gets no push, so it is used beside another loss. Its least value is negative.",
        "Kervadec et al. 2019, arXiv:1812.07032, eq. 5",
        symbols=((r"\phi_i", "signed distance to the true border in pixels: negative inside, 0 on the rim"),),
    ),
    Loss(
        "hausdorff", "Hausdorff distance", "more",
        r"L = \frac{1}{N} \sum_i (p_i - y_i)^2 (d_i^{\alpha} + \delta_i^{\alpha})",
        (Parameter("alpha", r"\alpha", 2.0, 0.5, 3.0, "How much dearer a mistake gets with its distance."),),
        distances.hausdorff,
        "A smooth stand-in for the Hausdorff distance. The distances count as constants for the gradient, and change "
        "at each step.",
        "Karimi & Salcudean 2019, arXiv:1904.10030, loss by distance transforms",
        symbols=(
            ("d_i", "distance to the true border in pixels"),
            (r"\delta_i", "distance to the border of the prediction p > ½ in pixels"),
        ),
    ),
    Loss(
        "sensitivity_specificity", "Sensitivity–specificity", "more",
        r"L = r \frac{\sum_i (y_i - p_i)^2 y_i}{\sum_i y_i}"
        r" + (1 - r) \frac{\sum_i (y_i - p_i)^2 (1 - y_i)}{\sum_i (1 - y_i)}",
        (Parameter("r", "r", 0.05, 0.0, 1.0, "The share of sensitivity; the rest is specificity."),),
        mixtures.sensitivity_specificity,
        "The mean squared error of each class. A class that the truth lacks adds 0.",
        "Brosch et al. 2015, MICCAI, section 2",
    ),
)  # fmt: skip


def find(key: str) -> Loss:
    """Return the loss of that key; ValueError names those there are.

    >>> find("dice").title
    'Soft Dice'
    """
    for loss in LOSSES:
        if loss.key == key:
            return loss
    raise ValueError(f"No loss {key!r}; there are {', '.join(loss.key for loss in LOSSES)}.")
