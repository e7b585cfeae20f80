"""A rule for seeds reaches its width, reads no mean, and says the same whenever it is asked."""

from math import ceil

import numpy as np
import numpy.typing as npt
import pytest

from ablations.statistics.moderated import difference, study_variance
from ablations.statistics.seeds.rule import SeedsRule, Stage, stage_of
from ablations.statistics.seeds.rule_sentences import stage_sentences

RULE = SeedsRule(first=2, most=40, half_width=0.5)
Array = npt.NDArray[np.float64]
Table = dict[str, dict[int, float]]


def as_values(table: Array) -> Table:
    """Points by seeds, as the rule has them."""
    return {f"p{point}": dict(enumerate(map(float, row))) for point, row in enumerate(table)}


def test_the_width_is_reached_and_intervals_cover() -> None:
    draws, covered, over = np.random.default_rng(0), [], []
    for _ in range(300):
        values = as_values(draws.normal(80, 0.6, (13, RULE.most)))
        stage = stage_of(RULE, values)
        over.append(stage.over)
        if stage.seeds < RULE.most:
            assert stage.decisions[-1].half_width <= RULE.half_width
        trained = {name: {s: by[s] for s in range(stage.seeds)} for name, by in values.items()}
        noise = study_variance(trained)
        assert noise is not None
        found = difference(trained, "p1", "p0", noise)
        assert found is not None
        covered.append(found.low <= 0 <= found.high)
    assert all(over)
    assert np.mean(covered) > 0.92


def test_means_do_not_matter() -> None:
    draws = np.random.default_rng(1)
    for _ in range(50):
        table = draws.normal(0, 0.6, (5, RULE.most))
        shifts = [np.zeros((5, 1)), np.full((5, 1), 10.0), draws.normal(0, 10, (5, 1))]
        counts = {stage_of(RULE, as_values(table + shift)).seeds for shift in shifts}
        assert len(counts) == 1


def stage_after(table: Array, seeds: int, rule: SeedsRule = RULE) -> Stage:
    return stage_of(rule, as_values(table[:, :seeds]))


def test_a_stage_is_decided_by_the_stages_before() -> None:
    table = np.random.default_rng(2).normal(80, 0.6, (6, RULE.most))
    second = stage_after(table, 2)
    assert (second.decisions[0].seeds, second.decisions[0].degrees, second.over) == (2, 5, False)
    assert second.seeds == second.decisions[0].asked > 2
    for seeds in range(2, second.seeds):  # whatever is finished of the second stage
        assert stage_after(table, seeds).seeds == second.seeds
    assert stage_after(table, RULE.most).decisions[0] == second.decisions[0]


def test_the_first_decision_is_steins() -> None:
    values = as_values(np.array([[80.0, 81.0], [70.0, 70.5], [60.0, 60.2]]))
    rises = np.array([1.0, 0.5, 0.2])  # from one seed to the other; what they share is no noise
    variance = ((rises - rises.mean()) ** 2).sum() / 2 / 2
    (found,) = stage_of(RULE, values).decisions
    assert found.std == pytest.approx(variance**0.5)
    quantile = 4.302652730  # of t with 2 degrees of freedom, from a table
    assert found.asked == ceil(2 * quantile**2 * variance / RULE.half_width**2)


def test_an_unfinished_stage_says_what_is_known_so_far() -> None:
    values = {"a": {0: 80.0, 1: 80.4}, "b": {0: 79.0}, "c": {}}
    stage = stage_of(RULE, values)
    assert (stage.seeds, stage.missing, stage.decisions) == (2, 3, ())
    assert stage.so_far is not None
    assert stage.so_far.degrees == 1
    said = " ".join(stage_sentences(stage, failed=1))
    assert "not done: 3" in said
    assert "1 of them failed" in said
    assert "would ask for" in said

    nothing = stage_of(RULE, {"a": {}, "b": {0: 1.0}})
    assert nothing.so_far is None
    assert "Nothing is known" in " ".join(stage_sentences(nothing))


def test_most_binds_and_that_is_said() -> None:
    table = np.random.default_rng(3).normal(80, 0.6, (4, 5))
    stage = stage_after(table, 5, SeedsRule(2, 5, 0.1))
    assert (stage.seeds, stage.over) == (5, True)
    assert "most is 5" in stage_sentences(stage)[1]


def test_a_small_first_stage_is_named() -> None:
    table = np.random.default_rng(4).normal(80, 0.6, (13, 40))
    for points, named in ((5, True), (13, False)):
        said = " ".join(stage_sentences(stage_after(table[:points], 2)))
        assert ("4 degrees of freedom: where chance" in said) is named


def test_equal_values_need_no_more() -> None:
    stage = stage_of(RULE, {"a": {0: 80.0, 1: 80.0}, "b": {0: 79.0, 1: 79.0}})
    assert (stage.seeds, stage.over) == (2, True)
    assert stage_of(RULE, {}).over


@pytest.mark.parametrize(
    ("first", "most", "half_width", "wrong"),
    [(1, 8, 0.5, "first"), (4, 3, 0.5, "most"), (2, 8, 0.0, "half_width"), (2, 10**6, 1, "most")],
)
def test_a_rule_that_cannot_be_is_refused(
    first: int, most: int, half_width: float, wrong: str
) -> None:
    with pytest.raises(ValueError, match=rf"seeds_rule\.{wrong}"):
        SeedsRule(first, most, half_width)
