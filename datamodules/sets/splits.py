"""The train / val / test policy.

`test` is the data set's official held-out set and is read once, after training. `val` is a fixed
share of the training images, the same for every run: it depends neither on the run's seed nor on
the device. Both keep the proportions of the classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.catalog.folders import some
from datamodules.catalog.shares import apportion
from datamodules.config.data import DataConfig
from datamodules.sampling.random_streams import Integers, Stream, shuffled
from datamodules.sets.sources import Images, Source

# Another number is another `val`; results could then not be compared.
SPLIT_SEED = 2201_03545


@dataclass(frozen=True)
class Part:
    """Some images of a set: `indices` (n,) into `images`, ascending."""

    images: Images
    indices: Integers


@dataclass(frozen=True)
class Splits:
    """The three parts of a run; `val` is None when nothing is held out."""

    train: Part
    val: Part | None
    test: Part


def make_splits(source: Source, config: DataConfig) -> Splits:
    """Apply the policy to a source; `config` is resolved.

    A source that brings its own `val` (a tree with val/ and test/) keeps it whole, unless
    val_fraction is 0; then there is none.
    """
    assert config.val_fraction is not None
    every = np.arange(len(source.train.labels))
    val = None
    if source.val is not None and config.val_fraction:
        val = Part(source.val, np.arange(len(source.val.labels)))
    held_out = np.empty(0, np.int64)
    if val is None and config.val_fraction:
        held_out = hold_out(source.train.labels, config.val_fraction)
        val = Part(source.train, held_out)
    train = np.setdiff1d(every, held_out, assume_unique=True)
    test = np.arange(len(source.test.labels))
    return Splits(
        train=Part(source.train, _limited(train, source.train.labels, config.train_limit)),
        val=val,
        test=Part(source.test, _limited(test, source.test.labels, config.test_limit)),
    )


def hold_out(labels: NDArray[np.int64], fraction: float) -> Integers:
    """Indices of a stratified share of a set, ascending, that leaves an image of every class.

    Raises:
        ValueError: the share is less than one image, or no class has one to spare.
    """
    count = round(len(labels) * fraction)
    if np.unique(labels, return_counts=True)[1].max() == 1:
        raise ValueError(
            f"Every class has one training image, so that none can be held out as val "
            f"(data.val_fraction={fraction}): set data.val_fraction=0, or add images."
        )
    if count == 0:
        raise ValueError(
            f"data.val_fraction={fraction} of {len(labels)} training images is no image: raise it, "
            "or set it to 0 to do without val."
        )
    return stratified(labels, count, leave=1)


def hold_out_test(
    labels: NDArray[np.int64], fraction: float, class_names: Sequence[str]
) -> Integers:
    """Indices of the test images of a set that has no split, ascending: of every class its share.

    Of every class one at least is held out, and one is left.

    Raises:
        ValueError: a class has one image only.
    """
    lonely = np.flatnonzero(np.bincount(labels, minlength=len(class_names)) < 2)
    if lonely.size:
        names = some([class_names[label] for label in lonely.tolist()])
        raise ValueError(
            f"{lonely.size} class(es) have one image only ({names}), and a folder without train/ "
            "and test/ needs two of each: one trains, one tests."
        )
    return stratified(labels, round(len(labels) * fraction), leave=1, least=1)


def stratified(
    labels: NDArray[np.int64],
    count: int,
    *,
    leave: int = 0,
    least: int = 0,
    draw_ties: bool = False,
) -> Integers:
    """`count` indices into `labels`, ascending, with every class in its proportion.

    Shares are rounded by largest remainders. Of a class the first in an order that never changes
    are taken, so a smaller count is close to a subset of a larger one.

    Args:
        labels: (N,) classes.
        count: how many; more than there are gives all.
        leave: how many of every class are never taken.
        least: how many of every class are taken in any case, also above `count`.
        draw_ties: which of equal classes get one more image than others, such as where there are
            fewer images than classes, is drawn, once and for all; else they are the first ones.
    """
    _, sizes = np.unique(labels, return_counts=True)
    classes = np.arange(len(sizes))
    drawn = shuffled(Stream.SPLIT, seed=SPLIT_SEED, epoch=1, indices=classes).tolist()
    quotas = apportion(
        sizes.tolist(),
        min(count, len(labels)),
        leave=leave,
        least=least,
        order=drawn if draw_ties else None,
    )
    order = shuffled(Stream.SPLIT, seed=SPLIT_SEED, epoch=0, indices=np.arange(len(labels)))
    by_class = order[np.argsort(labels[order], kind="stable")]
    firsts = np.cumsum(sizes) - sizes
    chosen = [
        by_class[first : first + quota]
        for first, quota in zip(firsts.tolist(), quotas, strict=True)
    ]
    indices: Integers = np.sort(np.concatenate(chosen))
    return indices


def _limited(indices: Integers, labels: NDArray[np.int64], limit: int | None) -> Integers:
    if limit is None or limit >= len(indices):
        return indices
    kept: Integers = indices[stratified(labels[indices], limit)]
    return kept
