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

from lit_models.steps.step import IllegalStep
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
        counts = {self.full: 1}
        for mask in sorted(self.legal, key=int.bit_count, reverse=True):
            if mask != self.full:
                counts[mask] = sum(counts[mask | 1 << player] for player in self.addable(mask))
        return MappingProxyType(counts)

    @property
    def orders(self) -> int:
        """How many legal orders of all players there are."""
        return self.orders_from[0]

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
        """A legal order near the reversed one: the last player that can come is next.

        Where the exact reverse is legal, it is this one.
        """
        waiting, mask, reverse = list(order[::-1]), 0, []
        while waiting:
            chosen = next(player for player in waiting if self._leads_on(mask, player))
            waiting.remove(chosen)
            reverse.append(chosen)
            mask |= 1 << chosen
        return tuple(reverse)

    def _leads_on(self, mask: int, player: int) -> bool:
        """Whether a legal order of all players begins with the set and goes on with the player."""
        after = mask | 1 << player
        return after in self.legal and self.orders_from[after] > 0

    def order_of(self, steps: Sequence[Sequence[str]]) -> Order:
        """The players of an order that is given by their steps.

        Raises ValueError where it is no legal order of all players.
        """
        numbers = {frozenset(player): number for number, player in enumerate(self.players)}
        order = tuple(numbers[frozenset(player)] for player in steps)
        if sorted(order) != list(range(len(self.players))):
            raise ValueError(f"{steps} is no order of all {len(self.players)} steps")
        for mask in prefixes(order):
            if mask not in self.legal:
                raise ValueError(f"{steps} is no legal order: {self.names(mask)} is no network")
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
    steps = trajectory.steps
    if len(steps) > MOST_STEPS:
        raise ValueError(
            f"{trajectory.name} has {len(steps)} steps, of which there are {2 ** len(steps):,} "
            f"sets; at most {MOST_STEPS} steps can be attributed"
        )
    networks = {0: trajectory.start}
    # a set is made from the one without its last step: one step applied for each set
    for number, step in enumerate(steps):
        for mask, network in list(networks.items()):
            try:
                networks[mask | 1 << number] = step.apply(network)
            except IllegalStep:
                continue
    return Lattice(tuple((step.name,) for step in steps), frozenset(networks))


def grouped(lattice: Lattice, groups: Iterable[Sequence[str]]) -> Lattice:
    """The lattice in which each group of steps is one player, in the place of its first step.

    Raises ValueError for a step that there is not or that is in two groups, and where no order
    leads to all steps.
    """
    single = {player[0]: number for number, player in enumerate(lattice.players)}
    merged: dict[str, tuple[str, ...]] = {}
    for group in groups:
        for name in group:
            if name not in single:
                raise ValueError(f"group {list(group)}: there is no step {name!r} here")
            if name in merged:
                raise ValueError(f"group {list(group)}: {name!r} is in two groups")
            merged[name] = tuple(sorted(group, key=single.__getitem__))
    players = tuple(dict.fromkeys(merged.get(name, (name,)) for name in single))
    bits = [sum(1 << single[name] for name in player) for player in players]
    legal = set()
    for mask in range(1 << len(players)):
        steps = sum(bit for i, bit in enumerate(bits) if mask >> i & 1)
        if steps in lattice.legal:
            legal.add(mask)
    found = Lattice(players, frozenset(legal))
    if not found.orders_from.get(0):
        raise ValueError(f"groups {[list(group) for group in groups]}: no legal order is left")
    return found
