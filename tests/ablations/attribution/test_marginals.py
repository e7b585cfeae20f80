"""Marginal means over orders, on a small game with one precedence."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from ablations.attribution.estimation.marginals import marginal_means, paired
from ablations.attribution.estimation.weights import shapley_weights
from ablations.studies.designs.sets.orders import draw_units
from lit_models.steps.lattice import Lattice, Order

# Five players, of which 3 needs 1
LATTICE = Lattice(
    tuple((name,) for name in "abcde"),
    frozenset(mask for mask in range(32) if mask >> 1 & 1 or not mask >> 3 & 1),
)
VALUES = dict(enumerate(np.random.default_rng(5).normal(size=32).tolist()))


def every_order(lattice: Lattice, begun: Order = (), mask: int = 0) -> Iterator[Order]:
    if mask == lattice.full:
        yield begun
    for player in lattice.addable(mask):
        yield from every_order(lattice, (*begun, player), mask | 1 << player)


ORDERS: Sequence[Order] = tuple(every_order(LATTICE))


def test_over_all_orders_they_are_the_shapley_values() -> None:
    assert len(ORDERS) == LATTICE.orders == 60
    found = marginal_means(LATTICE, ORDERS, VALUES)
    assert found is not None
    assert len(found.by_order) == 60
    weights = shapley_weights(LATTICE)
    exact = weights.matrix @ [VALUES[mask] for mask in weights.masks]
    by_order = np.mean(found.by_order, axis=0)
    assert by_order == pytest.approx(exact, abs=1e-12)


def test_mirrored_orders_are_one_unit() -> None:
    first, second = ORDERS[0], next(o for o in ORDERS if LATTICE.reverse(o) not in (o, ORDERS[0]))
    rows = [first, LATTICE.reverse(first), second, LATTICE.reverse(second), ORDERS[7]]
    assert [len(unit) for unit in paired(LATTICE, rows)] == [2, 2, 1]


def test_a_unit_counts_once_and_the_interval_is_over_units() -> None:
    orders = [one for order in ORDERS[:3] for one in (order, LATTICE.reverse(order))]
    found = marginal_means(LATTICE, orders, VALUES)
    assert found is not None
    assert (found.units, len(found.by_order)) == (3, 6)
    of_first = np.array(found.by_order)[:, 0].reshape(3, 2).mean(1)
    value = found.values[0]
    assert value.value == pytest.approx(of_first.mean())
    assert value.error == pytest.approx(of_first.std(ddof=1) / 3**0.5)
    assert value.half_width == pytest.approx(4.302653 * (value.error or 0), rel=1e-5)  # t, 2 df


def test_one_unit_has_no_interval_and_an_unfinished_order_does_not_count() -> None:
    found = marginal_means(LATTICE, ORDERS[:1], VALUES)
    assert found is not None
    assert found.values[0].low is None
    gone = {mask: value for mask, value in VALUES.items() if mask != 1 << ORDERS[0][0]}
    assert marginal_means(LATTICE, ORDERS[:1], gone) is None


def test_all_orders_count_alike_though_some_mirror_themselves() -> None:
    lattice = Lattice((("a",), ("b",), ("c",)), frozenset({0, 1, 3, 4, 5, 7}))  # b needs a
    units = list(draw_units(lattice, seed=0, antithetic=True))
    assert sorted(map(len, units)) == [1, 2]
    found = marginal_means(lattice, [order for unit in units for order in unit], VALUES)
    weights = shapley_weights(lattice)
    exact = weights.matrix @ [VALUES[mask] for mask in weights.masks]
    assert found is not None
    assert [value.value for value in found.values] == pytest.approx(exact.tolist(), abs=1e-12)
