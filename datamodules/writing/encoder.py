"""What encodes the images of a source, one at a time and in threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from datamodules.beton.manifest import EncodeOptions
from datamodules.sampling.random_streams import uniforms
from datamodules.sets.sources import ArrayImages, FileImages
from datamodules.writing.encode import Encoded, Transcode, Unreadable, encode_array, encode_file
from datamodules.writing.samples import FIRST_PAGE, place
from datamodules.writing.source import BetonSource

# Which samples of a mixed file are JPEGs; beyond the streams of training.
_MIXED_STREAM = 2001
_MEASURED = 20_000
_TRIED = 64
_LAID = 4096
# Bytes of a sample beside its own: metadata, allocation and checksum.
_OVERHEAD = 52


@dataclass(frozen=True)
class Encoder:
    """Encodes any image of a source; threads call it."""

    source: BetonSource
    options: EncodeOptions
    transcode: Transcode | None = None

    def __call__(self, index: int) -> Encoded | Unreadable:
        """Read and encode one image."""
        _, images, place = self.source.locate(index)
        jpeg, measure = bool(self.jpegs[index]), bool(self.measured[index])
        if isinstance(images, FileImages):
            return encode_file(
                images.paths[place],
                self.options,
                jpeg=jpeg,
                measure=measure,
                transcode=self.transcode,
            )
        assert isinstance(images, ArrayImages)  # the source, not a beton of it
        return encode_array(images.pixels[place], self.options, jpeg=jpeg, measure=measure)

    @cached_property
    def jpegs(self) -> NDArray[np.bool_]:
        """(N,) which images are encoded as JPEG."""
        share = {"raw": 0.0, "mixed": self.options.jpeg_share}.get(self.options.encode, 1.0)
        indices = np.arange(len(self.source))
        chosen: NDArray[np.bool_] = (
            uniforms(_MIXED_STREAM, seed=0, epoch=0, indices=indices) < share
        )
        return chosen

    @cached_property
    def measured(self) -> NDArray[np.bool_]:
        """(N,) the training images, evenly spaced, whose mean and deviation are taken."""
        train, chosen = int(self.source.bounds[1]), np.zeros(len(self.source), bool)
        chosen[_spread(train, _MEASURED)] = True
        return chosen


def make_encoder(source: BetonSource, options: EncodeOptions) -> Encoder:
    """What encodes the images of a source.

    Raises:
        ValueError: the options ask for what this source or this machine has not.
    """
    if options.encode != "original":
        return Encoder(source, options)
    if source.tree is None:
        raise ValueError(f"{source.name} has no image files: use --encode raw or jpeg.")
    return Encoder(source, options, _transcoder() if options.restart else None)


def estimate_size(encoder: Encoder, *, workers: int) -> int:
    """Bytes that the file will have, from encoding a few images; 0 if none can be read."""
    count = len(encoder.source)
    with ThreadPoolExecutor(workers) as pool:
        tried = list(pool.map(encoder, _spread(count, _TRIED).tolist()))
    sizes = [len(sample.data) for sample in tried if isinstance(sample, Encoded)]
    if not sizes:
        return 0
    offset, page, laid = 0, FIRST_PAGE, min(count, _LAID)
    for number in range(laid):  # what pages waste shows only when they are filled
        size = sizes[number % len(sizes)]
        offset, page = place(offset, size, page_size=page)
        offset += size
    return round((offset / laid + _OVERHEAD) * count)


def _spread(count: int, most: int) -> NDArray[np.int64]:
    """At most `most` of `count` indices, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def _transcoder() -> Transcode:
    from datamodules.decoding import native

    try:
        native.required()
    except ValueError as error:
        raise ValueError(f"--restart needs it to keep a file's own bytes: {error}") from error
    return native.transcode
