"""What all designs have in common whose points name their networks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Self

from ablations.extensions.loading import EXTENSIONS
from ablations.studies.designs.design import Design, Points
from ablations.studies.designs.point import Named, made_of
from ablations.studies.designs.published import PublishedRow, PublishedTable, published_table
from lit_models.families.reference import Network, TimmModel, named_network
from lit_models.steps.library import parse_step
from lit_models.steps.step import apply_steps
from lit_models.steps.trajectory import Outline


@dataclass(frozen=True)
class ByNetwork(Design):
    """Points that are named networks, some with steps; `table` names their published results."""

    chosen: Any  # the options; each design knows their type
    table: str | None = None

    on_trajectory: ClassVar[bool] = False
    noun: ClassVar[str] = "network"
    compared_with: ClassVar[str] = "reference"
    headline: ClassVar[str] = "highest and lowest"
    figures: ClassVar[tuple[str, ...]] = ("networks", "differences", "cost", "curves")

    @classmethod
    def create(
        cls,
        points: Points | None,
        *,
        trajectory: str,
        published: str | None,
        own: Outline | None = None,
    ) -> Self:
        """The design with a table of published results."""
        del own
        if trajectory:
            raise ValueError(
                f"trajectory is {trajectory!r}, which has no meaning for points.kind={cls.kind}, "
                "whose points name their networks: leave it out."
            )
        return cls(cls.options() if points is None else points, published)

    @cached_property
    def published(self) -> PublishedTable | None:
        """The published results of the networks."""
        return published_table(self.table) if self.table else None

    def check(self) -> None:
        """A table of published results that there is."""
        if self.table is not None:
            published_table(self.table)

    def title_of(self, point: Named) -> str:
        """The name that the study gave it."""
        return point.step

    def summary_of(self, point: Named) -> str:
        """The network and its steps."""
        return made_of(point)

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


def edited_network(network: str, steps: tuple[str, ...]) -> Network:
    """A named network after steps; remembered, since a file is checked before it is planned.

    Raises ValueError for an unknown network or step, with the nearest, and for a step that cannot
    be applied.
    """
    return _edited(network, steps, tuple(EXTENSIONS))


@lru_cache(maxsize=4096)
def _edited(network: str, steps: tuple[str, ...], extensions: tuple[str, ...]) -> Network:
    """`edited_network` while these files of one's own say what steps mean."""
    del extensions
    start = named_network(network)
    if not isinstance(start, TimmModel):
        return apply_steps(start, [parse_step(text) for text in steps])
    if steps:
        raise ValueError(
            f"{network} is built as timm has it, and steps edit networks of ours: take "
            f"{', '.join(steps)} away"
        )
    return start
