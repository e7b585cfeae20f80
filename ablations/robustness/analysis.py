"""Robustness as an analysis: what `ablate robustness` stored, and how reports show it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from ablations.compare.analysis import Analysis, Section, SectionTable, register_analysis
from ablations.compare.columns import ReportColumn
from ablations.compare.drawing import Drawing
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.robustness.shown.analyses import drawings as analyses
from ablations.robustness.shown.analyses.tables import analysis_table
from ablations.robustness.shown.columns import robustness_column
from ablations.robustness.shown.figures.drawings import drawings
from ablations.robustness.shown.headlines import headlines
from ablations.robustness.shown.latex import latex
from ablations.robustness.shown.measured import Measured, measured
from ablations.robustness.shown.plain import plain
from ablations.robustness.shown.published import published_cells, published_notes
from ablations.robustness.shown.tables import corruption_table, metric_change_table, step_table
from ablations.robustness.shown.words import sentences

HEADING = "Robustness"


class RobustnessAnalysis(Analysis):
    """What each point is worth on corrupted, perturbed, attacked and other images."""

    name: ClassVar[str] = "robustness"

    def columns(self) -> Mapping[str, ReportColumn]:
        """The mean corrupted error."""
        return {self.name: robustness_column()}

    def figures(self, study: StudyRecord, rows: Sequence[Row]) -> Sequence[Drawing]:
        """Those of each data set that was asked about."""
        found: list[Drawing] = []
        for number, one in enumerate(measured(study), start=1):
            suffix = "" if number == 1 else f"_{number}"
            found += drawings(study, rows, one.found, suffix=suffix)
            found += analyses.drawings(study, one.found, suffix=suffix)
        return found

    def section(self, study: StudyRecord, rows: Sequence[Row]) -> Section | None:
        """The points with their metrics, their changes, and what to know of both."""
        found = measured(study)
        if not found:
            return None
        shown = tuple(table for one in found for table in _tables(study, rows, one))
        notes = [
            note for one in found for note in published_notes(headlines(one.sets), rows, one.found)
        ]
        return Section(HEADING, (*sentences(study, found), *notes), shown)

    def details(self, study: StudyRecord, rows: Sequence[Row]) -> Mapping[str, Any] | None:
        """See `plain`."""
        del rows
        found = measured(study)
        return plain(study, found) if found else None

    def latex(self, study: StudyRecord, rows: Sequence[Row]) -> str | None:
        """The tables of the section for LaTeX."""
        found = measured(study)
        return latex(study, rows, found) if found else None


def _tables(study: StudyRecord, rows: Sequence[Row], one: Measured) -> Iterator[SectionTable]:
    shown = headlines(one.sets)
    published = [published_cells(column, rows, one.found) for column in shown]
    every = [step_table(study, shown, published=published), metric_change_table(study, shown)]
    every += [corruption_table(study, one.found, of) for of in one.sets]
    every.append(analysis_table(study, one.sets))
    yield from (table for table in every if table is not None)


ROBUSTNESS = RobustnessAnalysis()
register_analysis(ROBUSTNESS)
