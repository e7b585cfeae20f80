"""CIFAR-10-C and CIFAR-100-C: one array a corruption, whose severities follow one another."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.benchmarks.search import Part
from datamodules.corruptions.names import SEVERITIES
from datamodules.sets.arrays import resized


@dataclass(frozen=True, eq=False)
class ArrayPart:
    """The rows of one severity.

    Attributes:
        pixels: (N, H, W, 3) uint8, on disk.
        labels: (N,) int64.
        content: name and size of the file.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    content: str

    def read(self, numbers: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
        """Some images, (n, 3, side, side)."""
        pixels = np.ascontiguousarray(self.pixels[numbers].transpose(0, 3, 1, 2))
        return resized(pixels, side)


def array_part(part: Part) -> ArrayPart:
    """A corruption at a severity: rows (s-1) n to s n of its array, n images each.

    Raises:
        ValueError: the array or `labels.npy` is not there, or is not as the benchmark has it.
    """
    entry, count = part.entry, part.entry.images
    assert entry.side is not None
    rows = count * len(SEVERITIES)
    pixels = _array(part.path, (rows, entry.side, entry.side, 3), "uint8")
    labels = _array(part.path.with_name("labels.npy"), (rows,), "a whole number each")
    if labels.min() < 0 or labels.max() >= entry.num_classes:
        raise ValueError(
            f"{part.path.with_name('labels.npy')}: labels from {labels.min()} to {labels.max()}, "
            f"0 to {entry.num_classes - 1} expected"
        )
    severity = int(part.name.partition("/")[2])
    chosen = slice((severity - 1) * count, severity * count)
    return ArrayPart(
        pixels=pixels[chosen],
        labels=np.asarray(labels[chosen], np.int64),
        content=f"{part.path.name} {part.path.stat().st_size}",
    )


def _array(path: Path, shape: tuple[int, ...], kind: str) -> NDArray[Any]:
    try:
        found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as an array ({error})") from None
    right = found.dtype == np.uint8 if kind == "uint8" else found.dtype.kind in "iu"
    if found.shape != shape or not right:
        raise ValueError(
            f"{os.fspath(path)}: {found.dtype} {found.shape}, {kind} {shape} expected: the copy is "
            "incomplete or another set"
        )
    return found
