"""Files with a mask of each image: where its object is."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ablations.robustness.conditions.asked import DataImages

ENDINGS = (".npy", ".png")


@runtime_checkable
class Named(Protocol):
    """Images that may be files."""

    def names(self) -> tuple[str, ...] | None:
        """Of every image of the whole set, by its number: its path without suffix; or None."""


def mask_files(folder: Path, images: DataImages) -> Mapping[int, Path]:
    """The mask of each image, by the image's number.

    Of an image file it is called as that, below the folder or below that of its class, as the masks
    of ImageNet-9 are; of an image in memory by its number in its set, such as `17.png`.

    Raises:
        ValueError: there is no such folder, or an image has no mask; the first is named.
    """
    if not folder.is_dir():
        raise ValueError(f"occlusion.masks={folder}: there is no such folder")
    names = images.names() if isinstance(images, Named) else None
    return {number: _mask(folder, number, names) for number in images.indices.tolist()}


def _mask(folder: Path, number: int, names: Sequence[str] | None) -> Path:
    if names is None:
        return _first(folder, [str(number)])
    *_, of_class, stem = names[number].split("/")
    return _first(folder, [f"{of_class}/{stem}", stem])


def _first(folder: Path, names: Sequence[str]) -> Path:
    tried = [folder / f"{name}{ending}" for name in names for ending in ENDINGS]
    for path in tried:
        if path.is_file():
            return path
    raise ValueError(
        f"occlusion.masks: an image has no mask; looked for {' and '.join(map(str, tried))}"
    )


def content_digest(files: Mapping[int, Path]) -> str:
    """SHA-256 of all masks, in the order of their images."""
    digest = sha256()
    for number in sorted(files):
        digest.update(sha256(files[number].read_bytes()).digest())
    return digest.hexdigest()


def read_mask(path: Path, side: int) -> NDArray[np.float64]:
    """A mask (side, side), 0 or more: an array of NumPy, or a grey picture.

    Raises:
        ValueError: it is no mask, or not that of an image of this side; the file is named.
    """
    try:
        if path.suffix == ".npy":
            mask = np.load(path, allow_pickle=False).astype(np.float64)
        else:
            with Image.open(path) as picture:
                mask = np.asarray(picture.convert("L"), np.float64)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"{path} cannot be read as a mask: {error}") from None
    if mask.shape != (side, side) or not np.isfinite(mask).all() or mask.min() < 0:
        raise ValueError(
            f"{path} is no mask of the evaluated crop: expected {side} x {side} numbers of 0 or "
            f"more, found {' x '.join(map(str, mask.shape))}"
        )
    return np.asarray(mask)
