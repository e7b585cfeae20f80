"""Betons for the tests: written from small trees, read back by Pillow."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from datamodules.beton.file import Beton
from datamodules.beton.format import JPEG
from datamodules.beton.manifest import EncodeOptions
from datamodules.writing.encoder import make_encoder
from datamodules.writing.source import open_source, source_config
from datamodules.writing.writer import Written, write_beton


def write_from(source: Path | str, out: Path | str, **values: Any) -> Written:
    """Write a tree or a data set; values of `EncodeOptions` and of `write_beton` as given."""
    names = ("encode", "quality", "jpeg_share", "max_side", "restart")
    options = {key: values.pop(key) for key in names if key in values}
    config = source_config(str(source), test_fraction=values.pop("test_fraction", None))
    opened = open_source(config, on_error=values.get("on_error", "fail"))
    encoder = make_encoder(opened, EncodeOptions(**{"encode": "jpeg", **options}))
    return write_beton(encoder, out, **{"workers": 2, **values})


def sample_bytes(beton: Beton) -> list[bytes]:
    """The bytes of every sample."""
    content = beton.path.read_bytes()
    spans = zip(beton.offsets.tolist(), beton.sizes.tolist(), strict=True)
    return [content[start : start + size] for start, size in spans]


def sample_images(beton: Beton) -> Iterator[Image.Image]:
    """Every sample as Pillow decodes it."""
    for index, data in enumerate(sample_bytes(beton)):
        if beton.modes[index] == JPEG:
            yield Image.open(io.BytesIO(data)).convert("RGB")
        else:
            size = int(beton.widths[index]), int(beton.heights[index])
            yield Image.frombytes("RGB", size, data)


def pixels(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Grey levels of an image, for differences."""
    return np.asarray(image, np.float64)
