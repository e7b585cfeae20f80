"""What is corrupted, as plain data that travels to each process."""

from __future__ import annotations

import json
from dataclasses import dataclass

LEVELS = (1, 3, 5)


@dataclass(frozen=True)
class Job:
    """Some images.

    Attributes:
        images: a file .npy with (N, S, S, 3) uint8.
    """

    images: str


@dataclass(frozen=True)
class Request:
    """One corruption of all images at one severity."""

    name: str
    level: int

    def text(self) -> str:
        """As one line of JSON."""
        return json.dumps([self.name, self.level])


def job_of(text: str) -> Job:
    """The job of a line that `process.to_text` wrote."""
    return Job(**json.loads(text))


def request_of(text: str) -> Request:
    """The request of a line that `Request.text` wrote."""
    name, level = json.loads(text)
    return Request(name, level)
