"""Metrics of error rates under corruptions (arXiv 1903.12261); pure functions of numbers.

Errors are in [0, 1], by corruption, an array with one a severity; results are in percent.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Errors = Mapping[str, NDArray[np.float64]]
FEWEST_WRONG = 10  # images of the reference, to be divided by
_ROUNDING = 1e-9  # of sums of shares, each of which is a number of images at least


def mean_corrupted_error(errors: Errors) -> float:
    """The mean over corruptions of the mean over severities: percent, lower is better.

    Not divided by the errors of another network, as mCE is; papers have called this mCE, too.
    """
    return 100 * float(np.mean([error.mean() for error in errors.values()]))


def mean_ce(errors: Errors, reference: Errors) -> float:
    """mCE: the mean over the reference's corruptions of the ratio of summed errors, in percent.

    Summed over severities before it is divided; 100 is the reference, lower is better.
    """
    ratios = [errors[name].sum() / error.sum() for name, error in reference.items()]
    return 100 * float(np.mean(ratios))


def ratio_of_sums(errors: Errors, reference: Errors) -> float:
    """All errors under the reference's corruptions by all of the reference's, in percent.

    Where mCE is a mean of ratios, of which easy corruptions have the largest.
    """
    sums = (sum(float(one[name].sum()) for name in reference) for one in (errors, reference))
    mine, theirs = sums
    return 100 * mine / theirs


def relative_mean_ce(
    errors: Errors, clean: float, reference: Errors, reference_clean: float
) -> float:
    """Relative mCE: as mCE, of what corruptions add to the errors on clean images."""
    added = {name: float((error - reference_clean).sum()) for name, error in reference.items()}
    ratios = [float((errors[name] - clean).sum()) / added[name] for name in reference]
    return 100 * float(np.mean(ratios))


def retained_accuracy(errors: Errors, clean: float) -> float:
    """The accuracy under corruptions by that on the same images clean: percent, higher is better.

    Raises ValueError for a network that has no clean image right.
    """
    if clean >= 1:
        raise ValueError("no image is right when clean: there is nothing to retain")
    return (100 - mean_corrupted_error(errors)) / (1 - clean)


def too_easy(errors: Errors, *, images: int) -> dict[str, int]:
    """Corruptions under which fewer than ten images are wrong, over all severities; how many."""
    wrong = {name: round(float(error.sum()) * images) for name, error in errors.items()}
    return {name: count for name, count in wrong.items() if count < FEWEST_WRONG}


def not_harder(errors: Errors, clean: float) -> tuple[str, ...]:
    """Corruptions that add nothing to the errors on clean images: relative mCE has no such one."""
    return tuple(name for name, error in errors.items() if (error - clean).sum() <= _ROUNDING)
