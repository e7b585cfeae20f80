"""The orders that a study draws, and the seeds of their networks."""

from collections.abc import Iterable, Iterator, Sequence

from lit_models.steps.lattice import Lattice, Order, prefixes

Unit = tuple[Order, ...]  # an order alone, or with its mirror image


def draw_units(lattice: Lattice, *, seed: int, antithetic: bool) -> Iterator[Unit]:
    """Orders, each equally likely and none twice, until there are no more.

    With `antithetic` each comes with its reverse: what a step is worth early in one it is worth
    late in the other, so that their mean varies less (Mitchell et al. 2022, "Sampling permutations
    for Shapley value estimation").
    """
    seen: set[Order] = set()
    number = 0
    while len(seen) < lattice.orders:
        number += 1
        order = lattice.draw(number, seed=seed)
        if order in seen:
            continue
        unit = tuple(dict.fromkeys((order, lattice.reverse(order)) if antithetic else (order,)))
        seen.update(unit)
        yield unit


def rows_of_unit(unit: Unit, seed: int) -> set[tuple[int, int]]:
    """The sets that orders pass between the start and the end, each with one seed."""
    return {(mask, seed) for order in unit for mask in prefixes(order)[1:-1]}


def in_seeds(masks: Iterable[int], seeds: Sequence[int]) -> set[tuple[int, int]]:
    """Sets with every seed."""
    return {(mask, seed) for mask in masks for seed in seeds}
