"""The game that is attributed: its players are the steps that vary between a study's networks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

from ablations.compare.records import StudyRecord
from ablations.store.runs import CONFIG
from ablations.studies.designs.on_trajectory import OnTrajectory
from ablations.studies.networks import network_after
from lit_models.space.spec import ArchSpec
from lit_models.steps.groups import grouped
from lit_models.steps.lattice import Lattice, lattice_of
from lit_models.steps.trajectory import Outline, Trajectory


@dataclass(frozen=True)
class Game:
    """Players that can be added to a network in any legal order.

    Attributes:
        lattice: the legal sets of players; a player is a step, or a group of steps.
        base: the steps that every network has.
        line: the trajectory that the steps are of.
    """

    lattice: Lattice
    base: tuple[str, ...]
    line: Trajectory

    @property
    def players(self) -> int:
        """How many."""
        return len(self.lattice.players)

    @cached_property
    def titles(self) -> tuple[str, ...]:
        """A player for people: the titles of its steps."""
        names = self.line.by_name
        return tuple(" + ".join(names[s].title for s in steps) for steps in self.lattice.players)

    @cached_property
    def needs(self) -> Mapping[int, tuple[int, ...]]:
        """Players that come after others in every legal order, and these."""
        found = {}
        for player in range(self.players):
            with_it = [mask for mask in self.lattice.legal if mask >> player & 1]
            others = (other for other in range(self.players) if other != player)
            needed = tuple(o for o in others if all(mask >> o & 1 for mask in with_it))
            if needed:
                found[player] = needed
        return found

    def mask_of(self, steps: Collection[str]) -> int | None:
        """The set of players of a network; None for a network that is none of the game's."""
        rest, mask = set(steps) - set(self.base), 0
        if not set(self.base) <= set(steps):
            return None
        for number, player in enumerate(self.lattice.players):
            if rest.issuperset(player):
                mask |= 1 << number
                rest -= set(player)
        return mask if not rest and mask in self.lattice.legal else None

    def steps_of(self, mask: int) -> tuple[str, ...]:
        """All steps of a set's network, in the trajectory's order."""
        chosen = {*self.base, *self.lattice.names(mask)}
        return tuple(step for step in self.line.step_names if step in chosen)


def game_of(study: StudyRecord) -> Game:
    """The game of a study's points.

    Raises ValueError for a study without trajectory, of one that cannot be made any more, of
    matched networks, or of steps of which no order is legal.
    """
    line = _trajectory(study)
    every = lattice_of(line)
    if study.orders:  # its design says who the players are
        groups = [player for player in study.orders[0] if len(player) > 1]
        return Game(grouped(every, groups) if groups else every, (), line)
    known = set(line.step_names)
    sets = [set(point.steps) for point in study.points if known.issuperset(point.steps)]
    always = set.intersection(*sets) if sets else set[str]()
    vary = [step for step in line.step_names if any(step in one - always for one in sets)]
    if len(vary) < 2:
        raise ValueError(
            f"study {study.name!r}: fewer than two steps of {line.name} differ between its points: "
            "there is nothing to share out"
        )
    base = tuple(step for step in line.step_names if step in always)
    return Game(_restricted(every, base, vary), base, line)


def _restricted(lattice: Lattice, base: Sequence[str], vary: Sequence[str]) -> Lattice:
    """The lattice of some steps, on top of others that are always there."""
    bit = {player[0]: 1 << number for number, player in enumerate(lattice.players)}
    floor = sum(bit[step] for step in base)
    legal = frozenset(
        mask
        for mask in range(1 << len(vary))
        if floor + sum(bit[step] for i, step in enumerate(vary) if mask >> i & 1) in lattice.legal
    )
    found = Lattice(tuple((step,) for step in vary), legal)
    if 0 not in legal or found.full not in legal or not found.orders:
        raise ValueError(f"the steps {', '.join(vary)} cannot be added one by one in any order")
    return found


def _trajectory(study: StudyRecord) -> Trajectory:
    """The trajectory with its start; of a study file's own from what its runs say of it."""
    design = study.design
    if not isinstance(design, OnTrajectory):
        raise ValueError(
            f"the points of study {study.name!r} name their networks and lie on no trajectory: "
            "what steps are worth over all orders can only be said of the steps of one"
        )
    if study.match is not None:
        raise ValueError(
            f"study {study.name!r} solves the widths of each point for its cost (match): a step "
            "has other networks before and after it in every order, and no value over all of them"
        )
    outline = design.trajectory
    if isinstance(outline, Trajectory):
        return outline
    words = {field.name: getattr(outline, field.name) for field in fields(Outline)}
    row, path = _start_from(study)
    try:
        start = network_after(row[1:], network=row[0])
    except ValueError as error:
        raise ValueError(
            f"{path}: the start of trajectory {outline.name!r} cannot be made any more: {error}"
        ) from None
    if not isinstance(start, ArchSpec):
        raise ValueError(f"{path}: {row[0]} is no network that steps can edit")
    return Trajectory(**words, start=start, start_from=row)


def _start_from(study: StudyRecord) -> tuple[tuple[str, ...], Path]:
    for run in study.runs:
        row = (run.config or {}).get("labels", {}).get("start_from")
        if row:
            return tuple(row), run.folder / CONFIG
    raise ValueError(
        f"study {study.name!r}: no run says what its trajectory starts from (labels.start_from of "
        f"{CONFIG}): `ablate run` again writes it"
    )
