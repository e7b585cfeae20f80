"""Readers of image trees: ROOT/train/CLASS/*.jpg with val/ or test/ beside train/."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datamodules.catalog import is_class_folder, places
from datamodules.config import DataConfig, data_root
from datamodules.info import DatasetInfo
from datamodules.sets.scan import File, bad_files
from datamodules.sets.sources import FileImages, Source, locked

_SHOWN = 5


@dataclass(frozen=True)
class _Listing:
    """The files of one split folder, by class."""

    folder: Path
    class_names: tuple[str, ...]
    files: tuple[File, ...]


def image_tree(info: DatasetInfo, config: DataConfig) -> Source:
    """Any ImageNet-style tree. `test` is test/ if there is one, else val/; of both, val/ is `val`.

    Raises:
        ValueError: a folder or a class is missing or empty, splits have other classes, or files
            are no images and config.bad_images is "fail".
    """
    del info
    tree = next(path for path in places(config) if path.exists())
    present = {name: tree / name for name in ("train", "val", "test") if (tree / name).is_dir()}
    if "train" not in present or len(present) == 1:
        raise ValueError(
            f"{tree} has to hold train/ and val/ or test/ with one folder a class, "
            f"but {_contents(tree)}."
        )
    listings = {name: _list(folder) for name, folder in present.items()}
    for name, listing in listings.items():
        _check_same_classes(listings["train"], listing, name)
    images = {name: _checked(listing, config) for name, listing in listings.items()}
    return Source(
        train=images["train"],
        test=images.get("test") or images["val"],
        val=images.get("val") if "test" in images else None,
        class_names=listings["train"].class_names,
    )


def imagenet(info: DatasetInfo, config: DataConfig) -> Source:
    """ImageNet's tree, unpacked by torchvision from the owners' archives if need be."""
    tree = places(config)[0]
    if not (tree / "train").is_dir() or not (tree / "val").is_dir():
        with locked(data_root(config)):
            _unpack_imagenet(info, tree)
    return image_tree(info, config)


def fetch_imagenette(info: DatasetInfo, root: Path) -> None:
    """Download and unpack Imagenette (320 pixels) into `root`."""
    del info
    from torchvision.datasets import Imagenette

    Imagenette(root, "train", "320px", download=True)


def _unpack_imagenet(info: DatasetInfo, tree: Path) -> None:
    from torchvision.datasets import ImageNet

    try:
        for split in ("train", "val"):
            ImageNet(tree, split)
    except (OSError, RuntimeError) as error:
        how = info.obtain.format(root=tree.parent)
        raise ValueError(f"{tree} has no train/ and val/ ({error}): {how}.") from error


def _list(folder: Path) -> _Listing:
    class_names = tuple(sorted(item.name for item in folder.iterdir() if is_class_folder(item)))
    if not class_names:
        raise ValueError(f"{folder} is empty: it has to hold one folder of images a class.")
    by_class = [_files(folder, name, label) for label, name in enumerate(class_names)]
    listing = _Listing(folder, class_names, tuple(file for files in by_class for file in files))
    _check_no_empty_class(listing, "holds no file")
    return listing


def _files(folder: Path, name: str, label: int) -> list[File]:
    start = len(str(folder)) + 1
    found = (
        File(entry.path[start:], label, stat.st_size, stat.st_mtime_ns)
        for entry in _walk(str(folder / name))
        for stat in [entry.stat()]
    )
    return sorted(found, key=lambda file: file.path)


def _walk(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue  # what file managers leave behind
            if entry.is_dir():
                yield from _walk(entry.path)
            elif entry.is_file():
                yield entry


def _checked(listing: _Listing, config: DataConfig) -> FileImages:
    bad = bad_files(listing.folder, listing.files, full=config.verify == "full")
    if bad:
        _report(listing, bad, config)
    kept = [file for file in listing.files if file.path not in bad]
    _check_no_empty_class(_Listing(listing.folder, listing.class_names, tuple(kept)), "is unusable")
    return FileImages(
        paths=np.array([os.fsencode(listing.folder / file.path) for file in kept]),
        labels=np.array([file.label for file in kept], np.int64),
    )


def _report(listing: _Listing, bad: Mapping[str, str], config: DataConfig) -> None:
    count = f"{len(bad)} of {len(listing.files)} files in {listing.folder} cannot be read as images"
    names = _some([f"{path} ({reason})" for path, reason in bad.items()])
    if config.bad_images == "fail":
        raise ValueError(
            f"{count}: {names}. Replace or remove them, or set data.bad_images=skip to do without."
        )
    warnings.warn(f"{count} and are left out: {names}.", stacklevel=2)


def _check_no_empty_class(listing: _Listing, what: str) -> None:
    full = {file.label for file in listing.files}
    empty = [name for label, name in enumerate(listing.class_names) if label not in full]
    if empty:
        raise ValueError(
            f"{len(empty)} class folder(s) in {listing.folder} without a usable image "
            f"({what}): {_some(empty)}. Fill or remove them."
        )


def _check_same_classes(train: _Listing, other: _Listing, name: str) -> None:
    here, there = set(train.class_names), set(other.class_names)
    if here == there:
        return
    raise ValueError(
        f"The class folders of {train.folder} and {other.folder} differ: "
        f"only in train: {_some(sorted(here - there))}; "
        f"only in {name}: {_some(sorted(there - here))}."
    )


def _contents(tree: Path) -> str:
    if not tree.is_dir():
        return "is a file"
    return f"holds {_some(sorted(item.name for item in tree.iterdir()))}"


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    return (", ".join(names[:_SHOWN]) or "nothing") + (f" and {rest} more" if rest > 0 else "")
