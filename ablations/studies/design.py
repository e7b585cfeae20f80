"""What a report asks of the way in which a study's points were chosen.

A study lies on a trajectory (`OnTrajectory`) or trains networks one by one (`Networks`). Everything
that differs between the two is here; a new way to choose points is one more class.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from string import ascii_lowercase
from typing import Protocol, TypeVar

from ablations.studies.points import END
from ablations.studies.published import PublishedRow, PublishedTable, published_table
from datamodules.config.data import nearest
from lit_models.steps.trajectories import START, TRAJECTORIES, Trajectory

CUMULATIVE, LEAVE_ONE_OUT = "cumulative", "leave_one_out"
ADD_ONE_IN, FACTORIAL, EXPLICIT = "add_one_in", "factorial", "explicit"
NETWORKS = "networks"


class Named(Protocol):
    """What a design has to know about a point: that of a study and the report's own."""

    @property
    def label(self) -> str: ...  # noqa: D102
    @property
    def step(self) -> str: ...  # noqa: D102
    @property
    def steps(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def network(self) -> str | None: ...  # noqa: D102


AnyPoint = TypeVar("AnyPoint", bound=Named)


@dataclass(frozen=True)
class OnTrajectory:
    """Points of a trajectory; `kind` is how they were chosen."""

    kind: str
    trajectory: Trajectory

    noun = "step"  # what a row of the tables is

    @property
    def title(self) -> str:
        """What a study is called that has no title."""
        return self.trajectory.title

    @property
    def fact(self) -> tuple[str, str]:
        """Name and text of the line that says where the points lie."""
        return "trajectory", f"{self.trajectory.title} ({self.trajectory.name}), {self.kind}"

    @property
    def compared_with(self) -> str:
        """What differences are taken from, in a word or two."""
        words = {
            CUMULATIVE: "previous step",
            LEAVE_ONE_OUT: "all steps",
            ADD_ONE_IN: "start",
            FACTORIAL: "none",
        }
        return words.get(self.kind, "reference")

    @cached_property
    def published(self) -> PublishedTable | None:
        """The published results of the trajectory."""
        key = self.trajectory.published
        return published_table(key) if key else None

    def title_of(self, point: Named) -> str:
        """How a point is called in tables and figures."""
        titles = {name: one.title for name, one in self.trajectory.by_name.items()}
        if self.kind == EXPLICIT:
            return point.step
        if point.step == START:
            return self.trajectory.start_title if not point.steps else "none of them"
        if point.step == END:
            return "all steps"
        names = [titles.get(name, name) for name in point.step.split("+")]
        return f"without {names[0]}" if self.kind == LEAVE_ONE_OUT else " + ".join(names)

    def summary_of(self, point: Named) -> str:
        """What is special about a point, in a sentence; empty when nothing says it."""
        step = self.trajectory.by_name.get(point.step)
        return step.summary if step else ""

    def adopted(self, point: Named) -> bool:
        """False for a setting that the trajectory tried beside the one that it went on with."""
        return self.kind != CUMULATIVE or set(point.steps) <= set(self.trajectory.step_names)

    def reference(self, point: AnyPoint, points: Sequence[AnyPoint]) -> AnyPoint | None:
        """The point that a point is compared with; None for the first.

        leave_one_out: the full network. add_one_in and factorial: the one with the fewest steps.
        Otherwise: the point with the longest part of its row of steps, so that a setting tried
        beside a step is compared with the step before, as the step itself is.
        """
        if self.kind == LEAVE_ONE_OUT:
            chosen = max(points, key=lambda p: len(p.steps))
        elif self.kind in (ADD_ONE_IN, FACTORIAL):
            chosen = min(points, key=lambda p: len(p.steps))
        else:
            earlier = [p for p in points if _begins(point.steps, p.steps)]
            chosen = max(earlier, key=lambda p: len(p.steps), default=point)
        return None if chosen.label == point.label else chosen

    def published_row(self, point: Named) -> PublishedRow | None:
        """The published row with the steps of a point: None off the trajectory's own line."""
        rows = self.published.rows if self.published else {}
        if not point.steps:
            return rows.get(START)
        *before, last = point.steps
        names = self.trajectory.step_names
        main = names[len(before)] if len(before) < len(names) else None
        tried = {step.name for step in self.trajectory.alternatives.get(main or "", ())}
        on_line = tuple(before) == names[: len(before)] and last in {main, *tried}
        return rows.get(last) if on_line else None

    def same_network(self, point: Named, row: PublishedRow) -> bool:
        """Whether the published row of a point is of the very same network."""
        del point, row  # a trajectory of another size has the same steps and other networks
        return self.published is not None and self.published.trajectory == self.trajectory.name

    def hparams(self, point: Named, points: Sequence[Named]) -> Mapping[str, str | bool]:
        """What a point has of what sets the points apart, by names that sort like the design."""
        used = {step for one in points for step in one.steps}
        found: dict[str, str | bool] = {}
        for number, main in enumerate(self.trajectory.step_names, start=1):
            tried = (step.name for step in self.trajectory.alternatives.get(main, ()))
            for letter, name in zip(("", *ascii_lowercase), (main, *tried), strict=False):
                if name in used:
                    found[f"{number:02d}{letter}_{name}"] = name in point.steps
        return found


@dataclass(frozen=True)
class Networks:
    """Points that are named networks, some with steps; `table` names their published results."""

    table: str | None = None

    kind, noun = NETWORKS, "network"
    title = "Networks"
    fact = ("points", "networks, one by one")
    compared_with = "reference"

    @cached_property
    def published(self) -> PublishedTable | None:
        """The published results of the networks."""
        return published_table(self.table) if self.table else None

    def title_of(self, point: Named) -> str:
        """The name that the study gave it."""
        return point.step

    def summary_of(self, point: Named) -> str:
        """The network and its steps."""
        return made_of(point)

    def adopted(self, point: Named) -> bool:
        """There is no line to go on with: every point counts the same."""
        del point
        return True

    def reference(self, point: AnyPoint, points: Sequence[AnyPoint]) -> AnyPoint | None:
        """The same network with all but its last step, else the first point of the study."""
        same = (p for p in points if (p.network, p.steps) == (point.network, point.steps[:-1]))
        chosen = next(same, None) if point.steps else None
        chosen = chosen or points[0]
        return None if chosen.label == point.label else chosen

    def published_row(self, point: Named) -> PublishedRow | None:
        """The row with the point's name."""
        return self.published.rows.get(point.step) if self.published else None

    def same_network(self, point: Named, row: PublishedRow) -> bool:
        """Whether a point is the network that the row says it is."""
        return row.network == made_of(point)

    def hparams(self, point: Named, points: Sequence[Named]) -> Mapping[str, str | bool]:
        """Its network, and the value of every step that some point has."""
        names = [text.partition("=")[0] for one in points for text in one.steps]
        valued = {n for one in points for t in one.steps for n, is_, _ in [t.partition("=")] if is_}
        mine = dict(text.partition("=")[::2] for text in point.steps)
        found: dict[str, str | bool] = {"network": point.network or ""}
        return found | {
            name: mine.get(name, "") if name in valued else name in mine
            for name in dict.fromkeys(names)
        }


Design = OnTrajectory | Networks


def design_of(kind: str, *, trajectory: str, published: str | None) -> Design:
    """The design that an index names. Raises ValueError, naming the key, for one that is none."""
    if kind == NETWORKS:
        if published is not None:
            published_table(published)
        return Networks(published)
    kinds = (CUMULATIVE, LEAVE_ONE_OUT, ADD_ONE_IN, FACTORIAL, EXPLICIT)
    for key, found, valid in (("points", kind, kinds), ("trajectory", trajectory, TRAJECTORIES)):
        if found not in valid:
            raise ValueError(f"{key} is {found!r}. {nearest(found, valid)}")
    return OnTrajectory(kind, TRAJECTORIES[trajectory])


def made_of(point: Named) -> str:
    """The network that a point names, with its steps: `resnet_dw patch_size=8`."""
    return " ".join(filter(None, (point.network, *point.steps)))


def _begins(steps: tuple[str, ...], start: tuple[str, ...]) -> bool:
    return len(start) < len(steps) and steps[: len(start)] == start
