"""The tables for LaTeX, in robustness.tex beside the report's table.tex."""

from collections.abc import Sequence

from ablations.compare.analysis import SectionTable
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.compare.tables import booktabs
from ablations.compare.text import setting
from ablations.robustness.shown.headlines import headlines
from ablations.robustness.shown.measured import Measured
from ablations.robustness.shown.published import published_cells
from ablations.robustness.shown.tables import metric_change_table, step_table
from ablations.robustness.shown.words import sentences


def latex(study: StudyRecord, rows: Sequence[Row], all_measured: Sequence[Measured]) -> str | None:
    """A table of values and one of changes for each data set; None where there is none.

    What the numbers are of stands in the captions.
    """
    texts = []
    for one in all_measured:
        said = " ".join(sentences(study, [one]))
        shown = headlines(one.sets)
        published = [published_cells(column, rows, one.found) for column in shown]
        values = step_table(study, shown, published=published)
        changes = metric_change_table(study, shown)
        texts += _of(values, f"{study.title}: {setting(study)}. {said}")
        texts += _of(changes, f"{study.title}: changes, as far as seeds and images tell.")
    return "\n".join(texts) or None


def _of(table: SectionTable | None, caption: str) -> list[str]:
    if table is None:
        return []
    sides = ["l" if number < table.left else "r" for number in range(len(table.headings))]
    return [booktabs(table.headings, table.rows, sides="".join(sides), caption=caption)]
