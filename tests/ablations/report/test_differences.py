"""Differences of a report: their correction, the study's statistics, their figure."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex

from ablations import report
from ablations.compare.differences import published_difference, statistics_of
from ablations.compare.records import load_study
from ablations.compare.row import Row
from ablations.compare.text import statistics_sentences
from ablations.figures.drawings import drawings
from ablations.figures.forest_figure import forest_figure
from ablations.figures.style import MEASURED
from ablations.statistics.multiplicity import holm
from lit_models import TRAJECTORIES
from tests.ablations.statistics.studies import measured
from tests.support.fabricate import cumulative, fabricate_study

LINE = cumulative(TRAJECTORIES["convnext_nano"], alternatives=False)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with the accuracies of one that was measured."""
    root, values = tmp_path_factory.mktemp("runs"), measured()
    fabricate_study(root, points=LINE)
    for run in load_study("made_up", runs_root=root).runs:
        path = run.folder / "summary.json"
        said = json.loads(path.read_text()) | {"test/top1": values[run.point][run.seed]}
        path.write_text(json.dumps(said))
    return root


@pytest.fixture(scope="module")
def rows(root: Path) -> tuple[Row, ...]:
    return report.rows("made_up", runs_root=root)


def width(low: float | None, high: float | None) -> float:
    assert low is not None
    assert high is not None
    return high - low


def test_every_interval_is_from_the_noise_of_the_study(rows: tuple[Row, ...]) -> None:
    assert {round(width(row.delta_low, row.delta_high) / 2, 4) for row in rows[1:]} == {0.7113}
    paired = [width(row.delta_paired_low, row.delta_paired_high) for row in rows[1:]]
    assert max(paired) > 5 * min(paired)  # what two degrees of freedom know
    variance = rows[1].variance
    assert variance is not None
    assert variance["degrees"] == variance["pooled_degrees"] == 24
    assert variance["std"] == variance["pooled_std"] == pytest.approx(0.4221, abs=1e-4)


def test_the_correction_is_over_the_table(rows: tuple[Row, ...]) -> None:
    p_values = {row.point: row.delta_p for row in rows if row.delta_p is not None}
    assert len(p_values) == 12
    assert {row.point: row.delta_p_holm for row in rows[1:]} == holm(p_values)
    assert sum(row.stands_out for row in rows) == 5
    assert all(row.stands_out == ((row.delta_p_holm or 1) <= 0.05) for row in rows)


def test_statistics_of_the_study_lie_beside_its_rows(root: Path) -> None:
    paths = report.write_report("made_up", runs_root=root)
    found = json.loads(paths.statistics.read_text())
    assert found["noise"]["method"] == "pooled"
    assert found["noise"]["prior_degrees"] is None  # no number is infinite in JSON
    assert found["any_difference"]["p"] == pytest.approx(1 / 10_001)
    # the curve that fell where the published one rises
    assert found["levels"]["spearman"] == pytest.approx(-0.7637, abs=1e-4)
    assert (found["differences"]["count"], found["differences"]["equal_signs"]) == (12, 6)
    text = paths.markdown.read_text()
    assert "6 of 12 differences have the published sign" in text
    assert text.index("differences.svg") < text.index("curves.svg")


def test_published_differences_are_of_one_source(rows: tuple[Row, ...]) -> None:
    assert published_difference(rows[1], rows) == pytest.approx(79.36 - 78.82)
    assert published_difference(rows[0], rows) is None
    other = replace(rows[0], published_source="another paper")
    assert published_difference(rows[1], (other, *rows[1:])) is None


def test_alternatives_do_not_count_as_the_curve(rows: tuple[Row, ...]) -> None:
    aside = (*rows[:-1], replace(rows[-1], on_main_line=False))
    found = statistics_of(aside)
    assert found.levels is not None
    assert found.levels.count == 12


def test_marks_are_filled_only_where_a_difference_stands(root: Path, rows: tuple[Row, ...]) -> None:
    study = load_study("made_up", runs_root=root)
    axes = forest_figure(study, rows).axes[0]
    squares = [line for line in axes.lines if line.get_marker() == "s"]
    assert [np.asarray(line.get_xdata())[0] for line in squares] == [row.delta for row in rows[1:]]
    filled = [to_hex(line.get_markerfacecolor()) == MEASURED for line in squares]
    assert filled == [row.stands_out for row in rows[1:]]
    diamonds = [np.asarray(line.get_xdata())[0] for line in axes.lines if line.get_marker() == "D"]
    assert diamonds == [published_difference(row, rows) for row in rows[1:]]
    assert [label.get_text() for label in axes.get_yticklabels()] == [r.title for r in rows[1:]]


def test_without_intervals_there_is_no_figure_of_them(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=LINE[:3], seeds=[0])
    study = load_study("made_up", runs_root=tmp_path)
    rows = report.rows("made_up", runs_root=tmp_path)
    names = [one.name for one in drawings(study, rows)]
    assert "curves" in names
    assert "differences" not in names
    assert (rows[1].variance, rows[1].delta_p_holm, rows[1].stands_out) == (None, None, False)


def test_a_point_with_one_seed_beside_others_has_an_interval(tmp_path: Path) -> None:
    lone = {("01_stage_ratio", seed): "new" for seed in (1, 2)}
    fabricate_study(tmp_path, points=LINE[:4], states=lone)
    study = load_study("made_up", runs_root=tmp_path)
    rows = report.rows("made_up", runs_root=tmp_path)
    assert (rows[1].delta_seeds, rows[1].delta_p_exact, rows[1].delta_paired_low) == (1, None, None)
    # its error has no part from more seeds: three times the variance of the others'
    first, last = rows[1].variance, rows[3].variance
    assert first is not None
    assert last is not None
    assert first["standard_error"] == pytest.approx(3**0.5 * last["standard_error"])
    said = " ".join(statistics_sentences(study, rows))
    assert "1 network has one run and is given the common variance" in said
    assert "Points have 1 to 3 finished seeds. With 3 seeds the smallest" in said
    assert "there is no interval" not in said
