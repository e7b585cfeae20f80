"""Intervals from the noise of a study: what they are for tables that are known."""

from math import inf, sqrt

import numpy as np
import pytest
from scipy import stats

from ablations.statistics.moderated import UNEQUAL, difference, study_variance
from ablations.statistics.prior import Prior, bartlett_p, prior_of, trigamma_inverse
from ablations.statistics.two_way import around_points, two_way
from tests.ablations.statistics.studies import Values, draw, measured


def test_two_points_have_the_paired_t_interval() -> None:
    values = {"a": {0: 50.0, 1: 60.0, 2: 70.0}, "b": {0: 51.0, 1: 61.5, 2: 70.5}}
    noise = study_variance(values)
    assert noise is not None
    found = difference(values, "b", "a", noise)
    assert found is not None
    test = stats.ttest_rel(list(values["b"].values()), list(values["a"].values()))
    interval = test.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.p == pytest.approx(test.pvalue)
    assert (noise.method, noise.equal_p) == ("pooled", None)  # two mirrored residuals say nothing


def test_the_measured_study() -> None:
    # the numbers by the formulas of a table of 13 by 3, written out
    values = measured()
    table = np.array([list(by.values()) for by in values.values()])
    left = table - table.mean(1, keepdims=True) - table.mean(0) + table.mean()
    std = sqrt((left**2).sum() / 24)
    noise = study_variance(values)
    assert noise is not None
    assert (noise.method, noise.pooled_degrees) == ("pooled", 24)
    assert noise.pooled_std == pytest.approx(std) == pytest.approx(0.4221, abs=1e-4)
    found = difference(values, "10_fewer_norms", "09_fewer_activations", noise)
    assert found is not None
    half = stats.t.ppf(0.975, 24) * std * sqrt(2 / 3)
    assert (found.high - found.low) / 2 == pytest.approx(half) == pytest.approx(0.7113, abs=1e-4)
    assert noise.seed_p == pytest.approx(0.1325, abs=1e-4)
    assert noise.correlation == pytest.approx(0.0846, abs=1e-4)


def test_bartletts_p_is_that_of_scipy() -> None:
    values = measured()
    noise = around_points(values)
    variances = {name: noise.squares[name] / noise.degrees[name] for name in values}
    expected = stats.bartlett(*(list(by.values()) for by in values.values())).pvalue
    assert bartlett_p(variances, noise.degrees) == pytest.approx(expected)
    assert expected == pytest.approx(0.6674, abs=1e-4)
    assert bartlett_p({"a": 0.0, "b": 1.0}, {"a": 2, "b": 2}) is None


def test_a_shift_of_all_values_changes_no_width() -> None:
    values = measured()
    moved = {
        n: {s: v + 7.5 * i + 3 * s for s, v in by.items()}
        for i, (n, by) in enumerate(values.items())
    }
    first, second = study_variance(values), study_variance(moved)
    assert first is not None
    assert second is not None
    for point, (variance, degrees) in first.points.items():
        assert second.points[point] == pytest.approx((variance, degrees))
    assert first.prior_degrees == second.prior_degrees


def test_the_order_of_points_and_seeds_does_not_matter() -> None:
    values = draw(np.random.default_rng(5))
    turned = {n: dict(reversed(by.items())) for n, by in reversed(values.items())}
    first, second = study_variance(values), study_variance(turned)
    assert first is not None
    assert second is not None
    assert first.pooled_std == pytest.approx(second.pooled_std)
    for name in values:
        assert first.points[name] == pytest.approx(second.points[name])


def test_a_point_with_one_run_has_the_common_variance() -> None:
    values = draw(np.random.default_rng(0), points=3)
    values["lone"] = {1: 5.0}
    noise = study_variance(values)
    assert noise is not None
    assert noise.lone == ("lone",)
    variance, degrees = noise.points["lone"]
    assert variance == pytest.approx(noise.pooled_std**2)
    assert degrees == noise.pooled_degrees
    found = difference(values, "lone", "p00", noise)
    assert found is not None
    assert found.mean == 5.0 - values["p00"][1]  # of the seed that both have
    assert found.degrees <= noise.pooled_degrees
    without = study_variance({name: by for name, by in values.items() if name != "lone"})
    assert without is not None
    assert without.pooled_std == noise.pooled_std


def test_fewer_shared_seeds_make_a_wider_interval() -> None:
    values = draw(np.random.default_rng(0), points=6, seeds=4)
    del values["p01"][0], values["p01"][3]
    noise = study_variance(values)
    assert noise is not None
    two, four = (difference(values, name, "p00", noise) for name in ("p01", "p02"))
    assert two is not None
    assert four is not None
    assert two.mean == pytest.approx(sum(values["p01"][s] - values["p00"][s] for s in (1, 2)) / 2)
    if noise.method == "pooled":
        assert two.error == pytest.approx(sqrt(2) * four.error)
    assert two.error > four.error


def test_two_seeds_are_enough_and_one_is_not() -> None:
    two = study_variance(draw(np.random.default_rng(0), seeds=2))
    assert two is not None
    assert two.pooled_degrees == 12
    assert study_variance(draw(np.random.default_rng(0), seeds=1)) is None
    assert study_variance({}) is None


def test_points_that_share_no_seed_have_no_difference() -> None:
    values = {"a": {0: 1.0, 1: 2.0}, "b": {2: 1.0, 3: 2.0}}
    noise = study_variance(values)
    assert noise is not None
    assert not noise.paired
    assert difference(values, "a", "b", noise) is None


def test_variances_that_are_too_unlike_are_not_shared() -> None:
    stds = np.ones(6)
    stds[0] = 30.0
    values = draw(np.random.default_rng(0), points=6, seeds=8, std=stds)
    noise = study_variance(values)
    assert noise is not None
    assert noise.equal_p is not None
    assert noise.equal_p < UNEQUAL
    assert (noise.method, noise.prior_degrees) == ("welch", 0)
    table = two_way(values)
    assert table is not None
    own = {n: table.noise.squares[n] / table.noise.degrees[n] for n in values}
    assert {n: v for n, (v, _) in noise.points.items()} == pytest.approx(own)
    found = difference(values, "p00", "p01", noise)
    assert found is not None
    assert found.error == pytest.approx(sqrt((own["p00"] + own["p01"]) / 8))
    # of two equal variances Welch's degrees are those of both, of very unlike ones those of one
    assert found.degrees == pytest.approx(table.noise.degrees["p00"], rel=0.2)


def test_runs_that_are_equal_by_chance_have_no_interval_of_no_width() -> None:
    values = {"a": dict.fromkeys(range(3), 80.0), "b": dict.fromkeys(range(3), 81.0)}
    values |= {f"n{i}": {s: 10.0**i * (s - i) ** 2 for s in range(3)} for i in range(5)}
    noise = study_variance(values)
    assert noise is not None
    found = difference(values, "b", "a", noise)
    assert found is not None
    assert found.low < 1.0 < found.high


def test_without_any_noise_there_is_no_p() -> None:
    values = {"a": dict.fromkeys(range(3), 80.1), "b": dict.fromkeys(range(3), 81.2)}
    noise = study_variance(values)
    assert noise is not None
    found = difference(values, "b", "a", noise)
    assert found is not None
    assert (found.low, found.high, found.p) == (found.mean, found.mean, None)


def test_the_prior_is_found_again() -> None:
    draws = np.random.default_rng(0)
    true = 8 * 2.0 / draws.chisquare(8, size=4000)  # 8 degrees of a variance of 2
    measured_variances = dict(enumerate(true * draws.chisquare(3, size=4000) / 3))
    names = {str(i): float(v) for i, v in measured_variances.items()}
    found = prior_of(names, dict.fromkeys(names, 3.0), pooled=2.0)
    assert found.degrees == pytest.approx(8, rel=0.15)
    assert found.variance == pytest.approx(2, rel=0.05)
    shrunk = found.shrink(10.0, 3.0)
    assert shrunk == pytest.approx((found.degrees * found.variance + 30) / (found.degrees + 3))


def test_equal_variances_are_pooled() -> None:
    names = {"a": 1.0, "b": 1.01, "c": 0.99}
    found = prior_of(names, dict.fromkeys(names, 3.0), pooled=1.0)
    assert found == Prior(inf, 1.0)
    assert found.shrink(5.0, 3.0) == 1.0


@pytest.mark.parametrize("x", [0.02, 0.5, 3.0, 200.0])
def test_the_inverse_of_trigamma(x: float) -> None:
    from scipy.special import polygamma

    assert trigamma_inverse(float(polygamma(1, x))) == pytest.approx(x, rel=1e-6)


def test_one_point_has_its_own_variance() -> None:
    values: Values = {"a": {0: 1.0, 1: 3.0}}
    noise = study_variance(values)
    assert noise is not None
    assert noise.pooled_std == pytest.approx(sqrt(2))
    assert (noise.seed_p, noise.correlation, noise.equal_p) == (None, None, None)
