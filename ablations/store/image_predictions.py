"""predictions.npz: what a run said of each test image, as small arrays that NumPy reads.

Of the raw weights, as predictions.json is; with `flip_test` of the averaged logits of an image and
its mirror image, as the test scores are.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from ablations.files.own_files import read_own
from ablations.store.index_file import one_line
from ablations.store.runs import (
    IMAGE_PREDICTIONS,
    PREDICTIONS,
    SUMMARY,
    RunFolder,
    write_bytes_atomic,
)

_ARRAYS = ("classes", "labels", "confidence", "class_names")
_IMAGE_BYTES = 10  # of the widest integers twice and a half-precision number
_NAMES_BYTES = 2**26  # more class names than that are none
_REMEDY = (
    f"delete it and {SUMMARY} beside it, and `ablate run` again: the run is tested again from its "
    "checkpoint"
)
# what zipfile and NumPy raise for a damaged file, or one that is too large to be what it says
_DAMAGED = (
    *(ValueError, KeyError, TypeError, EOFError, OSError, MemoryError, OverflowError),
    *(NotImplementedError, RuntimeError, SyntaxError, BadZipFile, zlib.error),
)


@dataclass(frozen=True)
class ImagePredictions:
    """Predictions of N test images, in the order of the test split.

    Attributes:
        classes: (N,) unsigned integers, the class with the largest logit.
        labels: (N,) unsigned integers, the class that the data set gives.
        confidence: (N,) float16, the softmax probability of the predicted class, 0-1.
        class_names: of every class; a class is a position here.
    """

    classes: NDArray[np.unsignedinteger[Any]]
    labels: NDArray[np.unsignedinteger[Any]]
    confidence: NDArray[np.float16]
    class_names: tuple[str, ...]

    @property
    def right(self) -> NDArray[np.bool_]:
        """(N,) whether the predicted class is the data set's."""
        right: NDArray[np.bool_] = self.classes == self.labels
        return right


def classes_sha256(classes: NDArray[Any]) -> str:
    """The digest of predicted classes (N,), as little-endian 32-bit integers."""
    return sha256(classes.astype("<i4").tobytes()).hexdigest()


def write_image_predictions(run: Path, found: ImagePredictions) -> None:
    """Write predictions.npz into a run's folder, in the smallest integers that hold the classes."""
    small = np.min_scalar_type(max(len(found.class_names) - 1, 0))
    buffer = BytesIO()
    np.savez_compressed(
        buffer,
        classes=found.classes.astype(small),
        labels=found.labels.astype(small),
        confidence=found.confidence.astype(np.float16),
        class_names=np.array(found.class_names, dtype=np.str_),
    )
    write_bytes_atomic(run / IMAGE_PREDICTIONS, buffer.getvalue())


def read_image_predictions(run: Path) -> ImagePredictions | None:
    """Predictions of a run's folder; None of a run that kept none, as earlier versions did.

    Raises ValueError, naming the file, when it is damaged or not that of predictions.json.
    """
    path = run / IMAGE_PREDICTIONS
    said = RunFolder(run).predictions()
    try:
        content = read_own(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    if said is None:
        without = f"without the {PREDICTIONS} that was written with it"
        raise ValueError(f"{path} lies {without}; {_REMEDY}")
    try:
        return _checked(_arrays(content, images=said["images"]), said)
    except _DAMAGED as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{path} cannot be read: {reason}; {_REMEDY}") from None


def _arrays(content: bytes, *, images: int) -> dict[str, NDArray[Any]]:
    with ZipFile(BytesIO(content)) as packed:
        size = sum(member.file_size for member in packed.infolist())
    if size > _IMAGE_BYTES * images + _NAMES_BYTES:
        raise ValueError(f"it unpacks to {size:,} bytes, which {images:,} images do not need")
    with np.load(BytesIO(content), allow_pickle=False) as found:
        return {name: found[name] for name in _ARRAYS}


def _checked(arrays: Mapping[str, NDArray[Any]], said: Mapping[str, Any]) -> ImagePredictions:
    names = arrays["class_names"]
    if names.ndim != 1 or names.dtype.kind != "U" or not len(names):
        raise ValueError(f"class_names is {_kind(names)}, expected texts (classes,)")
    for name, kind in (("classes", "u"), ("labels", "u"), ("confidence", "f")):
        _check_one(name, arrays[name], kind=kind, images=said["images"])
    for name in ("classes", "labels"):
        if (largest := int(arrays[name].max(initial=0))) >= len(names):
            raise ValueError(f"{name} goes up to {largest}, but there are {len(names)} classes")
    confidence = arrays["confidence"]
    if confidence.dtype != np.float16 or not ((confidence >= 0) & (confidence <= 1)).all():
        raise ValueError("confidence is no float16 from 0 to 1 for every image")
    if classes_sha256(arrays["classes"]) != said["classes_sha256"]:
        raise ValueError(f"its classes are not those of {PREDICTIONS}")
    texts = tuple(one_line([str(name) for name in names]))
    found = ImagePredictions(arrays["classes"], arrays["labels"], confidence, texts)
    if int(found.right.sum()) != said["right"]:
        raise ValueError(f"{int(found.right.sum())} images are right, expected {said['right']}")
    return found


def _check_one(name: str, array: NDArray[Any], *, kind: str, images: int) -> None:
    if array.shape != (images,) or array.dtype.kind != kind:
        word = "unsigned integers" if kind == "u" else "float16"
        raise ValueError(f"{name} is {_kind(array)}, expected {word} ({images},)")


def _kind(array: NDArray[Any]) -> str:
    return f"{array.dtype} {array.shape}"
