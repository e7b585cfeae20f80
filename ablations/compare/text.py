"""What a report says in words: setting, what the seeds can show, what is missing."""

from collections.abc import Sequence

from ablations.compare.comparison import run_problem
from ablations.compare.data_facts import data_sentences, data_title, test_images
from ablations.compare.differences import statistics_of
from ablations.compare.headlines import HEADLINES, known_rows
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.compare.words import EQUAL_PREDICTIONS, plural
from ablations.statistics.sentences import (
    agreement_sentence,
    any_difference_sentence,
    comparisons_sentence,
    images_sentence,
    noise_sentence,
    pairing_sentence,
    seeds_sentence,
)

ACCURACY_NOTE = (
    "Accuracy is top-1 on the test split after the last epoch; nothing was selected on it. "
    "Mean ± standard deviation (ddof = 1) over seeds."
)
DELTA_NOTE = (
    "A difference is the mean over seeds of the difference within a seed (the same images in the "
    "same order with the same augmentation), with a 95 % t interval from the noise of the whole "
    "study. It is rounded after it was taken: its last digit may differ from that of the printed "
    "accuracies."
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
COST_NOTE = (
    "images/s is the training throughput that was measured during the runs: it depends on the "
    "machine and on what else ran on it at the time, and it is no benchmark. Memory is the peak of "
    "the device on CUDA, else of the whole process that trained."
)


def setting(study: StudyRecord) -> str:
    """Data set, image size, epochs, seeds: what the measured numbers are of."""
    data, recipe = study.config.get("data", {}), study.config.get("recipe", {})
    parts = [data_title(study)]
    parts += [f"{data['image_size']} px"] if data.get("image_size") else []
    parts += [f"{data['train_limit']} training images"] if data.get("train_limit") else []
    parts += [plural(recipe["epochs"], "epoch")] if "epochs" in recipe else []
    return ", ".join([*parts, plural(len(study.seeds), "seed")])


def sample_sentences(rows: Sequence[Row]) -> tuple[str, ...]:
    """What this number of seeds, and of comparisons, can and cannot show."""
    finished = [row.seeds for row in rows if row.seeds]
    fewest, most = min(finished, default=0), max(finished, default=0)
    uneven = f"Points have {fewest} to {most} finished seeds. " if fewest < most else ""
    # beside others, a point with one seed has an interval, of which the noise's sentence tells
    counts = [count for count in dict.fromkeys((fewest, most)) if count > 1] or [most]
    sentences = (
        uneven + seeds_sentence(counts[0]),
        *map(seeds_sentence, counts[1:]),
        *_noise_sentences(rows),
        *equal_sentences(rows),
    )
    return tuple(sentence for sentence in sentences if sentence)


def _noise_sentences(rows: Sequence[Row]) -> tuple[str, ...]:
    """What the intervals stand on, what they cover, and what the rows show together."""
    found = statistics_of(rows)
    tests = [row for row in rows if row.delta_low is not None]
    agreement = agreement_sentence(found.differences, found.levels, reference=_reference(rows))
    if not tests or found.noise is None:
        return (agreement,)
    stand = [row.title for row in tests if row.stands_out]
    any_difference, noise = found.any_difference, found.noise
    several = len(noise.points) - len(noise.lone)
    return (
        noise_sentence(noise),
        COVERAGE_NOTE,
        pairing_sentence(noise),
        comparisons_sentence(len(tests), stand),
        any_difference_sentence(any_difference, several) if any_difference is not None else "",
        agreement,
    )


def _reference(rows: Sequence[Row]) -> str | None:
    """The title of the network that all differences are taken from; None where they are several."""
    labels = {row.reference for row in rows if row.reference}
    return next((row.title for row in rows if labels == {row.point}), None)


def rounding_note(study: StudyRecord, rows: Sequence[Row]) -> str:
    """A note where a printed difference is not that of the printed accuracies; else empty."""
    by_label = {row.point: row for row in rows}
    pairs = [(row, by_label.get(row.reference or ""), row.delta) for row in rows]
    pair, known = HEADLINES[study.design.headline].pair, known_rows(rows)
    if pair is not None and known:
        first, last = pair(known)
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
    """A sentence for each point with the predictions of its reference, in every shared seed."""
    titles = {row.point: row.title for row in rows}
    return tuple(
        f"{row.title} against {titles.get(row.reference or '', 'its reference')}: "
        f"{EQUAL_PREDICTIONS}."
        for row in rows
        if row.equal_predictions
    )


def statistics_sentences(study: StudyRecord, rows: Sequence[Row]) -> tuple[str, ...]:
    """How the numbers were made, and what they can and cannot show."""
    images = test_images(study)
    best = max((row.top1_mean for row in rows if row.top1_mean is not None), default=None)
    on_images = (images_sentence(best, images),) if best is not None and images else ()
    about = data_sentences(study)
    return (ACCURACY_NOTE, DELTA_NOTE, *about, *sample_sentences(rows), *on_images, COST_NOTE)


def missing_runs(study: StudyRecord) -> tuple[tuple[str, str, str], ...]:
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


def progress(study: StudyRecord) -> str:
    """How much of the plan is finished."""
    done = sum(run.done for run in study.runs)
    return f"{done} of {plural(len(study.runs), 'run')} finished."
