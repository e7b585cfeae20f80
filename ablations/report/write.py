"""Write a study's report folder."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ablations.compare.analysis import (
    Section,
    SectionTable,
    analysis_details,
    analysis_figures,
    analysis_latex,
    analysis_sections,
)
from ablations.compare.comparison import study_rows, to_json
from ablations.compare.differences import statistics_of
from ablations.compare.drawing import Drawing
from ablations.compare.headlines import headline
from ablations.compare.printed import published_note
from ablations.compare.records import StudyRecord, load_study
from ablations.compare.row import Row
from ablations.compare.tables import csv_table, latex_table, markdown_table
from ablations.compare.text import (
    missing_runs,
    progress,
    rounding_note,
    setting,
    statistics_sentences,
)
from ablations.figures.drawings import drawings
from ablations.figures.style import figure_style, save
from ablations.files.markup import fenced
from ablations.files.markup import markdown as escaped
from ablations.files.own_folders import own_folder
from ablations.files.plain_text import as_json
from ablations.report import analyses  # noqa: F401 registers their columns, figures and sections
from ablations.report.origin import provenance_facts
from ablations.report.page import page
from ablations.store.hints import hint
from ablations.store.runs import REPORT, REPORT_ROWS, REPORT_STATISTICS, STUDIES, write_text_atomic


@dataclass(frozen=True)
class ReportPaths:
    """The files of a report; `figures` are SVG files, each with a PNG of the same name beside it.

    The first figure is the comparison, or what answers a study's question better. `details` are the
    results of analyses as plain data, and `tables` those that they have for LaTeX.
    """

    markdown: Path
    csv: Path
    json: Path
    statistics: Path
    latex: Path
    html: Path
    figures: tuple[Path, ...]
    details: tuple[Path, ...] = ()
    tables: tuple[Path, ...] = ()


def paths_of(
    folder: Path,
    figures: Sequence[Drawing],
    details: Iterable[str] = (),
    tables: Iterable[str] = (),
) -> ReportPaths:
    """Where the files of a report lie in its folder."""
    return ReportPaths(
        markdown=folder / "report.md",
        csv=folder / "table.csv",
        json=folder / REPORT_ROWS,
        statistics=folder / REPORT_STATISTICS,
        latex=folder / "table.tex",
        html=folder / "index.html",
        figures=tuple(folder / f"{drawing.name}.svg" for drawing in figures),
        details=tuple(folder / f"{name}.json" for name in details),
        tables=tuple(folder / f"{name}.tex" for name in tables),
    )


def write_report(study: str, *, runs_root: Path) -> ReportPaths:
    """Write `runs/studies/STUDY/report/` from the run folders, finished or not.

    Raises ValueError when the study was never run, none of its runs is finished, or a part of the
    folder is a link.
    """
    found = load_study(study, runs_root=runs_root)
    rows = study_rows(found)
    if not any(row.seeds for row in rows):
        status = hint("status", study, root=runs_root)
        states = ", ".join(sorted({run.state for run in found.runs}))
        raise ValueError(
            f"study {study!r} has no finished run in {runs_root} ({len(found.runs)} planned: "
            f"{states}); `{found.command}` trains them, {status} shows them"
        )
    every = (*drawings(found, rows), *analysis_figures(found, rows))
    chosen = sorted(every, key=lambda drawing: not drawing.leading)
    details, tables = analysis_details(found, rows), analysis_latex(found, rows)
    paths = paths_of(own_folder(runs_root, STUDIES, study, REPORT), chosen, details, tables)
    pictures = _write_figures(chosen, paths)
    _write_tables(found, rows, paths)
    write_text_atomic(paths.markdown, markdown(found, rows, chosen))
    write_text_atomic(paths.html, page(found, rows, pictures))
    for path, data in zip(paths.details, details.values(), strict=True):
        write_text_atomic(path, as_json(data) + "\n")
    for path, text in zip(paths.tables, tables.values(), strict=True):
        write_text_atomic(path, text)
    return paths


def _write_figures(chosen: Sequence[Drawing], paths: ReportPaths) -> Mapping[Drawing, str]:
    """Each figure as SVG and PNG; the text of the SVG files."""
    written = {}
    with figure_style():
        for drawing, path in zip(chosen, paths.figures, strict=True):
            figure = drawing.draw()
            written[drawing] = save(figure, path).read_text(encoding="utf-8")
            save(figure, path.with_suffix(".png"))
    return written


def _write_tables(study: StudyRecord, rows: Sequence[Row], paths: ReportPaths) -> None:
    caption = f"{study.title}: {setting(study)}. {headline(study, rows)}"
    notes = (rounding_note(study, rows), published_note(rows))
    caption = " ".join(filter(None, (caption, *notes)))
    write_text_atomic(paths.csv, csv_table(rows))
    write_text_atomic(paths.json, as_json(to_json(rows)) + "\n")
    write_text_atomic(paths.statistics, as_json(statistics_of(rows).plain()) + "\n")
    write_text_atomic(paths.latex, latex_table(rows, design=study.design, caption=caption))


def _section(section: Section) -> tuple[str, ...]:
    sentences = "\n".join(f"- {escaped(sentence)}" for sentence in section.sentences)
    tables = map(_section_table, section.tables)
    return tuple(filter(None, (f"## {escaped(section.heading)}", *tables, sentences)))


def _section_table(table: SectionTable) -> str:
    rule = [":--" if number < table.left else "--:" for number in range(len(table.headings))]
    body = (tuple(map(escaped, line)) for line in (table.headings, *table.rows))
    head, *lines = (f"| {' | '.join(line)} |" for line in body)
    return "\n".join((head, f"| {' | '.join(rule)} |", *lines))


def markdown(study: StudyRecord, rows: Sequence[Row], chosen: Sequence[Drawing]) -> str:
    """The report as Markdown, with the figures as files beside it."""
    first, *others = ([f"![{d.alt}]({d.name}.svg)", escaped(d.caption)] for d in chosen)
    sections = analysis_sections(study, rows)
    lines = [
        f"# {escaped(study.title)}",
        escaped(headline(study, rows)),
        escaped(f"{setting(study)}. {progress(study)}"),
        fenced(study.command),
        *first,
        *(line for section in sections if section.leading for line in _section(section)),
        markdown_table(rows, design=study.design).strip(),
        *filter(None, [escaped(study.design.legend)]),
        *(line for other in others for line in other),
        *(line for section in sections if not section.leading for line in _section(section)),
        "## What these numbers can show",
        "\n".join(f"- {escaped(sentence)}" for sentence in statistics_sentences(study, rows)),
    ]
    missing = [f"- {escaped(': '.join(parts))}" for parts in missing_runs(study)]
    lines += ["## Runs without a result", "\n".join(missing)] if missing else []
    facts = [f"- {name}: {escaped(text)}" for name, text in provenance_facts(study)]
    lines += ["## Where the numbers come from", "\n".join(facts)] if facts else []
    return "\n\n".join(lines) + "\n"
