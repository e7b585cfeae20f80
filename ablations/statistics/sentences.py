"""What the statistics of a study can show, in words."""

from collections.abc import Sequence
from math import isfinite

from ablations.statistics.agreement import Agreement
from ablations.statistics.moderated import UNEQUAL, StudyVariance
from ablations.statistics.paired import CONFIDENCE, SIGNIFICANCE, binomial_half_width
from ablations.statistics.permutation import (
    EXACT_SEEDS,
    PERMUTATIONS,
    RANDOM_FLIPS,
    PermutationTest,
    seeds_needed,
    smallest_p,
)

MOST_NAMED = 12  # differences in one sentence


def seeds_sentence(seeds: int) -> str:
    """What a number of seeds can and cannot show, in words."""
    if seeds == 0:
        return "No seed is finished: there is nothing to compare."
    if seeds == 1:
        return (
            "With 1 seed there is no interval and no test: a difference may be the seed's alone. "
            "Two seeds give an interval, "
            f"{seeds_needed()} are the fewest with which a permutation test of one difference can "
            f"reach p ≤ {SIGNIFICANCE}."
        )
    return (
        f"With {seeds} seeds the smallest two-sided p-value of the {_test(seeds)} of one "
        f"difference is {smallest_p(seeds):.3g}, so {_verdict(seeds)}."
    )


def _test(seeds: int) -> str:
    if seeds > EXACT_SEEDS:
        return f"sign-flip permutation test ({RANDOM_FLIPS:,} random patterns of signs)"
    return "exact sign-flip permutation test"


def _verdict(seeds: int) -> str:
    """What the test can reach, and what that takes."""
    least = smallest_p(seeds)
    if least > SIGNIFICANCE:
        return (
            f"no permutation test of it can reach p ≤ {SIGNIFICANCE} here, however large the "
            f"difference; {seeds_needed()} seeds would be the fewest that can"
        )
    # with one seed against the others, the one with the smallest difference, p doubles
    all_agree = 2 * least > SIGNIFICANCE
    takes = (
        "only if every seed agrees in sign"
        if all_agree
        else "surely if every seed agrees in sign, and also if a few with small differences do not"
    )
    return f"a permutation test of it can reach p ≤ {SIGNIFICANCE}: {takes}"


def noise_sentence(noise: StudyVariance) -> str:
    """Where the intervals are from: the noise of one run, and whose it is."""
    known = len(noise.points) - len(noise.lone)
    measured = (
        f"One run's standard deviation is {noise.pooled_std:.2f} points, from the seeds of "
        f"{_networks(known)} ({noise.pooled_degrees} degrees of freedom)."
    )
    normal = "It is assumed that the runs of one network are normally distributed."
    return " ".join(filter(None, (measured, _shared(noise), _lone(noise), normal)))


def _shared(noise: StudyVariance) -> str:
    test = "" if noise.equal_p is None else f" (Bartlett's p = {noise.equal_p:.2g})"
    if noise.method == "welch":
        return (
            f"The networks' own variances are too unlike to be shared{test}, below {UNEQUAL:g}: "
            "each interval is Welch's, from the seeds of its two networks alone."
        )
    if not test:
        return "Every interval is from this common variance."
    if not isfinite(noise.prior_degrees):
        return (
            f"The networks' own variances do not differ more than chance makes them{test}: every "
            "interval is from the common one."
        )
    return (
        f"The networks' own variances differ somewhat{test}: each is drawn towards the common one, "
        f"which counts as {noise.prior_degrees:.1f} degrees of freedom beside its own (moderated "
        "variance, Smyth 2004)."
    )


def _lone(noise: StudyVariance) -> str:
    if not noise.lone:
        return ""
    if len(noise.lone) == 1:
        return "1 network has one run and is given the common variance, which it cannot confirm."
    return (
        f"{_networks(len(noise.lone))} have one run each and are given the common variance, which "
        "they cannot confirm."
    )


def pairing_sentence(noise: StudyVariance) -> str:
    """What it bought that all networks are trained with the same seeds; empty if not known."""
    if noise.correlation is None or noise.seed_p is None:
        return ""
    saved = 100 * noise.correlation
    bought = (
        f"makes the variance of a difference {saved:.0f} % smaller"
        if saved >= 0.5
        else "does not make differences more precise"
    )
    return (
        f"Pairing by seed, measured: two networks' runs with one seed correlate by "
        f"{_number(noise.correlation)}, which {bought} (F test that seeds have a common effect: "
        f"p = {noise.seed_p:.2g}). What seeds have in common is taken out of the noise."
    )


def comparisons_sentence(count: int, found: Sequence[str]) -> str:
    """What reading `count` intervals together costs, and which differences stand nevertheless."""
    if count < 2:
        return ""
    chance = 100 * (1 - CONFIDENCE**count)
    return (
        f"The {count} intervals are 95 % each: if there were no difference at all and they were "
        f"independent, at least one would still exclude 0 with probability {chance:.0f} %. Holm's "
        f"correction for all {count} tests keeps the chance of any false find at "
        f"{100 * SIGNIFICANCE:.0f} %. {_found(found, count)}"
    )


def _found(found: Sequence[str], count: int) -> str:
    if not found:
        return "No difference stands after it."
    if len(found) == count:
        return "Every difference stands after it."
    stand = "stands" if len(found) == 1 else "stand"
    names = f": {', '.join(found)}" if len(found) <= MOST_NAMED else ""
    return f"{len(found)} of {count} {stand} after it{names}."


def any_difference_sentence(test: PermutationTest, networks: int) -> str:
    """Whether networks with two runs or more, so many, show any difference at all."""
    answer = (
        "they are not all the same"
        if test.p <= SIGNIFICANCE
        else "the runs are as they could be if all were the same"
    )
    return (
        f"Any difference at all between {_networks(networks)} with two runs or more: {answer} "
        f"(p = {test.p:.2g}, by {PERMUTATIONS:,} random permutations of the networks within each "
        f"seed; it could have been {test.smallest:.2g} at the smallest)."
    )


def agreement_sentence(
    differences: Agreement | None, levels: Agreement | None, *, reference: str | None = None
) -> str:
    """How far the measured curve is the published one; empty where it cannot be told.

    `reference` is what all differences are taken from, where that is one network.
    """
    parts = []
    taken_from = f" to {reference}" if reference else ""
    if differences is not None:
        parts.append(
            f"{differences.equal_signs} of {differences.count} differences{taken_from} have the "
            f"published sign (Pearson's r = {_with_p(differences.pearson, differences.pearson_p)}, "
            f"Spearman's {_with_p(differences.spearman, differences.spearman_p)})"
        )
    if levels is not None:
        parts.append(
            f"the {levels.count} accuracies rank with the published ones by Spearman's "
            f"{_with_p(levels.spearman, levels.spearman_p)}"
        )
    if not parts:
        return ""
    return f"Measured beside published: {'; '.join(parts)}. These p are of random permutations."


def images_sentence(top1: float, images: int) -> str:
    """The binomial uncertainty of a top-1 accuracy (percent) on a test set, in words."""
    half = binomial_half_width(top1, images)
    return (
        f"The test set has {images} images, so an accuracy of {top1:.2f} % is known to ±{half:.2f} "
        f"points (binomial, 95 %) as an estimate for new images. More seeds do not shrink that; "
        f"between points much of it cancels, since all are tested on the same images."
    )


def _with_p(value: float, p: float) -> str:
    return f"{_number(value)}, p = {p:.2g}"


def _number(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def _networks(count: int) -> str:
    return f"{count} network{'' if count == 1 else 's'}"
