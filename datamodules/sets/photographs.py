"""A small set of real photographs that is always there: crops of the two that scikit-learn brings.

A toy task (which of the two photographs is it), to try everything that reads image files.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from datamodules.config.info import DatasetInfo

CLASSES = ("china", "flower")
SIZES = (512, 128)
# Training crops lie left of this share of the width and test crops right of it.
_BORDER = 0.75
_SIDES = (96, 152)
_QUALITY = 92


def cut_photographs(info: DatasetInfo, root: Path) -> None:
    """Write ROOT/photographs/{train,test}/CLASS/N.jpg, the same each time."""
    folder, draws = root / info.paths[0], np.random.default_rng(0)
    part = folder.with_suffix(".part")
    for name in CLASSES:
        photograph = _photograph(name)
        border = round(photograph.width * _BORDER)
        halves = ((0, border), (border, photograph.width))
        for split, count, (left, right) in zip(("train", "test"), SIZES, halves, strict=True):
            target = part / split / name
            target.mkdir(parents=True, exist_ok=True)
            for number in range(count // len(CLASSES)):
                image = _crop(photograph, left, right, draws)
                image.save(target / f"{number:03}.jpg", quality=_QUALITY)
    part.rename(folder)


def _crop(image: Image.Image, left: int, right: int, draws: np.random.Generator) -> Image.Image:
    width, height = draws.integers(*_SIDES, size=2).tolist()
    x = int(draws.integers(left, right - width + 1))
    y = int(draws.integers(0, image.height - height + 1))
    return image.crop((x, y, x + width, y + height))


def _photograph(name: str) -> Image.Image:
    import sklearn.datasets

    with Image.open(Path(sklearn.datasets.__path__[0]) / "images" / f"{name}.jpg") as image:
        return image.convert("RGB")
