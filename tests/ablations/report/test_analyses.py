"""Analyses of trained runs: kept beside a run, and shown in every report without a line of it."""

import csv
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest

from ablations import report
from ablations.compare.analysis import (
    ANALYSES,
    Analysis,
    KeptAnalysis,
    Section,
    SectionTable,
    analysis_sections,
    register_analysis,
)
from ablations.compare.columns import COLUMNS, Column, ReportColumn, always
from ablations.compare.drawing import Drawing
from ablations.compare.records import load_study
from ablations.compare.row import Row
from ablations.evaluation.analysis import EVALUATION, EvaluationSettings
from ablations.evaluation.config import EvaluationConfig
from ablations.files.shapes import Object
from datamodules.config.data import DataConfig
from tests.support.fabricate import fabricate_study

AnyAnalysis = TypeVar("AnyAnalysis", bound=Analysis)


class Sharpness(KeptAnalysis):
    """An analysis as somebody would add one: it measures the length of the checkpoint's name."""

    name: ClassVar[str] = "sharpness"
    shape: ClassVar[Object] = Object({"value": float})

    def measure(self, checkpoint: Path, settings: float) -> Mapping[str, Any]:
        return {"value": settings * len(checkpoint.name)}

    def key(self, result: Mapping[str, Any], settings: float) -> str:
        del result
        return f"radius {settings:g}"

    def columns(self) -> Mapping[str, ReportColumn]:
        shown = always(Column("sharpness", lambda row: str(row.values.get("sharpness", "\u2013"))))
        return {"sharpness": ReportColumn(shown=shown, values=self._values)}

    def figures(self, study: Any, rows: Sequence[Row]) -> Sequence[Drawing]:
        return [Drawing("sharpness", "Sharpness", "dots", f"Of {len(rows)} networks.", _empty)]

    def section(self, study: Any, rows: Sequence[Row]) -> Section:
        return Section("How sharp", (f"{sum('sharpness' in r.values for r in rows)} are known.",))

    def _values(self, point: Any) -> Mapping[str, Any]:
        kept = [value for run in point.done for value in self.kept(run.folder).values()]
        return {"sharpness": kept[0]["value"]} if kept else {}


class Agreement(Analysis):
    """An analysis of what runs hold already: a table and data, and nothing that is measured."""

    name: ClassVar[str] = "agreement"

    def section(self, study: Any, rows: Sequence[Row]) -> Section:
        table = SectionTable(("who", "how much"), tuple((row.title, "3 < 4") for row in rows[:2]))
        return Section("Agreement", ("All agree.",), (table,))

    def details(self, study: Any, rows: Sequence[Row]) -> Mapping[str, Any]:
        return {"agree": len(rows)}


def _empty() -> Any:
    from matplotlib.figure import Figure

    return Figure()


@pytest.fixture
def sharpness() -> Iterator[Sharpness]:
    with registered(Sharpness()) as analysis:
        yield analysis


@contextmanager
def registered(analysis: AnyAnalysis) -> Iterator[AnyAnalysis]:
    register_analysis(analysis)
    yield analysis
    ANALYSES.forget(analysis.name)
    for name in analysis.columns():
        COLUMNS.forget(name)


def test_an_analysis_brings_column_figure_and_section(tmp_path: Path, sharpness: Sharpness) -> None:
    fabricate_study(tmp_path)
    run = load_study("made_up", runs_root=tmp_path).runs[0].folder
    for radius in (2.0, 2.0):  # the second replaces the first
        sharpness.keep(run, sharpness.measure(Path("last.ckpt"), radius), radius)
    paths = report.write_report("made_up", runs_root=tmp_path)
    assert json.loads(paths.json.read_text())[0]["sharpness"] == 18
    comparison = ["steps", "differences", "cost", "curves"]
    assert [path.stem for path in paths.figures] == [*comparison, "sharpness"]
    assert all(path.is_file() for path in paths.figures)
    for path in (paths.html, paths.markdown):
        for words in ("How sharp", "1 are known.", "Of 16 networks.", "18.0"):
            assert words in path.read_text()


def test_an_analysis_without_measurements_brings_a_table_and_data(tmp_path: Path) -> None:
    fabricate_study(tmp_path)
    with registered(Agreement()):
        paths = report.write_report("made_up", runs_root=tmp_path)
    (details,) = paths.details
    assert (details.name, json.loads(details.read_text())) == ("agreement.json", {"agree": 16})
    assert "| ResNet-nano | 3 \\< 4 |" in paths.markdown.read_text()
    assert '<td class="">3 &lt; 4</td>' in paths.html.read_text()


def test_without_results_a_report_is_as_before(tmp_path: Path) -> None:
    fabricate_study(tmp_path)
    paths = report.write_report("made_up", runs_root=tmp_path)
    assert not any("evaluation" in key for key in json.loads(paths.json.read_text())[0])
    assert "Evaluated" not in paths.html.read_text() + paths.markdown.read_text()


def settings(**recipe: Any) -> EvaluationSettings:
    config = EvaluationConfig(data=DataConfig(name="digits"))
    for key, value in recipe.items():
        setattr(config.recipe, key, value)
    return EvaluationSettings(config)


def scores(top1: float) -> dict[str, Any]:
    return {"data": "digits", "split": "test", "image_size": 24, "images": 9, "raw": {"top1": top1}}


def test_an_evaluation_is_a_column_of_its_own(tmp_path: Path) -> None:
    fabricate_study(tmp_path)
    runs = load_study("made_up", runs_root=tmp_path).points[0].runs
    for run, top1 in zip(runs[:2], (40.0, 42.0), strict=True):
        EVALUATION.keep(run.folder, scores(top1), settings())
    EVALUATION.keep(runs[0].folder, scores(50.0), settings(flip_test=True))
    paths = report.write_report("made_up", runs_root=tmp_path)
    first, second, *_ = json.loads(paths.json.read_text())
    assert first["evaluation/digits test, 24 px/top1_mean"] == 41
    assert first["evaluation/digits test, 24 px, flip test/top1_mean"] == 50
    assert not any("evaluation" in key for key in second)
    text = paths.markdown.read_text()
    assert "digits test, 24 px (%)" in text
    assert "41.00 ± 1.41 (2 of 3)" in text
    assert "the checkpoints of 2 of 48 finished runs" in text


def test_only_what_does_not_change_any_more_is_kept(tmp_path: Path) -> None:
    fabricate_study(tmp_path, states={("00_start", 0): "interrupted"})
    run = load_study("made_up", runs_root=tmp_path).runs[0].folder
    with pytest.raises(ValueError, match="is interrupted: results are kept of finished runs only"):
        EVALUATION.keep(run, scores(40.0), settings())
    assert not (run / "analyses").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', '{"a": {"raw": {"top1": "high"}}}'])
def test_a_damaged_result_is_named_and_stops_no_report(tmp_path: Path, text: str) -> None:
    fabricate_study(tmp_path)
    run = load_study("made_up", runs_root=tmp_path).runs[0].folder
    path = EVALUATION.keep(run, scores(40.0), settings())
    path.write_text(text)
    study, rows = (
        load_study("made_up", runs_root=tmp_path),
        report.rows("made_up", runs_root=tmp_path),
    )
    assert not any("evaluation" in key for row in rows for key in row.values)
    said = [sentence for one in analysis_sections(study, rows) for sentence in one.sentences]
    assert str(path) in " ".join(said)


def test_what_was_measured_on_is_one_line_whatever_the_file_says(tmp_path: Path) -> None:
    fabricate_study(tmp_path)
    run = load_study("made_up", runs_root=tmp_path).runs[0].folder
    (run / "analyses").mkdir()
    said = {"a\x1b[31m\nb": {"raw": {"top1": 50.0}}}
    (run / "analyses" / "evaluation.json").write_text(json.dumps(said))
    paths = report.write_report("made_up", runs_root=tmp_path)
    assert "a [31m b (%)" in paths.markdown.read_text().replace("\\", "")


def test_a_report_is_whole_where_only_a_later_point_was_evaluated(tmp_path: Path) -> None:
    fabricate_study(tmp_path)
    run = load_study("made_up", runs_root=tmp_path).runs[-1].folder
    (run / "analyses").mkdir()
    said = {"twins": {"raw": {"top1": 50.0}}}
    (run / "analyses" / "evaluation.json").write_text(json.dumps(said))
    lines = report.write_report("made_up", runs_root=tmp_path).csv.read_text().splitlines()
    first, *_, last = csv.DictReader(lines)
    assert (first["evaluation/twins/top1_mean"], last["evaluation/twins/top1_mean"]) == ("", "50.0")


def test_results_that_are_kept_at_the_same_time_are_all_there(tmp_path: Path) -> None:
    class Slow(Sharpness):
        def kept(self, run: Path) -> Mapping[str, Mapping[str, Any]]:
            found = super().kept(run)
            time.sleep(0.1)  # in which another process writes
            return found

    fabricate_study(tmp_path)
    run = load_study("made_up", runs_root=tmp_path).runs[0].folder
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda radius: Slow().keep(run, {"value": radius}, radius), (1.0, 2.0, 3.0)))
    assert set(Sharpness().kept(run)) == {"radius 1", "radius 2", "radius 3"}
