"""What says which parts of an image matter. It is the same for every network that is asked."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ablations.robustness.conditions.asked import ImageBatch
from ablations.robustness.conditions.clean import as_floats
from ablations.robustness.conditions.condition import Plain
from ablations.robustness.conditions.occlusion.masks import read_mask
from ablations.robustness.conditions.others import OtherNetwork
from datamodules.occlusion.spectral import SIDE, SIGMA, spectral_residual
from lit_models.probes.pixels import Pixels
from lit_models.probes.saliency import HEAD, class_attention, class_gradients

Maps = NDArray[np.floating]


@dataclass(frozen=True)
class Saliency(ABC):
    """A map of each image."""

    @abstractmethod
    def parameters(self) -> Plain:
        """What the maps are from, as part of a condition's parameters."""

    @abstractmethod
    def maps(self, batch: ImageBatch) -> Maps:
        """(N, h, w) of any size, 0 or more: what matters is large."""


@dataclass(frozen=True)
class Spectral(Saliency):
    """The spectral residual of each image."""

    def parameters(self) -> Plain:
        """Side and smoothing of the map."""
        return {"saliency": "spectral", "side": SIDE, "sigma": SIGMA}

    def maps(self, batch: ImageBatch) -> Maps:
        """(N, 64, 64)."""
        return spectral_residual(as_floats(batch.pixels))


@dataclass(frozen=True)
class Gradients(Saliency):
    """How much each pixel changes the true class's logit of a network that is not asked."""

    network: OtherNetwork

    def parameters(self) -> Plain:
        """The network, and its weights."""
        return {
            "saliency": "reference",
            "reference": self.network.name,
            "reference_weights": self.network.digest,
        }

    def maps(self, batch: ImageBatch) -> Maps:
        """(N, H, W)."""
        device = self.network.device
        pixels, labels = as_floats(batch.pixels), torch.from_numpy(batch.labels)
        found = class_gradients(self.network.pixels, pixels.to(device), labels.to(device))
        return np.asarray(found.cpu().numpy())


@dataclass(frozen=True)
class Attention(Saliency):
    """Where the class token of DINO's ViT-S/16 looks in its last block.

    Attributes:
        digest: SHA-256 of the checkpoint.
        network: of `load_dino`.
        device: where it lies.
    """

    digest: str
    network: Pixels = field(compare=False)
    device: torch.device = field(compare=False)

    def parameters(self) -> Plain:
        """The weights, and which head."""
        return {"saliency": "dino", "dino_weights": self.digest, "head": HEAD}

    def maps(self, batch: ImageBatch) -> Maps:
        """(N, 14, 14)."""
        found = class_attention(self.network, as_floats(batch.pixels).to(self.device))
        return np.asarray(found.cpu().numpy())


@dataclass(frozen=True)
class Masks(Saliency):
    """Files that say where the object is.

    Attributes:
        digest: SHA-256 of all of them.
        files: by the image's number in its set.
    """

    digest: str
    files: Mapping[int, Path] = field(compare=False)

    def parameters(self) -> Plain:
        """The content of the files."""
        return {"saliency": "masks", "masks": self.digest}

    def maps(self, batch: ImageBatch) -> Maps:
        """(N, side, side)."""
        side = batch.pixels.shape[-1]
        return np.stack([read_mask(self.files[index], side) for index in batch.indices.tolist()])
