"""How many classes and images a config has, as far as that is known before any is read."""

from __future__ import annotations

from dataclasses import dataclass

from datamodules.catalog.catalog import title
from datamodules.catalog.layout import TEST, TRAIN, VAL
from datamodules.catalog.resolved import Data, missing
from datamodules.catalog.shares import apportion, hold_out_counts


@dataclass(frozen=True)
class Sizes:
    """Numbers of classes, and of the images of each part that a run uses; `val` 0: there is none.

    Of a folder all files are counted, also those that turn out to be no images.
    """

    classes: int
    train: int
    val: int
    test: int


@dataclass(frozen=True)
class _Owned:
    """The images of a set as its owner split it; in training of each class, where that is known."""

    classes: int
    train: tuple[int, ...]
    test: int
    val: int = 0


def sizes(data: Data) -> Sizes | None:
    """What a run of this data gets; None where only data that is not here could say.

    Raises:
        ValueError: the data is here and cannot be used.
    """
    config, owned = data.config, _owned(data)
    if owned is None:
        return None
    share, train = config.val_fraction or 0.0, sum(owned.train)
    if owned.val and share:
        val = owned.val
    else:
        val = sum(apportion(owned.train, round(train * share), leave=1))
        train -= val
    return Sizes(
        classes=owned.classes,
        train=min(train, config.train_limit or train),
        val=val,
        test=min(owned.test, config.test_limit or owned.test),
    )


def describe(data: Data, found: Sizes | None) -> str:
    """A sentence or two on the data set: its name, classes, images and how they are split."""
    name = title(data.config)
    if found is None and data.info.num_classes is not None and missing(data) is None:
        return f"Data: {name}, {data.info.num_classes:,} classes; images are counted when read."
    if found is None:
        return f"Data: {name}, which is not here yet, so that its classes are not known."
    val = f"{found.val:,} val, " if found.val else ""
    split = f"Data: {name}, {found.classes:,} classes; {found.train:,} train, {val}"
    whole = f"{split}{found.test:,} test images."
    fraction = data.config.test_fraction
    if fraction is None:
        return whole
    return (
        f"{whole} The folder has no split of its own: a fixed {100 * fraction:g} %, the same share "
        "of every class, is test (data.test_fraction)."
    )


def _owned(data: Data) -> _Owned | None:
    info, test_fraction = data.info, data.config.test_fraction
    if info.sizes is not None and info.num_classes is not None:
        return _Owned(info.num_classes, info.sizes[:1], info.sizes[1])
    if missing(data) is not None or not (info.paths or info.own or data.reads_beton):
        return None
    if data.reads_beton:
        assert data.manifest is not None
        counts = {part.name: part.class_counts for part in data.manifest.parts}
    else:
        counts = {name: split.class_counts for name, split in data.listing.splits.items()}
    if test_fraction is not None and TEST not in counts:
        held_out = hold_out_counts(counts[TRAIN], test_fraction)
        rest = tuple(a - b for a, b in zip(counts[TRAIN], held_out, strict=True))
        return _Owned(len(rest), rest, sum(held_out))
    val = sum(counts.get(VAL, ())) if TEST in counts else 0
    test = counts[TEST if TEST in counts else VAL]
    return _Owned(len(counts[TRAIN]), counts[TRAIN], sum(test), val)
