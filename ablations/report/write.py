"""Write a study's report folder."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ablations.report.comparison import Row, study_rows, to_json
from ablations.report.curves import curves_figure
from ablations.report.figure import steps_figure
from ablations.report.origin import provenance_facts
from ablations.report.page import page
from ablations.report.records import Study, load_study
from ablations.report.style import figure_style, save
from ablations.report.tables import csv_table, latex_table, markdown_table
from ablations.report.text import (
    curve_caption,
    figure_caption,
    headline,
    missing_runs,
    progress,
    published_note,
    setting,
    statistics_sentences,
)
from ablations.store import study_path, write_text_atomic

REPORT = "report"


@dataclass(frozen=True)
class ReportPaths:
    """The files of a report."""

    markdown: Path
    csv: Path
    json: Path
    latex: Path
    steps_svg: Path
    steps_png: Path
    curves_svg: Path
    curves_png: Path
    html: Path


def paths_of(folder: Path) -> ReportPaths:
    """Where the files of a report lie in its folder."""
    names = ("report.md", "table.csv", "report.json", "table.tex")
    figures = ("steps.svg", "steps.png", "curves.svg", "curves.png", "index.html")
    return ReportPaths(*(folder / name for name in (*names, *figures)))


def write_report(study: str, *, runs_root: Path) -> ReportPaths:
    """Write `runs/studies/STUDY/report/` from the run folders, finished or not.

    Raises ValueError when the study was never run or none of its runs is finished.
    """
    found = load_study(study, runs_root=runs_root)
    rows = study_rows(found)
    if not any(row.seeds for row in rows):
        states = ", ".join(sorted({run.state for run in found.runs}))
        raise ValueError(
            f"study {study!r} has no finished run in {runs_root} ({len(found.runs)} planned: "
            f"{states}); `ablate run {study}` trains them, `ablate status {study}` shows them"
        )
    paths = paths_of(study_path(runs_root, study) / REPORT)
    paths.html.parent.mkdir(parents=True, exist_ok=True)
    _write_figures(found, rows, paths)
    _write_tables(found, rows, paths)
    figures = {"steps_svg": paths.steps_svg, "curves_svg": paths.curves_svg}
    inline = {name: path.read_text(encoding="utf-8") for name, path in figures.items()}
    write_text_atomic(paths.html, page(found, rows, **inline))
    return paths


def _write_figures(study: Study, rows: Sequence[Row], paths: ReportPaths) -> None:
    with figure_style():
        steps, curves = steps_figure(study, rows), curves_figure(study)
        for figure, path in (
            (steps, paths.steps_svg),
            (steps, paths.steps_png),
            (curves, paths.curves_svg),
            (curves, paths.curves_png),
        ):
            save(figure, path)


def _write_tables(study: Study, rows: Sequence[Row], paths: ReportPaths) -> None:
    caption = f"{study.title}: {setting(study)}. {headline(study, rows)}"
    caption = f"{caption} {published_note(study, rows)}".strip()
    write_text_atomic(paths.csv, csv_table(rows))
    write_text_atomic(paths.json, json.dumps(to_json(rows), indent=2, ensure_ascii=False) + "\n")
    write_text_atomic(paths.latex, latex_table(rows, kind=study.kind, caption=caption))
    write_text_atomic(paths.markdown, markdown(study, rows, paths))


def markdown(study: Study, rows: Sequence[Row], paths: ReportPaths) -> str:
    """The report as Markdown, with the figures as files beside it."""
    lines = [
        f"# {study.title}",
        headline(study, rows),
        f"{setting(study)}. {progress(study)}",
        f"```\n{study.command}\n```",
        f"![Accuracy and GMACs after each step]({paths.steps_svg.name})",
        figure_caption(study, rows),
        markdown_table(rows, kind=study.kind).strip(),
        f"![Validation accuracy by epoch]({paths.curves_svg.name})",
        curve_caption(),
        "## What these numbers can show",
        "\n".join(f"- {sentence}" for sentence in statistics_sentences(study, rows)),
    ]
    missing = [f"- {name}: {state}: {reason}" for name, state, reason in missing_runs(study)]
    lines += ["## Runs without a result", "\n".join(missing)] if missing else []
    facts = [f"- {name}: {text}" for name, text in provenance_facts(study)]
    lines += ["## Where the numbers come from", "\n".join(facts)] if facts else []
    return "\n\n".join(lines) + "\n"
