"""The files of the bench: the standard ones, and what loaders need beside a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datamodules.beton.file import Beton, read_beton
from datamodules.beton.format import JPEG
from datamodules.beton.manifest import EncodeOptions

SMALL_SIDE = 32
# What the table in the README is made of: name -> how its images are stored.
STANDARD = {
    "original": EncodeOptions(encode="original"),
    "jpg 500": EncodeOptions(encode="jpeg", max_side=500),
    "jpg 400": EncodeOptions(encode="jpeg", max_side=400),
    "jpg 256": EncodeOptions(encode="jpeg", max_side=256),
    "raw 500": EncodeOptions(encode="raw", max_side=500),
}
SMALL_NAME = f"raw {SMALL_SIDE}"


@dataclass(frozen=True)
class Subject:
    """A file that is measured.

    Attributes:
        name: for the table.
        beton: the file.
        stored: what its bytes are, in words.
        jpegs: its samples as JPEG files; None if they are raw.
        restart: the same pixels with restart markers; None if they are raw.
        small: all images are of one small size and raw.
    """

    name: str
    beton: Beton
    stored: str
    jpegs: Path | None
    restart: Beton | None
    small: bool


def subject(path: Path, name: str, folder: Path) -> Subject:
    """Unpack what loaders of a file need into a folder.

    Raises:
        ValueError: the file is no whole beton, or holds both JPEGs and raw pixels.
    """
    beton = read_beton(path, manifest=False)
    jpeg = beton.modes == JPEG
    if jpeg.any() != jpeg.all():
        raise ValueError(f"{path} holds JPEGs and raw pixels: the bench needs one kind.")
    kilobytes = beton.sizes.mean() / 1000
    kind = "JPEG" if jpeg.all() else "raw"
    stored = f"{len(beton)} images, {kind}, {kilobytes:.1f} kB each"
    if not jpeg.all():
        sides = {*np.unique(beton.widths).tolist(), *np.unique(beton.heights).tolist()}
        small = len(sides) == 1 and max(sides) <= 64
        return Subject(name, beton, stored, None, None, small)
    jpegs = _unpack(beton, folder / "tree")
    restart = _write(
        folder / "tree", folder / "restart.beton", EncodeOptions(encode="original", restart=True)
    )
    return Subject(name, beton, stored, jpegs, restart, small=False)


def standard_files(folder: Path, images: int) -> Iterable[tuple[str, Path, bool]]:
    """Name and path of each standard file, written as it is asked for; whether it is the original.

    Loaders that read no beton are measured on the original bytes only, which is what they get.
    """
    from ablations.bench.loader.photographs import cut_photographs

    tree = cut_photographs(folder / "photographs", images)
    for number, (name, options) in enumerate(STANDARD.items()):
        path = folder / f"{number}.beton"
        _write(tree, path, options)
        yield name, path, options.encode == "original"
        path.unlink()
    small = _shrunk(tree, folder / "small")
    path = folder / "small.beton"
    _write(small, path, EncodeOptions(encode="raw"))
    yield SMALL_NAME, path, True


def _unpack(beton: Beton, tree: Path) -> Path:
    """Samples as files of a tree that can be written again: two halves, and of each one as val."""
    for part in ("train/0", "train/1", "val/0", "val/1"):
        (tree / part).mkdir(parents=True)
    mapped = np.memmap(beton.path, np.uint8, mode="r")
    for sample, (offset, size) in enumerate(
        zip(beton.offsets.tolist(), beton.sizes.tolist(), strict=True)
    ):
        path = tree / "train" / str(2 * sample // len(beton)) / f"{sample:07}.jpg"
        path.write_bytes(mapped[offset : offset + size].tobytes())
        (tree / "val" / path.parent.name / "0.jpg").write_bytes(path.read_bytes())
    return tree / "train"


def _shrunk(tree: Path, target: Path) -> Path:
    from PIL import Image

    for path in tree.rglob("*.jpg"):
        to = (target / path.relative_to(tree)).with_suffix(".png")
        to.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as image:
            image.resize((SMALL_SIDE, SMALL_SIDE)).save(to)
    return target


def _write(tree: Path, path: Path, options: EncodeOptions) -> Beton:
    from datamodules.writing.encoder import make_encoder
    from datamodules.writing.source import open_source, source_config
    from datamodules.writing.writer import write_beton

    source = open_source(source_config(str(tree)), on_error="fail")
    write_beton(make_encoder(source, options), path, workers=2, say=lambda text: None)
    return read_beton(path, manifest=False)
