"""One HTML page with the whole report: no script, no file beside it, light and dark."""

import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from ablations.report.cards import Card, cards
from ablations.report.comparison import Row
from ablations.report.origin import configuration, provenance_facts
from ablations.report.records import Study
from ablations.report.tables import columns
from ablations.report.text import (
    curve_caption,
    figure_caption,
    headline,
    missing_runs,
    progress,
    setting,
    statistics_sentences,
)

_CSS = Path(__file__).with_name("page.css")


def page(study: Study, rows: Sequence[Row], *, steps_svg: str, curves_svg: str) -> str:
    """The page; the figures are given as SVG documents and become part of it."""
    sections = [
        ("What was run", _what_was_run(study)),
        ("The steps", _figure(steps_svg, "steps", figure_caption(study, rows))),
        ("The numbers", _table(study, rows)),
        ("Training curves", _figure(curves_svg, "curves", curve_caption())),
        ("What each step changed", _cards(cards(study, rows))),
        ("What these numbers can show", _list(statistics_sentences(study, rows))),
        ("Runs without a result", _missing(study)),
        ("Where the numbers come from", _facts(provenance_facts(study))),
    ]
    body = "".join(f"<section><h2>{name}</h2>{text}</section>\n" for name, text in sections if text)
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


def _figure(svg: str, name: str, caption: str) -> str:
    return (
        f'<figure><div class="paper scroll" role="img" aria-label="{escape(caption)}">'
        f"{inline_svg(svg, name)}</div><figcaption>{escape(caption)}</figcaption></figure>"
    )


def _what_was_run(study: Study) -> str:
    facts = [
        ("study", study.name),
        ("trajectory", f"{study.trajectory.title} ({study.trajectory.name}), {study.kind}"),
        ("data", setting(study)),
        ("seeds", ", ".join(map(str, study.seeds))),
    ]
    command = f"<p>Run with</p><pre>{escape(study.command)}</pre>"
    details = "".join(
        f"<details><summary>{part} in full</summary><pre>{escape(text)}</pre></details>"
        for part, text in configuration(study)
    )
    return _facts(facts) + command + details


def _table(study: Study, rows: Sequence[Row]) -> str:
    shown = columns(rows, kind=study.kind)
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
        lines.append(f'<tr class="{"" if row.adopted else "tried"}">{"".join(cells)}</tr>\n')
    return _scroll(f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>")


def _cards(all_cards: Iterable[Card]) -> str:
    return f'<div class="cards">{"".join(map(_card, all_cards))}</div>'


def _card(card: Card) -> str:
    changed = "".join(
        f'<div class="field"><code>{escape(path)}</code>: {escape(old)} → {escape(new)}</div>'
        for path, old, new in card.fields
    )
    return (
        f'<article class="card"><h3>{escape(card.title)}</h3>'
        f'<p class="soft">compared with {escape(card.compared_with)}</p>'
        f'<p>{escape(card.summary)}</p><p class="worth">{escape(card.accuracy)}</p>'
        f"{changed}{_facts(card.costs)}</article>\n"
    )


def _missing(study: Study) -> str:
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
