"""One HTML page with the whole report: no script, no file beside it, light and dark."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from ablations.compare.analysis import Section, SectionTable, analysis_sections
from ablations.compare.drawing import Drawing
from ablations.compare.headlines import headline
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.compare.tables import columns
from ablations.compare.text import (
    missing_runs,
    progress,
    setting,
    statistics_sentences,
)
from ablations.compare.words import plural
from ablations.report.cards import Card, cards
from ablations.report.origin import configuration, provenance_facts

_CSS = Path(__file__).with_name("page.css")


def page(study: StudyRecord, rows: Sequence[Row], pictures: Mapping[Drawing, str]) -> str:
    """The page; the figures are given as SVG documents and become part of it."""
    first, *others = ((drawing.heading, _figure(drawing, svg)) for drawing, svg in pictures.items())
    more = analysis_sections(study, rows)
    sections = [
        ("What was run", _what_was_run(study)),
        first,
        *((s.heading, _section(s)) for s in more if s.leading),
        ("The numbers", _table(study, rows)),
        *others,
        *((s.heading, _section(s)) for s in more if not s.leading),
        (f"What each {study.design.noun} changed", _cards(cards(study, rows))),
        ("What these numbers can show", _list(statistics_sentences(study, rows))),
        ("Runs without a result", _missing(study)),
        ("Where the numbers come from", _facts(provenance_facts(study))),
    ]
    body = "".join(
        f"<section><h2>{escape(name)}</h2>{text}</section>\n" for name, text in sections if text
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(study.title)}</title>\n"
        f"<style>\n{_CSS.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n"
        f"<h1>{escape(study.title)}</h1>\n"
        f'<p class="headline">{escape(headline(study, rows))}</p>\n'
        f'<p class="soft">{escape(setting(study))}. {escape(progress(study))}</p>\n'
        f"{body}</body>\n</html>\n"
    )


def inline_svg(svg: str, name: str) -> str:
    """An SVG document as an element; `name` keeps its ids apart from those of other figures."""
    element = svg[svg.index("<svg") :].strip()
    element = re.sub(r' id="', f' id="{name}-', element)
    element = re.sub(r'(href="#|url\(#)', rf"\1{name}-", element)
    return re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)


def _figure(drawing: Drawing, svg: str) -> str:
    caption = escape(drawing.caption)
    return (
        f'<figure><div class="paper scroll" role="img" aria-label="{caption}">'
        f"{inline_svg(svg, drawing.name)}</div><figcaption>{caption}</figcaption></figure>"
    )


def _what_was_run(study: StudyRecord) -> str:
    facts = [
        ("study", study.name),
        study.design.fact,
        ("data", setting(study)),
        ("seeds", ", ".join(map(str, study.seeds))),
    ]
    command = f"<p>Run with</p><pre>{escape(study.command)}</pre>"
    details = "".join(
        f"<details><summary>{part} in full</summary><pre>{escape(text)}</pre></details>"
        for part, text in configuration(study)
    )
    return _facts(facts) + command + details


def _table(study: StudyRecord, rows: Sequence[Row]) -> str:
    shown = columns(rows, design=study.design)
    side = ["left" if column.left else "" for column in shown]
    head = "".join(
        f'<th scope="col" class="{s}">{escape(c.heading)}</th>'
        for c, s in zip(shown, side, strict=True)
    )
    lines = []
    for row in rows:
        cells = (
            f'<td class="{s}">{escape(c.cell(row))}</td>' for c, s in zip(shown, side, strict=True)
        )
        lines.append(f'<tr class="{"" if row.on_main_line else "tried"}">{"".join(cells)}</tr>\n')
    legend = f"<p>{escape(study.design.legend)}</p>" if study.design.legend else ""
    return _scroll(f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>") + legend


def _section(section: Section) -> str:
    return "".join(map(_section_table, section.tables)) + _list(section.sentences)


def _section_table(table: SectionTable) -> str:
    sides = ["left" if number < table.left else "" for number in range(len(table.headings))]
    head = "".join(
        f'<th scope="col" class="{side}">{escape(text)}</th>'
        for side, text in zip(sides, table.headings, strict=True)
    )
    lines = []
    for row in table.rows:
        cells = zip(sides, row, strict=True)
        line = "".join(f'<td class="{side}">{escape(text)}</td>' for side, text in cells)
        lines.append(f"<tr>{line}</tr>\n")
    return _scroll(f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>")


def _cards(all_cards: Iterable[Card]) -> str:
    return f'<div class="cards">{"".join(map(_card, all_cards))}</div>'


def _card(card: Card) -> str:
    changed = "".join(
        f'<div class="field"><code>{escape(path)}</code>: {escape(old)} → {escape(new)}</div>'
        for path, old, new in card.fields
    )
    count = card.more_fields
    more = f'<div class="field">and {plural(count, "other field")}</div>' if count else ""
    return (
        f'<article class="card"><h3>{escape(card.title)}</h3>'
        f'<p class="soft">compared with {escape(card.compared_with)}</p>'
        f'<p>{escape(card.summary)}</p><p class="worth">{escape(card.accuracy)}</p>'
        f"{changed}{more}{_facts(card.costs)}</article>\n"
    )


def _missing(study: StudyRecord) -> str:
    rows = "".join(
        f'<tr><td class="left">{escape(name)}</td><td class="left">{escape(state)}</td>'
        f'<td class="left wrap">{escape(reason)}</td></tr>\n'
        for name, state, reason in missing_runs(study)
    )
    return _scroll(f"<tbody>{rows}</tbody>") if rows else ""


def _scroll(table: str) -> str:
    return f'<div class="scroll"><table>{table}</table></div>'


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    return f"<dl>{''.join(f'<dt>{escape(n)}</dt><dd>{escape(t)}</dd>' for n, t in facts)}</dl>"


def _list(sentences: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in sentences)}</ul>"
