"""Accuracy of each class, and which class is taken for which."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ablations.predictions.collected import Collected

Shares = NDArray[np.float64]


class Confused(NamedTuple):
    """Images of a class that are taken for another one, in percent of that class's images."""

    label: int
    predicted: int
    percent: float


def class_images(found: Collected) -> NDArray[np.int64]:
    """(K,) how many test images a class has."""
    return np.bincount(found.labels, minlength=len(found.class_names))


def class_accuracy(found: Collected, point: str) -> Shares:
    """(K,) the share of each class that is right, in percent, mean over seeds; NaN: no image."""
    seeds = sorted(found.classes[point])
    right = found.right(point, seeds).mean(1)
    sums = np.bincount(found.labels, weights=right, minlength=len(found.class_names))
    with np.errstate(invalid="ignore"):
        shares: Shares = 100 * sums / class_images(found)
    return shares


def confusion(found: Collected, point: str) -> NDArray[np.int64]:
    """(K, K) images by their class (rows) and the predicted one, added up over seeds."""
    classes = len(found.class_names)
    flat = np.zeros(classes * classes, np.int64)
    for predicted in found.classes[point].values():
        place = found.labels.astype(np.int64) * classes + predicted
        flat += np.bincount(place, minlength=classes * classes)
    return flat.reshape(classes, classes)


def confusion_percent(counts: NDArray[np.int64]) -> Shares:
    """(K, K) in percent of a class's images; NaN in the row of a class without one."""
    with np.errstate(invalid="ignore"):
        shares: Shares = 100 * counts / counts.sum(1, keepdims=True)
    return shares


def most_confused(shares: Shares, *, most: int) -> list[Confused]:
    """The pairs of classes with the largest shares, from a matrix in percent."""
    wrong = np.nan_to_num(shares)
    np.fill_diagonal(wrong, 0.0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = zip(*np.unravel_index(order, wrong.shape), strict=True)
    found = [Confused(int(row), int(column), float(wrong[row, column])) for row, column in pairs]
    return [pair for pair in found if pair.percent > 0]


def plain(values: Sequence[Any] | Shares) -> list[float | None]:
    """Numbers as plain data; None for NaN."""
    return [None if np.isnan(value) else float(value) for value in values]
