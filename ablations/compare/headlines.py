"""The result of a study in one sentence: a registry, of which a design names one."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ablations.compare.differences import between, equal_predictions, study_noise
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.compare.words import EQUAL_PREDICTIONS, p_after_correction, plural, signed
from lit_models.registry.registry import Registry


class Headline(NamedTuple):
    """A sentence of the rows that count, at least two, and what it says that no row does.

    `sentence` is called with the study and its rows on the main line that have a result; `pair`
    gives the two of these whose difference the sentence prints where that is no row's own.
    """

    sentence: Callable[[StudyRecord, Sequence[Row]], str]
    pair: Callable[[Sequence[Row]], tuple[Row, Row]] | None = None


HEADLINES: Registry[Headline] = Registry("headline")


def headline(study: StudyRecord, rows: Sequence[Row]) -> str:
    """The result in one sentence, in the form that the study's design names."""
    known = known_rows(rows)
    if not known:
        return "No run is finished yet."
    if len(known) == 1:
        return _single(known[0])
    return HEADLINES[study.design.headline].sentence(study, known)


def known_rows(rows: Sequence[Row]) -> list[Row]:
    """The rows that a headline is about: on the main line, with a finished run."""
    return [row for row in rows if row.on_main_line and row.top1]


def _largest_difference(study: StudyRecord, known: Sequence[Row]) -> str:
    """The reference and the largest difference to it."""
    changed = max((row for row in known if row.delta is not None), key=_size, default=None)
    if changed is None:
        return _single(known[0])
    reference = next(p.title for p in study.points if p.label == changed.reference)
    return (
        f"The largest difference to “{reference}” is that of “{changed.title}”: "
        f"{signed(changed.delta)} points of top-1 on the test split{_largest_of_many(changed)}."
    )


def _highest_and_lowest(study: StudyRecord, known: Sequence[Row]) -> str:
    del study
    high, low = (most(known, key=lambda row: row.top1_mean or 0.0) for most in (max, min))
    if high is low:
        return f"All {len(known)} networks have {high.top1_mean:.2f} % top-1 on the test split."
    return (
        f"Top-1 on the test split is highest for “{high.title}” ({_percent(high)}) and lowest for "
        f"“{low.title}” ({_percent(low)}), of {len(known)} networks."
    )


def _grid(study: StudyRecord, known: Sequence[Row]) -> str:
    """The highest and the lowest, and what steps changed most about one network."""
    titles = {point.label: point.title for point in study.points}
    bases = {point.label: titles[point.base] for point in study.points if point.base in titles}
    steps = [row for row in known if row.point in bases and row.delta is not None]
    whole = _highest_and_lowest(study, known)
    if not steps:
        return whole
    changed = max(steps, key=_size)
    if not changed.delta:
        return f"{whole} No list of steps changes it."
    return (
        f"{whole} Steps change most from “{bases[changed.point]}” to “{changed.title}”: "
        f"{signed(changed.delta)} points{_largest_of_many(changed)}."
    )


def _from_first_to_last(study: StudyRecord, known: Sequence[Row]) -> str:
    first, last = known[0], known[-1]
    points = {point.label: point for point in study.points}
    after, before = points[last.point], points[first.point]
    paired, found = between(after, before, study_noise(study))
    change = ""
    if paired and equal_predictions(after, before, paired.seeds):
        change = f": {EQUAL_PREDICTIONS}"
    elif paired:
        low, high = (found.low, found.high) if found else (None, None)
        seeds = plural(len(paired.seeds), "seed")
        change = f": {signed(paired.mean)} points over {seeds}{_interval(low, high)}"
    return (
        f"Top-1 on the test split from “{first.title}” ({_percent(first)}) to “{last.title}” "
        f"({_percent(last)}){change}."
    )


def _single(row: Row) -> str:
    return f"{row.title}: {_percent(row)} top-1 on the test split."


def _size(row: Row) -> float:
    return abs(row.delta or 0.0)


def _percent(row: Row) -> str:
    std = "" if row.top1_std is None else f" ± {row.top1_std:.2f}"
    return f"{row.top1_mean:.2f}{std} %"


def _largest_of_many(row: Row) -> str:
    """The interval, and the p of all tests: the largest of many differences is large by chance."""
    p = row.delta_p_holm
    corrected = "" if p is None else f", {p_after_correction(p)}"
    return f"{_interval(row.delta_low, row.delta_high)}{corrected}"


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f", 95 % interval {signed(low)} to {signed(high)}"


HEADLINES.register("largest difference", Headline(_largest_difference))
HEADLINES.register("highest and lowest", Headline(_highest_and_lowest))
HEADLINES.register("grid", Headline(_grid))
HEADLINES.register(
    "first to last", Headline(_from_first_to_last, lambda known: (known[0], known[-1]))
)
