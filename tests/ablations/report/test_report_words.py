"""What a report says of its numbers: rounding, what 95 % covers, what one pair of seeds shows."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from ablations import report
from ablations.compare.comparison import study_rows
from ablations.compare.records import load_study
from ablations.compare.text import COVERAGE_NOTE, ROUNDING_NOTE, rounding_note
from ablations.compare.words import signed
from ablations.report.cards import cards
from ablations.store.runs import run_path
from lit_models import TRAJECTORIES
from tests.support.fabricate import Made, cumulative, fabricate_study

SHORT: list[Made] = cumulative(TRAJECTORIES["convnext_nano"], alternatives=False)[:2]


def fabricate(root: Path, *, seeds: int, second: float) -> None:
    """Two points with a top-1 of 98.886 % and `second`, equal over seeds."""
    fabricate_study(root, points=SHORT, seeds=range(seeds))
    for run in load_study("made_up", runs_root=root).runs:
        path = run_path(root, run.run_id) / "summary.json"
        top1 = 98.886 if run.point == "00_start" else second
        path.write_text(json.dumps(json.loads(path.read_text()) | {"test/top1": top1}))


def words(root: Path) -> str:
    console = Console(file=io.StringIO(), width=10_000)
    report.print_terminal("made_up", runs_root=root, console=console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(("second", "said"), [(91.644, True), (91.646, False)])
def test_a_difference_that_is_not_that_of_what_is_printed_is_explained(
    tmp_path: Path, second: float, *, said: bool
) -> None:
    fabricate(tmp_path, seeds=2, second=second)
    study = load_study("made_up", runs_root=tmp_path)
    assert bool(rounding_note(study, study_rows(study))) == said
    paths = report.write_report("made_up", runs_root=tmp_path)
    assert "\N{MINUS SIGN}7.24" in words(tmp_path)  # beside 98.89 and 91.64, or 91.65
    assert (ROUNDING_NOTE in words(tmp_path)) == said
    assert (ROUNDING_NOTE in paths.latex.read_text()) == said
    assert "It is rounded after it was taken" in paths.html.read_text()


def test_what_95_percent_covers_is_said_where_there_is_an_interval(tmp_path: Path) -> None:
    fabricate(tmp_path / "two", seeds=2, second=90.0)
    fabricate(tmp_path / "one", seeds=1, second=90.0)
    assert COVERAGE_NOTE in words(tmp_path / "two")
    assert COVERAGE_NOTE not in words(tmp_path / "one")
    paths = report.write_report("made_up", runs_root=tmp_path / "two")
    assert COVERAGE_NOTE in paths.markdown.read_text()
    assert COVERAGE_NOTE in paths.html.read_text()


def test_one_pair_of_seeds_has_no_p(tmp_path: Path) -> None:
    fabricate(tmp_path, seeds=1, second=90.0)
    study = load_study("made_up", runs_root=tmp_path)
    rows = study_rows(study)
    assert rows[1].delta_p is None
    assert cards(study, rows)[0].accuracy == "\N{MINUS SIGN}8.89 points of top-1 (1 seed)"


@pytest.mark.parametrize(
    ("number", "text"),
    [(1.234, "+1.23"), (-1.234, "\u22121.23"), (-0.004, "0.00"), (0.0, "0.00"), (None, "\u2013")],
)
def test_a_difference_has_a_sign_unless_it_rounds_to_nothing(
    number: float | None, text: str
) -> None:
    assert signed(number) == text
