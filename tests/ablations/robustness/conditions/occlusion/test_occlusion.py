"""Dropped patches as conditions: the same for all networks, and their suites."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ablations.robustness.conditions.arrays import AREA
from ablations.robustness.conditions.clean import as_floats
from ablations.robustness.conditions.condition import ImageCondition
from ablations.robustness.conditions.occlusion.masks import mask_files, read_mask
from ablations.robustness.conditions.occlusion.random import RandomDrop
from ablations.robustness.conditions.occlusion.saliency import Gradients, Masks, Spectral
from ablations.robustness.conditions.occlusion.salient import SalientDrop
from ablations.robustness.conditions.occlusion.suite import (
    large_kernel_occlusion,
    quick_occlusion,
)
from ablations.robustness.conditions.suites import Setting, conditions
from ablations.studies.robustness.config import OcclusionConfig, RobustnessConfig
from datamodules.config.data import DataConfig
from tests.support.robustness.asked import (
    MadeImages,
    answered_by,
    asked_network,
    keep_checkpoint,
)

IMAGES = MadeImages(count=9)
DIGITS = MadeImages(count=3, in_chans=1, side=24, class_names=tuple("0123456789"))
TENTHS = [f"{tenth / 10:g}" for tenth in range(1, 10)]


@pytest.mark.parametrize(
    "condition",
    [
        RandomDrop(0.5, 2),
        RandomDrop(0.5, 2, (0.1, 0.2, 0.3)),
        SalientDrop(0.3, 2, Spectral()),
        SalientDrop(0.3, 2, Spectral(), salient=False),
    ],
    ids=lambda condition: condition.name,
)
def test_no_batch_matters(condition: ImageCondition) -> None:
    network = asked_network("nano_resnet")
    whole = answered_by(condition, network, IMAGES, batch=9)
    turned = replace(IMAGES, order=tuple(reversed(range(9))))
    for batch, images in ((1, IMAGES), (7, turned)):
        other = answered_by(condition, network, images, batch=batch)
        for name, array in whole.items():
            assert np.array_equal(other[name][:: -1 if images is turned else 1], array), name


def test_half_of_the_patches_are_gone_and_the_rest_is_as_it_was() -> None:
    (batch,) = IMAGES.batches(9)
    made = RandomDrop(0.5, 2).make(batch)
    gone = (made == 0).all(1)
    assert gone.float().mean((1, 2)).tolist() == [0.5] * 9
    kept = ~gone[:, None].expand_as(made)
    assert made[kept].equal(as_floats(batch.pixels)[kept])


def test_what_salient_drop_takes_the_other_one_leaves() -> None:
    (batch,) = IMAGES.batches(9)
    salient = SalientDrop(0.3, 4, Spectral()).make(batch)
    other = SalientDrop(0.7, 4, Spectral(), salient=False).make(batch)
    assert (salient.pixels + other.pixels).equal(as_floats(batch.pixels))
    assert salient.area + other.area == pytest.approx(1)
    assert (salient.area < 0.3).all()  # noise: the top patches hold more than their area


@pytest.mark.parametrize("salient", [True, False])
def test_the_whole_saliency_is_the_whole_image(salient: bool) -> None:
    (batch,) = IMAGES.batches(9)
    made = SalientDrop(1.0, 4, Spectral(), salient=salient).make(batch)
    assert not made.pixels.any()
    assert made.area.tolist() == [1] * 9


def test_the_area_is_stored() -> None:
    condition = SalientDrop(0.5, 2, Spectral())
    found = answered_by(condition, asked_network("nano_resnet"), IMAGES, batch=4)
    (batch,) = IMAGES.batches(9)
    assert np.array_equal(found[AREA], condition.make(batch).area)


def test_the_suite_by_default() -> None:
    found = suite(OcclusionConfig())
    assert list(found) == [
        "clean/clean",
        *(f"occlusion/random/{share}" for share in TENTHS),
        *(f"occlusion/random_mean/{share}" for share in TENTHS),
        *(f"occlusion/salient/{share}" for share in (*TENTHS, "1")),
        *(f"occlusion/non_salient/{share}" for share in (*TENTHS, "1")),
    ]
    assert found["occlusion/random/0.5"].parameters() == {"share": 0.5, "patch": 2, "fill": [0.0]}
    (mean,) = found["occlusion/random_mean/0.5"].parameters()["fill"]
    assert 0.1 < mean < 0.5  # of the digits
    assert found["occlusion/salient/0.3"].parameters() == {
        "share": 0.3,
        "patch": 2,
        "saliency": "spectral",
        "side": 64,
        "sigma": 2.5,
    }


def test_patches_have_the_side_that_is_asked_for() -> None:
    assert suite(OcclusionConfig(patch=6))["occlusion/random/0.5"].parameters()["patch"] == 6
    with pytest.raises(ValueError, match=r"occlusion.patch is 13, .* from 1 to 12 px"):
        suite(OcclusionConfig(patch=13))


def test_the_saliency_of_another_network(tmp_path: Path) -> None:
    path = keep_checkpoint(tmp_path / "other.ckpt", "nano_convnext")
    found = suite(OcclusionConfig(saliency="reference", reference=str(path)))
    drop = found["occlusion/salient/0.3"]
    assert drop.parameters()["reference"] == str(path)
    assert isinstance(drop.saliency, Gradients)
    (batch,) = DIGITS.batches(3)
    maps = drop.saliency.maps(batch)
    assert maps.shape == (3, 24, 24)
    assert (maps >= 0).all()
    assert maps.any((1, 2)).all()


def test_a_reference_that_is_asked_itself_is_refused(tmp_path: Path) -> None:
    path = keep_checkpoint(tmp_path / "other.ckpt", "nano_convnext")
    config = OcclusionConfig(saliency="reference", reference=str(path))
    digest = suite(config)["occlusion/salient/0.3"].parameters()["reference_weights"]
    with pytest.raises(ValueError, match=r"occlusion.reference=.* is start, which is asked itself"):
        suite(config, checkpoints={digest: "start"})


@pytest.mark.parametrize(
    ("saliency", "needs"),
    [
        ("dino", "needs a checkpoint: robustness.occlusion.dino=FILE; spectral needs none"),
        ("reference", "needs a network: robustness.occlusion.reference=timm/NAME"),
        ("masks", "needs a folder: robustness.occlusion.masks=FOLDER"),
    ],
)
def test_what_a_saliency_needs_is_said(saliency: Any, needs: str) -> None:
    with pytest.raises(ValueError, match=f"salient drop with saliency={saliency} {needs}"):
        OcclusionConfig(saliency=saliency)


# Masks


def test_masks_of_images_in_memory_are_called_by_number(tmp_path: Path) -> None:
    for number in range(3):
        mask = np.zeros((24, 24), np.uint8)
        mask[: 4 * (number + 1), :6] = 255
        Image.fromarray(mask).save(tmp_path / f"{number}.png")
    drop = suite(OcclusionConfig(saliency="masks", masks=str(tmp_path)))["occlusion/salient/0.9"]
    assert isinstance(drop.saliency, Masks)
    (batch,) = DIGITS.batches(3)
    made = drop.make(batch)
    assert made.area.max() <= 12 * 6 / 24**2
    assert (made.area[0] < made.area[1]) & (made.area[1] < made.area[2])
    outside = torch.ones_like(made.pixels, dtype=torch.bool)
    outside[:, :, :12, :6] = False
    assert made.pixels[outside].equal(as_floats(batch.pixels)[outside])


def test_masks_of_image_files_are_called_as_these(tmp_path: Path) -> None:
    (tmp_path / "dog").mkdir()
    for name in ("dog/one", "two"):
        np.save(tmp_path / f"{name}.npy", np.ones((24, 24), bool))
    images = Files(count=2, names_of=("val/dog/one", "val/cat/two"))
    assert mask_files(tmp_path, images) == {
        0: tmp_path / "dog" / "one.npy",
        1: tmp_path / "two.npy",
    }
    with pytest.raises(ValueError, match=r"has no mask; looked for .*dog/none.npy and .*none.png"):
        mask_files(tmp_path, replace(images, names_of=("val/dog/one", "val/dog/none")))
    with pytest.raises(ValueError, match="there is no such folder"):
        mask_files(tmp_path / "none", images)


def test_what_is_no_mask_of_the_crop_is_named(tmp_path: Path) -> None:
    path = tmp_path / "0.npy"
    np.save(path, np.ones((32, 24)))
    with pytest.raises(ValueError, match=r"0.npy is no mask .* 24 x 24 .* found 32 x 24"):
        read_mask(path, 24)
    path.write_text("nothing")
    with pytest.raises(ValueError, match=r"0.npy cannot be read as a mask"):
        read_mask(path, 24)


@dataclass(frozen=True)
class Files(MadeImages):
    """Images that are files."""

    names_of: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...] | None:
        return self.names_of


# Parts of other suites


def test_the_quick_one_drops_half() -> None:
    (found,) = quick_occlusion(Setting(RobustnessConfig(), DataConfig(), DIGITS))
    assert found.key == "occlusion/random/0.5"


def test_the_large_kernel_paper_drops_patches_of_16_px() -> None:
    setting = Setting(RobustnessConfig(), DataConfig(), MadeImages(side=224))
    found = {one.key: one for one in large_kernel_occlusion(setting)}
    assert {one.parameters()["patch"] for one in found.values()} == {16}
    assert list(found)[:9] == [f"occlusion/random/{share}" for share in TENTHS]
    assert len(found) == 9 + 10 + 10


def suite(config: OcclusionConfig, *, checkpoints: Mapping[str, str] | None = None) -> Any:
    robustness = RobustnessConfig(occlusion=config)
    setting = Setting(robustness, DataConfig(), DIGITS, checkpoints=checkpoints or {})
    return {condition.key: condition for condition in conditions(["occlusion"], setting)}
