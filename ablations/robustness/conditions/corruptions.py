"""Images under the corruptions of the benchmark, made in memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from ablations.robustness.conditions.asked import DataImages, ImageBatch, Images
from ablations.robustness.conditions.clean import PixelCondition, as_floats
from ablations.robustness.conditions.condition import Plain
from ablations.robustness.conditions.suites import REGISTERED, Setting, Suite
from ablations.studies.robustness.config import Reencode
from datamodules.corruptions.kinds.corrupt import corrupt, require_defined, stored_quality
from datamodules.corruptions.kinds.named import NAMED
from datamodules.corruptions.names import CORRUPTIONS, EXTRA, SEVERITIES
from datamodules.corruptions.severities import Severity, severity, table_of

_LARGEST = 224  # px: the largest side that the benchmark has


@dataclass(frozen=True)
class Corrupted(PixelCondition):
    """A corruption at one severity.

    Attributes:
        corruption: such as `fog`.
        level: severity, 1 to 5.
        side: of the network's images in pixels. Above 224, the crop of 224 px is corrupted and then
            resampled, as the benchmark's files are.
        reencode: how images are stored afterwards.
    """

    corruption: str
    level: int
    side: int
    reencode: Reencode = "auto"

    kind = "corruptions"

    @property
    def name(self) -> str:
        """Such as `fog/3`."""
        return f"{self.corruption}/{self.level}"

    @property
    def severity(self) -> Severity:
        """What the level means at this side."""
        return severity(self.corruption, self.level, table=table_of(min(self.side, _LARGEST)))

    def parameters(self) -> Plain:
        """Table, its values, how images are stored, and the side they are resampled to."""
        found = self.severity
        return {
            "table": found.table,
            "values": list(found.values),
            "jpeg_quality": stored_quality(self.reencode, table=found.table),
            "resampled_to": self.side if self.side > _LARGEST else None,
        }

    def images(self, images: DataImages) -> Images:
        """Those of the data set, at most 224 px large."""
        return images if self.side <= _LARGEST else images.at(_LARGEST)

    def make(self, batch: ImageBatch) -> torch.Tensor:
        """The corrupted pixels `(N, C, H, W)` in [0, 1]."""
        pixels = corrupt(
            batch.pixels,
            name=self.corruption,
            level=self.level,
            seed=batch.seed,
            indices=batch.indices,
            reencode=self.reencode,
        )
        return as_floats(resampled(pixels, self.side) if self.side > _LARGEST else pixels)


def resampled(pixels: torch.Tensor, side: int) -> torch.Tensor:
    """Pixels `(N, C, H, W)` uint8 at another side, bicubic by Pillow, channel by channel."""
    channels = [Image.fromarray(channel) for channel in pixels.flatten(0, 1).numpy()]
    larger = [one.resize((side, side), Image.Resampling.BICUBIC) for one in channels]
    whole = torch.from_numpy(np.stack([np.asarray(one) for one in larger]))
    return whole.view(*pixels.shape[:2], side, side)


def corruptions(
    setting: Setting, *, levels: Iterable[int] = SEVERITIES, extra: bool
) -> Sequence[Corrupted]:
    """All corruptions that are defined for a data set's images; with the extra four or without.

    Raises:
        ValueError: images are too small or have too many channels; one of the corruptions cannot be
            made here.
    """
    channels = setting.images.in_chans
    found = [
        Corrupted(name, level, setting.images.side, setting.config.reencode)
        for name in (*CORRUPTIONS, *(EXTRA if extra else ()))
        if name not in undefined(channels)
        for level in levels
    ]
    for condition in found:
        require_defined(condition.corruption, condition.severity, channels=channels)
    return found


def undefined(channels: int) -> tuple[str, ...]:
    """The corruptions that are left out for images of so many channels."""
    return tuple(name for name in NAMED if channels == 1 and NAMED[name].grey == "none")


def _all(setting: Setting) -> Sequence[Corrupted]:
    return corruptions(setting, extra=setting.config.extra)


def _left_out(setting: Setting) -> Sequence[str]:
    names = undefined(setting.images.in_chans) if setting.config.extra else ()
    return [f"{name}: not defined for images of one channel, left out" for name in names]


REGISTERED.register(
    "corruptions",
    Suite(
        conditions=_all,
        images=None,
        title="15 corruptions, with extra=true 19, at severities 1 to 5",
        absent=_left_out,
    ),
)
