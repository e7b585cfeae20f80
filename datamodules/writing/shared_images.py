"""Images of a beton that are in train and in test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datamodules.beton.file import Beton, stored_checksums


def shared_samples(beton: Beton) -> list[tuple[int, int]]:
    """(training sample, test sample) with equal bytes: one pair for each such test sample.

    Found by size and checksum, and then compared. Empty for a file without a manifest, whose parts
    are not known.
    """
    checksums = stored_checksums(beton.path)
    if beton.manifest is None or checksums is None:
        return []
    spans = beton.manifest.ranges
    train, test = (spans.get(name, range(0)) for name in ("train", "test"))
    keys = (checksums.astype(np.uint64) << np.uint64(32)) | (beton.sizes & np.uint64(0xFFFFFFFF))
    tested = _part(keys, test)
    known: dict[int, int] = {}
    for place in np.flatnonzero(np.isin(_part(keys, train), tested)).tolist():
        known.setdefault(int(keys[train.start + place]), train.start + place)
    pairs = [(known[int(keys[index])], index) for index in test if int(keys[index]) in known]
    return [pair for pair in pairs if _equal(beton, *pair)]


def _part(keys: NDArray[np.uint64], span: range) -> NDArray[np.uint64]:
    return keys[span.start : span.stop]


def _equal(beton: Beton, one: int, other: int) -> bool:
    with beton.path.open("rb") as file:
        found = []
        for index in (one, other):
            file.seek(int(beton.offsets[index]))
            found.append(file.read(int(beton.sizes[index])))
    return found[0] == found[1]
