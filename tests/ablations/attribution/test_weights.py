"""The exact maps from values of sets to what steps are worth, on the trajectory's own lattice."""

import numpy as np
import pytest

from ablations.attribution.estimation.weights import (
    ShapleyWeights,
    group_weights,
    interaction_weights,
    shapley_weights,
)
from lit_models import TRAJECTORIES
from lit_models.steps.lattice import Lattice, lattice_of

LINE = TRAJECTORIES["convnext_nano"]
DEPTHWISE, MOVE_UP = 2, 5  # the second needs the first
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def lattice() -> Lattice:
    return lattice_of(LINE)


@pytest.fixture(scope="module")
def weights(lattice: Lattice) -> ShapleyWeights:
    return shapley_weights(lattice)


def has(weights: ShapleyWeights, *players: int) -> np.ndarray:
    """The value of each set in the game in which just these players together are worth 1."""
    return np.array([float(all(m >> p & 1 for p in players)) for m in weights.masks])


def test_an_additive_game_is_its_weights(weights: ShapleyWeights) -> None:
    worth = RNG.normal(size=12)
    values = sum(worth[player] * has(weights, player) for player in range(12))
    assert np.abs(weights.matrix @ values - worth).max() < 1e-12


def test_the_values_sum_to_end_minus_start_in_any_game(weights: ShapleyWeights) -> None:
    values = RNG.normal(size=len(weights.masks))
    whole = values[weights.column[(1 << 12) - 1]] - values[weights.column[0]]
    assert abs((weights.matrix @ values).sum() - whole) < 1e-12


def test_a_step_that_changes_nothing_is_worth_nothing(weights: ShapleyWeights) -> None:
    values = {
        mask & ~1: value for mask, value in zip(weights.masks, RNG.normal(size=3072), strict=True)
    }
    without = np.array([values[mask & ~1] for mask in weights.masks])
    assert abs(weights.matrix[0] @ without) < 1e-12
    assert abs(weights.matrix[1] @ without) > 1e-3


def test_what_only_both_bring_is_all_of_the_one_that_needs_the_other(
    lattice: Lattice, weights: ShapleyWeights
) -> None:
    both = has(weights, DEPTHWISE, MOVE_UP)
    assert weights.matrix[[DEPTHWISE, MOVE_UP]] @ both == pytest.approx([0, 1], abs=1e-12)
    assert group_weights(lattice, (DEPTHWISE, MOVE_UP)) @ both == pytest.approx(1, abs=1e-12)


def test_a_group_of_an_additive_game_is_the_sum_of_its_steps(
    lattice: Lattice, weights: ShapleyWeights
) -> None:
    worth = RNG.normal(size=12)
    values = sum(worth[player] * has(weights, player) for player in range(12))
    together = group_weights(lattice, (DEPTHWISE, MOVE_UP)) @ values
    assert together == pytest.approx(worth[DEPTHWISE] + worth[MOVE_UP], abs=1e-12)


def test_interactions_are_those_of_a_quadratic_game(
    lattice: Lattice, weights: ShapleyWeights
) -> None:
    values = 0.7 * has(weights, 0) - 0.4 * has(weights, 0, 1) + 0.2 * has(weights, 3, 4)
    for pair, worth in (((0, 1), -0.4), ((3, 4), 0.2), ((0, 4), 0.0)):
        found = interaction_weights(lattice, *pair)
        assert found is not None
        assert found @ values == pytest.approx(worth, abs=1e-12)


def test_steps_of_which_one_needs_the_other_have_no_interaction(lattice: Lattice) -> None:
    assert interaction_weights(lattice, DEPTHWISE, MOVE_UP) is None
