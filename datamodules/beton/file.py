"""The reader of a `.beton`: one file that holds all images of a data set (no torch, no FFCV)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from datamodules.beton.format import (
    ALLOCATION,
    IMAGE_FIELD,
    INT_FIELD,
    RAW,
    Layout,
    read_checksums,
    read_layout,
    read_pointed,
)
from datamodules.beton.manifest import Manifest


@dataclass(frozen=True, eq=False)
class Beton:
    """A checked file; the arrays are in the order of the samples.

    Attributes:
        path: the file.
        page_size: bytes; no sample crosses a multiple of it.
        manifest: None if it was not asked for.
        modes: (N,) uint8, JPEG or RAW.
        widths: (N,) uint16, pixels.
        heights: (N,) uint16, pixels.
        labels: (N,) int64.
        offsets: (N,) uint64, of the samples' bytes in the file.
        sizes: (N,) uint64, bytes.
        image_field: FFCV's name of the images.
        label_field: FFCV's name of the labels.
    """

    path: Path
    page_size: int
    manifest: Manifest | None
    modes: NDArray[np.uint8]
    widths: NDArray[np.uint16]
    heights: NDArray[np.uint16]
    labels: NDArray[np.int64]
    offsets: NDArray[np.uint64]
    sizes: NDArray[np.uint64]
    image_field: str
    label_field: str

    def __len__(self) -> int:
        return len(self.labels)


def read_beton(path: str | Path, *, manifest: bool = True) -> Beton:
    """Read and check everything but the samples' bytes.

    Args:
        path: the file.
        manifest: refuse a file without one; otherwise none is read.

    Raises:
        ValueError: it is no whole beton of images and integer labels; the message names it.
    """
    path = Path(path)
    try:
        with _open(path) as file:
            layout = read_layout(file)
            found = read_pointed(file, layout) if manifest else None
            beton = _columns(file, layout, path, found)
        _check_samples(beton, layout)
        if found is not None:
            _check_manifest(beton, found)
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error
    return beton


def read_manifest(path: str | Path) -> Manifest:
    """Read the front and the manifest only, which takes no longer for a larger file.

    Raises:
        ValueError: it is no whole beton with a manifest; the message names it.
    """
    try:
        with _open(path) as file:
            return read_pointed(file, read_layout(file))
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error


def has_manifest(path: str | Path) -> bool:
    """Whether the file says that it has one, whole or not.

    Raises:
        ValueError: it is no whole beton; the message names it.
    """
    try:
        with _open(path) as file:
            return read_layout(file).pointer is not None
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error


def stored_checksums(path: str | Path) -> NDArray[np.uint32] | None:
    """CRC-32 of the bytes of each sample (N,); None in a file without a manifest."""
    with _open(path) as file:
        return read_checksums(file, read_layout(file))


def _open(path: str | Path) -> BinaryIO:
    path = Path(path)
    if not path.exists():
        raise ValueError("does not exist: write it with `ablate data write`.")
    if not path.is_file():
        raise ValueError("is no regular file, so it cannot be a beton.")
    try:
        return path.open("rb")
    except OSError as error:
        raise ValueError(f"cannot be opened ({error.strerror}).") from error


def _columns(file: BinaryIO, layout: Layout, path: Path, manifest: Manifest | None) -> Beton:
    file.seek(layout.metadata)
    rows = np.fromfile(file, layout.row, layout.samples)
    file.seek(layout.table)
    table = np.fromfile(file, ALLOCATION, layout.samples)
    order = table["sample_id"]
    if not np.array_equal(order, np.arange(layout.samples)):  # FFCV's writers append in any order
        table = table[np.argsort(order, kind="stable")]
    image, label = (rows[f"f{layout.place(kind)}"] for kind in (IMAGE_FIELD, INT_FIELD))
    if not np.array_equal(table["sample_id"], np.arange(layout.samples)) or not np.array_equal(
        table["ptr"], image["data_ptr"]
    ):
        raise ValueError("is damaged: its two lists of samples differ. Copy or write it again.")
    return Beton(
        path=path,
        page_size=layout.page_size,
        manifest=manifest,
        modes=np.ascontiguousarray(image["mode"]),
        widths=np.ascontiguousarray(image["width"]),
        heights=np.ascontiguousarray(image["height"]),
        labels=np.ascontiguousarray(label),
        offsets=np.ascontiguousarray(table["ptr"]),
        sizes=np.ascontiguousarray(table["size"]),
        image_field=layout.name(IMAGE_FIELD),
        label_field=layout.name(INT_FIELD),
    )


def _check_samples(beton: Beton, layout: Layout) -> None:
    sides = np.minimum(beton.widths, beton.heights)
    ends = beton.offsets + beton.sizes
    page = np.uint64(beton.page_size)
    pixels = 3 * beton.widths.astype(np.uint64) * beton.heights
    problems = {
        "is neither a JPEG nor raw pixels": beton.modes > RAW,
        "has no pixels": (sides == 0) | (beton.sizes == 0),
        "lies outside the file's samples": (beton.offsets < layout.data)
        | (ends > layout.table)
        | (ends < beton.offsets),
        "crosses a page": beton.offsets // page != (ends - np.uint64(1)) // page,
        "has other bytes than its pixels need": (beton.modes == RAW) & (beton.sizes != pixels),
    }
    for what, wrong in problems.items():
        if wrong.any():
            raise ValueError(f"is damaged: sample {int(np.argmax(wrong))} {what}.")
    ascending = np.argsort(beton.offsets, kind="stable")
    if (ends[ascending][:-1] > beton.offsets[ascending][1:]).any():
        raise ValueError("is damaged: samples overlap. Copy or write it again.")


def _check_manifest(beton: Beton, manifest: Manifest) -> None:
    if manifest.samples != len(beton):
        raise ValueError(
            f"is damaged: its manifest counts {manifest.samples} samples, but it has {len(beton)}."
        )
    classes = len(manifest.class_names)
    if beton.labels.min() < 0 or beton.labels.max() >= classes:
        raise ValueError(f"is damaged: it has labels outside its {classes} classes.")
    for part in manifest.parts:
        span = manifest.ranges[part.name]
        found = np.bincount(beton.labels[span.start : span.stop], minlength=classes)
        if tuple(found.tolist()) != part.class_counts:
            raise ValueError(f"is damaged: {part.name} has other labels than its manifest says.")
