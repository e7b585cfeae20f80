"""Whether the networks of a study were trained to their end: what the last epochs still gained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, ClassVar

from ablations.compare.analysis import Analysis, Section, register_analysis
from ablations.compare.columns import ReportColumn
from ablations.compare.records import PointRecord, RunRecord, StudyRecord
from ablations.compare.row import Row
from ablations.statistics.paired import sample
from lit_models.training.metrics import EPOCH, VAL_TOP1

LATE_GAIN = "late_gain"  # of a row: points of validation top-1 in the last quarter of training
_QUARTER = 0.25
_FEWEST = 4  # epochs, of which a quarter is one


class Convergence(Analysis):
    """The gain of each network in its last quarter of training, beside the intervals."""

    name: ClassVar[str] = "convergence"

    def columns(self) -> Mapping[str, ReportColumn]:
        """A value of every row, and no column."""
        return {self.name: ReportColumn(values=_values)}

    def section(self, study: StudyRecord, rows: Sequence[Row]) -> Section | None:
        """The smallest and the largest gain, and whether differences may be those of the budget."""
        del study
        known = {row.point: row.values.get(LATE_GAIN) for row in rows}
        gains = {point: gain for point, gain in known.items() if gain is not None}
        if not gains:
            return None
        found = _Gains(gains, {row.point: row for row in rows})
        sentences = (found.range_sentence(), *found.beside_intervals())
        return Section("Were the networks trained to their end?", sentences)


def _values(point: PointRecord) -> Mapping[str, Any]:
    gains = [gain for run in point.done if (gain := late_gain(run)) is not None]
    return {LATE_GAIN: sample(gains).mean}


def late_gain(run: RunRecord) -> float | None:
    """Points of validation top-1 that the last quarter of a run's epochs gained.

    Between two epochs accuracy is taken as linear. None without a validation split, and of fewer
    than four epochs.
    """
    import numpy as np

    seen = [(row[EPOCH], row[VAL_TOP1]) for row in run.metrics if VAL_TOP1 in row]
    if len(seen) < _FEWEST:
        return None
    epochs, top1 = zip(*seen, strict=True)
    return float(top1[-1] - np.interp((1 - _QUARTER) * epochs[-1], epochs, top1))


@dataclass(frozen=True)
class _Gains:
    """Gains and rows of a study, by label of the point."""

    gains: Mapping[str, float]
    rows: Mapping[str, Row]

    def range_sentence(self) -> str:
        """The smallest and the largest gain."""
        least, most = (edge(self.gains, key=self._gain) for edge in (min, max))
        named = [f"{self._gain(end):+.2f} ({self.rows[end].title})" for end in (least, most)]
        return (
            "What the last quarter of training added to validation accuracy, in points, mean over "
            f"seeds: {' to '.join(dict.fromkeys(named))}."
        )

    def beside_intervals(self) -> Sequence[str]:
        """The largest gain against the intervals of the differences; nothing without those."""
        halves = [
            (row.delta_high - row.delta_low) / 2
            for row in self.rows.values()
            if row.delta_low is not None and row.delta_high is not None
        ]
        if not halves:
            return ()
        half, most = median(halves), max(self.gains.values())
        if most <= half:
            return (f"The largest is within the intervals of the differences (±{half:.2f}).",)
        warning = (
            "Not converged: the largest is more than half an interval of a difference "
            f"(±{half:.2f}), so with more epochs the accuracies would be others, and the "
            "differences may be, too."
        )
        return (warning, *self._apart())

    def _apart(self) -> Sequence[str]:
        """How far the gains of networks differ that are compared with each other."""
        known = {point: self.gains.get(self.rows[point].reference or "") for point in self.gains}
        pairs = {
            point: abs(self.gains[point] - before)
            for point, before in known.items()
            if before is not None
        }
        if not pairs:
            return ()
        worst = max(pairs, key=lambda point: pairs[point])
        return (
            "What two networks gain alike cancels in their difference; compared networks differ in "
            f"this gain by up to {pairs[worst]:.2f} points ({self.rows[worst].title}).",
        )

    def _gain(self, point: str) -> float:
        return self.gains[point]


CONVERGENCE = Convergence()
register_analysis(CONVERGENCE)
