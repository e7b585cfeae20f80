"""Measured beside published numbers, against scipy."""

import pytest
from scipy import stats

from ablations.statistics.agreement import agreement

MEASURED = [0.5, -1.2, 0.3, 0.3, 2.0, -0.1, 0.0]
PUBLISHED = [0.4, 0.2, 0.4, 0.1, 1.0, -0.5, 0.3]


def test_correlations_are_those_of_scipy() -> None:
    found = agreement(MEASURED, PUBLISHED)
    assert found is not None
    pearson, spearman = stats.pearsonr(MEASURED, PUBLISHED), stats.spearmanr(MEASURED, PUBLISHED)
    assert found.pearson == pytest.approx(pearson.statistic)
    assert found.spearman == pytest.approx(spearman.statistic)  # with ties on both sides
    assert found.pearson_p == pytest.approx(pearson.pvalue, abs=0.05)
    assert (found.count, found.equal_signs) == (7, 5)  # a difference of 0 has no sign


def test_the_p_is_that_of_all_orders() -> None:
    found = agreement([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 5.0])
    assert found is not None
    # the order and its reverse, of 24: not what a table of the t distribution says
    assert found.spearman_p == pytest.approx(2 / 24, abs=0.012)


@pytest.mark.parametrize(
    ("measured", "published"),
    [([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), ([1.0] * 5, [1.0, 2.0, 3.0, 4.0, 5.0]), ([], [])],
)
def test_too_few_or_equal_numbers_say_nothing(
    measured: list[float], published: list[float]
) -> None:
    assert agreement(measured, published) is None
