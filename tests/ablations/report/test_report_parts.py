"""The parts of a report: sentences, cells, panels, curves, the page's pieces."""

import io
import json
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console

from ablations import report
from ablations.compare.cells import number
from ablations.compare.comparison import study_rows
from ablations.compare.headlines import headline
from ablations.compare.printed import published_label
from ablations.compare.records import load_study
from ablations.compare.tables import columns, rich_table
from ablations.compare.text import statistics_sentences
from ablations.figures.curves import Curve, labelled, point_curve, spread
from ablations.figures.drawings import drawings
from ablations.figures.figure import steps_figure
from ablations.figures.panels import broken
from ablations.files.markup import NOTHING, latex
from ablations.report.page import inline_svg, page
from ablations.studies.designs.cumulative import Cumulative, CumulativePoints
from lit_models import TRAJECTORIES
from tests.support.fabricate import cumulative, fabricate_study

NANO = TRAJECTORIES["convnext_nano"]
NANO_STUDY = Cumulative(NANO, CumulativePoints())


def test_latex_escapes_what_would_break() -> None:
    assert latex("a_b & 5 % {x} \\ ~") == (r"a\_b \& 5 \% \{x\} \textbackslash{} \textasciitilde{}")


def test_ids_of_two_figures_stay_apart() -> None:
    svg = (
        '<?xml version="1.0"?><svg><g id="a"/><use href="#a"/><p style="clip-path: url(#a)"/></svg>'
    )
    found = inline_svg(svg, "steps")
    assert found.count("steps-a") == 3
    assert found.startswith("<svg")


def test_the_page_escapes_what_a_run_says(tmp_path: Path) -> None:
    fabricate_study(tmp_path, states={("00_start", 0): "failed"})
    folder = load_study("made_up", runs_root=tmp_path).runs[0].folder
    status = {"state": "failed", "epoch": 0, "message": "<script>alert(1)</script> & more"}
    (folder / "status.json").write_text(json.dumps(status))
    study = load_study("made_up", runs_root=tmp_path)
    rows = study_rows(study)
    text = page(study, rows, dict.fromkeys(drawings(study, rows), "<svg/>"))
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_a_title_with_markup_is_printed_as_it_is(tmp_path: Path) -> None:
    fabricate_study(tmp_path)
    rows = report.rows("made_up", runs_root=tmp_path)
    table, _ = rich_table(rows, design=NANO_STUDY, title="[red]x[/red] [/b]", width=200)
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(table)
    assert "[red]x[/red] [/b]" in console.export_text()


def test_columns_without_content_are_left_out(tmp_path: Path) -> None:
    fabricate_study(tmp_path, seeds=[0])
    study = load_study("made_up", runs_root=tmp_path)
    headings = [column.heading for column in columns(study_rows(study), design=study.design)]
    assert "published (%)" in headings
    assert "EMA top-1 (%)" not in headings


def test_the_published_panel_is_labelled_as_what_it_is(tmp_path: Path) -> None:
    fabricate_study(tmp_path, study="nano")
    regime = {"trajectory": "resnet50_to_convnext_t", "data": "imagenet", "epochs": 300}
    fabricate_study(tmp_path, study="same", seeds=[0], **regime)  # type: ignore[arg-type]
    labels = [published_label(report.rows(s, runs_root=tmp_path)) for s in ("nano", "same")]
    assert labels[0].splitlines()[0] == "published: another data set and scale"
    assert labels[1].splitlines()[0] == "published"
    assert all("ImageNet-1K, 224 px, 300 epochs\narXiv 2201.03545, Table 10" in x for x in labels)


@pytest.mark.parametrize(("kind", "panels"), [("cumulative", 3), ("factorial", 2)])
def test_the_published_curve_has_a_panel_of_its_own(tmp_path: Path, kind: str, panels: int) -> None:
    points = cumulative(NANO)[:3]
    fabricate_study(tmp_path, kind=kind, points=points, epochs=1)
    study = load_study("made_up", runs_root=tmp_path)
    axes = steps_figure(study, study_rows(study)).axes
    assert len(axes) == panels
    assert axes[0].get_title(loc="left").startswith("measured")
    assert [label.get_text() for label in axes[0].get_yticklabels()] == [
        point.title for point in study.points
    ]
    for panel in axes[: panels - 1]:
        begin = panel.get_xlim()[0]
        assert begin > 0
        assert f"axis begins at {begin:g}" in panel.get_xlabel()
    assert axes[-1].get_xlim()[0] == 0


def test_the_headline_goes_from_the_first_to_the_last_point_of_the_line(tmp_path: Path) -> None:
    fabricate_study(tmp_path)
    study = load_study("made_up", runs_root=tmp_path)
    text = headline(study, study_rows(study))
    assert "from “ResNet-nano” (50.10 ± 0.10 %) to “sep. d.s. conv” (57.40 ± 0.10 %)" in text
    assert "+7.30 points over 3 seeds, 95 % interval +7.13 to +7.47" in text


def test_the_report_states_the_uncertainty_of_the_test_set(tmp_path: Path) -> None:
    fabricate_study(tmp_path)
    study = load_study("made_up", runs_root=tmp_path)
    text = " ".join(statistics_sentences(study, study_rows(study)))
    assert "The test set has 10000 images" in text
    assert "The 15 intervals are 95 % each" in text


def test_curves_are_means_over_the_finished_seeds(tmp_path: Path) -> None:
    fabricate_study(tmp_path, states={("00_start", 2): "interrupted"}, epochs=4)
    curve = point_curve(load_study("made_up", runs_root=tmp_path).points[0])
    assert curve is not None
    assert list(curve.epochs) == [1, 2, 3, 4]
    assert curve.mean[-1] == pytest.approx((50.0 + 50.1) / 2)
    assert (curve.low[-1], curve.high[-1]) == pytest.approx((50.0, 50.1))


@pytest.mark.parametrize("wanted", [[0.5] * 13, [0.0, 0.0, 0.99, 1.0], [0.2, 0.8], [1.0] * 4])
def test_labels_do_not_overlap_and_stay_in_the_frame(wanted: list[float]) -> None:
    found = spread(wanted, 0.05)
    gaps = [after - before for before, after in pairwise(found)]
    assert min(gaps) >= 0.05 - 1e-9
    assert found[0] >= -1e-9
    assert found[-1] <= 1 + 1e-9


def test_names_of_more_curves_than_fit_are_those_of_the_extremes() -> None:
    def curves(means: list[float]) -> list[Curve]:
        return [Curve("", True, (1.0,), (mean,), (mean,), (mean,)) for mean in means]

    assert list(labelled(curves([1.0] * 28))) == list(range(28))
    many = [float(number % 41) for number in range(3, 99)]
    assert [many[number] for number in labelled(curves(many))] == [3.0, 0.0, 40.0, 16.0]


def test_a_title_is_broken_after_commas() -> None:
    line = "Fashion-MNIST, 32 px, 448 training images, 2 epochs, 1 seed"
    assert broken(line, 44) == ["Fashion-MNIST, 32 px, 448 training images,", "2 epochs, 1 seed"]
    assert broken("a source without any comma in it", 20) == ["a source without any", "comma in it"]
    assert broken("short", 20) == ["short"]


def test_labels_that_have_room_stay_where_they_are() -> None:
    assert spread([0.2, 0.8], 0.05) == [0.2, 0.8]


@pytest.mark.parametrize(
    ("value", "text"), [(4.1456, "4.146"), (0.0123456, "0.0123"), (None, NOTHING), (0.5, "0.500")]
)
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text
