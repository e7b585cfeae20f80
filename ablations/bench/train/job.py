"""Which network is timed, and how, as plain data that travels to its process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

Mode = Literal["forward", "train"]
Device = Literal["cpu", "cuda"]
MODES: tuple[Mode, ...] = ("forward", "train")
DEVICES: tuple[Device, ...] = ("cpu", "cuda")
CLASSES = 1000


@dataclass(frozen=True)
class Setting:
    """Where and how a network runs. `bf16` is autocast: weights stay float32."""

    device: Device
    channels_last: bool  # images and weights; False: contiguous, (N, C, H, W) in this order
    precision: Literal["fp32", "bf16"] = "fp32"
    compiled: bool = False

    @property
    def title(self) -> str:
        """For tables: `cpu fp32 contiguous`, `cuda bf16 channels_last compiled`."""
        layout = "channels_last" if self.channels_last else "contiguous"
        words = (self.device, self.precision, layout)
        return " ".join((*words, "compiled") if self.compiled else words)


SETTINGS: tuple[Setting, ...] = (
    Setting("cpu", channels_last=False),
    Setting("cpu", channels_last=True),
    Setting("cuda", channels_last=True, precision="bf16"),
    Setting("cuda", channels_last=True, precision="bf16", compiled=True),
)


@dataclass(frozen=True)
class Job:
    """One network in one setting.

    Attributes:
        network: a name as `ablate list` shows it, or `timm/NAME`.
        drop_path_rate: of timm's network, which has its own default.
        image_size: side in pixels.
        batch_size: images.
        threads: of PyTorch on the CPU.
        seconds: that one measurement lasts at least, in whole steps.
    """

    network: str
    setting: Setting
    drop_path_rate: float
    image_size: int
    batch_size: int
    threads: int
    seconds: float


def from_text(text: str) -> Job:
    """The job of a line that `process.to_text` wrote."""
    values = json.loads(text)
    return Job(**{**values, "setting": Setting(**values["setting"])})
