"""Reads every sample of a beton, and says what is wrong with it."""

from __future__ import annotations

import hashlib
import io
import os
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from datamodules.beton.file import Beton, has_manifest, read_beton, stored_checksums
from datamodules.beton.format import JPEG
from datamodules.beton.manifest import Manifest, shown
from datamodules.decoding.decode import readable, reason
from datamodules.decoding.jpeg_damage import has_huffman_tables
from datamodules.writing.ordered_threads import in_order
from datamodules.writing.samples import content_hash

# Called with the samples done, those of the whole, and the bytes done.
Report = Callable[[int, int, int], None]


@dataclass(frozen=True)
class Check:
    """What `check_beton` found.

    Attributes:
        samples: how many there are.
        manifest: None if the file has none, or a damaged one.
        problems: a sentence each; none: the file is fine.
    """

    samples: int
    manifest: Manifest | None
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Sample:
    data: bytes
    checksum: int
    problem: str | None


def check_beton(path: str | Path, *, workers: int, report: Report) -> Check:
    """Decode every sample in threads and compare everything with the manifest.

    Raises:
        ValueError: no sample can be read, since the file is no whole beton.
    """
    marked = has_manifest(path)
    problems: list[str] = []
    try:
        beton = read_beton(path, manifest=marked)
    except ValueError as error:
        beton = read_beton(path, manifest=False)
        problems.append(str(error))
    return Check(len(beton), beton.manifest, (*problems, *_samples(beton, workers, report)))


def read_content(beton: Beton, report: Report) -> str:
    """`Manifest.content` of what the file holds, read from it sample by sample."""
    digest, done = hashlib.sha256(), 0
    with beton.path.open("rb") as file:
        for index, (offset, size) in enumerate(
            zip(beton.offsets.tolist(), beton.sizes.tolist(), strict=True)
        ):
            if file.tell() != offset:
                file.seek(offset)
            digest.update(file.read(size))
            done += size
            report(index + 1, len(beton), done)
    return _content(beton, digest.digest())


def _samples(beton: Beton, workers: int, report: Report) -> list[str]:
    digest, done = hashlib.sha256(), 0
    undecodable: list[str] = []
    changed: list[str] = []
    checksums = stored_checksums(beton.path) if beton.manifest is not None else None
    with (
        beton.path.open("rb") as file,
        closing(
            in_order(partial(_read, beton, file.fileno()), len(beton), workers=workers)
        ) as all_,
    ):
        for index, sample in enumerate(all_):
            if sample.problem is not None:
                undecodable.append(f"{describe(beton, index)} {sample.problem}")
            elif checksums is not None and sample.checksum != checksums[index]:
                changed.append(f"{describe(beton, index)} is not the one that was written")
            digest.update(sample.data)
            done += len(sample.data)
            report(index + 1, len(beton), done)
    if beton.manifest is None:
        return undecodable
    if _content(beton, digest.digest()) == beton.manifest.content:
        return [*undecodable, *(["the list of checksums is damaged"] if changed else [])]
    return [*undecodable, *changed] or ["what it holds is not what its manifest says"]


def _read(beton: Beton, descriptor: int, index: int) -> _Sample:
    data = os.pread(descriptor, int(beton.sizes[index]), int(beton.offsets[index]))
    return _Sample(data, zlib.crc32(data), _problem(beton, index, data))


def _problem(beton: Beton, index: int, data: bytes) -> str | None:
    if beton.modes[index] != JPEG:
        return None
    stated = int(beton.widths[index]), int(beton.heights[index])
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            readable(image, data)
            mode, size = image.mode, image.size
    except Exception as error:
        return f"cannot be decoded ({reason(error, describe(beton, index))})"
    if mode not in ("RGB", "L"):
        return f"is a JPEG of mode {mode}, which FFCV cannot decode"
    if size != stated:
        return f"has {_size(size)} pixels, but {_size(stated)} are recorded"
    if not has_huffman_tables(data):
        return "has no Huffman tables, which FFCV takes from another image: write the file again"
    return None


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def describe(beton: Beton, index: int) -> str:
    """How a message names a sample."""
    label, manifest = int(beton.labels[index]), beton.manifest
    if manifest is None:
        return f"sample {index} (label {label})"
    part = next(name for name, span in manifest.ranges.items() if index in span)
    return f"sample {index} ({part}, class {shown(manifest.class_names[label])})"


def _content(beton: Beton, samples: bytes) -> str:
    manifest = beton.manifest
    assert manifest is not None
    facts = [beton.modes, beton.widths, beton.heights, beton.labels, beton.sizes]
    return content_hash(
        samples, [np.asarray(column) for column in facts], manifest.parts, manifest.class_names
    )
