"""Which images answers are about: their numbers in their set and their labels, once a run.

    runs/all/RUN_ID/robustness/images/DIGEST.npz

An answer has the digest, as `list` among the images of what decides it: answers to other images are
compared on those that both are about.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablations.files.own_files import read_own
from ablations.files.own_folders import own_folder
from ablations.robustness.results.stored import FOLDER
from ablations.store.runs import write_bytes_atomic

LIST = "list"  # the key of the digest in `Images.identity()`
_FOLDER = (FOLDER, "images")
_DIGITS = 16


@dataclass(frozen=True)
class ImageList:
    """Images in the order of the answers.

    Attributes:
        indices: (N,) int64, their numbers in their set.
        labels: (N,) int64; -1 for an image of no class.
    """

    indices: NDArray[np.int64]
    labels: NDArray[np.int64]

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits, which name the list."""
        return _digest(self.indices, self.labels)


def keep_images(
    folder: Path, images: ImageList, *, names: Callable[[], Sequence[str] | None] = lambda: None
) -> str:
    """Store a list beside the answers of a run, unless it is there; its digest.

    Args:
        folder: of the run.
        images: the list.
        names: gives the names of the images' files, for people; None: they are no files.
    """
    digest = images.digest
    path = own_folder(folder, *_FOLDER) / f"{digest}.npz"
    if not path.exists():
        buffer = BytesIO()
        arrays: dict[str, Any] = {"indices": images.indices, "labels": images.labels}
        files = names()
        if files is not None:
            arrays["names"] = np.array(files, np.str_)
        np.savez_compressed(buffer, **arrays)
        write_bytes_atomic(path, buffer.getvalue())
    return digest


def images_of(folder: Path, digest: str) -> ImageList:
    """A list that a run keeps.

    Raises:
        ValueError: it is not there, or another one; the file is named.
    """
    return _images_of(folder.joinpath(*_FOLDER, f"{digest}.npz"), digest)


@lru_cache(maxsize=256)
def _images_of(path: Path, digest: str) -> ImageList:
    try:
        with np.load(BytesIO(read_own(path)), allow_pickle=False) as found:
            images = ImageList(found["indices"], found["labels"])
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except Exception as error:  # what NumPy and zipfile raise of a damaged file is of many kinds
        raise ValueError(f"{path} cannot be read: {error}") from None
    if images.digest != digest:
        raise ValueError(f"{path} is not the list of images that it is named after: delete it")
    return images


def _digest(*numbers: NDArray[np.int64]) -> str:
    content = b"".join(np.ascontiguousarray(one, "<i8").tobytes() for one in numbers)
    return sha256(content).hexdigest()[:_DIGITS]
