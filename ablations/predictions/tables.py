"""Tables and sentences of the report's section about test images and classes."""

from collections.abc import Mapping, Sequence

import numpy as np

from ablations.compare.analysis import SectionTable
from ablations.compare.records import StudyRecord
from ablations.compare.words import plural, signed
from ablations.figures.style import short
from ablations.files.markup import NOTHING
from ablations.predictions.classes import (
    Shares,
    class_accuracy,
    class_images,
    confusion,
    confusion_percent,
    most_confused,
)
from ablations.predictions.pairs import Pair
from ablations.predictions.results import MOST_CLASSES, MOST_PAIRS, MOST_ROWS, Results

TWO_INTERVALS = (
    "“On these images” is over new seeds alone, as in the table of the numbers. “On new images” is "
    "over new seeds and other test images of the same kind: the variance of each difference is "
    "split into images and seeds by two-way random effects (image by seed), and that of the images "
    "is added."
)
COUNTS = (
    "Fixed and broken are the test images that only the network, or only the one it is compared "
    "with, has right: means over seeds. McNemar's p (mid-p; the scores of an image are added up "
    "over the seeds; after Holm's correction for the table) takes other images into account and "
    "no other seeds: it is about these trained networks."
)
OLDER = (
    "Earlier versions kept no predictions: such a run is tested again from its checkpoint when its "
    "summary.json is deleted and the study is run again."
)


def pairs_table(study: StudyRecord, found: Results) -> SectionTable | None:
    """Each difference on these and on new images, and the images that it is made of."""
    if not 0 < len(found.pairs) <= MOST_ROWS:
        return None
    design = study.design
    headings = (
        *(design.noun, f"Δ {design.compared_with}: on these images [95 %]"),
        *("on new images [95 %]", "std. error: seeds", "std. error: images"),
        *("fixed", "broken", "McNemar p (Holm)"),
    )
    rows = [_pair_row(found, pair) for pair in found.pairs]
    told = [k for k in range(len(headings)) if any(row[k] != NOTHING for row in rows)]
    cut = [tuple(line[k] for k in told) for line in (headings, *rows)]
    return SectionTable(cut[0], tuple(cut[1:]))


def _pair_row(found: Results, pair: Pair) -> tuple[str, ...]:
    return (
        found.titles[pair.point],
        f"{signed(pair.delta)}{_interval(pair.low, pair.high)}",
        _interval(pair.new_low, pair.new_high).strip() or NOTHING,
        NOTHING if pair.error is None else f"{pair.error:.2f}",
        f"{pair.images_error:.2f}",
        _count(pair.mean_fixed),
        _count(pair.mean_broken),
        f"{found.p_holm[pair.point]:.2g}",
    )


def classes_table(study: StudyRecord, found: Results) -> SectionTable | None:
    """Each class at both ends, and the rows that changed it most; the most changed of many."""
    if len(found.ends) < 2:
        return None
    first, last = (class_accuracy(found.found, point) for point in found.ends)
    steps = class_changes(found)
    order = np.arange(len(first))
    if len(first) > MOST_CLASSES:
        order = np.argsort(-np.nan_to_num(np.abs(last - first)), kind="stable")[:MOST_CLASSES]
    noun = study.design.noun
    headings = (
        *("class", "test images", *(f"{short(found.titles[p])} (%)" for p in found.ends)),
        *("change", f"{noun} that raised it most", f"{noun} that lowered it most"),
    )
    images, names = class_images(found.found), found.found.class_names
    rows = [
        (
            *(names[k], f"{images[k]:,}", _percent(first[k]), _percent(last[k])),
            *(_signed(last[k] - first[k]), *_extremes(found, steps, int(k))),
        )
        for k in order
    ]
    return SectionTable(headings, tuple(rows))


def class_changes(found: Results) -> Mapping[str, Shares]:
    """By point, how each class's accuracy differs from that of its reference, in points."""
    return {
        pair.point: class_accuracy(found.found, pair.point)
        - class_accuracy(found.found, pair.reference)
        for pair in found.pairs
    }


def _extremes(found: Results, steps: Mapping[str, Shares], label: int) -> tuple[str, str]:
    changes = {point: float(step[label]) for point, step in steps.items()}
    known = {point: change for point, change in changes.items() if not np.isnan(change)}
    high, low = (most(known, key=lambda p: known[p], default=None) for most in (max, min))
    raised = "" if high is None or known[high] <= 0 else _named(found, high, known[high])
    lowered = "" if low is None or known[low] >= 0 else _named(found, low, known[low])
    return raised or NOTHING, lowered or NOTHING


def _named(found: Results, point: str, change: float) -> str:
    return f"{short(found.titles[point])} ({_signed(change)})"


def confused_table(found: Results) -> SectionTable | None:
    """The most confused pairs of classes, where a matrix would be too large; else None."""
    names = found.found.class_names
    if not found.ends or len(names) <= MOST_CLASSES:
        return None
    shares = [confusion_percent(confusion(found.found, point)) for point in found.ends]
    headings = ("class", "taken for", *(f"{short(found.titles[p])} (%)" for p in found.ends))
    rows = [
        (names[pair.label], names[pair.predicted], *(_percent(_at(s, pair)) for s in shares))
        for pair in most_confused(shares[-1], most=MOST_PAIRS)
    ]
    return SectionTable(headings, tuple(rows), left=2) if rows else None


def _at(shares: Shares, pair: tuple[int, int, float]) -> float:
    return float(shares[pair[0], pair[1]])


def sentences(found: Results) -> tuple[str, ...]:
    """What was kept, what the images do to the whole difference, and how to read the tables."""
    kept = found.found
    runs = plural(kept.finished, "finished run")
    said = [
        f"{kept.runs} of {runs} kept what the network with its raw weights predicted for each of "
        f"{len(kept.labels):,} test images."
    ]
    said += [OLDER] if kept.runs + len(kept.problems) < kept.finished else []
    said += [_whole(found, found.first_to_last)] if found.first_to_last else []
    intervals = any(pair.new_low is not None for pair in found.pairs)
    said += [TWO_INTERVALS] if intervals else []
    said += [COUNTS] if found.pairs else []
    if len(found.pairs) > MOST_ROWS:
        said.append(f"The {len(found.pairs)} differences are in predictions.json.")
    return (*said, *kept.problems)


def _whole(found: Results, pair: Pair) -> str:
    """The difference from first to last, on these images and on others."""
    start = (
        f"From “{found.titles[pair.reference]}” to “{found.titles[pair.point]}” "
        f"{_count(pair.mean_fixed)} test images are fixed and {_count(pair.mean_broken)} broken, "
        f"{signed(pair.delta)} points"
    )
    if pair.error is None or pair.new_low is None:
        return f"{start}; the images alone give a standard error of {pair.images_error:.2f}."
    total = pair.error**2 + pair.images_error**2
    share = 100 * pair.images_error**2 / total if total else 0.0
    return (
        f"{start}: 95 % interval{_interval(pair.low, pair.high)} on these images and"
        f"{_interval(pair.new_low, pair.new_high)} on new ones; {share:.0f} % of that variance is "
        "the images'."
    )


def _count(mean: float) -> str:
    """A mean count of images, whole where it is or is large."""
    return f"{mean:,.0f}" if mean >= 100 else f"{mean:.1f}".removesuffix(".0")


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" [{signed(low)}, {signed(high)}]"


def _percent(value: float) -> str:
    return NOTHING if np.isnan(value) else f"{value:.1f}"


def _signed(value: float) -> str:
    return NOTHING if np.isnan(value) else signed(float(value), digits=1)


def tables(study: StudyRecord, found: Results) -> Sequence[SectionTable]:
    """The tables that have something to say."""
    every = (pairs_table(study, found), classes_table(study, found), confused_table(found))
    return [table for table in every if table is not None]
