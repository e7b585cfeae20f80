"""What an analysis of finished runs brings to a report: columns, figures, a section, plain data.

An analysis is one folder and a line in `ablations/report/analyses.py`. One that reads what runs
hold already is a subclass of `Analysis`, such as `ablations/attribution`. One that measures
checkpoints is a subclass of `KeptAnalysis`, such as `ablations/evaluation`: its results lie in the
run's folder, as `analyses/NAME.json`, an object with the results by what they were measured on.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ablations.compare.columns import COLUMNS, ReportColumn
from ablations.compare.drawing import Drawing
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.files.own_folders import own_folder
from ablations.files.shapes import Object
from ablations.store.index_file import one_line
from ablations.store.lock import BusyError, hold
from ablations.store.runs import RunFolder, read_json, write_json_atomic
from lit_models.registry.registry import Registry, caller

_FOLDER = "analyses"


@dataclass(frozen=True)
class SectionTable:
    """A table of a section: cells as they are printed, the first `left` columns at the left."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1


@dataclass(frozen=True)
class Section:
    """A section of the report's page: a heading, tables, and sentences below them.

    One that is `leading` answers what the study asks: it stands before the table of all points.
    """

    heading: str
    sentences: tuple[str, ...]
    tables: tuple[SectionTable, ...] = ()
    leading: bool = False


class Analysis:
    """An analysis of the finished runs of a study, by its `name`; what it leaves out is nothing."""

    name: ClassVar[str]

    def columns(self) -> Mapping[str, ReportColumn]:
        """The columns that it adds to reports, by name; none of them without results."""
        return {}

    def figures(self, study: StudyRecord, rows: Sequence[Row]) -> Sequence[Drawing]:
        """The figures that it adds to a report."""
        del study, rows
        return ()

    def section(self, study: StudyRecord, rows: Sequence[Row]) -> Section | None:
        """The section that it adds to a report; None without results."""
        del study, rows
        return None

    def details(self, study: StudyRecord, rows: Sequence[Row]) -> Mapping[str, Any] | None:
        """Its results as plain data, the file NAME.json beside report.json; None without any."""
        del study, rows
        return None

    def latex(self, study: StudyRecord, rows: Sequence[Row]) -> str | None:
        """Its tables for LaTeX, the file NAME.tex beside table.tex; None without any."""
        del study, rows
        return None


class KeptAnalysis(Analysis, ABC):
    """An analysis whose results are measured once a run and kept; only `measure` may need torch."""

    shape: ClassVar[Object]  # of one result, as it stands in the file

    @abstractmethod
    def measure(self, checkpoint: Path, settings: Any) -> Mapping[str, Any]:
        """Measure a checkpoint: a result as plain data.

        Raises ValueError when the checkpoint cannot be read or the settings do not suit it.
        """

    @abstractmethod
    def key(self, result: Mapping[str, Any], settings: Any) -> str:
        """On what a result was measured, for people: results with one key replace each other."""

    def keep(self, run: Path, result: Mapping[str, Any], settings: Any) -> Path:
        """Keep a result in the folder of a finished run; the file.

        Raises ValueError when the run is not finished, since it may still change.
        """
        state = RunFolder(run).state()
        if state != "done":
            raise ValueError(
                f"{run} is {state}: results are kept of finished runs only, whose weights stay"
            )
        own_folder(run, _FOLDER)
        path = self._file(run)
        try:
            with hold(path.with_suffix(".lock")):  # another process may keep a result just now
                write_json_atomic(path, {**self.kept(run), self.key(result, settings): result})
        except BusyError as error:
            raise ValueError(f"the result is not kept: {error}") from None
        return path

    def kept(self, run: Path) -> Mapping[str, Mapping[str, Any]]:
        """The results in a run's folder. Raises ValueError, naming the file, for a damaged one."""
        found: dict[str, Any] = one_line(read_json(self._file(run), Object(each=self.shape)) or {})
        return found

    def _file(self, run: Path) -> Path:
        return run / _FOLDER / f"{self.name}.json"


ANALYSES: Registry[Analysis] = Registry("analysis")


def register_analysis(analysis: Analysis) -> None:
    """Add an analysis, with its columns, to every report."""
    origin = caller()
    ANALYSES.register(analysis.name, analysis, origin=origin)
    for name, column in analysis.columns().items():
        COLUMNS.register(name, column, origin=origin)


def analysis_figures(study: StudyRecord, rows: Sequence[Row]) -> tuple[Drawing, ...]:
    """The figures of all analyses."""
    return tuple(one for analysis in ANALYSES.values() for one in analysis.figures(study, rows))


def analysis_sections(study: StudyRecord, rows: Sequence[Row]) -> tuple[Section, ...]:
    """The sections of all analyses that have something to say."""
    found = (analysis.section(study, rows) for analysis in ANALYSES.values())
    return tuple(section for section in found if section is not None)


def analysis_details(study: StudyRecord, rows: Sequence[Row]) -> dict[str, Mapping[str, Any]]:
    """The plain data of all analyses that have some, by their names."""
    found = {name: analysis.details(study, rows) for name, analysis in ANALYSES.items()}
    return {name: data for name, data in found.items() if data is not None}


def analysis_latex(study: StudyRecord, rows: Sequence[Row]) -> dict[str, str]:
    """The tables of all analyses that have some for LaTeX, by their names."""
    found = {name: analysis.latex(study, rows) for name, analysis in ANALYSES.items()}
    return {name: text for name, text in found.items() if text is not None}
