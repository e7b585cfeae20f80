"""Corruptions as conditions, and the suites that they are in."""

from dataclasses import replace
from typing import Any, cast

import pytest
import torch

from ablations.robustness.conditions.asked import DataImages
from ablations.robustness.conditions.corruptions import Corrupted, resampled
from ablations.robustness.conditions.suites import Setting, conditions, suite
from ablations.studies.robustness.config import RobustnessConfig
from datamodules.config.data import DataConfig
from datamodules.corruptions.kinds.corrupt import corrupt
from datamodules.corruptions.names import CORRUPTIONS, EXTRA, SEVERITIES
from tests.support.robustness.asked import MadeImages, answered_by, asked_network

NAMES = (*CORRUPTIONS, *EXTRA)


def setting(images: MadeImages | None = None, **config: Any) -> Setting:
    chosen = MadeImages() if images is None else images
    return Setting(RobustnessConfig(**config), DataConfig(), cast(DataImages, chosen))


def keys(name: str, chosen: Setting) -> list[str]:
    return [condition.key for condition in suite(name).conditions(chosen)]


@pytest.fixture
def _without_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datamodules.corruptions.kinds.spatter.find_spec", lambda _: None)


@pytest.fixture
def _with_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datamodules.corruptions.kinds.spatter.find_spec", lambda _: object())


def test_the_suite_has_fifteen_at_five_severities() -> None:
    found = keys("corruptions", setting())
    assert found == [f"corruptions/{name}/{level}" for name in CORRUPTIONS for level in SEVERITIES]


@pytest.mark.usefixtures("_with_opencv")
def test_with_extra_it_has_nineteen_and_grey_images_lack_saturate() -> None:
    assert len(keys("corruptions", setting(extra=True))) == 19 * 5
    grey = setting(MadeImages(in_chans=1), extra=True)
    found = keys("corruptions", grey)
    assert len(found) == 18 * 5
    assert not any("saturate" in key for key in found)
    assert suite("corruptions").absent(grey) == [
        "saturate: not defined for images of one channel, left out"
    ]
    assert not suite("corruptions").absent(setting(extra=True))
    assert not suite("corruptions").absent(setting(MadeImages(in_chans=1)))


@pytest.mark.usefixtures("_without_opencv")
def test_without_opencv_extra_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(ValueError, match="spatter at severities 1 to 3 needs OpenCV: pip install"):
        keys("corruptions", setting(extra=True))
    assert len(keys("corruptions", setting())) == 75


def test_quick_has_three_severities_half_of_the_patches_and_fgsm() -> None:
    found = {condition.key for condition in conditions(["quick"], setting())}
    assert found == {
        "clean/clean",
        *(f"corruptions/{name}/{level}" for name in CORRUPTIONS for level in (1, 3, 5)),
        "occlusion/random/0.5",
        "attacks/fgsm/1_255",
        "attacks/fgsm/8_255",
    }


def test_quick_and_the_whole_suite_ask_the_same() -> None:
    assert len(conditions(["quick", "corruptions"], setting())) == 1 + 75 + 3


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            MadeImages(side=8),
            r"images of 8 px are too small for corruptions \(16 at least\): set data.eval_size",
        ),
        (MadeImages(in_chans=4), "corruptions are defined for images of 1 or 3 channels, found 4"),
    ],
)
def test_images_that_have_no_corruptions_are_refused(images: MadeImages, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        keys("quick", setting(images))


def test_parameters_say_what_was_done() -> None:
    assert Corrupted("fog", 5, 24).parameters() == {
        "table": 32,
        "values": [1.5, 1.75],
        "jpeg_quality": None,
        "resampled_to": None,
    }
    assert Corrupted("fog", 5, 64).parameters()["jpeg_quality"] == 85
    assert Corrupted("fog", 5, 64, "none").parameters()["jpeg_quality"] is None
    assert Corrupted("fog", 5, 288).parameters() == {
        "table": 224,
        "values": [3, 1.4],
        "jpeg_quality": 85,
        "resampled_to": 288,
    }


def test_pixels_are_those_of_the_corruption() -> None:
    images = MadeImages(seed=4)
    (batch,) = images.batches(6)
    expected = corrupt(batch.pixels, name="snow", level=2, seed=4, indices=batch.indices)
    made = Corrupted("snow", 2, 32).make(batch)
    assert torch.equal(made, expected.float() / 255)


def test_larger_images_are_corrupted_at_224_px() -> None:
    condition = Corrupted("pixelate", 5, 256)
    images = condition.images(cast(DataImages, MadeImages(count=2, side=256)))
    assert images.side == 224
    (batch,) = images.batches(2)
    made = condition.make(batch)
    assert made.shape == (2, 3, 256, 256)
    small = corrupt(batch.pixels, name="pixelate", level=5, seed=0, indices=batch.indices)
    assert torch.equal(made, resampled(small, 256).float() / 255)
    assert abs(made.mean() - small.float().mean() / 255) < 2e-3
    assert Corrupted("fog", 1, 224).images(cast(DataImages, MadeImages(side=224))).side == 224


@pytest.mark.parametrize("name", ["glass_blur", "fog"])
def test_answers_are_the_same_for_any_batch_size(name: str) -> None:
    condition, network = Corrupted(name, 3, 32), asked_network("nano_convnext")
    images = MadeImages(count=9)
    whole = answered_by(condition, network, images, batch=9)
    other = answered_by(condition, network, replace(images, order=(8, 3, 0)), batch=2)
    assert (whole["predicted"][[8, 3, 0]] == other["predicted"]).all()
