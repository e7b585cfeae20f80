"""What `ablate power` says of its table."""

from ablations.statistics.moderated import StudyVariance
from ablations.statistics.paired import SIGNIFICANCE
from ablations.statistics.seeds.power import MOST_SEEDS, POWER, Comparison, Detected, std_interval


def noise_sentences(
    comparison: Comparison, noise: StudyVariance | None, *, timed: bool
) -> tuple[str, ...]:
    """Where the noise is from, and what the columns are; `noise` None: it was given."""
    tests = (
        f"A difference of two points' means is found in {100 * POWER:.0f} % of studies if it is as "
        f"large as it stands under `detects` (p < {SIGNIFICANCE}, two-sided), or under `detects, "
        f"Holm` as the first of {comparison.family} that are corrected for together. The variance "
        f"is taken as common to all {comparison.points} points, as reports take it."
    )
    time = (
        "Time is that of the finished runs, summed: several at a time take less."
        if timed
        else "The time is known when every point has a finished run; `ablate plan` measures it."
    )
    return (_source(comparison, noise), *_unlike(noise), tests, time)


def _source(comparison: Comparison, noise: StudyVariance | None) -> str:
    std = f"Standard deviation of a run: {comparison.std:.3g} points"
    if noise is None:
        return f"{std}, as given."
    points = len(noise.points) - len(noise.lone)
    common = ", without what seeds have in common" if noise.paired else ""
    low, high = std_interval(noise.pooled_std, noise.pooled_degrees)
    return (
        f"{std}, pooled over the {points} points with two or more finished runs "
        f"({noise.pooled_degrees} degrees of freedom{common}; 95 % "
        f"interval {low:.3g} to {high:.3g})."
    )


def _unlike(noise: StudyVariance | None) -> tuple[str, ...]:
    if noise is None or noise.method == "pooled":
        return ()
    how = "differ" if noise.method == "welch" else "seem to differ"
    return (
        f"Points {how} in their noise: the degrees of freedom are those of a report that takes "
        "that into account, and a noisy point needs a larger difference than the table says.",
    )


def detect_sentence(found: Detected, comparison: Comparison) -> str:
    """How many seeds a difference takes."""
    return (
        f"A difference of {found.difference:g} points takes {_seeds(found.seeds)}, and "
        f"{_seeds(found.seeds_holm)} as the first of {comparison.family} by Holm."
    )


def _seeds(number: int | None) -> str:
    return f"more than {MOST_SEEDS:,} seeds" if number is None else f"{number:,} seeds"
