"""A condition: something that is done to images or to a network before it is asked.

Conditions outside, networks inside: what is made of the images is made once, and every network is
asked about the same. That pairs steps and seeds by construction, and makes the cost of the images
independent of the number of networks.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ablations.robustness.conditions.asked import (
    Arrays,
    AskedNetwork,
    DataImages,
    ImageBatch,
    Images,
)
from ablations.robustness.conditions.definitions import definition

Plain = Mapping[str, Any]  # numbers, texts, lists of them: what JSON holds


@dataclass(frozen=True)
class Passes:
    """What a condition costs, beside making the images.

    Attributes:
        forwards: of a network, an image.
        backwards: likewise, each with the forward pass that it needs.
    """

    forwards: float = 1
    backwards: float = 0


@dataclass(frozen=True)
class Condition(ABC):
    """One condition; frozen dataclasses, whose fields decide the result.

    Attributes:
        kind: what it belongs to, such as `corruptions`: the folder of its files.
    """

    kind: ClassVar[str]

    @property
    @abstractmethod
    def name(self) -> str:
        """Which of its kind, such as `fog/3`: lower-case words, digits, `_`, `.`, `-` and `/`."""

    @property
    def key(self) -> str:
        """Kind and name, such as `corruptions/fog/3`: unique among all conditions of a network."""
        return f"{self.kind}/{self.name}"

    @property
    def version(self) -> int:
        """Of its definition, see `definitions`: another one makes earlier answers stale."""
        return definition(self.key)

    @abstractmethod
    def parameters(self) -> Plain:
        """All that decides the result beside network, images and seed: hashed, and stored."""

    def images(self, images: DataImages) -> Images:
        """The images that it is about: those of the data set, unless it brings its own."""
        return images

    def passes(self, network: AskedNetwork) -> Passes:
        """What it costs to ask this network, for `ablate robustness --plan`."""
        del network
        return Passes()

    def refusal(self, network: AskedNetwork, images: Images) -> str | None:
        """Why it does not suit a network or images, as a sentence; None: it does."""
        del network, images
        return None


class ImageCondition(Condition):
    """Something that is done to images, batch by batch."""

    @abstractmethod
    def make(self, batch: ImageBatch) -> Any:
        """What every network is given, made once; most often float32 pixels in [0, 1].

        A function of seed, parameters and each image's number, never of the batch.
        """

    @abstractmethod
    def ask(self, network: AskedNetwork, made: Any, batch: ImageBatch) -> Arrays:
        """The answers of one network, every array with a row for each image of the batch.

        Raises:
            NotFiniteError: an answer is no number.
        """

    @staticmethod
    def whole(parts: Sequence[Arrays]) -> Arrays:
        """The answers to all images, from those to the batches in order."""
        names = parts[0].keys()
        return {name: np.concatenate([part[name] for part in parts]) for name in names}


class NetworkCondition(Condition):
    """A question to one network as a whole, such as to its weights."""

    @abstractmethod
    def measure(self, network: AskedNetwork, images: Images, *, seed: int, batch: int) -> Arrays:
        """The answer, as arrays of any shape.

        Args:
            network: what is asked.
            images: that it may look at.
            seed: of the evaluation.
            batch: how many of them fit in memory at once; the answer may not depend on it.
        """
