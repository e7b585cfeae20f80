"""Noise around points and seeds, against least squares written out."""

import numpy as np
import pytest
from scipy import stats

from ablations.statistics.moderated import study_variance
from ablations.statistics.permutation import any_difference
from ablations.statistics.two_way import Values, around_points, twins, two_way
from tests.ablations.statistics.studies import draw

UNEVEN = {
    "a": {0: 1.0, 1: 2.0, 2: 1.5},
    "b": {0: 3.0, 1: 3.5, 2: 3.1, 3: 4.0},
    "c": {1: 0.5, 3: 1.5},
    "d": {2: 7.0},
}


def full_fit(values: Values) -> tuple[float, float, int, int]:
    """Squares left without and with seeds, degrees left, and degrees of the seeds."""
    runs = [(n, s, v) for n, by in values.items() if len(by) > 1 for s, v in by.items()]
    names, seeds = sorted({name for name, *_ in runs}), sorted({seed for _, seed, _ in runs})
    y = np.array([value for *_, value in runs])
    points = np.array([[run[0] == name for name in names] for run in runs], dtype=float)
    both = np.hstack([points, [[run[1] == seed for seed in seeds] for run in runs]])
    left = [y - x @ np.linalg.lstsq(x, y, rcond=None)[0] for x in (points, both)]
    ranks = [int(np.linalg.matrix_rank(x)) for x in (points, both)]
    squares = [float(one @ one) for one in left]
    return squares[0], squares[1], len(y) - ranks[1], ranks[1] - ranks[0]


@pytest.mark.parametrize("values", [UNEVEN, draw(np.random.default_rng(0))])
def test_noise_and_seeds_are_those_of_least_squares(values: Values) -> None:
    without, left, degrees, of_seeds = full_fit(values)
    found = two_way(values)
    assert found is not None
    assert sum(found.noise.squares.values()) == pytest.approx(left)
    assert sum(found.noise.degrees.values()) == pytest.approx(degrees)
    statistic = ((without - left) / of_seeds) / (left / degrees)
    assert found.seed_p == pytest.approx(stats.f.sf(statistic, of_seeds, degrees))


def test_each_points_share_of_the_degrees_is_what_its_squares_expect() -> None:
    draws = np.random.default_rng(1)
    sums, found = dict.fromkeys(("a", "b", "c"), 0.0), None
    for _ in range(2000):
        values = {n: {s: float(draws.normal()) for s in by} for n, by in UNEVEN.items()}
        found = two_way(values)
        assert found is not None
        for name in sums:
            sums[name] += found.noise.squares[name] / 2000
    assert found is not None
    for name, mean in sums.items():
        assert mean == pytest.approx(found.noise.degrees[name], abs=0.12), name


def test_around_points_is_the_variance_of_each() -> None:
    found = around_points({"a": {0: 1.0, 1: 2.0, 2: 4.0}, "b": {3: 5.0, 9: 5.0}})
    assert found.squares == pytest.approx({"a": 14 / 3, "b": 0.0})
    assert found.degrees == {"a": 2, "b": 1}
    assert found.pooled == pytest.approx(14 / 9)


def test_the_correlation_is_the_one_that_was_put_in() -> None:
    draws = np.random.default_rng(2)
    strong = two_way(draw(draws, points=10, seeds=150, seed_std=1.0))
    none = two_way(draw(draws, points=10, seeds=150))
    assert strong is not None
    assert none is not None
    assert strong.correlation == pytest.approx(0.5, abs=0.15)
    assert none.correlation == pytest.approx(0.0, abs=0.1)


def test_values_that_add_up_have_no_noise() -> None:
    found = two_way({n: {s: 80.1 + i + 0.3 * s for s in range(3)} for i, n in enumerate("abc")})
    assert found is not None
    assert (sum(found.noise.squares.values()), found.seed_p, found.correlation) == (0, 0, 1)


@pytest.mark.parametrize(
    "values",
    [
        {"a": {0: 1.0, 1: 2.0}},  # one point
        {"a": {0: 1.0, 1: 2.0}, "b": {2: 1.0, 3: 2.0}},  # no seed of both
        {"a": {0: 1.0, 1: 2.0}, "b": {0: 1.0}},  # one point with two runs
    ],
)
def test_without_points_that_share_seeds_there_is_nothing_to_fit(values: Values) -> None:
    assert two_way(values) is None


def test_a_network_that_is_two_points_scatters_once() -> None:
    table = draw(np.random.default_rng(3), points=4, seeds=3)
    first, *_ = table
    twice = {**table, "again": dict(table[first]), "once": {0: 1.0}, "too": {0: 1.0}}
    assert twins(twice) == {name: name for name in table} | {"again": first}
    alone, both = study_variance(table), study_variance(twice)
    assert alone is not None
    assert both is not None
    assert both.pooled_std == pytest.approx(alone.pooled_std)
    assert (both.pooled_degrees, both.points["again"]) == (6, alone.points[first])
    assert any_difference(twice) == any_difference(table)
