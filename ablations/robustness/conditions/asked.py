"""What a condition is given: images, and networks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ablations.robustness.conditions.arrays import Arrays
from lit_models.families.reference import Network
from lit_models.probes.pixels import Pixels

__all__ = ["Arrays", "AskedNetwork", "ImageBatch", "Images", "DataImages", "Interpolation"]

Interpolation = Literal["bicubic", "bilinear", "nearest"]  # how image files are resampled


@dataclass(frozen=True)
class ImageBatch:
    """Some of the images, as a network sees them in a test, but for their normalisation.

    Attributes:
        pixels: (N, C, H, W) uint8 on the CPU, the evaluation crop.
        labels: (N,) int64.
        indices: (N,) int64, numbers of the images in their set: with `seed` the key of every draw.
        seed: of the evaluation, not of a training.
    """

    pixels: torch.Tensor
    labels: NDArray[np.int64]
    indices: NDArray[np.int64]
    seed: int


class Images(Protocol):
    """The images that networks are asked about."""

    @property
    def title(self) -> str:
        """For people and messages, such as `Fashion-MNIST`."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) of all images; -1: of no class."""

    @property
    def indices(self) -> NDArray[np.int64]:
        """(N,) their numbers in their set."""

    @property
    def side(self) -> int:
        """Of the square crop in pixels."""

    @property
    def in_chans(self) -> int:
        """Channels."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """By label."""

    def batches(self, size: int) -> Iterator[ImageBatch]:
        """All of them, in order, `size` at a time."""

    def identity(self) -> Mapping[str, Any]:
        """What makes two sets of images the same, but for which of them, as plain data.

        With the digest of their list it is the part of a result's identity that images have.
        """


class DataImages(Images, Protocol):
    """Images of the test split of a data set, which can be had otherwise, too."""

    def at(self, side: int, *, crop_ratio: float | None = None) -> "DataImages":
        """The same images with a crop of another side; images in memory are resampled from theirs.

        Args:
            side: of the crop in pixels, such as 224 for a network that is evaluated at 384.
            crop_ratio: share of the resized short side that it keeps; None: as it is.
        """

    def limited(self, count: int) -> "DataImages":
        """At most so many of them, the same share of every class: fewer are a subset of more."""


@runtime_checkable
class Surrounded(Protocol):
    """Images that may have pixels beyond the edges of their crops."""

    def wider(self, margin: int) -> DataImages:
        """The same crops with at most so many pixels, an even number, more beyond each edge.

        As many as image files have. Images in memory have none.
        """


@dataclass(frozen=True)
class AskedNetwork:
    """A trained network.

    Attributes:
        name: for messages, such as `patchify_stem, seed 0`.
        pixels: the network behind its normalisation, in evaluation mode.
        spec: what it was built from: an `ArchSpec`, or a network of timm.
        device: where it lies.
        num_classes: K.
        checkpoint: SHA-256 of the file that it is from, as in `Decides`.
        trained_on: the data of its run, as config.json has it; empty where no run wrote it.
    """

    name: str
    pixels: Pixels
    spec: Network
    device: torch.device
    num_classes: int
    checkpoint: str = ""
    trained_on: Mapping[str, Any] = field(default_factory=dict)

    @property
    def backbone(self) -> nn.Module:
        """The network itself, which takes normalised images."""
        return self.pixels.network
