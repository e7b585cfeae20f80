"""Small image trees on disk for the tests of the data modules."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from datamodules.config.data import DataConfig
from datamodules.sampling.random_streams import kept_generators, seed_generators


def photograph(seed: int, size: tuple[int, int] = (48, 40)) -> Image.Image:
    """A smooth random RGB image, `size` as (width, height), which JPEG keeps recognisable."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def write_jpeg(path: Path, seed: int = 0, size: tuple[int, int] = (48, 40)) -> Path:
    """Write one photograph."""
    path.parent.mkdir(parents=True, exist_ok=True)
    photograph(seed, size).save(path, quality=90)
    return path


def write_tree(
    folder: Path,
    *,
    splits: Sequence[str] = ("train", "val"),
    classes: Sequence[str] = ("ant", "bee", "cat"),
    images: int = 6,
) -> Path:
    """A whole tree FOLDER/SPLIT/CLASS/N.jpg with `images` photographs in every class."""
    for number, (split, name) in enumerate((s, c) for s in splits for c in classes):
        for image in range(images):
            write_jpeg(folder / split / name / f"{image}.jpg", seed=100 * number + image)
    return folder


def truncate(path: Path, share: float = 0.6) -> Path:
    """Cut the end off a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def tree_config(tree: Path, **values: object) -> DataConfig:
    """An image_folder at 24 pixels, with other keys as given."""
    whole = {"name": "image_folder", "folder": str(tree), "image_size": 24, **values}
    return DataConfig(**whole)  # type: ignore[arg-type]


def broken_inside(path: Path) -> Path:
    """Write a PNG whose header and end are whole and whose middle is not."""
    photograph(0).save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 3)
    path.write_bytes(content)
    return path


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators inside the block only."""
    with kept_generators():
        seed_generators(seed)
        yield
