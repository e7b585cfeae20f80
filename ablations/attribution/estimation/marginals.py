"""Marginal means: what a player adds in each sampled order, and the mean over orders.

No model is assumed. An order and the one that mirrors it are one unit: their mean varies less than
those of two orders, since a player that comes early in one comes late in the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from ablations.attribution.estimation.estimates import Curve, Estimate, estimate, spread
from lit_models.steps.lattice import Lattice, Order, prefixes


@dataclass(frozen=True)
class Marginals:
    """Means over units of complete orders.

    Attributes:
        values: of each player.
        by_order: of each order of a complete unit what each player adds in it.
        units: complete ones: pairs of mirrored orders, or single orders that have no mirror.
        planned_units: complete or not.
    """

    values: tuple[Estimate, ...]
    by_order: tuple[tuple[float, ...], ...]
    units: int
    planned_units: int


def marginal_means(
    lattice: Lattice, orders: Sequence[Order], means: Mapping[int, float]
) -> Marginals | None:
    """Of orders that were drawn; None where no unit of them is complete.

    Intervals are t intervals over units, None with one unit. What start and end have in common in
    all orders is in no interval: it shifts the sum of all values alone.

    Units count alike, since an order that mirrors itself is drawn half as often as one of a pair;
    where all orders there are were drawn, orders count alike.
    """
    units = paired(lattice, orders)
    complete = [unit for unit in units if all(is_measured(order, means) for order in unit)]
    if not complete:
        return None
    added = [[_added(order, means) for order in unit] for unit in complete]
    over_units = [[sum(one) / len(unit) for one in zip(*unit, strict=True)] for unit in added]
    every = sum(map(len, complete)) == lattice.orders
    sizes = [len(unit) if every else 1 for unit in complete]
    values = []
    for of_player in zip(*over_units, strict=True):
        std = spread(of_player)
        error = None if std is None else std / sqrt(len(of_player))
        mean = sum(n * one for n, one in zip(sizes, of_player, strict=True)) / sum(sizes)
        values.append(estimate(mean, error, len(of_player) - 1))
    by_order = tuple(tuple(order) for unit in added for order in unit)
    return Marginals(tuple(values), by_order, len(complete), len(units))


def paired(lattice: Lattice, orders: Sequence[Order]) -> list[tuple[Order, ...]]:
    """Neighbours that mirror each other as pairs, others alone."""
    units, rest = list[tuple[Order, ...]](), list(orders)
    while rest:
        size = 2 if len(rest) > 1 and lattice.reverse(rest[0]) == rest[1] else 1
        units.append(tuple(rest[:size]))
        del rest[:size]
    return units


def curve_of(order: Order, means: Mapping[int, float]) -> Curve:
    """Top-1 along an order, all of whose networks are known."""
    return Curve(order, tuple(means[mask] for mask in prefixes(order)))


def is_measured(order: Order, means: Mapping[int, float]) -> bool:
    """Whether all networks of an order are known."""
    return all(mask in means for mask in prefixes(order))


def _added(order: Order, means: Mapping[int, float]) -> list[float]:
    masks = prefixes(order)
    added = [0.0] * len(order)
    for player, before, after in zip(order, masks, masks[1:], strict=False):
        added[player] = means[after] - means[before]
    return added
