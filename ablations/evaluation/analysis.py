"""Evaluation as an analysis: what `ablate evaluate --keep` keeps, and how reports show it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from ablations.compare.analysis import KeptAnalysis, Section, register_analysis
from ablations.compare.cells import plus_minus
from ablations.compare.columns import Column, ReportColumn
from ablations.compare.records import PointRecord, StudyRecord
from ablations.compare.row import Row
from ablations.compare.words import plural
from ablations.evaluation.config import EvaluationConfig, Split
from ablations.files.shapes import Object
from ablations.statistics.paired import sample
from ablations.studies.designs import Design

_VALUE = "evaluation/{key}/{what}"  # of a row
_MARK = "/top1_mean"


@dataclass(frozen=True)
class EvaluationSettings:
    """On what, how and where a checkpoint is evaluated."""

    config: EvaluationConfig
    split: Split = "test"


class EvaluationAnalysis(KeptAnalysis):
    """Top-1 on other images or at another size than after training; raw weights."""

    name: ClassVar[str] = "evaluation"
    shape: ClassVar[Object] = Object({"raw": Object({"top1": float})})

    def measure(self, checkpoint: Path, settings: EvaluationSettings) -> Mapping[str, Any]:
        """The fields of `evaluation.Evaluation`."""
        from ablations.evaluation.evaluation import evaluate

        return asdict(evaluate(checkpoint, settings.config, split=settings.split))

    def key(self, result: Mapping[str, Any], settings: EvaluationSettings) -> str:
        """Data, split and size, such as `imagenet test, 288 px`."""
        flipped = ", flip test" if settings.config.recipe.flip_test else ""
        some = f", {result['images']} images" if settings.config.data.test_limit else ""
        return f"{result['data']} {result['split']}, {result['image_size']} px{some}{flipped}"

    def columns(self) -> Mapping[str, ReportColumn]:
        """One column for everything that was evaluated."""
        return {self.name: ReportColumn(55, _columns, self._values)}

    def section(self, study: StudyRecord, rows: Sequence[Row]) -> Section | None:
        """What was measured on how many runs, and which files cannot be read."""
        del rows
        counts: dict[str, int] = {}
        problems = []
        finished = [run for run in study.runs if run.done]
        for run in finished:
            try:
                for key in self.kept(run.folder):
                    counts[key] = counts.get(key, 0) + 1
            except ValueError as error:
                problems.append(f"{error}.")
        runs = plural(len(finished), "finished run")
        said = [
            f"{key}: the checkpoints of {count} of {runs}, measured by `ablate evaluate --keep`; "
            "raw weights, mean ± standard deviation over seeds."
            for key, count in counts.items()
        ]
        return Section("Evaluated after training", (*said, *problems)) if said or problems else None

    def _values(self, point: PointRecord) -> Mapping[str, Any]:
        by_key: dict[str, list[float]] = {}
        for run in point.done:
            with suppress(ValueError):  # the section says so
                for key, result in self.kept(run.folder).items():
                    by_key.setdefault(key, []).append(result["raw"]["top1"])
        found: dict[str, Any] = {}
        for key, top1 in by_key.items():
            over_seeds = sample(top1)
            for what, value in (
                ("top1_mean", over_seeds.mean),
                ("top1_std", over_seeds.std),
                ("seeds", over_seeds.n),
            ):
                found[_VALUE.format(key=key, what=what)] = value
        return found


def _columns(rows: Sequence[Row], design: Design) -> Sequence[Column]:
    del design
    first, _, _ = _VALUE.partition("{")
    names = dict.fromkeys(
        name.removeprefix(first).removesuffix(_MARK)
        for row in rows
        for name in row.values
        if name.startswith(first) and name.endswith(_MARK)
    )
    return [Column(f"{key} (%)", partial(_cell, key=key), drop_order=2) for key in names]


def _cell(row: Row, *, key: str) -> str:
    mean, std, seeds = (
        row.values.get(_VALUE.format(key=key, what=what))
        for what in ("top1_mean", "top1_std", "seeds")
    )
    some = f" ({seeds} of {row.seeds})" if seeds is not None and seeds < row.seeds else ""
    return plus_minus(mean, std) + some


EVALUATION = EvaluationAnalysis()
register_analysis(EVALUATION)
