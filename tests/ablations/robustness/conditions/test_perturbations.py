"""Perturbations as conditions: what is asked, of which pixels, and what is kept of the answers."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ablations.robustness.conditions.answers import TOP5, NotFiniteError
from ablations.robustness.conditions.condition import Passes
from ablations.robustness.conditions.perturbations import Few, Perturbed
from ablations.robustness.conditions.suites import Setting, conditions, suite
from ablations.robustness.images.data_set import split_images
from ablations.studies.robustness.config import RobustnessConfig
from datamodules.config.data import DataConfig
from datamodules.perturbations.names import PERTURBATIONS
from tests.support.images.image_trees import write_tree
from tests.support.robustness.asked import MadeImages, answered_by, asked_network, network_of


def setting(images: MadeImages) -> Setting:
    return Setting(RobustnessConfig(), DataConfig(), images)


def test_the_suite_has_the_ten_sequences_of_500_images() -> None:
    assert suite("perturbations").images == 500
    found = conditions(["perturbations"], setting(MadeImages()))
    assert [one.key for one in found][1:] == [f"perturbations/{name}" for name in PERTURBATIONS]


@pytest.mark.parametrize("name", ["gaussian_noise", "snow", "tilt"])
def test_answers_do_not_depend_on_batches_or_order(name: str) -> None:
    network, condition = asked_network("nano_resnet"), Perturbed(name, 32)
    images = MadeImages(count=5)
    answer = answered_by(condition, network, condition.images(images), batch=1)[TOP5]
    frames = condition.how.frames
    assert answer.shape == (5, frames, 3)
    assert answer.dtype == np.int16
    assert (np.sort(answer, -1) == [0, 1, 2]).all()  # of three classes all are ranked
    for batch, order in ((2, (0, 1, 2, 3, 4)), (5, (3, 1, 4, 0, 2))):
        others = condition.images(MadeImages(count=5, order=order))
        found = answered_by(condition, network, others, batch=batch)[TOP5]
        np.testing.assert_array_equal(found, answer[list(order)])


def test_the_first_frame_of_noise_is_answered_as_the_image_is() -> None:
    network, images = asked_network("nano_resnet", num_classes=10), MadeImages()
    (batch,) = images.batches(6)
    with torch.inference_mode():
        logits = network.pixels(batch.pixels.float() / 255)
    answer = answered_by(Perturbed("shot_noise", 32), network, images, batch=6)[TOP5]
    assert answer.shape == (6, 31, 5)
    np.testing.assert_array_equal(answer[:, 0], logits.topk(5).indices)


def test_a_frame_that_is_answered_by_nan_names_its_image() -> None:
    network, condition = asked_network("nano_resnet"), Perturbed("rotate", 32)
    with torch.no_grad():
        network_of(network).head.fc.bias[0] = float("nan")
    with pytest.raises(NotFiniteError, match="first that to image 0"):
        answered_by(condition, network, condition.images(MadeImages()), batch=4)


def test_parameters_say_table_values_frames_and_margin() -> None:
    assert Perturbed("translate", 32).parameters() == {
        "table": 32,
        "frames": 16,
        "margin": 0,
        "zero": 7,
        "step": 1,
        "resampled_to": None,
    }
    assert Perturbed("scale", 384).parameters() == {
        "table": 224,
        "frames": 31,
        "margin": 16,
        "zero": 24,
        "step": 0.025,
        "resampled_to": 384,
    }
    assert Perturbed("translate", 224).passes(asked_network("nano_resnet")) == Passes(forwards=41)


def test_above_224_px_frames_are_made_at_224_and_resampled() -> None:
    condition, network = Perturbed("brightness", 240), asked_network("nano_resnet")
    images = condition.images(MadeImages(count=1, side=240))
    assert images.side == 224
    shown: list[tuple[int, ...]] = []
    network_of(network).register_forward_pre_hook(
        lambda module, given: shown.append(tuple(given[0].shape))
    )
    answered_by(condition, network, images, batch=1)
    assert {shape[1:] for shape in shown} == {(3, 240, 240)}


def test_few_images_come_at_once_where_frames_are_large() -> None:
    large = Few(MadeImages(count=70, side=224), frames=31)
    assert max(len(batch.labels) for batch in large.batches(256)) == 57  # 2^28 bytes of frames
    small = Few(MadeImages(count=70), frames=31)
    assert [len(batch.labels) for batch in small.batches(64)] == [64, 6]


def test_image_files_are_seen_beyond_the_crop(tmp_path: Path) -> None:
    """56 px of 64: the margin of 4 px on each side is there, and the crop lies in its middle."""
    tree = write_tree(tmp_path / "tree", images=2)
    data = DataConfig(name="image_folder", folder=str(tree), image_size=56, crop_ratio=0.875)
    crops = split_images(data, interpolation="bilinear", seed=0)
    (crop,) = crops.batches(64)
    wide = crops.wider(4)
    (around,) = wide.batches(64)
    assert (crop.pixels.shape[-1], around.pixels.shape[-1]) == (56, 64)
    difference = around.pixels[..., 4:60, 4:60].int() - crop.pixels.int()
    assert int(difference.abs().max()) <= 1
    assert crops.wider(20).side == 64  # there is no more
    rotated = Perturbed("rotate", 56)
    assert rotated.images(crops).side == 64
    assert Perturbed("zoom_blur", 56).images(crops).side == 56
    (made,) = [rotated.make(batch) for batch in rotated.images(crops).batches(64)]
    upright = made[:, 15].int() - crop.pixels.int()
    assert int(upright.abs().max()) <= 1


@pytest.mark.parametrize("ratio", [0.5, 0.7, 0.875, 0.9, 0.95])
def test_wider_crops_have_the_crop_in_their_middle(tmp_path: Path, ratio: float) -> None:
    tree = write_tree(tmp_path / "tree", images=2)
    data = DataConfig(name="image_folder", folder=str(tree), image_size=40, crop_ratio=ratio)
    crops = split_images(data, interpolation="bilinear", seed=0)
    wide = crops.wider(6)
    more = (wide.side - crops.side) // 2
    assert more == min(6, int(40 / ratio - 40) // 4 * 2)
    (crop,), (around,) = crops.batches(8), wide.batches(8)
    middle = around.pixels[..., more : more + 40, more : more + 40]
    assert int((middle.int() - crop.pixels.int()).abs().max()) <= 1


def test_images_of_two_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="defined for images of 1 or 3 channels, found 2"):
        conditions(["perturbations"], setting(MadeImages(in_chans=2)))
    with pytest.raises(ValueError, match="images of 8 px are too small for perturbations"):
        conditions(["perturbations"], setting(MadeImages(side=8)))
