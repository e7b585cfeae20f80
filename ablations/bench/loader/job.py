"""What a loader is asked to do, as plain data that travels to its process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

# Work that all loaders do alike: torchvision's defaults of a training crop.
SCALE = (0.08, 1.0)
RATIO = (3 / 4, 4 / 3)
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
# On images in memory: shift by up to this many pixels, and flip.
PAD = 4


@dataclass(frozen=True)
class Job:
    """One loader on one file.

    Attributes:
        function: "module:function", from a job to its epochs.
        beton: the file.
        folder: its samples as JPEG files 0.jpg, 1.jpg, ...; empty if they are raw.
        side: of the output in pixels.
        batch_size: images.
        workers: processes or threads.
        repeats: how often an epoch goes through the file, so that what an epoch costs by itself
            does not count.
    """

    function: str
    beton: str
    folder: str
    side: int
    batch_size: int
    workers: int
    repeats: int

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self.beton)

    def files(self) -> list[str]:
        """The JPEG files in the order of the samples."""
        return sorted(map(str, Path(self.folder).rglob("*.jpg")))


def from_text(text: str) -> Job:
    """The job of a line that `process.to_text` wrote."""
    return Job(**json.loads(text))
