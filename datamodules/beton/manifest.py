"""What a beton says about itself: a JSON text inside the file (no torch)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from math import isfinite
from typing import Any, Literal

MANIFEST_FORMAT = 1
# Names of skipped files that are kept; their number is exact.
SKIPPED_KEPT = 1000

PARTS = ("train", "val", "test")

Encode = Literal["jpeg", "raw", "mixed", "original"]


@dataclass(frozen=True, kw_only=True)
class EncodeOptions:
    """How the images of a beton are stored.

    Raises:
        ValueError: a value that no file could have, with what is valid.
    """

    # jpeg: encoded anew; raw: pixels; mixed: some of each; original: a JPEG file's own bytes
    encode: Encode
    # of the JPEGs that are encoded anew, as Pillow counts it
    quality: int = 90
    # mixed: the share of JPEGs
    jpeg_share: float = 0.5
    # a longer side is reduced to this many pixels; None: no cap
    max_side: int | None = None
    # JPEGs with restart markers, from which a region is cut without decoding the rest
    restart: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise ValueError(f"--quality is {self.quality}, but it has to be from 1 to 100.")
        if not 0 <= self.jpeg_share <= 1:
            raise ValueError(f"--jpeg-share is {self.jpeg_share}, but it has to be from 0 to 1.")
        if self.max_side is not None and not 1 <= self.max_side <= 65535:
            raise ValueError(f"--max-side is {self.max_side}, but it has to be from 1 to 65535.")
        if self.restart and self.encode == "raw":
            raise ValueError("--restart has no meaning for raw pixels: use another --encode.")


@dataclass(frozen=True)
class BetonPart:
    """A run of samples that belong together: `train`, `val` or `test`."""

    name: str
    # images of each class, in the order of the class names
    class_counts: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of samples."""
        return sum(self.class_counts)


@dataclass(frozen=True)
class Skipped:
    """A file of the source that is not in the beton."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Where the samples of a beton come from and what they are.

    Attributes:
        name: the data set in the catalogue; image_folder for any tree.
        parts: in the order in which their samples stand in the file, from the first one on.
        class_names: by label.
        mean: of the training images, each counted once, for (R, G, B) in 0..1.
        std: likewise.
        measured: number of training images behind mean and std.
        min_side: of all samples, in pixels.
        max_side: likewise.
        options: how the samples are stored.
        skipped: the first files that were left out, at most SKIPPED_KEPT.
        skipped_count: all that were left out.
        fingerprint: SHA-256 of the source: names and sizes of its files, or its pixels and labels.
        newest: when the last of the source's files was changed, in nanoseconds since 1970; None:
            they are in memory, or the file is of a version that did not keep it.
        test_fraction: see DataConfig; None: the source had a test split.
        content: SHA-256 of what a reader sees: samples, labels, parts and classes. The same source
            and options give the same one.
        versions: of the programs that wrote the file.
    """

    name: str
    parts: tuple[BetonPart, ...]
    class_names: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    measured: int
    min_side: int
    max_side: int
    options: EncodeOptions
    fingerprint: str
    content: str
    newest: int | None = None
    test_fraction: float | None = None
    skipped: tuple[Skipped, ...] = ()
    skipped_count: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """Number of samples of all parts."""
        return sum(part.size for part in self.parts)

    @property
    def ranges(self) -> dict[str, range]:
        """Part name -> the samples that belong to it."""
        ends = list(accumulate((part.size for part in self.parts), initial=0))
        return {
            part.name: range(ends[number], ends[number + 1])
            for number, part in enumerate(self.parts)
        }


def shown(name: str | bytes) -> str:
    """A file's or class's name as text that can be printed, whatever its bytes are."""
    return os.fsencode(name).decode(errors="backslashreplace")


def to_json(manifest: Manifest) -> bytes:
    """The bytes that stand in the file; names that are no UTF-8 survive as escapes."""
    return json.dumps({"format": MANIFEST_FORMAT, **asdict(manifest)}, indent=1).encode("ascii")


def from_json(content: bytes) -> Manifest:
    """The manifest that `to_json` wrote.

    Raises:
        ValueError: it is of another format, or not what `to_json` writes.
    """
    try:
        values = json.loads(content)
        if values["format"] != MANIFEST_FORMAT:
            raise ValueError(
                f"its manifest has format {values['format']}, but this version of the project "
                f"reads format {MANIFEST_FORMAT}"
            )
        return _build(values)
    except RecursionError:
        raise ValueError("its manifest is damaged (nested too deep)") from None
    except (TypeError, KeyError, AttributeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"its manifest is damaged ({error!r})") from error


def _build(values: dict[str, Any]) -> Manifest:
    known = {key: value for key, value in values.items() if key != "format"}
    typed = {
        "parts": tuple(BetonPart(p["name"], tuple(p["class_counts"])) for p in values["parts"]),
        "class_names": tuple(values["class_names"]),
        "mean": tuple(values["mean"]),
        "std": tuple(values["std"]),
        "options": EncodeOptions(**values["options"]),
        "skipped": tuple(Skipped(s["name"], s["reason"]) for s in values["skipped"]),
    }
    manifest = Manifest(**{**known, **typed})
    wrong = next((what for what, is_right in _expected(manifest).items() if not is_right), None)
    if wrong is not None:
        raise ValueError(f"its manifest is damaged: {wrong}")
    if {len(part.class_counts) for part in manifest.parts} - {len(manifest.class_names)}:
        raise ValueError("its manifest counts other classes than it names")
    return manifest


def _expected(manifest: Any) -> dict[str, bool]:
    """What holds of a manifest that `to_json` wrote, by what is to be said where it does not."""
    names = [part.name for part in manifest.parts]
    counts = [count for part in manifest.parts for count in part.class_counts]
    texts = (manifest.name, manifest.fingerprint, manifest.content, *manifest.class_names)
    sides = (manifest.min_side, manifest.max_side, manifest.measured, manifest.skipped_count)
    values = (*manifest.mean, *manifest.std)
    return {
        "parts are train, val and test, each once": (
            set(names) <= set(PARTS) and len(set(names)) == len(names)
        ),
        "counts of images are whole numbers": all(map(_is_count, (*counts, *sides))),
        "names are text": all(isinstance(text, str) for text in texts),
        "mean and std are three finite numbers each": (
            len(manifest.mean) == len(manifest.std) == 3
            and all(isinstance(value, int | float) and isfinite(value) for value in values)
        ),
    }


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
