"""Images as sequences of perturbed frames, made in memory: how steady networks are along them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ablations.robustness.conditions.answers import TOP5, require_finite
from ablations.robustness.conditions.asked import (
    Arrays,
    AskedNetwork,
    DataImages,
    ImageBatch,
    Images,
    Surrounded,
)
from ablations.robustness.conditions.clean import as_floats
from ablations.robustness.conditions.condition import ImageCondition, Passes, Plain
from ablations.robustness.conditions.corruptions import resampled
from ablations.robustness.conditions.suites import REGISTERED, Setting, Suite
from datamodules.perturbations.names import PERTURBATIONS
from datamodules.perturbations.sequences import sequence
from datamodules.perturbations.tables import Perturbation, perturbation

_LARGEST = 224  # px: the largest side that the benchmark has
_FRAMES_AT_ONCE = 2**28  # bytes of frames, as many as are made before networks are asked
_PLACES = 5
_SHOWN_AT_ONCE = 256  # frames, on whatever device


@dataclass(frozen=True)
class Perturbed(ImageCondition):
    """A perturbation.

    Attributes:
        perturbation: such as `translate`.
        side: of the network's images in pixels. Above 224, frames of 224 px are made and then
            resampled, as happens with the benchmark's files.
    """

    perturbation: str
    side: int

    kind = "perturbations"

    @property
    def name(self) -> str:
        """Such as `translate`."""
        return self.perturbation

    @property
    def how(self) -> Perturbation:
        """How its frames are made of images of this side."""
        return perturbation(self.perturbation, side=min(self.side, _LARGEST))

    def parameters(self) -> Plain:
        """Table, its values, frames, what is seen around an image, and the side of resampling."""
        how = self.how
        return {
            "table": how.table,
            "frames": how.frames,
            "margin": how.margin,
            **how.values,
            "resampled_to": self.side if self.side > _LARGEST else None,
        }

    def passes(self, network: AskedNetwork) -> Passes:
        """One a frame."""
        del network
        return Passes(forwards=self.how.frames)

    def images(self, images: DataImages) -> Images:
        """Those of the data set, at most 224 px large, with what lies around them where seen."""
        how, crops = self.how, images if self.side <= _LARGEST else images.at(_LARGEST)
        if how.margin and isinstance(crops, Surrounded):
            crops = crops.wider(how.margin)
        return Few(crops, how.frames)

    def make(self, batch: ImageBatch) -> torch.Tensor:
        """The frames `(N, T, C, H, W)` uint8: as floats they would be four times as large."""
        return sequence(batch.pixels, self.how, seed=batch.seed, indices=batch.indices)

    def ask(self, network: AskedNetwork, made: torch.Tensor, batch: ImageBatch) -> Arrays:
        """The likeliest classes of every frame, best first: (N, T, 5) int16, or as many as are."""
        frames = made.flatten(0, 1)
        numbers = np.repeat(batch.indices, made.shape[1])
        best = [
            self._best(network, frames[at : at + _SHOWN_AT_ONCE], numbers[at : at + _SHOWN_AT_ONCE])
            for at in range(0, len(frames), _SHOWN_AT_ONCE)
        ]
        return {TOP5: np.concatenate(best).reshape(*made.shape[:2], -1)}

    def _best(
        self, network: AskedNetwork, frames: torch.Tensor, numbers: NDArray[np.int64]
    ) -> NDArray[np.int16]:
        pixels = resampled(frames, self.side) if self.side > _LARGEST else frames
        with torch.inference_mode():
            logits = network.pixels(as_floats(pixels.to(network.device)))
        require_finite(logits, numbers)
        # stable: of equal ones the first, on every device
        ranked = logits.sort(stable=True, dim=1, descending=True).indices[:, :_PLACES]
        best: NDArray[np.int16] = ranked.cpu().numpy().astype(np.int16)
        return best


@dataclass(frozen=True)
class Few:
    """Images of which so few come at once that their frames fit in memory.

    Attributes:
        images: the images.
        frames: that are made of each.
    """

    images: Images
    frames: int

    @property
    def title(self) -> str:
        """The images'."""
        return self.images.title

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) of all images."""
        return self.images.labels

    @property
    def indices(self) -> NDArray[np.int64]:
        """(N,) their numbers in their set."""
        return self.images.indices

    @property
    def side(self) -> int:
        """Of the square crop in pixels."""
        return self.images.side

    @property
    def in_chans(self) -> int:
        """Channels."""
        return self.images.in_chans

    @property
    def class_names(self) -> tuple[str, ...]:
        """By label."""
        return self.images.class_names

    def batches(self, size: int) -> Iterator[ImageBatch]:
        """All of them, in order, `size` at a time or fewer."""
        bytes_of_one = self.frames * self.in_chans * self.side**2
        return self.images.batches(min(size, max(1, _FRAMES_AT_ONCE // bytes_of_one)))

    def identity(self) -> Mapping[str, Any]:
        """That of the images: how many come at once decides nothing."""
        return self.images.identity()


def _all(setting: Setting) -> Sequence[Perturbed]:
    """Raises ValueError for images that are too small or have too many channels."""
    if setting.images.in_chans not in (1, 3):
        raise ValueError(
            "perturbations are defined for images of 1 or 3 channels, found "
            f"{setting.images.in_chans}"
        )
    found = [Perturbed(name, setting.images.side) for name in PERTURBATIONS]
    for condition in found:
        condition.parameters()
    return found


REGISTERED.register(
    "perturbations",
    Suite(
        conditions=_all,
        images=500,
        title="10 sequences of perturbed frames",
    ),
)
