"""The networks that orders of a trajectory's steps pass, for what each step is worth over all."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import ClassVar

from ablations.studies.designs.design import DESIGNS, Points, StepOrder
from ablations.studies.designs.point import Point
from ablations.studies.designs.sets.on_sets import OnSets, Row
from ablations.studies.designs.sets.orders import Unit, draw_units, in_seeds, rows_of_unit
from lit_models.steps.groups import grouped
from lit_models.steps.lattice import Lattice, Order

MOST_ORDERS = 1000


@dataclass
class ShapleyPoints(Points):
    """The networks that orders of the steps pass: the trajectory's own, and drawn ones."""

    kind: str = "shapley"
    # how many orders are drawn beside the trajectory's own; more keep the earlier ones
    orders: int | None = None
    # instead of orders: as many as fit into this number of runs
    runs: int | None = None
    # draw orders in pairs, each with its reverse
    antithetic: bool = True
    # steps that come as one, [[depthwise, move_depthwise_up]]
    group: list[list[str]] = field(default_factory=list)
    # also the networks without each step, and with it alone, with all seeds
    ends: bool = False
    # of the draws: another one gives other orders
    draw: int = 0


@dataclass(frozen=True)
class Shapley(OnSets):
    """The networks that orders of the steps pass.

    The start and the end, which all orders share, have all seeds of the study. Each other network
    has one seed for each drawn order, or pair of an order and its reverse, that passes it: number k
    modulo their number for pair k, and the first for the trajectory's own order. New networks tell
    more about a step's value than new seeds of old ones.
    """

    chosen: ShapleyPoints

    kind: ClassVar[str] = ShapleyPoints.kind
    own_seeds: ClassVar[bool] = True
    options: ClassVar[type[Points]] = ShapleyPoints

    def check(self) -> None:
        """Orders or runs, as many as there can be; groups of steps that have a legal order."""
        self._check_number()
        if self.chosen.draw < 0:
            raise ValueError(f"points.draw is {self.chosen.draw}, expected 0 or more.")
        wanted, there_are = self.chosen.orders, self.lattice.orders
        if wanted is not None and wanted > there_are:
            raise ValueError(f"points.orders is {wanted}, but there are only {there_are} orders.")
        if not self._units:
            raise ValueError(
                f"points.runs is {self.chosen.runs}, but the trajectory's own order and the first "
                f"that is drawn need {len(self._rows_of(islice(self._drawn(), 1)))} runs."
            )

    def _check_number(self) -> None:
        orders, runs = self.chosen.orders, self.chosen.runs
        if (orders is None) == (runs is None):
            raise ValueError(
                "points has to give either orders, how many are drawn, or runs, into how many they "
                f"have to fit; it gives {'neither' if orders is None else 'both'}."
            )
        for key, number in (("orders", orders), ("runs", runs)):
            if number is not None and number < 1:
                raise ValueError(f"points.{key} is {number}, expected 1 or more.")
        if orders is not None and orders > MOST_ORDERS:
            raise ValueError(f"points.orders is {orders}, expected {MOST_ORDERS} or fewer.")

    @cached_property
    def lattice(self) -> Lattice:
        """The legal sets of steps, groups as one."""
        for group in self.chosen.group:
            self.check_main_steps("points.group", group)
        try:
            return grouped(self.steps_lattice, self.chosen.group)
        except ValueError as error:
            raise ValueError(f"points.group: {error}") from None

    @property
    def drawn(self) -> str:
        """How many orders of how many."""
        number = sum(map(len, self._units))
        return (
            f"The trajectory's own order and {number} drawn of {self.lattice.orders:,} legal ones"
        )

    @property
    def orders(self) -> tuple[StepOrder, ...]:
        """The trajectory's own order, then the drawn ones: partners of a pair are neighbours."""
        self.check()
        drawn = (order for unit in self._units for order in unit)
        players = self.lattice.players
        return tuple(
            tuple(players[player] for player in order) for order in (self.lattice.own_order, *drawn)
        )

    def points(self) -> tuple[Point, ...]:
        """Every network that an order passes, once, by number of steps."""
        self.check()
        return self.points_of(self._rows_of(iter(self._units)))

    @cached_property
    def _units(self) -> tuple[Unit, ...]:
        """The drawn orders, pairs together; a last pair may lack its second."""
        if self.chosen.runs is not None:
            return tuple(self._fitting(self.chosen.runs))
        left, units = self.chosen.orders or 0, []
        for unit in self._drawn():
            units.append(unit[:left])
            left -= len(unit)
            if left <= 0:
                break
        return tuple(units)

    def _fitting(self, runs: int) -> Iterator[Unit]:
        """As many units as fit into a number of runs."""
        rows = self._rows_of(iter(()))
        for number, unit in enumerate(islice(self._drawn(), MOST_ORDERS), start=1):
            rows |= self._rows_of_players(unit, number)
            if len(rows) > runs:
                return
            yield unit

    def _drawn(self) -> Iterator[Unit]:
        chosen = self.chosen
        return draw_units(self.lattice, seed=chosen.draw, antithetic=chosen.antithetic)

    def _rows_of(self, units: Iterator[Unit]) -> set[Row]:
        """The runs of these drawn orders, and those that there are without any."""
        lattice, own = self.lattice, self.lattice.own_order
        masks = {0, lattice.full} | (self._ends() if self.chosen.ends else set())
        rows = in_seeds((self._steps_of(mask) for mask in masks), self.seeds)
        rows |= self._rows_of_players((own,), 0)
        for number, unit in enumerate(units, start=1):
            rows |= self._rows_of_players(unit, number)
        return rows

    def _rows_of_players(self, unit: tuple[Order, ...], number: int) -> set[Row]:
        seed = self.seeds[number % len(self.seeds)]
        return {(self._steps_of(mask), seed) for mask, seed in rows_of_unit(unit, seed)}

    def _steps_of(self, players: int) -> int:
        """A set of players as a set of steps."""
        return self.mask_of(self.lattice.names(players))

    def _ends(self) -> set[int]:
        """The largest set without each player, and the smallest with it and that without it."""
        players = range(len(self.lattice.players))
        least = [self.lattice.with_least(player) for player in players]
        before = [mask & ~(1 << player) for mask, player in zip(least, players, strict=True)]
        return {*map(self.lattice.without, players), *least, *before}


DESIGNS.register(Shapley.kind, Shapley)
