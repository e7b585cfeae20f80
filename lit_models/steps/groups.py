"""Steps that come as one: groups as the players of a lattice."""

from collections.abc import Collection, Iterable, Sequence

from lit_models.registry.names import nearest
from lit_models.steps.lattice import Lattice, plus


def grouped(lattice: Lattice, groups: Iterable[Sequence[str]]) -> Lattice:
    """The lattice in which each group of steps is one player, in the place of its first step.

    Raises ValueError for a step that there is not or that is in two groups, for a group of fewer
    than two steps, and where no order leads to all steps.
    """
    single = {player[0]: number for number, player in enumerate(lattice.players)}
    groups = [tuple(group) for group in groups]
    _check_groups(groups, single)
    merged = {name: group for group in groups for name in group}
    players = tuple(
        dict.fromkeys(
            tuple(sorted(merged.get(name, (name,)), key=single.__getitem__)) for name in single
        )
    )
    bits = [sum(1 << single[name] for name in player) for player in players]
    legal = frozenset(
        mask
        for mask in range(1 << len(players))
        if sum(bit for i, bit in enumerate(bits) if mask >> i & 1) in lattice.legal
    )
    found = Lattice(players, legal)
    if not found.orders:
        raise ValueError(
            f"groups {', '.join(map(plus, groups))}: no legal order of all steps is left"
        )
    return found


def _check_groups(groups: Sequence[Sequence[str]], known: Collection[str]) -> None:
    seen: set[str] = set()
    for group in groups:
        if len(group) < 2:
            raise ValueError(f"group {list(group)} is no group: it needs two steps or more")
        for name in group:
            if name not in known:
                raise ValueError(f"group {plus(group)} has {name!r}. {nearest(name, known)}")
            if name in seen:
                raise ValueError(f"group {plus(group)}: {name!r} is in a group already")
            seen.add(name)
