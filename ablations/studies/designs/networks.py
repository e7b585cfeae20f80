"""Networks, written down one by one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from ablations.studies.designs.by_network import ByNetwork, edited_network
from ablations.studies.designs.design import DESIGNS, Points
from ablations.studies.designs.names import check_point_names
from ablations.studies.designs.point import AnyPoint, Point, numbered


@dataclass
class NetworksPoints(Points):
    """Networks, written down one by one."""

    kind: str = "networks"
    # a name for each point, and [NETWORK, STEP, STEP...]: a name of lit_models.SPECS or timm/NAME,
    # and steps such as kernel_size=31, applied in the order given
    networks: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Networks(ByNetwork):
    """Networks, written down one by one."""

    chosen: NetworksPoints = field(default_factory=NetworksPoints)

    kind: ClassVar[str] = NetworksPoints.kind
    options: ClassVar[type[Points]] = NetworksPoints
    hand_written: ClassVar[str | None] = "points.networks"
    title = "Networks"
    fact = ("points", "networks, one by one")

    def check(self) -> None:
        """At least one network; all are networks."""
        super().check()
        if not self.chosen.networks:
            raise ValueError("points.networks has to give a name and a network for each point.")
        check_point_names("points.networks", self.chosen.networks)
        for name, row in self.chosen.networks.items():
            _refuse_empty(name, row)
            try:
                edited_network(row[0], tuple(row[1:]))
            except ValueError as error:
                raise ValueError(f"points.networks.{name}: {error}") from None

    def points(self) -> tuple[Point, ...]:
        """The networks in the order given."""
        written = self.chosen.networks
        for name, row in written.items():
            _refuse_empty(name, row)
        return tuple(
            Point(numbered(number, name, written), name, tuple(steps), network)
            for number, (name, (network, *steps)) in enumerate(written.items())
        )

    def reference(self, point: AnyPoint, points: Sequence[AnyPoint]) -> AnyPoint | None:
        """The same network with all but its last step, else the first point of the study."""
        same = (p for p in points if (p.network, p.steps) == (point.network, point.steps[:-1]))
        chosen = next(same, None) if point.steps else None
        chosen = chosen or points[0]
        return None if chosen.label == point.label else chosen


def _refuse_empty(name: str, row: Sequence[str]) -> None:
    if not row:
        raise ValueError(f"points.networks.{name} is empty, expected [NETWORK, STEP...].")


DESIGNS.register(Networks.kind, Networks)
