"""Which sets of a trajectory's steps are networks, and in which orders they can be applied.

A set of steps is one network: its steps in the trajectory's order. An order is legal when every
beginning of it is. All counts are exact integers, found by applying the steps; no precedence is
written down anywhere.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from lit_models.registry.names import nearest
from lit_models.space.spec import ArchSpec
from lit_models.steps.step import IllegalStep, Step
from lit_models.steps.trajectories import Trajectory

MOST_STEPS = 14  # 16,384 sets, found in seconds
Order = tuple[int, ...]  # players by number, the first applied first


@dataclass(frozen=True)
class Lattice:
    """The legal sets of players: a player is a step, or a group of steps that comes as one.

    Sets are bit masks over `players`: bit i stands for `players[i]`.
    """

    players: tuple[tuple[str, ...], ...]
    legal: frozenset[int]

    @property
    def full(self) -> int:
        """The set of all players."""
        return (1 << len(self.players)) - 1

    def addable(self, mask: int) -> tuple[int, ...]:
        """The players that can follow a set."""
        return tuple(
            player
            for player in range(len(self.players))
            if not mask >> player & 1 and mask | 1 << player in self.legal
        )

    @cached_property
    def orders_to(self) -> Mapping[int, int]:
        """Legal set -> number of legal orders of its players."""
        counts = {0: 1}
        for mask in sorted(self.legal, key=int.bit_count):
            for player in self.addable(mask):
                after = mask | 1 << player
                counts[after] = counts.get(after, 0) + counts.get(mask, 0)
        return MappingProxyType({mask: counts.get(mask, 0) for mask in self.legal})

    @cached_property
    def orders_from(self) -> Mapping[int, int]:
        """Legal set -> number of legal orders of the other players after it."""
        counts = {self.full: 1} if self.full in self.legal else {}
        for mask in sorted(self.legal, key=int.bit_count, reverse=True):
            if mask != self.full:
                after = (mask | 1 << player for player in self.addable(mask))
                counts[mask] = sum(counts[one] for one in after)
        return MappingProxyType(counts)

    @property
    def orders(self) -> int:
        """How many legal orders of all players there are."""
        return self.orders_from.get(0, 0)

    def draw(self, number: int, *, seed: int) -> Order:
        """The legal order of that number in the sequence of a seed, each equally likely.

        A function of (seed, number) alone: more orders keep the earlier ones.
        """
        rng = random.Random(f"order {seed} {number}")
        mask, order = 0, []
        while mask != self.full:
            # each player as often as there are orders that go on with it
            choices = self.addable(mask)
            weights = [self.orders_from[mask | 1 << player] for player in choices]
            at = rng.randrange(sum(weights))
            chosen = 0
            while at >= weights[chosen]:
                at -= weights[chosen]
                chosen += 1
            order.append(choices[chosen])
            mask |= 1 << choices[chosen]
        return tuple(order)

    def reverse(self, order: Order) -> Order:
        """The legal order that mirrors one: its evacuation (Schützenberger 1972).

        Without precedence it is the order backwards; with it, players that need each other keep
        their order. The reverse of the reverse is the order itself, so that the reverses of orders
        that are drawn uniformly are uniform, too. That takes no more than that an exchange of
        neighbours undoes itself (Stanley 2009, "Promotion and evacuation").
        """
        mirrored = list(order)
        for last in range(len(mirrored) - 1, 0, -1):
            # the first player goes as far back as it can, pushing on what cannot come before it
            for place in range(last):
                self._exchange(mirrored, place)
        return tuple(mirrored)

    def _exchange(self, order: list[int], place: int) -> None:
        """Exchange two neighbours where that leaves a legal order."""
        before = sum(1 << player for player in order[:place])
        if before | 1 << order[place + 1] in self.legal:
            order[place : place + 2] = order[place + 1], order[place]

    @property
    def own_order(self) -> Order:
        """The trajectory's own order; where groups make that illegal, the nearest one.

        Next is always the first player of the trajectory that a legal order can go on with.
        """
        mask, order = 0, list[int]()
        while mask != self.full:
            choices = self.addable(mask)
            order.append(next(i for i in choices if self.orders_from[mask | 1 << i]))
            mask |= 1 << order[-1]
        return tuple(order)

    def without(self, player: int) -> int:
        """The largest legal set without a player: what needs it is left out with it."""
        sets = (mask for mask in self.legal if not mask >> player & 1)
        return max(sets, key=lambda mask: (mask.bit_count(), -mask))

    def with_least(self, player: int) -> int:
        """The smallest legal set with a player: itself and what it needs."""
        sets = (mask for mask in self.legal if mask >> player & 1)
        return min(sets, key=lambda mask: (mask.bit_count(), mask))

    def order_of(self, steps: Sequence[Sequence[str]]) -> Order:
        """The players of an order that is given by their steps.

        Raises ValueError where it is no legal order of all players.
        """
        numbers = {frozenset(player): number for number, player in enumerate(self.players)}
        for player in steps:
            if frozenset(player) not in numbers:
                known = [plus(names) for names in self.players]
                name = plus(player)
                raise ValueError(f"an order has {name!r}. {nearest(name, known)}")
        order = tuple(numbers[frozenset(player)] for player in steps)
        if sorted(order) != list(range(len(self.players))):
            raise ValueError(
                f"{_arrows(steps)} is no order of all {len(self.players)} steps, each once"
            )
        for mask in prefixes(order):
            if mask not in self.legal:
                names = ", ".join(self.names(mask))
                raise ValueError(f"{_arrows(steps)} is no legal order: {names} make no network")
        return order

    def names(self, mask: int) -> tuple[str, ...]:
        """The steps of a set, groups in their players' places."""
        chosen = (steps for i, steps in enumerate(self.players) if mask >> i & 1)
        return tuple(step for steps in chosen for step in steps)


def prefixes(order: Order) -> tuple[int, ...]:
    """The sets that an order passes, from the empty one to all."""
    masks = [0]
    for player in order:
        masks.append(masks[-1] | 1 << player)
    return tuple(masks)


def lattice_of(trajectory: Trajectory) -> Lattice:
    """The lattice of all main steps of a trajectory.

    Raises ValueError for more steps than `MOST_STEPS`.
    """
    return lattice_from(trajectory.start, trajectory.steps)


def lattice_from(start: ArchSpec, steps: Sequence[Step]) -> Lattice:
    """The lattice of steps that are applied to a start in this order.

    Raises ValueError for more steps than `MOST_STEPS`.
    """
    if len(steps) > MOST_STEPS:
        raise ValueError(
            f"the trajectory has {len(steps)} steps, of which there are {2 ** len(steps):,} sets; "
            f"at most {MOST_STEPS} steps can be attributed"
        )
    networks = {0: start}
    # a set is made from the one without its last step: one step applied for each set
    for number, step in enumerate(steps):
        for mask, network in list(networks.items()):
            try:
                networks[mask | 1 << number] = step.apply(network)
            except IllegalStep:
                continue
    return Lattice(tuple((step.name,) for step in steps), frozenset(networks))


def plus(steps: Sequence[str]) -> str:
    """The steps of a player, in words."""
    return " + ".join(steps)


def _arrows(steps: Iterable[Sequence[str]]) -> str:
    return " → ".join(map(plus, steps))
