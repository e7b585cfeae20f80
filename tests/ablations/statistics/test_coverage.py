"""How often intervals hold the truth and corrected tests find what is not there: by simulation.

All studies are without any difference. Limits are the nominal value and four standard errors or
more of the simulation, where not said otherwise.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from ablations.statistics.moderated import Difference, difference, study_variance
from ablations.statistics.multiplicity import holm
from tests.ablations.statistics.studies import Values, draw


def steps(values: Values) -> list[Difference]:
    """The difference of each point to the one before."""
    noise = study_variance(values)
    assert noise is not None
    found = [difference(values, after, before, noise) for before, after in pairwise(values)]
    return [one for one in found if one is not None]


def coverage(studies: Iterator[Values]) -> tuple[float, float]:
    """Share of intervals that hold 0, and of studies with a false find after the correction."""
    held, families = [], []
    for values in studies:
        found = steps(values)
        held += [one.low <= 0 <= one.high for one in found]
        p_values = {str(i): one.p for i, one in enumerate(found) if one.p is not None}
        families.append(min(holm(p_values).values()) <= 0.05)
    return float(np.mean(held)), float(np.mean(families))


def test_equal_variances_are_covered_and_false_finds_are_rare() -> None:
    draws = np.random.default_rng(0)
    share, family = coverage(draw(draws) for _ in range(1200))
    assert 0.935 <= share <= 0.965
    assert family <= 0.06


@pytest.mark.parametrize("seeds", [2, 5])
def test_what_seeds_have_in_common_makes_no_interval_too_narrow(seeds: int) -> None:
    draws = np.random.default_rng(seeds)
    studies = (draw(draws, points=8, seeds=seeds, seed_std=0.5) for _ in range(500))
    share, family = coverage(studies)
    assert 0.93 <= share <= 0.97
    assert family <= 0.09


def test_one_network_with_three_times_the_std_costs_little() -> None:
    draws = np.random.default_rng(0)

    def studies() -> Iterator[Values]:
        for _ in range(500):
            std = np.ones(13)
            std[draws.integers(13)] = 3
            yield draw(draws, std=std)

    share, family = coverage(studies())
    assert share >= 0.92
    assert family <= 0.15  # about 0.10: the common variance is too small for that network


def test_points_with_one_run_are_covered_too() -> None:
    # ends with five seeds, the points between with one each, as a study of many orders has them
    draws = np.random.default_rng(0)
    held = []
    for _ in range(300):
        values = draw(draws, points=12, seeds=5)
        for index, name in enumerate(sorted(values)[2:]):
            values[name] = {index % 5: values[name][index % 5]}
        noise = study_variance(values)
        assert noise is not None
        for name in sorted(values)[1:]:
            found = difference(values, name, "p00", noise)
            assert found is not None
            held.append(found.low <= 0 <= found.high)
    assert 0.92 <= np.mean(held) <= 0.98  # the intervals of a study have much in common
