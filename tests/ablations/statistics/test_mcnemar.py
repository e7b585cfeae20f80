"""McNemar's test against the binomial distribution and against all signs, one by one."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from ablations.statistics import mcnemar
from ablations.statistics.mcnemar import mcnemar_over_seeds_p, mcnemar_p


@pytest.mark.parametrize(("fixed", "broken"), [(7, 1), (12, 5), (30, 30), (0, 4), (120, 80)])
def test_of_one_seed_it_is_the_binomial_mid_p(fixed: int, broken: int) -> None:
    exact = stats.binomtest(fixed, fixed + broken).pvalue
    seen = stats.binom.pmf(fixed, fixed + broken, 0.5)
    expected = exact - (seen if fixed != broken else seen / 2)
    assert mcnemar_p(fixed, broken) == pytest.approx(expected, rel=1e-9)
    assert mcnemar_p(broken, fixed) == mcnemar_p(fixed, broken)


def test_it_is_what_was_published() -> None:
    """Fagerland et al. 2013, Tables 1 and 4 (airway hyper-responsiveness): 1 and 7 of 21."""
    assert mcnemar_p(7, 1) == pytest.approx(0.0391, abs=5e-5)


def test_without_a_difference_it_is_one() -> None:
    assert mcnemar_p(0, 0) == 1
    assert mcnemar_over_seeds_p(np.zeros((9, 3))) == 1
    # two seeds that change the same images in opposite directions
    assert mcnemar_over_seeds_p(np.array([[1, -1]] * 5)) == 1


def test_over_seeds_it_is_the_share_of_all_signs() -> None:
    draws = np.random.default_rng(0)
    scores = draws.choice([-1, 0, 1], size=(12, 3), p=[0.2, 0.4, 0.4])
    net = scores.sum(1)
    sums = [abs(np.dot(signs, net)) for signs in product((-1, 1), repeat=len(net))]
    seen = abs(net.sum())
    more, same = (np.mean([compare(s, seen) for s in sums]) for compare in (np.greater, np.equal))
    assert mcnemar_over_seeds_p(scores) == pytest.approx(more + same / 2, rel=1e-9)


def test_seeds_that_agree_are_one_look_at_the_images() -> None:
    """Three seeds of the same mistakes are no three times as many images."""
    score = np.repeat([1, -1, 0], [15, 5, 80])[:, None]
    once = mcnemar_over_seeds_p(score)
    assert mcnemar_over_seeds_p(np.repeat(score, 3, axis=1)) == pytest.approx(once, rel=1e-9)
    assert mcnemar_p(45, 15) < once / 10


def test_many_images_are_normal(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = np.random.default_rng(1)
    scores = draws.choice([-1, 0, 1], size=(4000, 3), p=[0.12, 0.75, 0.13])
    exact = mcnemar_over_seeds_p(scores)
    monkeypatch.setattr(mcnemar, "EXACT_SUM", 0)
    assert mcnemar_over_seeds_p(scores) == pytest.approx(exact, rel=0.01)
    assert 1e-4 < exact < 0.5
