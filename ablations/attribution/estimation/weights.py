"""Exact linear maps from the values of all legal sets to what is attributed to steps.

The Shapley value under precedence: a player's mean marginal over all legal orders, each equally
likely (Faigle and Kern 1992). It is linear in the values of the sets, so an estimate of those
gives an estimate of it, with no sampling error of its own.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lit_models.steps.groups import grouped
from lit_models.steps.lattice import Lattice

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ShapleyWeights:
    """`values[p] = matrix[p] @ v`, with the values v of the legal sets in the order of `masks`."""

    masks: tuple[int, ...]
    matrix: Array  # (players, sets)

    @cached_property
    def column(self) -> dict[int, int]:
        """Legal set -> its column."""
        return {mask: number for number, mask in enumerate(self.masks)}


def shapley_weights(lattice: Lattice) -> ShapleyWeights:
    """The weight of every legal set in every player's Shapley value, exact up to rounding.

    Of all legal orders the share `orders_to[S] * orders_from[S + i] / orders` adds player i to S.
    """
    masks = tuple(sorted(lattice.legal))
    column = {mask: number for number, mask in enumerate(masks)}
    matrix = np.zeros((len(lattice.players), len(masks)))
    for mask in masks:
        for player in lattice.addable(mask):
            after = mask | 1 << player
            share = lattice.orders_to[mask] * lattice.orders_from[after] / lattice.orders
            matrix[player, column[after]] += share
            matrix[player, column[mask]] -= share
    return ShapleyWeights(masks, matrix)


def group_weights(lattice: Lattice, players: Collection[int]) -> Array:
    """The weights of the legal sets in the Shapley value of several players that come as one.

    It lacks what the players' own values have of the order in which they need each other.

    Raises ValueError where no legal order is left.
    """
    merged = _merged(lattice, players)
    whole = shapley_weights(merged)
    (player,) = (n for n, names in enumerate(merged.players) if len(names) > 1)
    column = {mask: number for number, mask in enumerate(sorted(lattice.legal))}
    bits = [sum(1 << int(name) for name in names) for names in merged.players]
    weights = np.zeros(len(column))
    for mask, weight in zip(whole.masks, whole.matrix[player], strict=True):
        weights[column[sum(bit for i, bit in enumerate(bits) if mask >> i & 1)]] = weight
    return weights


def _merged(lattice: Lattice, players: Collection[int]) -> Lattice:
    """The lattice with some players as one, its players named by their numbers."""
    names = tuple((str(number),) for number in range(len(lattice.players)))
    return grouped(Lattice(names, lattice.legal), [[str(player) for player in players]])


def interaction_weights(lattice: Lattice, one: int, other: int) -> Array | None:
    """The weights of the mean second difference of two players, one a column of a legal set.

    `v(S + i + j) - v(S + i) - v(S + j) + v(S)`, averaged over the sets S at which a uniform legal
    order would add both at once (Grabisch and Roubens 1999), as far as S can be followed by either.
    None where no set can: one of the two needs the other.
    """
    masks = tuple(sorted(lattice.legal))
    column = {mask: number for number, mask in enumerate(masks)}
    weights, total = np.zeros(len(masks)), 0
    bits = 1 << one, 1 << other
    both = bits[0] | bits[1]
    for mask in masks:
        corners = (mask | both, mask | bits[0], mask | bits[1], mask)
        if mask & both or not all(corner in lattice.legal for corner in corners):
            continue
        share = lattice.orders_to[mask] * lattice.orders_from[mask | both]
        total += share
        for corner, sign in zip(corners, (1, -1, -1, 1), strict=True):
            weights[column[corner]] += sign * share
    return weights / total if total else None
