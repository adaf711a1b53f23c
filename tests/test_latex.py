"""The evaluator of formulas, against numbers worked by hand."""

from __future__ import annotations

import math

import pytest

from tests.latex import evaluate, symbols

VALUES = {"p": [0.5, 0.25, 1.0], "y": [1, 0, 1], "N": 3, "alpha": 2, "TP": 6, "w_0": 10, "n": [[1, 2], [3, 4]]}


@pytest.mark.parametrize(
    ("latex", "value"),
    [
        ("1 + 2 - 3.5", -0.5),
        ("-2^2", -4),
        ("2 - 3 - 4", -5),
        (r"2 \alpha^3 (1 + 1)", 32),
        (r"\frac{1}{\alpha} + 6 / 3", 2.5),
        (r"w_0 \cdot \mathrm{TP} - \text{TP}", 54),
        (r"L = \sum_i p_i y_i + 1", 2.5),  # the sum ends at the +
        (r"\frac{1}{N} \sum_{i=1}^{N} \left[ p_i + y_i \right]", 3.75 / 3),
        (r"2 \sum_i p_i^2", 2 * (0.25 + 0.0625 + 1)),
        (r"\sum_i 1", 3),
        (r"\log p_0 + \exp(0)", None),
        (r"\log(1 + 1) \alpha", 2 * math.log(2)),
        (r"\log \cosh(1 - 1)", 0),
        (r"\max(1 - 3, 0) + \min(1, 2)", 1),
        (r"| 1 - \alpha | 3", 3),
        (r"\sqrt{\alpha 8}", 4),
        (r"(1 - J)^{1/\alpha}, \quad J = \frac{\sum_i y_i}{8}", math.sqrt(0.75)),
        (r"\sum_i \beta y_i, \quad \beta = 1 - \frac{1}{N} \sum_i y_i", 2 / 3),
        (r"\mathcal{L} = \sum_i q_i q_i, \quad q_j = 2 p_j", 4 * (0.25 + 0.0625 + 1)),
        (r"\frac{\sum_i n_{ii}}{\sum_i \sum_j n_{ij}}", 5 / 10),
        (r"\frac{1}{2} \sum_i \frac{n_{ii}}{\sum_j n_{ij} + \sum_j n_{ji} - n_{ii}}", (1 / 6 + 4 / 9) / 2),
    ],
)
def test_by_hand(latex, value):
    ranges = {"i": 2, "j": 2} if "n_{" in latex else {"i": 3, "j": 3}
    if value is None:
        with pytest.raises(ValueError, match="p_0"):
            evaluate(latex, VALUES, **ranges)
    else:
        assert evaluate(latex, VALUES, **ranges) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("latex", [r"\gamma + 1", r"\foo{1}", "1 +", "(1", r"\frac{1}", "1 = 2 )", "1 , 2"])
def test_what_is_not_understood_is_refused(latex):
    with pytest.raises(ValueError, match=r"No value|Wanted|Not understood"):
        evaluate(latex, VALUES, i=3)


def test_symbols():
    assert symbols(r"L = \alpha \sum_i p_i^{\gamma}") == {"L", "alpha", "sum", "i", "p", "gamma"}
