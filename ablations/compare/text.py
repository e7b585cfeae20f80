"""What a report says in words: setting, headline, what the seeds can show, what is missing."""

from collections.abc import Sequence

from ablations.compare.comparison import Row, by_seed, equal_predictions, run_problem
from ablations.compare.data_facts import data_sentences, data_title, test_images
from ablations.compare.records import Study
from ablations.compare.statistics import (
    comparisons_sentence,
    images_sentence,
    paired_delta,
    seeds_sentence,
)
from ablations.studies.design import CUMULATIVE, NETWORKS
from lit_models.training.metrics import TEST_TOP1

ACCURACY_NOTE = (
    "Accuracy is top-1 on the test split after the last epoch; nothing was selected on it. "
    "Mean ± standard deviation (ddof = 1) over seeds."
)
DELTA_NOTE = (
    "A difference is the mean over seeds of the difference within a seed (the same images in the "
    "same order with the same augmentation), with a 95 % t interval. It is rounded after it was "
    "taken: its last digit may differ from that of the printed accuracies."
)
COVERAGE_NOTE = (
    "95 % is over seeds alone: what other initial values, orders and augmentation draws would give "
    "with these training images, this validation split, these test images, this recipe and this "
    "machine. It does not cover other data sets, other test images or other hyper-parameters."
)
ROUNDING_NOTE = (
    "Differences are rounded after they were taken: the last digit may differ from that of the "
    "printed accuracies."
)
EQUAL_PREDICTIONS = "the predictions are equal for all test images: no effect to measure"
COST_NOTE = (
    "images/s is the training throughput that was measured during the runs: it depends on the "
    "machine and on what else ran on it at the time, and it is no benchmark. Memory is the peak of "
    "the device on CUDA, else of the whole process that trained."
)


def setting(study: Study) -> str:
    """Data set, image size, epochs, seeds: what the measured numbers are of."""
    data, recipe = study.config.get("data", {}), study.config.get("recipe", {})
    parts = [data_title(study)]
    parts += [f"{data['image_size']} px"] if data.get("image_size") else []
    parts += [f"{data['train_limit']} training images"] if data.get("train_limit") else []
    parts += [plural(recipe["epochs"], "epoch")] if "epochs" in recipe else []
    return ", ".join([*parts, plural(len(study.seeds), "seed")])


def headline(study: Study, rows: Sequence[Row]) -> str:
    """The result in one sentence.

    A cumulative study: from the first to the last point that was gone on with. Networks: the
    highest and the lowest. Others: the reference and the largest difference to it.
    """
    known = [row for row in rows if row.adopted and row.top1]
    if not known:
        return "No run is finished yet."
    if len(known) == 1:
        return f"{known[0].title}: {_percent(known[0])} top-1 on the test split."
    if study.design.kind == CUMULATIVE:
        return _from_first_to_last(study, known)
    if study.design.kind == NETWORKS:
        return _highest_and_lowest(known)
    changed = max((row for row in known if row.delta is not None), key=_size, default=None)
    if changed is None:
        return f"{known[0].title}: {_percent(known[0])} top-1 on the test split."
    reference = next(row.title for row in rows if row.point == changed.reference)
    return (
        f"The largest difference to “{reference}” is that of “{changed.title}”: "
        f"{signed(changed.delta)} points of top-1 on the test split"
        f"{_interval(changed.delta_low, changed.delta_high)}."
    )


def _highest_and_lowest(known: Sequence[Row]) -> str:
    high, low = (most(known, key=lambda row: row.top1_mean or 0.0) for most in (max, min))
    if high is low:
        return f"All {len(known)} networks have {high.top1_mean:.2f} % top-1 on the test split."
    return (
        f"Top-1 on the test split is highest for “{high.title}” ({_percent(high)}) and lowest for "
        f"“{low.title}” ({_percent(low)}), of {len(known)} networks."
    )


def _from_first_to_last(study: Study, known: Sequence[Row]) -> str:
    first, last = known[0], known[-1]
    points = {point.label: point for point in study.points}
    after, before = (by_seed(points[row.point], TEST_TOP1) for row in (last, first))
    delta = paired_delta(after, before)
    change = ""
    if delta and equal_predictions(points[last.point], points[first.point], delta.seeds):
        change = f": {EQUAL_PREDICTIONS}"
    elif delta:
        pairs = plural(len(delta.seeds), "paired seed")
        change = f": {signed(delta.mean)} points over {pairs}{_interval(delta.low, delta.high)}"
    return (
        f"Top-1 on the test split from “{first.title}” ({_percent(first)}) to “{last.title}” "
        f"({_percent(last)}){change}."
    )


def _size(row: Row) -> float:
    return abs(row.delta or 0.0)


def sample_sentences(rows: Sequence[Row]) -> tuple[str, ...]:
    """What this number of seeds, and of comparisons, can and cannot show."""
    finished = [row.seeds for row in rows if row.seeds]
    intervals = sum(row.delta_low is not None for row in rows)
    fewest, most = min(finished, default=0), max(finished, default=0)
    uneven = f"Points have {fewest} to {most} finished seeds. " if fewest < most else ""
    sentences = (
        uneven + seeds_sentence(fewest),
        seeds_sentence(most) if fewest < most else "",
        COVERAGE_NOTE if intervals else "",
        comparisons_sentence(intervals),
        *equal_sentences(rows),
    )
    return tuple(sentence for sentence in sentences if sentence)


def rounding_note(study: Study, rows: Sequence[Row]) -> str:
    """Said where a printed difference is not that of the printed accuracies; else empty."""
    by_label = {row.point: row for row in rows}
    pairs = [(row, by_label.get(row.reference or ""), row.delta) for row in rows]
    known = [row for row in rows if row.adopted and row.top1_mean is not None]
    if study.design.kind == CUMULATIVE and known:
        first, last = known[0], known[-1]
        pairs.append((last, first, (last.top1_mean or 0.0) - (first.top1_mean or 0.0)))
    return ROUNDING_NOTE if any(_apart(*pair) for pair in pairs) else ""


def _apart(row: Row, reference: Row | None, delta: float | None) -> bool:
    if reference is None or delta is None or row.top1_mean is None or reference.top1_mean is None:
        return False
    values = (row.top1_mean, reference.top1_mean, delta)
    printed = [round(100 * float(f"{value:.2f}")) for value in values]
    same_seeds = set(row.top1) == set(reference.top1)
    return same_seeds and printed[0] - printed[1] != printed[2]


def equal_sentences(rows: Sequence[Row]) -> tuple[str, ...]:
    """Which points predict what their reference predicts, in every seed that both have."""
    titles = {row.point: row.title for row in rows}
    return tuple(
        f"{row.title} against {titles.get(row.reference or '', 'its reference')}: "
        f"{EQUAL_PREDICTIONS}."
        for row in rows
        if row.equal_predictions
    )


def statistics_sentences(study: Study, rows: Sequence[Row]) -> tuple[str, ...]:
    """How the numbers were made, and what they can and cannot show."""
    images = test_images(study)
    best = max((row.top1_mean for row in rows if row.top1_mean is not None), default=None)
    on_images = (images_sentence(best, images),) if best is not None and images else ()
    about = data_sentences(study)
    return (ACCURACY_NOTE, DELTA_NOTE, *about, *sample_sentences(rows), *on_images, COST_NOTE)


def missing_runs(study: Study) -> tuple[tuple[str, str, str], ...]:
    """(runs, state, reason) of the planned runs without a result, and of every illegal point.

    Seeds of a point that lack a result for the same reason stand together.
    """
    groups: dict[tuple[str, str, str], list[int]] = {}
    for run in study.runs:
        if not run.done:
            groups.setdefault((run.point, run.state, run_problem(run)), []).append(run.seed)
    runs = [
        (f"{point}, seed{'s'[: len(seeds) - 1]} {', '.join(map(str, seeds))}", state, reason)
        for (point, state, reason), seeds in groups.items()
    ]
    return (*runs, *((item.point, "illegal", item.reason) for item in study.illegal))


def progress(study: Study) -> str:
    """How much of the plan is finished."""
    done = sum(run.done for run in study.runs)
    return f"{done} of {plural(len(study.runs), 'run')} finished."


def signed(number: float | None, *, digits: int = 2) -> str:
    """A difference with its sign (a true minus), or a dash for None."""
    return "\u2013" if number is None else f"{number:+.{digits}f}".replace("-", "\u2212")


def _percent(row: Row) -> str:
    std = "" if row.top1_std is None else f" ± {row.top1_std:.2f}"
    return f"{row.top1_mean:.2f}{std} %"


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f", 95 % interval {signed(low)} to {signed(high)}"


def plural(number: int, noun: str) -> str:
    """A number with its noun: `1 seed`, `3 seeds`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
