"""How an image tree is laid out: which of its folders are splits, and which are classes.

Two layouts are known: TREE/train/CLASS/* with val/ or test/ beside train/, and one folder of
classes (TREE/CLASS/*, or TREE/train/CLASS/* alone) of which data.test_fraction is held out.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from datamodules.catalog.folders import File, SplitFolder, class_folders, list_split, some

TRAIN, VAL, TEST = SPLITS = ("train", "val", "test")
# Names that people give to splits: a tree of these has no classes of such names.
_SPLIT_NAMES = {
    *("train", "training", "trn", "val", "valid", "validation", "dev", "test", "testing", "eval"),
    *("images", "labels", "annotations", "unlabeled", "unlabelled"),
}


@dataclass(frozen=True)
class Tree:
    """A listed tree.

    Attributes:
        tree: its folder.
        splits: its split folders by name; of a flat one only `train`, of which a part is test.
        test_fraction: what is held out of a tree without split folders for it; None: it has some.
        ignored: what else lies in it, by name.
    """

    tree: Path
    splits: Mapping[str, SplitFolder]
    test_fraction: float | None
    ignored: tuple[str, ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        """By label."""
        return self.splits[TRAIN].class_names

    @property
    def files(self) -> Iterator[File]:
        """All listed files, with their paths below the tree."""
        for split in self.splits.values():
            above = self._above(split)
            yield from (file._replace(path=above + file.path) for file in split.files)

    @property
    def unusable(self) -> dict[str, str]:
        """Path below the tree -> why no image can be read there."""
        return {
            self._above(split) + path: why
            for split in self.splits.values()
            for path, why in split.unusable.items()
        }

    @property
    def newest(self) -> int:
        """When the last of its files was changed, in nanoseconds since 1970."""
        return max(file.modified for file in self.files)

    def again(self) -> Tree:
        """The same tree listed once more; raises as `list_tree` does."""
        return list_tree(self.tree, self.test_fraction)

    def fingerprint(self) -> str:
        """SHA-256 of the paths and sizes of all listed files, in the order of their names.

        Times are no part of it: a copy or a checkout has others and the same images.
        """
        digest = hashlib.sha256()
        for name, size in sorted((os.fsencode(file.path), file.size) for file in self.files):
            digest.update(b"%s\0%d\0" % (name, size))
        return digest.hexdigest()

    def left_out(self) -> str | None:
        """One sentence on what is in the tree and never read; None: nothing."""
        names = [
            self._above(split) + path for split in self.splits.values() for path in split.ignored
        ]
        names += self.ignored
        if not names:
            return None
        return f"Not read in {self.tree}, {len(names)} in all: {some(names)}."

    def _above(self, split: SplitFolder) -> str:
        return "" if split.folder == self.tree else f"{split.folder.name}/"


def split_folders(tree: Path, test_fraction: float | None) -> dict[str, Path]:
    """The split folders of a tree by name; of a flat one its folder of classes as `train`.

    Raises:
        ValueError: it has no known layout, or one that the fraction does not go with.
    """
    if not tree.is_dir():
        raise ValueError(f"{tree} has to hold train/ and val/ or test/, but is a file.")
    present = {name: tree / name for name in SPLITS if (tree / name).is_dir()}
    held_out = sorted(present.keys() - {TRAIN})
    if TRAIN in present and held_out:
        if test_fraction is not None:
            raise ValueError(
                f"data.test_fraction is {test_fraction}, but {tree} has {held_out[-1]}/: set it "
                "to null, or point data.folder to a folder of classes only."
            )
        return present
    if held_out:
        raise ValueError(
            f"{tree} has to hold train/ and val/ or test/ with one folder a class, "
            f"but holds {_contents(tree)}."
        )
    if test_fraction is None:
        raise ValueError(_no_split(tree))
    classes = present.get(TRAIN, tree)
    if classes == tree:
        _check_no_split_names(tree)
    return {TRAIN: classes}


def list_tree(tree: Path, test_fraction: float | None) -> Tree:
    """List all files of a tree.

    Raises:
        ValueError: see `split_folders`; or a folder cannot be opened, has no class folder, only
            one, or an empty one, or splits have other classes.
    """
    folders = split_folders(tree, test_fraction)
    splits = {name: list_split(folder) for name, folder in folders.items()}
    for name, split in splits.items():
        _check_classes(split)
        _check_same_classes(splits[TRAIN], split, name)
        check_no_empty_class(split)
    used = {path.name for path in folders.values()} if tree not in folders.values() else None
    beside = [] if used is None else [p.name for p in tree.iterdir() if p.name not in used]
    return Tree(tree, splits, test_fraction, tuple(sorted(beside)))


def check_no_empty_class(split: SplitFolder, *, what: str = "holds no file") -> None:
    """Raise ValueError, naming them, for classes without a file."""
    named = zip(split.class_names, split.class_counts, strict=True)
    lost = [name for name, count in named if count == 0]
    reasons = {path.partition("/")[0]: f" ({why})" for path, why in split.unusable.items()}
    if lost:
        raise ValueError(
            f"{len(lost)} class folder(s) in {split.folder} without a usable image ({what}): "
            f"{some([name + reasons.get(name, '') for name in lost])}. Fill or remove them."
        )


def _check_classes(split: SplitFolder) -> None:
    if len(split.class_names) > 1:
        return
    if split.class_names:
        raise ValueError(_one_class(split.folder, split.class_names[0]))
    if not split.ignored and not split.unusable:
        raise ValueError(f"{split.folder} is empty: it has to hold one folder of images a class.")
    names = sorted([*split.unusable, *split.ignored])
    raise ValueError(
        f"{split.folder} holds no class folder, but {len(names)} other(s) ({some(names)}): it has "
        "to hold one folder a class, with the images of the class in it."
    )


def _one_class(folder: Path, name: str) -> str:
    try:
        deeper = class_folders(folder / name)
    except OSError:
        deeper = []
    text = (
        f"{folder} holds one folder, {name}, which was read as the only class: with one class there"
        " is nothing to tell apart."
    )
    if len(deeper) > 1:
        return (
            f"{text} One level deeper are {len(deeper)} folders ({some(deeper)}): if these are the "
            f"classes, move them up, out of {folder / name}."
        )
    return f"{text} It has to hold a folder for each of at least two classes."


def _no_split(tree: Path) -> str:
    text = (
        f"{tree} has to hold train/ and val/ or test/ with one folder a class, but holds "
        f"{_contents(tree)}."
    )
    inner = [name for name in class_folders(tree) if (tree / name / TRAIN).is_dir()]
    if inner:
        return f"{text} {tree / inner[0]} holds train/: set data.folder to it."
    if (tree / TRAIN).is_dir() or len(class_folders(tree)) > 1:
        return (
            f"{text} If it holds the classes themselves, say which share of the images is held out "
            "as test, such as data.test_fraction=0.2."
        )
    return text


def _check_no_split_names(tree: Path) -> None:
    odd = [name for name in class_folders(tree) if name.lower() in _SPLIT_NAMES]
    if odd:
        raise ValueError(
            f"{tree} was to be read as a folder of classes, since data.test_fraction is set, but "
            f"{some(odd)} is no class's name: name the folders train/ and val/ or test/, or give "
            "each class a folder of its own."
        )


def _check_same_classes(train: SplitFolder, other: SplitFolder, name: str) -> None:
    here, there = set(train.class_names), set(other.class_names)
    if here == there:
        return
    raise ValueError(
        f"The class folders of {train.folder} and {other.folder} differ: "
        f"only in train: {some(sorted(here - there))}; "
        f"only in {name}: {some(sorted(there - here))}."
    )


def _contents(tree: Path) -> str:
    return some(sorted(item.name for item in tree.iterdir()))
