"""The product of networks and lists of steps: every network with every list."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, NamedTuple

from ablations.studies.designs.by_network import ByNetwork, edited_network
from ablations.studies.designs.design import DESIGNS, Points
from ablations.studies.designs.names import check_point_names
from ablations.studies.designs.point import AnyPoint, Point, numbered
from lit_models.families.reference import Network
from lit_models.steps.library import parse_step

Texts = tuple[str, ...]  # a network with steps, or steps alone


class _Entry(NamedTuple):
    """One network or list of steps: its key below points, its part of a point's name, its texts."""

    key: str
    name: str
    row: Texts


@dataclass
class GridPoints(Points):
    """Every network with every list of steps."""

    kind: str = "grid"
    # [NETWORK, NETWORK...], or a name for each; a network with steps of its own is
    # [NETWORK, STEP...], as for the kind `networks`
    networks: Any = field(default_factory=list)
    # [[], STEP, [STEP, STEP]...], or a name for each: what the networks are combined with. Every
    # network is compared with itself after the first of them
    steps: Any = field(default_factory=list)


@dataclass(frozen=True)
class Grid(ByNetwork):
    """Every network with every list of steps.

    A point is named after its network and its steps (`resnet_dw-kernel_size-5`), one without steps
    after its network alone.
    """

    chosen: GridPoints = field(default_factory=GridPoints)

    kind: ClassVar[str] = GridPoints.kind
    options: ClassVar[type[Points]] = GridPoints
    headline: ClassVar[str] = "grid"
    figures: ClassVar[tuple[str, ...]] = ("networks", "differences", "grid", "cost", "curves")
    title = "Networks and steps"
    fact = ("points", "every network with every list of steps")

    def check(self) -> None:
        """Every network and step is one, and every list of steps is legal for some network.

        Other combinations may be illegal, but not a network with the first list of steps, which
        its others are compared with.
        """
        super().check()
        networks, lists = self._networks(), self._lists()
        for one in lists:
            for text in one.row:
                _try(f"points.steps.{one.key}", partial(parse_step, text))
        for one in networks:
            first = (*one.row, *lists[0].row)
            _try(f"points.networks.{one.key}", partial(_network, first))
        for one in lists:
            refusals = [_refusal((*network.row, *one.row)) for network in networks]
            if all(refusals):
                raise ValueError(
                    f"points.steps.{one.key} ({' '.join(one.row)}) is legal for none of the "
                    f"networks: {refusals[0]}"
                )
        self._check_names()

    def points(self) -> tuple[Point, ...]:
        """Network by network, each with all lists of steps in order."""
        self.check()
        product, lists = self._product(), len(self._lists())
        labels = [numbered(number, name, product) for number, (name, _) in enumerate(product)]
        points = []
        for number, (name, (network, *steps)) in enumerate(product):
            first = number - number % lists
            base = labels[first] if number > first else None
            points.append(Point(labels[number], name, tuple(steps), network, base))
        return tuple(points)

    def reference(self, point: AnyPoint, points: Sequence[AnyPoint]) -> AnyPoint | None:
        """The same network with the first list of steps; of that itself the study's first point."""
        chosen = next((p for p in points if p.label == point.base), points[0])
        return None if chosen.label == point.label else chosen

    def _product(self) -> list[tuple[str, Texts]]:
        """Name and network with steps of every point."""
        return [
            (f"{network.name}-{steps.name}" if steps.row else network.name, network.row + steps.row)
            for network in self._networks()
            for steps in self._lists()
        ]

    def _networks(self) -> list[_Entry]:
        found = _entries("points.networks", self.chosen.networks, "[NETWORK, STEP...]")
        for one in found:
            if not one.row:
                raise ValueError(
                    f"points.networks.{one.key} is empty, expected [NETWORK, STEP...]."
                )
        return found

    def _lists(self) -> list[_Entry]:
        return _entries("points.steps", self.chosen.steps, "[STEP...]")

    def _check_names(self) -> None:
        names = [name for name, _ in self._product()]
        check_point_names("points", names)
        for name, times in Counter(names).items():
            if times > 1:
                raise ValueError(f"points has two points that are named {name}: give other names.")


def _entries(key: str, written: Any, expected: str) -> list[_Entry]:
    """What is written under a key: a list, or a mapping with a name for each.

    Raises ValueError for what is neither, for nothing, and for one entry twice, with which a
    product would have all its points twice.
    """
    if not isinstance(written, Mapping | list) or not written:
        raise ValueError(
            f"{key} is {written!r}, expected a list such as [{expected}, ...], or a mapping with a "
            "name for each."
        )
    named = isinstance(written, Mapping)
    pairs = list(written.items() if isinstance(written, Mapping) else enumerate(written))
    found = []
    for name, value in pairs:
        row = _row(f"{key}.{name}", value, expected)
        found.append(
            _Entry(str(name), str(name) if named else "+".join(map(text_as_name, row)), row)
        )
    for row, times in Counter(one.row for one in found).items():
        if times > 1:
            raise ValueError(f"{key} has [{', '.join(row)}] twice: leave one out.")
    return found


def _row(key: str, written: Any, expected: str) -> Texts:
    texts = [written] if isinstance(written, str) else written
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{key} is {written!r}, expected {expected}, or a single text.")
    return tuple(texts)


def text_as_name(text: str) -> str:
    """A network or step as part of a point's name: `kernel_size=5` is `kernel_size-5`."""
    return re.sub(r"[^A-Za-z0-9_+.]", "-", text)


def _try(key: str, what: Callable[[], object]) -> None:
    """Call it; a ValueError begins with the key."""
    try:
        what()
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _refusal(row: Texts) -> str | None:
    """Why a network with steps is none; None where it is one."""
    try:
        _network(row)
    except ValueError as error:
        return str(error)
    return None


def _network(row: Texts) -> Network:
    return edited_network(row[0], row[1:])


DESIGNS.register(Grid.kind, Grid)
