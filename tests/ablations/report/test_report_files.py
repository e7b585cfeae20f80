"""The files of a report, read back."""

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from ablations import report
from ablations.report.write import ReportPaths
from lit_models import TRAJECTORIES
from tests.support.fabricate import cumulative, fabricate_study, made_up_top1

PARTLY = {
    ("03_depthwise", 1): "failed",
    ("04_width", 2): "interrupted",
    **{("12_separate_downsampling", seed): "new" for seed in range(3)},
}
MINUS = "\u2212"
NANO = TRAJECTORIES["convnext_nano"]
TITLES = ("ResNet-nano", "depthwise conv", "kernel sz. → 7", "ReLU → GELU", "sep. d.s. conv")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    fabricate_study(folder, states=PARTLY, ema=True)
    return folder


@pytest.fixture(scope="module")
def paths(root: Path) -> ReportPaths:
    return report.write_report("made_up", runs_root=root)


def test_every_file_is_there(paths: ReportPaths) -> None:
    files = [paths.markdown, paths.csv, paths.json, paths.latex, paths.html, paths.statistics]
    files += paths.figures
    files += [path.with_suffix(".png") for path in paths.figures]
    names = {path.name for path in files}
    assert names == {
        *("report.md", "table.csv", "report.json", "statistics.json", "table.tex", "index.html"),
        *("steps.svg", "steps.png", "differences.svg", "differences.png"),
        *("cost.svg", "cost.png", "curves.svg", "curves.png"),
    }
    assert all(path.stat().st_size > 500 for path in files)
    assert {path.name for path in paths.html.parent.iterdir()} == names


def test_csv_and_json_hold_the_same_unrounded_numbers(paths: ReportPaths, root: Path) -> None:
    rows = report.rows("made_up", runs_root=root)
    table = list(csv.DictReader(io.StringIO(paths.csv.read_text())))
    objects = json.loads(paths.json.read_text())
    assert objects == report.to_json(rows)
    for row, line in zip(rows, table, strict=True):
        assert line["step"] == row.step
        assert line["top1_mean"] == ("" if row.top1_mean is None else str(row.top1_mean))
        assert line["delta_low"] == ("" if row.delta_low is None else str(row.delta_low))
    assert table[0]["top1"] == " ".join(f"{seed}:{made_up_top1(0, seed)}" for seed in range(3))


def test_markdown_has_a_line_for_every_point_and_names_what_is_missing(paths: ReportPaths) -> None:
    text = paths.markdown.read_text()
    assert all(f"| {title} |" in text for title in TITLES)
    assert "| (kernel sz. → 5) |" in text
    assert "03_depthwise, seed 1: failed: RuntimeError: made-up failure" in text
    assert "04_width, seed 2: interrupted: stopped before its end" in text
    assert "12_separate_downsampling, seeds 0, 1, 2: new: not started" in text
    assert "43 of 48 runs finished" in text
    assert "](steps.svg)" in text


def test_latex_is_a_booktabs_table_with_escaped_cells(paths: ReportPaths) -> None:
    text = paths.latex.read_text()
    for command in ("toprule", "midrule", "bottomrule"):
        assert text.count(f"\\{command}") == 1
    body = text[text.index("\\midrule") : text.index("\\bottomrule")]
    lines = [line for line in body.splitlines() if line.endswith("\\\\")]
    assert len(lines) == 16
    assert {line.count("&") for line in lines} == {text[: text.index("\\midrule")].count("&")}
    assert not re.search(r"[^\x00-\x7f]|(?<!\\)%(?! needs)", text)


@pytest.mark.parametrize("number", [0, 1])
def test_figures_are_xml_without_dates_or_links(paths: ReportPaths, number: int) -> None:
    text = paths.figures[number].read_text()
    element = ElementTree.fromstring(text)
    assert element.tag.endswith("svg")
    assert "<dc:date>" not in text
    assert not re.search(r'href="(?!#)', text)


def test_the_same_study_gives_the_same_figure(paths: ReportPaths, root: Path) -> None:
    before = [path.read_bytes() for path in paths.figures]
    again = report.write_report("made_up", runs_root=root)
    assert [path.read_bytes() for path in again.figures] == before


class Page(HTMLParser):
    """Collects what a page refers to, its ids, and whether its tags close."""

    VOID = frozenset({"meta", "br", "img", "link", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("href", "xlink:href", "src"):
                self.links.append(str(value))
            if name == "id":
                self.ids.append(str(value))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_beside_it(paths: ReportPaths) -> None:
    text = paths.html.read_text()
    found = Page()
    found.feed(text)
    assert found.open == []
    assert not {"script", "link", "img", "iframe"} & set(found.tags)
    assert found.links
    assert {link.removeprefix("#") for link in found.links} <= set(found.ids)
    assert len(set(found.ids)) == len(found.ids)
    assert not re.search(r"@import|url\((?!#)", text)


def test_the_page_says_all_of_it(paths: ReportPaths) -> None:
    text = paths.html.read_text()
    for words in (
        "ablate run made_up",
        f"Fashion-MNIST, {NANO.image_size} px, 4 epochs, 3 seeds",
        "another data set and scale",
        "RuntimeError: made-up failure",
        "0" * 40,
        "torch 2.11.0",
        "correction for all",
        "blocks[0].branches[0].spatial.kind",
        "prefers-color-scheme: dark",
    ):
        assert words in text, words
    assert text.count("<svg") == 4
    assert text.count('class="card"') == 15


def test_the_terminal_shows_as_many_columns_as_fit_and_names_the_others(root: Path) -> None:
    for width, left_out in ((200, False), (80, True)):
        console = Console(width=width, file=io.StringIO(), record=True)
        report.print_terminal("made_up", runs_root=root, console=console)
        text = console.export_text()
        assert max(map(len, text.splitlines())) <= width
        assert ("Left out for lack of width: published GMACs, memory (MiB)" in text) == left_out
        assert "50.10 ± 0.10" in text
        assert ("another data set and scale" in text) != left_out
        assert "+0.30 [+0.12, +0.48]" in text  # not broken over lines
        assert "03_depthwise, seed 1: failed" in text
        assert "Points have 2 to 3 finished seeds. With 2 seeds the smallest" in " ".join(
            text.split()
        )


def test_no_finished_run_is_refused_with_what_to_do(tmp_path: Path) -> None:
    fabricate_study(tmp_path, seeds=[0], states=dict.fromkeys(_every_run(), "interrupted"))
    with pytest.raises(ValueError, match=r"no finished run .*16 planned: interrupted.*ablate run"):
        report.write_report("made_up", runs_root=tmp_path)


def test_one_finished_run_gives_a_report(tmp_path: Path) -> None:
    states = {key: "new" for key in _every_run() if key[0] != "02_patchify_stem"}
    fabricate_study(tmp_path, seeds=[0], states=states)
    text = report.write_report("made_up", runs_root=tmp_path).markdown.read_text()
    assert "patchify stem: 51.00 % top-1 on the test split" in text
    assert "With 1 seed there is no interval and no test" in text


def _every_run() -> list[tuple[str, int]]:
    return [(point, 0) for point, _, _ in cumulative(NANO)]
