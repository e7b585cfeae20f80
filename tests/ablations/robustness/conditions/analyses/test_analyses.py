"""Kernels, maps and receptive fields as conditions, and the suite of all."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from ablations.robustness.conditions.analyses import names
from ablations.robustness.conditions.analyses.feature_variance import FeatureVariance
from ablations.robustness.conditions.analyses.kernel_distance import KernelDistance
from ablations.robustness.conditions.analyses.lesion import Lesion
from ablations.robustness.conditions.analyses.receptive_field import ReceptiveField, smaller
from ablations.robustness.conditions.answers import NotFiniteError
from ablations.robustness.conditions.arrays import Arrays
from ablations.robustness.conditions.asked import AskedNetwork
from ablations.robustness.conditions.suites import Setting, conditions
from ablations.studies.robustness.config import LesionConfig, ReceptiveFieldConfig, RobustnessConfig
from datamodules.config.data import DataConfig
from lit_models.families.nano import NANOS
from tests.support.robustness.asked import MadeImages, answered_by, asked_network, network_of


def measured(
    condition: Any, network: AskedNetwork, images: MadeImages, *, batch: int = 4
) -> Arrays:
    assert condition.refusal(network, images) is None
    found: Arrays = condition.measure(network, condition.images(images), seed=0, batch=batch)
    return found


@pytest.mark.parametrize("name", NANOS)
def test_kernels_of_every_family(name: str) -> None:
    network, images = asked_network(name), MadeImages()
    if name == "nano_resnet":
        assert KernelDistance().refusal(network, images) == (
            "kernel distance: nano_resnet, seed 0 has no depthwise convolution larger than 1x1"
        )
        return
    found = measured(KernelDistance(), network, images)
    channels, convolutions = len(found[names.LAYER]), len(found[names.SIZE])
    assert found[names.LAYER].max() == convolutions - 1
    for key in (names.MEAN_DISTANCE, names.RAW_DISTANCE, names.RELATIVE_DISTANCE):
        assert found[key].shape == (channels,)
        assert np.isfinite(found[key]).all()
    for key in (names.STAGE, names.BLOCK, names.EMPTY):
        assert found[key].shape == (convolutions,)
    assert not found[names.EMPTY].any()
    # initial weights are the same on average everywhere, but for small kernels beside the large
    low = 0.8 if "reparam" in name or name == "nano_replknet" else 0.95
    assert low < found[names.RELATIVE_DISTANCE].mean() < 1.05


def test_channels_without_weight_are_counted() -> None:
    network = asked_network("nano_convnext")
    with torch.no_grad():
        network_of(network).stages[1].blocks[0][0].layers.spatial.conv.weight[3:5] = 0
    found = measured(KernelDistance(), network, MadeImages())
    assert found[names.EMPTY].tolist() == [0, 2, 0, 0, 0]
    assert np.flatnonzero(np.isnan(found[names.MEAN_DISTANCE])).tolist() == [24 + 3, 24 + 4]
    with torch.no_grad():
        network_of(network).stages[1].blocks[0][0].layers.spatial.conv.weight[7] = torch.inf
    with pytest.raises(NotFiniteError, match="a kernel of block 2 is NaN or infinite"):
        KernelDistance().measure(network, MadeImages(), seed=0, batch=1)


@pytest.mark.parametrize("name", NANOS)
def test_maps_of_every_family(name: str) -> None:
    network, images = asked_network(name), MadeImages(count=3)
    assert FeatureVariance().refusal(network, images) is None
    found = answered_by(FeatureVariance(), network, images, batch=3)
    blocks = sum(len(stage.blocks) for stage in network_of(network).stages)
    assert found[names.MAP_VARIANCE].shape == (3, 1 + blocks)
    for key in (names.MAP_VARIANCE, names.MAP_RELATIVE):
        assert np.isfinite(found[key]).all()
        assert (found[key] > 0).all()


def test_maps_in_any_batch_and_order() -> None:
    network, images = asked_network("nano_resnet"), MadeImages(count=18)
    whole = answered_by(FeatureVariance(), network, images, batch=18)
    turned = replace(images, order=tuple(reversed(range(18))))
    other = answered_by(FeatureVariance(), network, turned, batch=5)
    for key in (names.MAP_VARIANCE, names.MAP_RELATIVE):
        assert other[key][::-1].tolist() == whole[key].tolist()


def test_maps_that_are_no_numbers_name_the_image() -> None:
    network = asked_network("nano_convnext")
    with torch.no_grad():
        network_of(network).stages[2].blocks[0][0].layers.pointwise_out.conv.bias[0] = torch.nan
    with pytest.raises(NotFiniteError, match="first that to image 3"):
        answered_by(FeatureVariance(), network, MadeImages(count=2, order=(3, 1)), batch=2)


@pytest.mark.parametrize("name", NANOS)
def test_fields_of_every_family(name: str) -> None:
    network, images = asked_network(name), MadeImages(count=3)
    found = measured(ReceptiveField(side=64, count=2), network, images)
    side = 32 if "mlp" in name else 64  # token MLPs take one size
    assert found[names.SIDE] == side
    assert found[names.SHARES].shape == found[names.LOG_SHARES].shape == found[names.SIDES].shape
    assert found[names.SIDES][-1] == side
    assert (np.diff(found[names.SHARES]) >= 0).all()
    assert found[names.SHARES][-1] == 1
    squares, drawn = found[names.SQUARES], found[names.LOG_SQUARES]
    assert (np.diff(squares) >= 0).all()
    assert (drawn >= squares).all()  # the logarithm lifts what is far and small
    assert squares[0] > 0
    assert found[names.MAP].shape == (side, side)


def test_a_field_is_the_mean_over_its_images() -> None:
    network, images = asked_network("nano_convnext"), MadeImages(count=5)
    condition = ReceptiveField(side=32, count=3)
    whole = measured(condition, network, images, batch=4)
    each = [
        measured(condition, network, MadeImages(count=1, order=(number,))) for number in range(3)
    ]
    mean = np.mean([one[names.MAP] for one in each], 0)
    np.testing.assert_allclose(whole[names.MAP], mean, rtol=1e-5)
    again = measured(condition, network, images, batch=1)
    for key in whole:
        assert again[key].tolist() == whole[key].tolist()


def test_a_large_map_is_kept_smaller_than_it_was_measured() -> None:
    scores = np.arange(100.0).reshape(10, 10)
    assert smaller(scores, most=10) is scores
    kept = smaller(scores, most=5)
    assert kept.shape == (5, 5)
    assert kept[0, 0] == (0 + 1 + 10 + 11) / 4
    assert smaller(scores, most=4).shape == (4, 4)  # the last are of fewer pixels


def test_a_gradient_that_is_no_number_names_the_image() -> None:
    network = asked_network("nano_convnext")
    with torch.no_grad():
        network_of(network).stages[0].blocks[0][0].layers.spatial.conv.weight[0] = torch.nan
    with pytest.raises(NotFiniteError, match="first that to image 2"):
        measured(ReceptiveField(side=32), network, MadeImages(count=1, order=(2,)))


@dataclass(frozen=True)
class Keys:
    config: RobustnessConfig
    side: int

    def conditions(self) -> dict[str, Any]:
        setting = Setting(self.config, DataConfig(), MadeImages(side=self.side))
        return {condition.key: condition for condition in conditions(["analyses"], setting)}


def test_the_suite_by_default() -> None:
    small = Keys(RobustnessConfig(), 24).conditions()
    assert {names.LESION, names.KERNELS, names.VARIANCE, names.FIELD} <= small.keys()
    assert small[names.LESION] == Lesion(draws=10, stages=None)
    assert small[names.FIELD] == ReceptiveField(side=96, count=50)
    assert Keys(RobustnessConfig(), 224).conditions()[names.FIELD] == ReceptiveField(side=1024)


def test_the_suite_takes_its_keys() -> None:
    config = RobustnessConfig(
        lesion=LesionConfig(draws=3, stages=[3]),
        receptive_field=ReceptiveFieldConfig(side=64, images=7),
    )
    found = Keys(config, 24).conditions()
    assert found[names.LESION] == Lesion(draws=3, stages=(3,))
    assert found[names.FIELD] == ReceptiveField(side=64, count=7)
