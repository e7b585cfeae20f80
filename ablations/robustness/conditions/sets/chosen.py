"""Which public sets, and which parts of them, a suite asks about; and which of them are there."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ablations.robustness.conditions.condition import Condition
from ablations.robustness.conditions.sets.public import (
    PublicImages,
    PublicVideos,
    Source,
    needs_classes,
)
from ablations.robustness.conditions.sets.rules import (
    AllClasses,
    ClassRule,
    GroupedClasses,
    SomeClasses,
)
from ablations.robustness.conditions.suites import Setting
from datamodules.benchmarks import videos
from datamodules.benchmarks.classes import imagenet_9_groups, imagenet_subset, imagenet_synsets
from datamodules.benchmarks.entries import SETS, PublicSet
from datamodules.benchmarks.search import Found, Part, find
from datamodules.corruptions.names import CORRUPTIONS, EXTRA, SEVERITIES

Wanted = Mapping[str, Sequence[str]]  # names of parts, by set
# The 2,000 images of ImageNet-O are judged with the 10,000 validation images of its classes. The
# share decides the AUPR, so of fewer images it is the same.
_O_SHARE = 2000 / 10000
_SYNSET = re.compile(r"n\d{8}")


def part_names(
    entry: PublicSet, *, extra: bool = False, severities: Sequence[int] = SEVERITIES
) -> tuple[str, ...]:
    """The names of a set's parts.

    Args:
        entry: the set.
        extra: of corruptions the four extra ones, too.
        severities: of corruptions.
    """
    if entry.layout in ("severities", "arrays"):
        names = (*CORRUPTIONS, *EXTRA) if extra else CORRUPTIONS
        return tuple(f"{name}/{severity}" for name in names for severity in severities)
    return entry.parts or ("",)


def every_set(setting: Setting) -> Wanted:
    """All parts of all sets that go with the classes of the data.

    Raises:
        ValueError: none does.
    """
    fitting = [entry for entry in SETS.values() if _unfit(entry, setting) is None]
    if not fitting:
        raise ValueError(_unfit(next(iter(SETS.values())), setting))
    return {entry.name: part_names(entry, extra=setting.config.extra) for entry in fitting}


def set_conditions(wanted: Wanted, setting: Setting) -> tuple[Condition, ...]:
    """The conditions of those parts that are there, all of their files checked.

    Raises:
        ValueError: a set does not go with the data, or is there but not as it should be.
    """
    for name in wanted:
        unfit = _unfit(SETS[name], setting)
        if unfit is not None:
            raise ValueError(unfit)
    return tuple(
        condition
        for found, names in _found(wanted, setting)
        if not _unreadable(found)
        for part in found.parts(names)
        for condition in _conditions(part, setting)
    )


def absent(wanted: Wanted, setting: Setting) -> tuple[str, ...]:
    """A sentence on each set or part that is not there."""
    sentences = [_unreadable(found) or found.absent(n) for found, n in _found(wanted, setting)]
    return tuple(sentence for sentence in sentences if sentence is not None)


def there(wanted: Wanted, setting: Setting) -> tuple[str, ...]:
    """A sentence on each set of which a folder was found."""
    sentences = []
    for found, names in _found(wanted, setting):
        if found.folder is not None:
            count = sum(found.part(name) is not None for name in names)
            parts = f", {count} of {len(names)} parts" if len(names) > 1 else ""
            sentences.append(f"{found.entry.name}: {found.folder}{parts}")
    return tuple(sentences)


def _found(wanted: Wanted, setting: Setting) -> Iterator[tuple[Found, Sequence[str]]]:
    for name, names in wanted.items():
        yield find(SETS[name], setting.data, vars(setting.config.folders)), names


def _unreadable(found: Found) -> str | None:
    there = found.folder is not None and found.entry.layout == "videos"
    return videos.NEEDS if there and not videos.readable() else None


def _unfit(entry: PublicSet, setting: Setting) -> str | None:
    """Why a set does not go with the data that networks were trained on; None: it does."""
    images, names = setting.images, setting.images.class_names
    if entry.data and setting.data.name not in entry.data:
        return f"{entry.title} is for networks of {entry.data[0]}, not of {setting.data.name}"
    if len(names) != entry.num_classes:
        return needs_classes(entry, images.title, len(names))
    if (entry.classes, entry.data) == ("own", ()) and not all(map(_SYNSET.fullmatch, names)):
        return f"{entry.title} has synsets for classes; one of {images.title} is {names[0]}"
    if entry.classes != "own" and tuple(names) != imagenet_synsets():
        other = next(k for k, name in enumerate(imagenet_synsets()) if names[k] != name)
        return (
            f"{entry.title} needs the 1,000 classes of ImageNet in their order; class {other} of "
            f"{images.title} is {names[other]}, not {imagenet_synsets()[other]}"
        )
    if images.in_chans != 3:
        return f"{entry.title} has colour images; {images.title} has {images.in_chans} channel(s)"
    return None


def _conditions(part: Part, setting: Setting) -> Iterator[Condition]:
    entry, source = part.entry, _source(part, setting)
    source.images()  # its files are checked before anything is evaluated
    label = "/".join(filter(None, (entry.name, part.name)))
    if entry.layout == "videos":
        yield PublicVideos(source)
    elif entry.name == "imagenet_o":
        yield from _with_negatives(label, source, setting)
    elif entry.classes in ("imagenet_a", "imagenet_r") and not setting.config.mask:
        yield PublicImages(f"{label}_unmasked", entry, _rule(entry, mask=False), source)
    else:
        yield PublicImages(label, entry, _rule(entry, mask=True), source)


def _with_negatives(label: str, source: Source, setting: Setting) -> Iterator[Condition]:
    """ImageNet-O beside the data set's own images of its classes."""
    entry = source.part.entry
    kept = imagenet_subset(entry.name)
    negatives = int(np.isin(setting.images.labels, kept).sum())
    if negatives == 0:
        raise ValueError(
            f"{entry.title} is judged with test images of its {len(kept)} classes; of the "
            f"{len(setting.images.labels)} images of {setting.images.title} none is: raise images"
        )
    share = replace(source, limit=max(1, round(negatives * _O_SHARE)))
    yield PublicImages(f"{label}/in", entry, SomeClasses(kept), classes=kept)
    yield PublicImages(f"{label}/out", entry, SomeClasses(kept, labelled=False), share)


def _rule(entry: PublicSet, *, mask: bool) -> ClassRule:
    if entry.classes in ("imagenet_a", "imagenet_r"):
        kept = imagenet_subset(entry.classes)
        return SomeClasses(kept) if mask else AllClasses(entry.num_classes, len(kept))
    if entry.classes == "imagenet_9":
        return GroupedClasses(imagenet_9_groups())
    return AllClasses(entry.num_classes, entry.num_classes)


def _source(part: Part, setting: Setting) -> Source:
    return Source(
        part=part,
        class_names=tuple(setting.images.class_names),
        side=setting.images.side,
        interpolation=setting.interpolation,
        crop_ratio=setting.data.crop_ratio,
        limit=setting.config.images,
        seed=setting.config.seed,
    )
