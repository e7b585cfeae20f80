"""Readers of image trees; their layouts are in `datamodules.catalog.layout`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from datamodules.catalog.catalog import paths, tree_of
from datamodules.catalog.folders import SplitFolder, some
from datamodules.catalog.layout import TEST, TRAIN, VAL, Tree, check_no_empty_class, list_tree
from datamodules.config.data import DataConfig, data_root
from datamodules.config.info import DatasetInfo
from datamodules.sets.equal import equal_files, shared, shared_sentence
from datamodules.sets.memory import remembered
from datamodules.sets.scan import bad_files
from datamodules.sets.sources import (
    DataWarning,
    FileImages,
    LeftOutWarning,
    Source,
    data_folder_lock,
)
from datamodules.sets.splits import hold_out_test, stratified


def image_tree(info: DatasetInfo, config: DataConfig) -> Source:
    """Any ImageNet-style tree. `test` is test/ if there is one, else val/; of both, val/ is `val`.

    Of a tree without either, config.test_fraction is held out as `test`: the same images always,
    of every class its share.

    Raises:
        ValueError: the layout is not known, a class is missing or empty, there is only one, splits
            have other classes, or files are no images and config.bad_images is "fail".
    """
    listed = list_tree(tree_of(config), config.test_fraction)
    left_out = listed.left_out()
    if left_out is not None:
        warnings.warn(left_out, DataWarning, stacklevel=2)
    images = {name: _checked(split, config) for name, split in listed.splits.items()}
    if listed.test_fraction is not None:
        source = _split(images[TRAIN], listed.class_names, info, listed.test_fraction)
    else:
        source = Source(
            train=images[TRAIN],
            test=images.get(TEST) or images[VAL],
            val=images.get(VAL) if TEST in images else None,
            class_names=listed.class_names,
        )
    if info.sizes is None:  # what official sets hold is their owners' matter
        _say_equal_files(source, listed)
    return source


def _split(
    images: FileImages, class_names: tuple[str, ...], info: DatasetInfo, share: float
) -> Source:
    if info.own:
        held_out = hold_out_test(images.labels, share, class_names)
    else:  # an official set is as it is: a class of one image has none to test
        held_out = stratified(images.labels, round(len(images.labels) * share), leave=1)
    rest = np.setdiff1d(np.arange(len(images.labels)), held_out, assume_unique=True)
    train, test = (FileImages(images.paths[part], images.labels[part]) for part in (rest, held_out))
    return Source(train=train, test=test, class_names=class_names)


def _say_equal_files(source: Source, listed: Tree) -> None:
    """Warn of images that are in train and in test."""
    files, start = list(listed.files), len(os.fsencode(listed.tree)) + 1
    equal = remembered("equal", listed.tree, files, lambda: equal_files(listed.tree, files))
    train, test = (
        [os.fsdecode(path[start:]) for path in images.paths]
        for images in (source.train, source.test)
        if isinstance(images, FileImages)
    )
    pairs = shared(equal, train, test) if equal else []
    if pairs:
        warnings.warn(shared_sentence(pairs, len(test), listed.tree), DataWarning, stacklevel=3)


def imagenet(info: DatasetInfo, config: DataConfig) -> Source:
    """ImageNet's tree, unpacked by torchvision from the owners' archives if need be."""
    tree = paths(config)[0]
    if not (tree / "train").is_dir() or not (tree / "val").is_dir():
        with data_folder_lock(data_root(config)):
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
        how = info.how_to_get.format(root=tree.parent)
        raise ValueError(f"{tree} has no train/ and val/ ({error}): {how}.") from error


def _checked(listing: SplitFolder, config: DataConfig) -> FileImages:
    damaged = bad_files(listing.folder, listing.files, full=config.verify == "full")
    bad = {**listing.unusable, **damaged}
    if bad:
        _report(listing, bad, config)
    kept = [file for file in listing.files if file.path not in bad]
    check_no_empty_class(replace(listing, files=tuple(kept)), what="is unusable")
    return FileImages(
        paths=np.array([os.fsencode(listing.folder / file.path) for file in kept]),
        labels=np.array([file.label for file in kept], np.int64),
    )


def _report(listing: SplitFolder, bad: Mapping[str, str], config: DataConfig) -> None:
    every = len(listing.files) + len(listing.unusable)
    count = f"{len(bad)} of {every} files in {listing.folder} cannot be read as images"
    names = some([f"{path} ({reason})" for path, reason in bad.items()])
    if config.bad_images == "fail":
        raise ValueError(
            f"{count}: {names}. Replace or remove them, or set data.bad_images=skip to do without."
        )
    warnings.warn(f"{count} and are left out: {names}.", LeftOutWarning, stacklevel=2)
