"""Streets that give the class away: what is drawn, how often, and the same for the same numbers."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from seglab.datasets import biased, scenes
from seglab.datasets.scenes.dice import Dice
from seglab.datasets.scenes.plan import HOME, make_plan
from seglab.palettes import SCENES


@pytest.fixture(scope="module")
def found() -> biased.Pictures:
    *_, last = biased.draw(5, 3)
    assert last is not None
    return last


def test_one_of_each_kind_after_the_other(found: biased.Pictures) -> None:
    assert found.images.shape == (12, 64, 64, 3)
    assert found.classes.tolist() == [0] * 6 + [1] * 6
    assert found.streets.tolist() == [0, 0, 0, 1, 1, 1] * 2
    assert found.counter.tolist() == [False] * 3 + [True] * 6 + [False] * 3
    shares = found.masks.mean((1, 2))
    assert shares.min() > 0.01
    assert shares.max() < 0.5
    assert len(np.unique(found.images.reshape(12, -1), axis=0)) == 12


def test_parks_are_green_and_houses_are_built() -> None:
    """By the truth of the scenes themselves: trees here, buildings there, whatever stands in the street."""
    for k in (0, 1):
        for street, more, less in ((0, "tree", "building"), (1, "building", "tree")):
            how = biased.parameters(k, k == street)
            indices = (n for n in range(400) if make_plan(Dice(8, n, 0), how, 128).street.sides == HOME[
                biased.CLASSES[street]])  # fmt: skip
            for n, (image, mask) in zip(indices, biased.pictures(8, k, street), strict=False):
                sample = scenes.render(8, n, how, (64, 64)).sample
                np.testing.assert_array_equal(image, sample.image)
                np.testing.assert_array_equal(mask, sample.labels == SCENES.index(biased.CLASSES[k]))
                areas = {name: (sample.labels == SCENES.index(name)).sum() for name in (more, less)}
                assert areas[more] > areas[less]
                break


def test_the_same_numbers_give_the_same_pictures() -> None:
    one, other = (list(islice(biased.pictures(9, 1, 0), 2)) for _ in range(2))
    for (a, b), (c, d) in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)
    assert not np.array_equal(next(biased.pictures(10, 1, 0))[0], one[0][0])


@pytest.mark.parametrize("degree", [0.0, 0.5, 0.8, 1.0])
def test_the_degree_is_the_share_in_the_own_street(found: biased.Pictures, degree: float) -> None:
    chosen = biased.chosen(found, degree, 4000, np.random.default_rng(1))
    assert (~found.counter[chosen]).mean() == pytest.approx(degree, abs=0.03)
    assert found.classes[chosen].mean() == pytest.approx(0.5, abs=0.03)
    assert set(chosen) == {n for n in range(12) if found.counter[n] == (degree == 0) or 0 < degree < 1}


def test_what_cannot_be_drawn_is_said(found: biased.Pictures) -> None:
    with pytest.raises(ValueError, match="0 or 1; got 2 and 0"):
        next(biased.pictures(1, 2, 0))
    with pytest.raises(ValueError, match="got n = 0"):
        next(biased.draw(1, 0))
    with pytest.raises(ValueError, match=r"share, 0 to 1; got 1\.1"):
        biased.chosen(found, 1.1, 3, np.random.default_rng(0))
