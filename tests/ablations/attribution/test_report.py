"""What an attribution brings to a report, and what `ablate attribute` prints."""

import json
from pathlib import Path

import pytest

from ablations import report
from ablations.cli import main
from ablations.report.write import ReportPaths
from tests.support.fabricate import fabricate_study
from tests.support.games import LINE, SHORT, orders_study, play, random_game

GAME = random_game(12, 3, noise=0.3)
FIGURES = ("attribution", "orders", "interactions")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs folder of a study of eight orders."""
    root = tmp_path_factory.mktemp("runs")
    orders_study(root, GAME, units=3, line=LINE)
    return root


@pytest.fixture(scope="module")
def paths(root: Path) -> ReportPaths:
    return report.write_report("orders", runs_root=root)


def test_the_report_has_figures_tables_and_data(paths: ReportPaths) -> None:
    names = [path.stem for path in paths.figures]
    assert names[:3] == list(FIGURES)  # before those of the design
    for name in FIGURES:
        assert (paths.html.parent / f"{name}.png").stat().st_size > 10_000
    for text in (paths.markdown.read_text(), paths.html.read_text()):
        assert "What each step is worth over all orders" in text
        assert "over all 239,500,800 legal orders" in text
        assert "Added to the start" in text
        assert text.index("Added to the start") < text.index("Δ start")
    (details,) = (path for path in paths.details if path.stem == "attribution")
    found = json.loads(details.read_text())
    assert [step["step"] for step in found["steps"]] == list(LINE.step_names)
    assert found["steps"][0]["shapley"] == found["steps"][0]["shapley_regression"]
    assert len(found["interactions"]) == 66
    assert len(found["orders"]) == 6
    assert found["needs"] == {"move_depthwise_up": ["depthwise"]}


def test_what_is_drawn_of_pairs_and_orders(paths: ReportPaths) -> None:
    text = (paths.html.parent / "report.md").read_text()
    assert "by regression over all legal sets" in text
    assert "published values beside them" in text


def test_the_command_prints_the_same_in_both_forms(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["attribute", "orders", "--runs", str(root), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert main(["attribute", "orders", "--runs", str(root)]) == 0
    text = capsys.readouterr().out
    first = max(found["steps"], key=lambda step: step["shapley"]["value"])
    assert f"{first['title']}  " in text
    assert f"{first['shapley']['value']:+.2f} [" in text.replace("\u2212", "-")
    assert "Pairs of steps" in text
    assert main(["attribute", "orders", "--runs", str(root), "--method", "marginal", "--json"]) == 0
    marginal = json.loads(capsys.readouterr().out)
    assert marginal["method"] == "marginal"
    assert marginal["steps"][0]["shapley"] == found["steps"][0]["shapley_marginal"]


def test_a_line_of_steps_has_no_such_section(tmp_path: Path) -> None:
    fabricate_study(tmp_path)
    paths = report.write_report("made_up", runs_root=tmp_path)
    assert not set(FIGURES) & {path.stem for path in paths.figures}
    assert "over all orders" not in paths.markdown.read_text()


def test_a_report_of_few_networks_says_what_is_missing(tmp_path: Path) -> None:
    names = [[[name] for name in SHORT.step_names]] * 2
    play(tmp_path, GAME, [(mask, 0) for mask in (0, 1, 2, 255)], study="few", orders=names)
    paths = report.write_report("few", runs_root=tmp_path)
    text = paths.markdown.read_text()
    assert "cannot be said from the finished runs" in text
    assert "Not by regression: the 4 trained networks do not tell" in text


def test_of_steps_left_out_alone_the_table_says_all(tmp_path: Path) -> None:
    masks = [0xFF, *(0xFF & ~(1 << step) for step in (0, 1, 3, 4))]
    play(tmp_path, GAME, [(m, s) for m in masks for s in (0, 1)], study="out", kind="leave_one_out")
    paths = report.write_report("out", runs_root=tmp_path)
    assert not set(FIGURES) & {path.stem for path in paths.figures}
    assert "over all orders" not in paths.markdown.read_text()


def test_an_unknown_study_is_answered_with_the_nearest(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["attribute", "ordres", "--runs", str(root)]) == 2
    assert "Did you mean orders?" in capsys.readouterr().err
