"""Attribution as an analysis: its figures, section and data in the report of a study."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

from ablations.attribution.shown.cells import pairs_table, steps_table
from ablations.attribution.shown.orders_figure import orders_figure, published_curve
from ablations.attribution.shown.pairs_figure import pairs_figure
from ablations.attribution.shown.plain import to_plain
from ablations.attribution.shown.steps_figure import steps_figure
from ablations.attribution.shown.words import headline, sentences
from ablations.attribution.study.attribute import Attribution, attribute
from ablations.compare.analysis import Analysis, Section, register_analysis
from ablations.compare.drawing import Drawing
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.studies.designs.on_trajectory import OnTrajectory

FEWEST_PAIRS = 3  # that are worth a figure beside their table
HEADING = "What each step is worth over all orders"


class AttributionAnalysis(Analysis):
    """What each step is worth, for studies that say more than one order does."""

    name: ClassVar[str] = "attribution"

    def __init__(self) -> None:
        # a report asks three times: for the study that it is written of, it is found once
        self._last: tuple[StudyRecord, Attribution | ValueError | None] | None = None

    def figures(self, study: StudyRecord, rows: Sequence[Row]) -> Sequence[Drawing]:
        """The steps, the orders, the pairs: those of which something is known."""
        del rows
        found = self._found(study)
        return drawings(found) if isinstance(found, Attribution) else ()

    def section(self, study: StudyRecord, rows: Sequence[Row]) -> Section | None:
        """Tables and sentences; of a study that cannot be attributed why that is so."""
        del rows
        found = self._found(study)
        if isinstance(found, ValueError):
            return Section(HEADING, (f"Not known: {found}",))
        return None if found is None else section(found)

    def details(self, study: StudyRecord, rows: Sequence[Row]) -> Mapping[str, Any] | None:
        """What `to_plain` says."""
        del rows
        found = self._found(study)
        return to_plain(found) if isinstance(found, Attribution) else None

    def _found(self, study: StudyRecord) -> Attribution | ValueError | None:
        if self._last is None or self._last[0] is not study:
            self._last = study, _attributed(study)
        return self._last[1]


def _attributed(study: StudyRecord) -> Attribution | ValueError | None:
    """None for a study whose points say no more than one order, or only what its table says."""
    if not says_more_than_one_order(study):
        return None
    try:
        found = attribute(study)
    except ValueError as error:
        return error
    # of orders that were drawn a report says what is missing, of leaving out alone nothing
    says_some = found.method or study.orders or any(pair.measured for pair in found.interactions)
    return found if says_some else None


def says_more_than_one_order(study: StudyRecord) -> bool:
    """Whether finished networks of a study's own are no single line from a start."""
    design = study.design
    if not isinstance(design, OnTrajectory) or study.match is not None:
        return False
    main = set(design.trajectory.step_names)
    sets = [set(p.steps) for p in study.points if p.done and main.issuperset(p.steps)]
    ordered = sorted(sets, key=len)
    return any(not one <= other for one, other in pairwise(ordered))


def section(found: Attribution) -> Section:
    """The tables and all sentences."""
    tables = (steps_table(found), pairs_table(found))
    return Section(HEADING, sentences(found), tuple(filter(None, tables)), leading=True)


def drawings(found: Attribution) -> tuple[Drawing, ...]:
    """The figures of which something is known."""
    chosen = [
        Drawing(
            "attribution",
            "What each step is worth",
            "Each step's value over all orders, in its own, left out and added alone",
            headline(found),
            lambda: steps_figure(found),
            leading=True,
        )
    ]
    if found.marginals is not None:
        beside = ", published values beside them" if published_curve(found) else ""
        chosen.append(
            Drawing(
                "orders",
                "The orders",
                "Accuracy after each step in every sampled order",
                f"Test top-1 from start to end in every sampled order{beside}.",
                lambda: orders_figure(found),
                leading=True,
            )
        )
    if sum(pair.best is not None for pair in found.interactions) >= FEWEST_PAIRS:
        chosen.append(
            Drawing(
                "interactions",
                "Pairs of steps",
                "Interactions of all pairs of steps",
                _pairs_caption(found),
                lambda: pairs_figure(found),
                leading=True,
            )
        )
    return tuple(chosen)


def _pairs_caption(found: Attribution) -> str:
    pairs = sum(
        pair.best is not None and pair.best.error is not None for pair in found.interactions
    )
    by_chance = 0.046 * pairs  # share of normal draws beyond two standard errors
    chance = (
        f" Of {pairs} pairs about {by_chance:.0f} would have a colour by chance." if pairs else ""
    )
    how = (
        "by regression over all legal sets"
        if any(pair.model for pair in found.interactions)
        else "where all four networks of a pair are trained"
    )
    return f"What two steps are worth together beyond the sum of both, {how}.{chance}"


ATTRIBUTION = AttributionAnalysis()
register_analysis(ATTRIBUTION)
