"""What every design is: how a study chooses its points, and how a report reads them.

A design is one class in one file of this folder, registered under the word that stands below
`points.kind`. Planning, tables and figures know its interface and no kind by name.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from ablations.studies.designs.point import AnyPoint, Named, Point
from ablations.studies.designs.published import PublishedRow, PublishedTable, published_table
from lit_models.registry.names import nearest
from lit_models.registry.registry import Registry
from lit_models.steps.trajectory import Outline, outline_from_plain

StepOrder = tuple[tuple[str, ...], ...]  # steps, or groups of steps that come as one


@dataclass
class Points:
    """What stands below `points` of a study; each design has a class with the keys it knows."""

    # how the points are chosen: the name of a design
    kind: str = ""


class Design(ABC):
    """How the points of a study were chosen.

    Attributes:
        kind: its name, as in `points.kind`.
        options: the keys that it knows below `points`.
        on_trajectory: whether its points lie on a trajectory; else they name their networks.
        is_line: each point goes on from the one before, as the rows of a published trajectory do.
        hand_written: the key under which points are written one by one, where they are; an illegal
            one is then an error, where a generated one is a row of the plan with the reason.
        own_seeds: a point may have some of the study's seeds only.
        noun: what a row of the tables is.
        compared_with: what differences are taken from, in a word or two.
        headline: the name of the sentence that sums the study up, see `compare.headlines`.
        figures: the names of the figures of its report, in order, see `figures.drawings`.
    """

    kind: ClassVar[str]
    options: ClassVar[type[Points]]
    on_trajectory: ClassVar[bool]
    is_line: ClassVar[bool] = False
    hand_written: ClassVar[str | None] = None
    own_seeds: ClassVar[bool] = False
    noun: ClassVar[str]
    compared_with: ClassVar[str]
    headline: ClassVar[str]
    figures: ClassVar[tuple[str, ...]]

    @classmethod
    @abstractmethod
    def create(
        cls, points: Any, *, trajectory: str, published: str | None, own: Outline | None = None
    ) -> Self:
        """The design of a study.

        Args:
            points: its options; None where a report needs none.
            trajectory: the name of its trajectory; empty where it has none.
            published: the key of a table of published results, for a study without trajectory.
            own: the trajectory where it is a study file's own; a report has only its outline.

        Raises:
            ValueError: beginning with the key, for a name that there is not.
        """

    def for_seeds(self, seeds: Sequence[int]) -> Self:
        """The design in a study with these seeds, where a point may have some of them only."""
        del seeds
        return self

    @property
    def drawn(self) -> str:
        """What a plan says of points that were drawn, the beginning of a sentence; else empty."""
        return ""

    @property
    def orders(self) -> tuple[StepOrder, ...]:
        """The orders of all steps whose beginnings are the points, the trajectory's own first.

        None in a design whose points have other reasons. Raises what `check` raises.
        """
        return ()

    @abstractmethod
    def check(self) -> None:
        """Raise ValueError, beginning with the key, for options that cannot be meant."""

    @abstractmethod
    def points(self) -> tuple[Point, ...]:
        """All points in order, illegal combinations included. Raises what `check` raises."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What a study is called that has no title."""

    @property
    @abstractmethod
    def fact(self) -> tuple[str, str]:
        """Name and text of the line of a report that says where the points lie."""

    def without_published(self) -> Self:
        """The design where networks are none of the published ones, such as at equal cost."""
        return self

    @property
    def legend(self) -> str:
        """What is to be known to read the titles of points, a sentence; empty where nothing is."""
        return ""

    @property
    @abstractmethod
    def published(self) -> PublishedTable | None:
        """The published results that stand beside the measured ones."""

    @abstractmethod
    def title_of(self, point: Named) -> str:
        """How a point is called in tables and figures."""

    @abstractmethod
    def summary_of(self, point: Named) -> str:
        """What is special about a point, in a sentence; empty when nothing says it."""

    def on_main_line(self, point: Named) -> bool:
        """False for an alternative (kernel size 5) that the trajectory did not keep."""
        del point
        return True

    @abstractmethod
    def reference(self, point: AnyPoint, points: Sequence[AnyPoint]) -> AnyPoint | None:
        """The point that a point is compared with; None for the first."""

    @abstractmethod
    def published_row(self, point: Named) -> PublishedRow | None:
        """The published result of a point."""

    @abstractmethod
    def same_network(self, point: Named, row: PublishedRow) -> bool:
        """Whether the published row of a point is of the very same network."""

    @abstractmethod
    def hparams(self, point: Named, points: Sequence[Named]) -> Mapping[str, str | bool]:
        """The point's values in TensorBoard's HParams table.

        One entry for every step that differs between the points: on or off, or its value. Names
        sort like the design.
        """


DESIGNS: Registry[type[Design]] = Registry("design")


def option_names(kind: str) -> tuple[str, ...]:
    """The keys below `points` that a design knows, besides `kind`."""
    return tuple(f.name for f in fields(DESIGNS[kind].options) if f.name != "kind")


def read_design(
    kind: str,
    *,
    trajectory: str,
    published: str | None,
    outline: Mapping[str, Any] | None = None,
) -> Design:
    """The design that an index names; `outline` is that of a trajectory of a file's own.

    Raises ValueError, naming the key, for one that is none.
    """
    if kind not in DESIGNS:
        raise ValueError(f"points is {kind!r}. {nearest(kind, DESIGNS)}")
    if published is not None:
        published_table(published)
    own = outline_from_plain(outline) if outline is not None else None
    return DESIGNS[kind].create(None, trajectory=trajectory, published=published, own=own)
