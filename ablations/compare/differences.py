"""The difference of each point to its reference, with its intervals and tests."""

from collections.abc import Mapping, Sequence
from typing import Any

from ablations.compare.columns import by_seed
from ablations.compare.records import PointRecord, StudyRecord
from ablations.compare.row import Row
from ablations.statistics.moderated import Difference, StudyVariance, difference, study_variance
from ablations.statistics.multiplicity import holm
from ablations.statistics.paired import PairedDelta, paired_delta
from ablations.statistics.permutation import sign_flip_p
from ablations.statistics.study import StudyStatistics, plain_variance, study_statistics
from lit_models.training.metrics import TEST_TOP1


def differences(study: StudyRecord) -> dict[str, dict[str, Any]]:
    """The fields of every point's row that are about its difference, by label."""
    noise = study_noise(study)
    found = {
        point.label: _difference(point, study.reference(point), noise) for point in study.points
    }
    tests = {label: row["delta_p"] for label, row in found.items() if row["delta_p"] is not None}
    adjusted = holm(tests)
    return {label: row | {"delta_p_holm": adjusted.get(label)} for label, row in found.items()}


def study_noise(study: StudyRecord) -> StudyVariance | None:
    """The noise of one run, of all finished runs of a study; None where no point has two."""
    return study_variance({point.label: by_seed(point, TEST_TOP1) for point in study.points})


def between(
    after: PointRecord, before: PointRecord, noise: StudyVariance | None
) -> tuple[PairedDelta | None, Difference | None]:
    """The differences within seeds, and their mean with its interval where there is noise."""
    values = {point.label: by_seed(point, TEST_TOP1) for point in (after, before)}
    paired = paired_delta(values[after.label], values[before.label])
    if noise is None or paired is None:
        return paired, None
    return paired, difference(values, after.label, before.label, noise)


def _difference(
    point: PointRecord, reference: PointRecord | None, noise: StudyVariance | None
) -> dict[str, Any]:
    paired, found = between(point, reference, noise) if reference else (None, None)
    equal = equal_predictions(point, reference, paired.seeds) if reference and paired else None
    if equal:
        found = None
    pairs = paired if found is not None else None
    several = pairs is not None and len(pairs.seeds) > 1  # of one pair it is 1, whatever it is
    return {
        "reference": reference.label if reference else None,
        "delta_seeds": len(paired.seeds) if paired else 0,
        "delta": paired.mean if paired else None,
        "delta_low": found.low if found else None,
        "delta_high": found.high if found else None,
        "delta_p": found.p if found else None,
        "delta_p_exact": sign_flip_p(pairs.differences) if pairs and several else None,
        "delta_paired_low": pairs.low if pairs else None,
        "delta_paired_high": pairs.high if pairs else None,
        "equal_predictions": equal,
        "variance": _variance(point, found, noise),
    }


def _variance(
    point: PointRecord, found: Difference | None, noise: StudyVariance | None
) -> Mapping[str, Any] | None:
    """What the interval stands on: this point's std after moderation, and the study's noise."""
    if noise is None or point.label not in noise.points:
        return None
    own = {
        "std": noise.points[point.label][0] ** 0.5,
        "standard_error": found.error if found else None,
        "degrees": found.degrees if found else None,
    }
    return own | plain_variance(noise)


def equal_predictions(
    point: PointRecord, reference: PointRecord, seeds: Sequence[int]
) -> bool | None:
    """Whether two points predict the same classes in these seeds, image by image; None: unknown.

    Points of one network have the same runs, whatever these kept.
    """
    ids = ({run.seed: run.run_id for run in one.done} for one in (point, reference))
    trained, before = ({seed: of[seed] for seed in seeds} for of in ids)
    if trained == before:
        return True
    mine, theirs = (
        {run.seed: run.predictions["classes_sha256"] for run in one.done if run.predictions}
        for one in (point, reference)
    )
    if not set(seeds) <= set(mine) & set(theirs):
        return None
    return all(mine[seed] == theirs[seed] for seed in seeds)


def statistics_of(rows: Sequence[Row]) -> StudyStatistics:
    """What the rows of a study show together; published values are those of the main line."""
    line = {row.point: row for row in rows if row.on_main_line}
    return study_statistics(
        {row.point: row.top1 for row in rows},
        differences={
            name: (row.delta, change)
            for name, row in line.items()
            if row.delta is not None and (change := published_difference(row, rows)) is not None
        },
        levels={
            name: (row.top1_mean, row.published_top1)
            for name, row in line.items()
            if row.top1_mean is not None and row.published_top1 is not None
        },
    )


def published_difference(row: Row, rows: Sequence[Row]) -> float | None:
    """The difference of the published values of a row and its reference, where both have one.

    None where they are from different sources or settings.
    """
    before = next((other for other in rows if other.point == row.reference), None)
    if before is None or row.published_top1 is None or before.published_top1 is None:
        return None
    origins = {(one.published_source, one.published_setting) for one in (row, before)}
    return row.published_top1 - before.published_top1 if len(origins) == 1 else None
