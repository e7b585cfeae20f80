"""How the bytes of a beton get into a file."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from datamodules.beton.format import (
    ALLOCATION,
    CHECKSUM,
    FIELD,
    HEADER,
    IMAGE_FIELD,
    INT_FIELD,
    MAGIC,
    POINTER,
    VERSION,
    metadata_type,
)
from datamodules.beton.manifest import MANIFEST_FORMAT, BetonPart, Manifest, to_json
from datamodules.writing.encode import MAX_BYTES, Encoded

FIRST_PAGE = 8 << 20


class SampleWriter:
    """Appends samples to an empty file; the header comes last, so that a part is never a beton."""

    def __init__(self, file: BinaryIO, capacity: int, *, page_size: int = FIRST_PAGE) -> None:
        """Leave room in front for `capacity` samples, of which some may never come."""
        self.file, self.page_size, self.count = file, page_size, 0
        self.rows = np.zeros(capacity, metadata_type(IMAGE_FIELD, INT_FIELD))
        self.sizes = np.zeros(capacity, np.uint64)
        self.checksums = np.zeros(capacity, CHECKSUM)
        self.samples = hashlib.sha256()
        self.offset = HEADER.itemsize + 2 * FIELD.itemsize + self.rows.nbytes
        file.seek(self.offset)

    def append(self, sample: Encoded, label: int) -> None:
        """Write one sample within one page."""
        size = len(sample.data)
        assert 0 < size <= MAX_BYTES
        offset, self.page_size = place(self.offset, size, page_size=self.page_size)
        if offset != self.offset:
            self.offset = offset
            self.file.seek(offset)
        self.file.write(sample.data)
        image = (sample.mode, sample.width, sample.height, self.offset)
        self.rows[self.count] = (image, label)
        self.sizes[self.count] = size
        self.checksums[self.count] = zlib.crc32(sample.data)
        self.samples.update(sample.data)
        self.count += 1
        self.offset += size

    def content(self, parts: Sequence[BetonPart], class_names: Sequence[str]) -> str:
        """See `content_hash`."""
        image, label = self.rows["f0"][: self.count], self.rows["f1"][: self.count]
        facts = [image["mode"], image["width"], image["height"], label, self.sizes[: self.count]]
        return content_hash(self.samples.digest(), facts, parts, class_names)

    def finish(self, manifest: Manifest) -> None:
        """Write everything but the samples; the file is then complete."""
        text, rows = to_json(manifest), self.rows[: self.count]
        self.file.seek(self.offset)
        self.file.write(self.checksums[: self.count].tobytes())
        pointer = np.zeros(1, POINTER)
        pointer[0] = (MAGIC, MANIFEST_FORMAT, self.file.tell(), len(text), _digest(text))
        self.file.write(text)
        header = np.zeros(1, HEADER)
        header[0] = (VERSION, 2, self.page_size, self.count, self.file.tell())
        table = np.zeros(self.count, ALLOCATION)
        table["sample_id"] = np.arange(self.count)
        table["ptr"], table["size"] = rows["f0"]["data_ptr"], self.sizes[: self.count]
        self.file.write(table.tobytes())
        self.file.seek(HEADER.itemsize)
        self.file.write(_fields(pointer).tobytes())
        self.file.write(rows.tobytes())
        self.file.seek(0)
        self.file.write(header.tobytes())


def place(offset: int, size: int, *, page_size: int = FIRST_PAGE) -> tuple[int, int]:
    """Where the next sample goes, from `offset` on, and the size of the pages then.

    A sample that is larger than a page doubles the pages. Those that are there stay valid, since
    a page of the new size is a pair of old ones.
    """
    while size > page_size:
        page_size *= 2
    if offset // page_size != (offset + size - 1) // page_size:
        offset = -(-offset // page_size) * page_size
    return offset, page_size


def content_hash(
    samples: bytes,
    facts: Sequence[NDArray[np.generic]],
    parts: Sequence[BetonPart],
    class_names: Sequence[str],
) -> str:
    """SHA-256 of what a reader sees, wherever in the file it lies.

    Args:
        samples: SHA-256 of the samples' bytes, in order.
        facts: mode, width, height, label and size of each sample, (N,) each.
        parts: the file's parts.
        class_names: by label.
    """
    digest = hashlib.sha256(samples)
    for column in facts:
        digest.update(column.astype("<i8").tobytes())
    named = [[part.name, part.class_counts] for part in parts]
    digest.update(json.dumps([named, class_names]).encode())
    return digest.hexdigest()


def _fields(pointer: NDArray[np.void]) -> NDArray[np.void]:
    fields = np.zeros(2, FIELD)
    fields["type_id"] = IMAGE_FIELD, INT_FIELD
    for number, name in enumerate((b"image", b"label")):
        fields["name"][number, : len(name)] = np.frombuffer(name, np.uint8)
    fields["arguments"][1, : pointer.nbytes] = pointer.view(np.uint8)
    return fields


def _digest(content: bytes) -> np.void:
    return np.void(hashlib.sha256(content).digest())
