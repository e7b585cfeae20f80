"""Test images: photographs of ImageNet's size, cut from those that installed packages bring."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

# Where Debian's wallpaper packages put photographs; without them scikit-learn's two are used.
_FOLDERS = ("/usr/share/backgrounds", "/usr/share/wallpapers")
_PACKAGES = (("sklearn", "datasets/images"), ("skimage", "data"))
_SIZES = ((500, 375), (500, 375), (500, 375), (375, 500))
_MOST = 40
_NOISE = 4.0  # grey levels: scaled down, wallpapers have less than a camera's pixels
_QUALITY = 94


def sources() -> list[Path]:
    """The photographs that are installed, large enough to cut from."""
    found: list[Path] = []
    for package, folder in _PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            found += (Path(spec.origin).parent / folder).glob("*.jpg")
    for folder in _FOLDERS:
        found += Path(folder).rglob("*.jp*g")
    return [path for path in sorted(found) if _large(path)][:_MOST]


def cut_photographs(folder: Path, count: int) -> Path:
    """A tree FOLDER/{train,val}/CLASS/*.jpg of `count` images with two classes, the same each time.

    Mostly 500 x 375, about 90 kB, a third without chroma subsampling.
    """
    draws = np.random.default_rng(0)
    originals = [_opened(path) for path in sources()]
    for number, image in enumerate(_cuts(originals, count, draws)):
        part = "val" if number % 16 == 15 else "train"
        target = folder / part / "ab"[number // 16 % 2]
        target.mkdir(parents=True, exist_ok=True)
        subsampling = 0 if draws.random() < 0.3 else 2
        image.save(target / f"{number:05}.jpg", quality=_QUALITY, subsampling=subsampling)
    return folder


def _cuts(
    originals: list[Image.Image], count: int, draws: np.random.Generator
) -> Iterator[Image.Image]:
    for number in range(count):
        image = originals[number % len(originals)]
        width, height = _SIZES[number % len(_SIZES)]
        least = max(width / image.width, height / image.height)
        scale = min(1.0, least * draws.uniform(1, 2))
        size = max(width, round(image.width * scale)), max(height, round(image.height * scale))
        image = image.resize(size, Image.Resampling.LANCZOS)
        left = int(draws.integers(0, image.width - width + 1))
        top = int(draws.integers(0, image.height - height + 1))
        pixels = np.asarray(image.crop((left, top, left + width, top + height)), np.float32)
        noisy = pixels + draws.normal(0, _NOISE, pixels.shape)
        yield Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8))


def _large(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            return min(image.size) >= 375 and max(image.size) >= 500
    except OSError:
        return False


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    longest = max(image.size)
    if longest <= 1600:
        return image
    # more would be cut away or scaled down again
    return image.resize((image.width * 1600 // longest, image.height * 1600 // longest))
