"""Steps at equal cost as an analysis: columns, a figure, a section and data of a matched study."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, ClassVar

from ablations.compare.analysis import Analysis, Section, SectionTable, register_analysis
from ablations.compare.cells import interval
from ablations.compare.columns import Column, ReportColumn
from ablations.compare.drawing import Drawing
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.compare.words import plural, signed
from ablations.equal_cost.figure import gains_figure
from ablations.equal_cost.gains import PARTS, Gain, Gains, Part, StepGain, gains
from ablations.files.markup import NOTHING
from ablations.studies.designs import Design

HEADING = "At equal cost"
HEADINGS: Mapping[Part, str] = {
    "total": "own widths: Δ [95 %]",
    "own": "at equal cost: Δ [95 %]",
    "bought": "bought with cost [95 %]",
}
_UNITS = {"gmacs": "GMACs", "params": "parameters"}
_MARK = "*"
_CAPTION = (
    "What each step gains at equal cost, and what it had bought with cost: the difference between "
    "networks with their own widths (diamonds) is the sum of both. Lines: 95 % intervals."
)


class EqualCostAnalysis(Analysis):
    """What steps gain by themselves, and what they had bought with cost."""

    name: ClassVar[str] = "equal_cost"

    def columns(self) -> Mapping[str, ReportColumn]:
        """Total and bought gain, beside the difference at equal cost that every report has."""
        return {self.name: ReportColumn(36, _columns, of_study=_values)}

    def figures(self, study: StudyRecord, rows: Sequence[Row]) -> Sequence[Drawing]:
        """The parts of each step, where any is known in both halves."""
        del rows
        found = gains(study)
        if found is None or not any("bought" in step.parts for step in found.steps):
            return ()
        alt = "Each step's gain at equal cost and gain bought with cost"
        draw = partial(gains_figure, found)
        return (Drawing(self.name, "Gained and bought", alt, _CAPTION, draw),)

    def section(self, study: StudyRecord, rows: Sequence[Row]) -> Section | None:
        """The steps in parts, what they mean, and which command trains what is missing."""
        del rows
        found = gains(study)
        if found is None:
            return None
        return Section(HEADING, sentences(study, found), (_table(found),))

    def details(self, study: StudyRecord, rows: Sequence[Row]) -> Mapping[str, Any] | None:
        """The match, and a row a step with its parts."""
        del rows
        found = gains(study)
        return None if found is None else to_plain(study, found)


def sentences(study: StudyRecord, found: Gains) -> tuple[str, ...]:
    """What was matched, how parts are to be read, and what is missing."""
    match, halves = study.match or {}, found.halves
    target = match["target"]
    unit = _UNITS[match["unit"]]
    budget = f"{target:,.0f} {unit}" if match["unit"] == "params" else f"{target:.4g} {unit}"
    asked = match["asked"]
    of = f", what the trajectory's {asked} costs" if asked in ("start", "end") else ""
    said = [
        f"The widths of every network are solved so that it costs {budget}{of}, within "
        f"{match['within']:.2%}.",
        "A difference at equal cost is what a step gains by itself. With the networks' own widths "
        "it also changes what a network costs; that difference less the one at equal cost is what "
        "it had bought with cost. Intervals of the first two are from the noise of their own half, "
        f"of the third from that of both. {_MARK}: stands after Holm's correction for its column.",
    ]
    said += [
        f"{step.title} only sets widths: at equal cost there is nothing of it, and it has no row "
        "in the comparison."
        for step in found.steps
        if step.absorbed
    ]
    if halves.missing:
        said.append(
            f"{halves.missing} of {plural(halves.planned, 'run')} with the networks' own widths "
            f"have no result. This trains them, as a study of their own: {unmatched_command(study)}"
        )
    return (*said, *halves.problems)


def unmatched_command(study: StudyRecord) -> str:
    """The study's command without the match, under a name of its own."""
    key = f"points.match.{(study.match or {})['unit']}=null"
    return f"{study.command} {key} --as {study.name}_unmatched"


def to_plain(study: StudyRecord, found: Gains) -> dict[str, Any]:
    """The analysis as plain data."""
    halves = found.halves
    match = {key: value for key, value in (study.match or {}).items() if key != "absorbed"}
    return {
        "match": match,
        "unmatched_runs": {"planned": halves.planned, "missing": halves.missing},
        "steps": [_plain_step(step) for step in found.steps],
    }


def _plain_step(step: StepGain) -> dict[str, Any]:
    plain = {
        key: getattr(step, key)
        for key in ("point", "title", "reference", "absorbed", "cost_change")
    }
    return plain | {"unmatched_top1": step.top1} | {p: _plain(step.parts.get(p)) for p in PARTS}


def _plain(gain: Gain | None) -> dict[str, Any] | None:
    if gain is None:
        return None
    nothing = dict.fromkeys(("low", "high", "p", "error", "degrees"))
    found = nothing if gain.found is None else asdict(gain.found)
    return {**found, "mean": gain.mean, "p_holm": gain.p_holm}


def _values(study: StudyRecord) -> dict[str, dict[str, Any]]:
    """The parts that a row does not have already, by label."""
    found = gains(study)
    steps = [] if found is None else [step for step in found.steps if not step.absorbed]
    return {step.point: _row_values(step) for step in steps}


def _row_values(step: StepGain) -> dict[str, Any]:
    found: dict[str, Any] = {"unmatched_top1_mean": step.top1}
    parts: Sequence[Part] = ("total", "bought")
    for part in parts:
        plain = _plain(step.parts.get(part)) or {}
        for key in ("mean", "low", "high", "p", "p_holm"):
            found[f"match/{part}_{key}"] = plain.get(key)
    return found


def _columns(rows: Sequence[Row], design: Design) -> Sequence[Column]:
    del design
    if not any("match/total_mean" in row.values for row in rows):
        return ()
    parts: Mapping[Part, str] = {"total": "Δ own widths", "bought": "bought with cost"}
    return [
        Column(heading, partial(_cell, part=part), drop_order=3) for part, heading in parts.items()
    ]


def _cell(row: Row, *, part: Part) -> str:
    mean, low, high = (row.values.get(f"match/{part}_{key}") for key in ("mean", "low", "high"))
    return interval(mean, low, high)


def _table(found: Gains) -> SectionTable:
    heads = ("step", "cost, own widths", *HEADINGS.values())
    return SectionTable(heads, tuple(_cells(step) for step in found.steps if step.reference))


def _cells(step: StepGain) -> tuple[str, ...]:
    change = step.cost_change
    cost = NOTHING if change is None else f"{signed(100 * change, digits=0)} %"
    return (step.title, cost, *(_part_cell(step, part) for part in PARTS))


def _part_cell(step: StepGain, part: Part) -> str:
    gain = step.parts.get(part)
    if gain is None:
        return NOTHING
    if part == "own" and step.absorbed:
        return "0, absorbed"
    low, high = (gain.found.low, gain.found.high) if gain.found else (None, None)
    return interval(gain.mean, low, high) + (_MARK if gain.stands_out else "")


EQUAL_COST = EqualCostAnalysis()
register_analysis(EQUAL_COST)
