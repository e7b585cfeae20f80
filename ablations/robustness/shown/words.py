"""What the numbers of the section are of, and what they can show, in sentences."""

from collections.abc import Iterator, Sequence

from ablations.compare.records import StudyRecord
from ablations.compare.words import plural
from ablations.robustness.conditions.sets.doubt import doubt
from ablations.robustness.metrics.corrupted import MEAN_CORRUPTED_ERROR
from ablations.robustness.metrics.divided import MCE, RELATIVE
from ablations.robustness.metrics.metric import Metric, metric_changes
from ablations.robustness.metrics.sets import CORRUPTED, MeasuredSet, reference_point
from ablations.robustness.metrics.single import TOP1
from ablations.robustness.metrics.steadiness import MFR, MT5D
from ablations.robustness.results.choice import CLEAN
from ablations.robustness.results.collected import Collected
from ablations.robustness.results.titles import condition_title
from ablations.robustness.shown.measured import Measured
from ablations.statistics.paired import SIGNIFICANCE
from ablations.store.hints import hint
from ablations.store.runs import root_of
from datamodules.corruptions.names import CORRUPTIONS

MEAN_ERROR = (
    "The mean corrupted error is the mean over corruptions of the mean over severities of the "
    "top-1 error, divided by nothing; lower is better. Retained accuracy is the accuracy under "
    "corruptions by that on the same images clean."
)
TWO_SOURCES = (
    "Values are means ± standard deviation over training seeds. An interval is over new seeds on "
    "these images, from the noise of all networks together, as that of top-1; the standard error "
    "over images is that of the paired difference on the same images (for each the mean over "
    "conditions and seeds), for networks as they were trained."
)
ONE_SEED = (
    "With one training seed only the images are a source of variance that is known: these "
    "differences are of these networks, not of these steps."
)
DIVIDED = (
    "{names}: {what} divided by those of “{title}” with the same seed, which has 100. A mean of "
    "ratios is decided by what is easiest for it{sums}. AlexNet's numbers are of ImageNet's public "
    "files and divide nothing else."
)
SUMS = ", so the ratio of sums stands beside mCE"


def sentences(study: StudyRecord, all_measured: Sequence[Measured]) -> tuple[str, ...]:
    """Everything there is to say, in the order in which one asks for it."""
    said = [line for one in all_measured for line in _of_answers(study, one)]
    metrics = [metric for one in all_measured for of in one.sets for metric in of.metrics]
    if any(metric.name == MEAN_CORRUPTED_ERROR for metric in metrics):
        said.append(MEAN_ERROR)
    said += _divided(study, metrics)
    seeds = max((len(by_seed) for m in metrics for by_seed in m.values.values()), default=0)
    if metrics:
        said.append(TWO_SOURCES if seeds > 1 else ONE_SEED)
    said += [line for one in all_measured for line in _left_out(study, one.found)]
    return tuple(dict.fromkeys(said))


def what_is_missing(study: StudyRecord, one: Measured) -> tuple[str, ...]:
    """What was left out of the numbers, and why."""
    said = [line for of in one.sets for line in (*_missing_runs(study, of), *of.notes)]
    said += _doubts(study, one)
    return (*said, *_fewer_images(one.found), *_left_out(study, one.found))


def _of_answers(study: StudyRecord, one: Measured) -> Iterator[str]:
    for of in one.sets:
        if of.start in CORRUPTED and of.grid is not None:
            yield _corruptions(of)
            yield from _missing_runs(study, of)
            yield from _standing(study, of)
        elif of.metrics:
            yield f"{of.title}: {_images(of, one.found)}."
        yield from of.notes
    yield from _doubts(study, one)
    yield from _fewer_images(one.found)


def _doubts(study: StudyRecord, one: Measured) -> Iterator[str]:
    """Accuracies hardly above chance, of networks that have their own images right."""
    titles = {point.label: point.title for point in study.points}
    for of in one.sets:
        metric, chance = of.metric(TOP1), of.parameters.get("chance")
        if metric is None or chance is None:
            continue
        for point, seed in one.found.runs(CLEAN):
            if seed not in metric.values.get(point, {}):
                continue
            clean = float(one.found.right(CLEAN, point, seed).mean())
            correct = metric.values[point][seed] / 100
            said = doubt(of.title, correct=correct, clean=clean, chance=chance)
            if said is not None:
                yield f"{titles[point]}, seed {seed}: {said}"
                break


def _corruptions(of: MeasuredSet) -> str:
    """Which corruptions, severities, images and table the numbers are of."""
    grid = of.grid
    assert grid is not None
    absent = [condition_title(name) for name in CORRUPTIONS if name not in grid.corruptions]
    without = f" (without {', '.join(absent)})" if absent and grid.corruptions else ""
    severities = ", ".join(map(str, grid.severities))
    made = [f"{plural(len(grid.corruptions), 'corruption')}{without} at severities {severities}"]
    made += [f"{len(grid.images):,} test images, the same pixels for every network"]
    if of.in_memory:
        made.append("made in memory, which is another thing than a benchmark's files")
        table, quality = (of.parameters.get(key) for key in ("table", "jpeg_quality"))
        stored = f"stored as JPEG of quality {quality}" if quality else "not stored as JPEG"
        made += [f"the severities of {table} px", stored] if table else []
    return f"{of.title}: {'; '.join(made)}; {_definition(of)}."


def _images(of: MeasuredSet, found: Collected) -> str:
    counts = [found.kept[key].count for key in found.keys(of.start)]
    number = f"{min(counts):,} to {max(counts):,} images"
    if min(counts) == max(counts):
        number = f"{max(counts):,} {'image' if max(counts) == 1 else 'images'}"
    other = " of no class of the networks" if of.start.startswith("ood/") else ""
    return f"{number}{other}, {_definition(of)}"


def _definition(of: MeasuredSet) -> str:
    return f"definition {', '.join(map(str, of.versions))}"


def _missing_runs(study: StudyRecord, of: MeasuredSet) -> Iterator[str]:
    """Networks that answered only a part of the conditions, and are left out."""
    grid = of.grid
    if grid is None or not grid.partly:
        return
    titles = {point.label: point.title for point in study.points}
    (point, seed), count = next(iter(grid.partly.items()))
    names = grid.corruptions + grid.extra
    more = f", and {plural(len(grid.partly) - 1, 'other run')}" if len(grid.partly) > 1 else ""
    yield (
        f"Left out of {of.title}: {titles[point]} with seed {seed}, which has answered {count} of "
        f"{len(names) * len(grid.severities)} conditions{more}; {_again(study)} asks the rest."
    )


def _standing(study: StudyRecord, of: MeasuredSet) -> Iterator[str]:
    """Which changes of the mean corrupted error stand after Holm's correction."""
    metric = of.metric(MEAN_CORRUPTED_ERROR)
    changes = metric_changes(study, metric) if metric else {}
    tested = {label: one.p_holm for label, one in changes.items() if one.p_holm is not None}
    if not tested:
        return
    titles = {point.label: point.title for point in study.points}
    stand = [titles[label] for label, p in tested.items() if p <= SIGNIFICANCE]
    which = f": {', '.join(stand)}" if stand else ""
    count = f"{len(stand)} of {plural(len(tested), 'change')}" if stand else "No change"
    verb = "stands" if len(stand) <= 1 else "stand"
    yield (
        f"{count} of the mean corrupted error ({of.title}) {verb} after Holm's correction over "
        f"seeds{which}."
    )


def _divided(study: StudyRecord, metrics: Sequence[Metric]) -> list[str]:
    names = dict.fromkeys(metric.name.partition(" (")[0] for metric in metrics if metric.divided)
    if not names:
        return []
    parts = {"errors": (MCE, RELATIVE), "flips": (MFR,), "distances": (MT5D,)}
    what = [word for word, of in parts.items() if any(name in names for name in of)]
    title, sums = reference_point(study).title, SUMS if MCE in names else ""
    said = {"names": ", ".join(names), "what": ", ".join(what), "title": title, "sums": sums}
    return [DIVIDED.format(**said)]


def _fewer_images(found: Collected) -> Iterator[str]:
    """Where runs were asked about other images: the shared ones are compared."""
    cut = [kept for kept in found.kept.values() if kept.count < kept.most]
    if not cut:
        return
    first = cut[0]
    more = f", and likewise {plural(len(cut) - 1, 'other condition')}" if len(cut) > 1 else ""
    seed = found.asked.seed
    yield (
        f"The results of {first.key} were written for different images (seed {seed}, up to "
        f"{first.most:,}): only the {first.count:,} shared ones are compared{more}."
    )


def _left_out(study: StudyRecord, found: Collected) -> Iterator[str]:
    if found.stale:
        yield (
            f"{plural(found.stale, 'stale result')} left out, of an earlier definition, other "
            f"weights or other parameters: {_again(study)} renews them."
        )
    yield from found.problems


def _again(study: StudyRecord) -> str:
    root = root_of(study.runs[0].folder)
    assert root is not None
    return hint("robustness", study.name, root=root)
