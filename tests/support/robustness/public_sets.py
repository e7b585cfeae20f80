"""What conditions of public sets are asked with: a setting of ImageNet, and networks that read."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ablations.robustness.conditions.asked import AskedNetwork
from ablations.robustness.conditions.suites import Setting
from ablations.studies.robustness.config import RobustnessConfig
from datamodules.benchmarks.classes import imagenet_synsets
from datamodules.benchmarks.entries import SETS
from datamodules.config.data import DataConfig
from lit_models.network.builder import resolve
from lit_models.probes.pixels import Pixels
from tests.support.images.public_sets import SIDE, ReaderOfColours
from tests.support.robustness.asked import MadeImages


def imagenet_setting(root: Path, *, test_images: MadeImages | None = None, **keys: Any) -> Setting:
    """Networks of ImageNet, with an input as small as the tiny sets; keys of `robustness`."""
    made = MadeImages(class_names=imagenet_synsets(), side=SIDE, title="ImageNet-1K")
    return Setting(
        RobustnessConfig(**keys),
        DataConfig(name="imagenet", root=str(root), crop_ratio=1.0),
        test_images or made,
    )


def tiny(monkeypatch: pytest.MonkeyPatch, name: str, images: int, **values: Any) -> None:
    """Let a public set have so many images, of a side that the test's files have."""
    side = None if SETS[name].side is None else SIDE
    monkeypatch.setitem(SETS, name, replace(SETS[name], images=images, side=side, **values))


def reader(answers: Sequence[int], *, classes: int = 1000) -> AskedNetwork:
    """A network that says `answers[k]` to the images of the k-th class folder."""
    pixels = Pixels(ReaderOfColours(answers, classes), mean=[0.0] * 3, std=[1.0] * 3)
    spec = resolve("nano_resnet")
    return AskedNetwork("reader, seed 0", pixels, spec, torch.device("cpu"), classes)
