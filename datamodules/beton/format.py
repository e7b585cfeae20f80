"""FFCV's file format, version 2, and the front of a file: header, fields, where the manifest is.

The file is a header, a description of each field, one metadata row for each sample, the samples'
bytes in pages, and a table of where they lie. Ours differs from one that FFCV wrote in one way:
between the samples and that table stand a checksum of each sample and a manifest, and the label
field's arguments, which FFCV does not read, say where. Nothing here imports torch or FFCV.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from datamodules.beton.manifest import Manifest, from_json

VERSION = 2
INT_FIELD, IMAGE_FIELD = 1, 2
JPEG, RAW = 0, 1

HEADER = np.dtype(
    [
        ("version", "<u2"),
        ("num_fields", "<u2"),
        ("page_size", "<u4"),
        ("num_samples", "<u8"),
        ("alloc_table_ptr", "<u8"),
    ],
    align=True,
)
FIELD = np.dtype(
    [("type_id", "<u1"), ("name", ("<u1", 16)), ("arguments", ("<u1", (1024,)))], align=True
)
IMAGE = np.dtype([("mode", "<u1"), ("width", "<u2"), ("height", "<u2"), ("data_ptr", "<u8")])
ALLOCATION = np.dtype([("sample_id", "<u8"), ("ptr", "<u8"), ("size", "<u8")])
# Where the manifest lies; at the start of the label field's arguments.
POINTER = np.dtype(
    [("magic", "S16"), ("format", "<u4"), ("offset", "<u8"), ("size", "<u8"), ("sha256", "V32")]
)
MAGIC = b"ablate-manifest"
# CRC-32 of each sample's bytes; they end where the manifest begins.
CHECKSUM = np.dtype("<u4")
_UNFINISHED = "was never finished (its writer was stopped): write it again."
_NO_MANIFEST = (
    "has no manifest, so that nothing says which data set it holds: it was not written by "
    "`ablate data write`. Write it with that."
)


@dataclass(frozen=True)
class Layout:
    """The front of a file.

    Attributes:
        samples: how many.
        page_size: bytes.
        table: offset of the table that ends the file.
        fields: (2,) of FIELD.
    """

    samples: int
    page_size: int
    table: int
    fields: NDArray[np.void]

    @property
    def metadata(self) -> int:
        """Offset of the metadata rows."""
        return HEADER.itemsize + self.fields.nbytes

    @property
    def row(self) -> np.dtype[np.void]:
        """Type of a metadata row."""
        return metadata_type(*self.fields["type_id"].tolist())

    @property
    def data(self) -> int:
        """Offset from which on samples may lie."""
        return self.metadata + self.samples * self.row.itemsize

    @property
    def pointer(self) -> np.void | None:
        """Where the manifest lies; None in a file that FFCV wrote."""
        arguments = self.fields["arguments"][self.place(INT_FIELD)]
        pointer: np.void = np.frombuffer(arguments.tobytes(), POINTER, 1)[0]
        return pointer if pointer["magic"] == MAGIC else None

    def place(self, type_id: int) -> int:
        """Which field has this type."""
        return int(np.flatnonzero(self.fields["type_id"] == type_id)[0])

    def name(self, type_id: int) -> str:
        """FFCV's name of the field of this type."""
        name: bytes = self.fields["name"][self.place(type_id)].tobytes()
        return name.rstrip(b"\0").decode("ascii", errors="replace")


def metadata_type(*type_ids: int) -> np.dtype[np.void]:
    """The type of a metadata row of fields of these types, which FFCV calls f0, f1 and so on."""
    known = {INT_FIELD: np.dtype("<i8"), IMAGE_FIELD: IMAGE}
    return np.dtype([("", known[number]) for number in type_ids], align=True)


def read_layout(file: BinaryIO) -> Layout:
    """Read and check the front of a file.

    Raises:
        ValueError: it is none; the message goes on after the file's name.
    """
    size = os.fstat(file.fileno()).st_size
    if size < HEADER.itemsize:
        what = "is empty" if size == 0 else f"has only {size} bytes"
        raise ValueError(f"{what}: it is no beton, or it was truncated.")
    header = np.fromfile(file, HEADER, 1)[0]
    _check_version(header)
    fields = np.fromfile(file, FIELD, header["num_fields"])
    if len(fields) < header["num_fields"]:
        raise ValueError(f"is truncated: it has only {size} bytes, less than its header needs.")
    if sorted(fields["type_id"]) != [INT_FIELD, IMAGE_FIELD]:
        kinds = ", ".join(map(str, fields["type_id"]))
        raise ValueError(
            f"has fields of the FFCV types {kinds}, but has to have an image (2) and a label (1)."
        )
    layout = Layout(
        int(header["num_samples"]), int(header["page_size"]), int(header["alloc_table_ptr"]), fields
    )
    _check_sizes(layout, size)
    return layout


def _check_version(header: np.void) -> None:
    if not any(header.tobytes()):  # what a writer leaves until it is done
        raise ValueError(_UNFINISHED)
    page = int(header["page_size"])
    if header["version"] == VERSION and page.bit_count() == 1:
        return
    # A file of FFCV's next version would still look like one.
    if 0 < header["version"] < 100 and header["num_fields"] < 100 and page.bit_count() == 1:
        raise ValueError(
            f"is a beton of FFCV's format {header['version']}, but only format {VERSION} can be "
            "read: write it again with `ablate data write`."
        )
    raise ValueError("is no beton: it does not begin with FFCV's header.")


def _check_sizes(layout: Layout, size: int) -> None:
    if layout.table == 0:
        raise ValueError(_UNFINISHED)
    if layout.samples == 0:
        raise ValueError("holds no sample: write it again from a data set that has some.")
    expected = layout.table + layout.samples * ALLOCATION.itemsize
    if size != expected:
        what = "is truncated" if size < expected else "is damaged"
        raise ValueError(
            f"{what}: it has {size} bytes but should have {expected}. Copy or write it again."
        )
    if layout.data > layout.table:
        raise ValueError("is damaged: its samples overlap its header. Copy or write it again.")


def read_pointed(file: BinaryIO, layout: Layout) -> Manifest:
    """Read the manifest that the label field's arguments point to.

    Raises:
        ValueError: there is none, or it is damaged; the message goes on after the file's name.
    """
    pointer = layout.pointer
    if pointer is None:
        raise ValueError(_NO_MANIFEST)
    offset, size = int(pointer["offset"]), int(pointer["size"])
    if offset + size != layout.table or offset < layout.data + layout.samples * CHECKSUM.itemsize:
        raise ValueError("is damaged: its manifest is not where it should be.")
    file.seek(offset)
    content = file.read(size)
    if hashlib.sha256(content).digest() != pointer["sha256"].tobytes():
        raise ValueError("is damaged: its manifest is not the one that was written.")
    return from_json(content)


def read_checksums(file: BinaryIO, layout: Layout) -> NDArray[np.uint32] | None:
    """CRC-32 of each sample (N,); None in a file without a manifest."""
    pointer = layout.pointer
    if pointer is None:
        return None
    file.seek(int(pointer["offset"]) - layout.samples * CHECKSUM.itemsize)
    return np.fromfile(file, CHECKSUM, layout.samples)
