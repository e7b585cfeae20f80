"""mCE and what else is divided by the errors of a reference: AlexNet's, or those of one's own."""

from collections.abc import Mapping
from dataclasses import dataclass

from ablations.robustness.metrics.alexnet import CLEAN_ERROR, alexnet_errors
from ablations.robustness.metrics.errors import (
    FEWEST_WRONG,
    Errors,
    mean_ce,
    not_harder,
    ratio_of_sums,
    relative_mean_ce,
    too_easy,
)
from ablations.robustness.metrics.grid import CorruptionGrid, Run
from ablations.robustness.metrics.metric import Metric, by_point
from datamodules.corruptions.names import CORRUPTIONS, SEVERITIES

MCE, RELATIVE, RATIO = "mCE", "relative mCE", "ratio of sums"
BY_ALEXNET, BY_REFERENCE = "AlexNet", "first step"


@dataclass(frozen=True)
class Divisor:
    """What errors are divided by.

    Attributes:
        name: `AlexNet` or `first step`.
        errors: by seed, under the corruptions that count.
        added: likewise under those that count for relative mCE.
        clean: errors on clean images, by seed.
    """

    name: str
    errors: Mapping[int, Errors]
    added: Mapping[int, Errors]
    clean: Mapping[int, float]


def by_alexnet(grid: CorruptionGrid, notes: list[str]) -> Divisor | None:
    """AlexNet; None, with a sentence, where a file of ImageNet-C is missing."""
    if not grid.whole:
        all_of = [f"{name}/{severity}" for name in CORRUPTIONS for severity in SEVERITIES]
        missing = [one for one in all_of if f"{grid.start}/{one}" not in grid.answered]
        notes.append(
            f"ImageNet-C/{missing[0]} is missing; mCE needs all {len(all_of)} "
            f"(found {len(all_of) - len(missing)})."
        )
        return None
    errors = {seed: alexnet_errors() for _, seed in grid.runs}
    return Divisor(BY_ALEXNET, errors, errors, dict.fromkeys(errors, CLEAN_ERROR))


def by_reference(
    errors: Mapping[int, Errors],
    clean: Mapping[int, float],
    *,
    images: int,
    title: str,
    notes: list[str],
) -> Divisor:
    """A point of the study, seed by seed.

    What is too easy for it with one seed is left out for every point and seed, which then have the
    same corruptions.

    Args:
        errors: of that point, by seed.
        clean: likewise on clean images; empty where these are not known.
        images: that errors are shares of.
        title: of the point.
        notes: get a sentence for what is left out.
    """
    easy: dict[str, int] = {}
    for of in errors.values():
        for name, wrong in too_easy(of, images=images).items():
            easy[name] = min(wrong, easy.get(name, wrong))
    for name, wrong in easy.items():
        notes.append(
            f"{title} has {_images(wrong)} under {name}, too few to divide by ({FEWEST_WRONG} at "
            f"least): {name} is left out of {MCE} for every step."
        )
    kept = {seed: _without(of, easy) for seed, of in errors.items()}
    same = {
        name for seed, of in kept.items() if seed in clean for name in not_harder(of, clean[seed])
    }
    if same:
        notes.append(
            f"For {title} {', '.join(sorted(same))} is no harder than clean images: left out of "
            f"{RELATIVE} for every step."
        )
    added = {seed: _without(of, same) for seed, of in kept.items()}
    return Divisor(BY_REFERENCE, kept, added, clean)


def divided_metrics(
    errors: Mapping[Run, Errors],
    clean: Mapping[Run, float],
    divisor: Divisor | None,
    images: int,
) -> list[Metric]:
    """mCE, relative mCE and, beside a point of the study, the ratio of sums."""
    if divisor is None:
        return []
    pairs = {run: divisor.errors.get(run[1]) for run in errors}
    relative = {
        run: relative_mean_ce(of, clean[run], added, divisor.clean[run[1]])
        for run, of in errors.items()
        if run in clean and run[1] in divisor.clean and (added := divisor.added.get(run[1]))
    }
    ratios = {run: mean_ce(errors[run], other) for run, other in pairs.items() if other}
    sums = {run: ratio_of_sums(errors[run], other) for run, other in pairs.items() if other}
    named = {MCE: ratios, RATIO: sums, RELATIVE: relative}
    if divisor.name == BY_ALEXNET:
        del named[RATIO]
    return [
        Metric(
            f"{name} ({divisor.name})",
            "%",
            False,
            by_point(of.items()),
            images,
            divided=divisor.name == BY_REFERENCE,
        )
        for name, of in named.items()
    ]


def _without(errors: Errors, names: Mapping[str, int] | set[str]) -> Errors:
    return {name: of for name, of in errors.items() if name not in names}


def _images(count: int) -> str:
    return f"{count} wrong image" if count == 1 else f"{count} wrong images"
