"""Noise of rings of frequencies as conditions."""

from dataclasses import replace

import numpy as np
import pytest

from ablations.robustness.conditions.analyses.names import NOISE_LEFT
from ablations.robustness.conditions.analyses.noise import RingNoise, noise_conditions
from ablations.robustness.conditions.suites import Setting
from ablations.studies.robustness.config import NoiseConfig, RobustnessConfig
from datamodules.config.data import DataConfig
from datamodules.occlusion.frequencies import Ring
from tests.support.robustness.asked import MadeImages, answered_by, asked_network

IMAGES = MadeImages(count=9)
NOISE = RingNoise(Ring(3, 10), 8 / 255, "equal")


def test_no_batch_matters() -> None:
    network = asked_network("nano_resnet")
    whole = answered_by(NOISE, network, IMAGES, batch=9)
    turned = replace(IMAGES, order=tuple(reversed(range(9))))
    for batch, images in ((1, IMAGES), (7, turned)):
        other = answered_by(NOISE, network, images, batch=batch)
        for name, array in whole.items():
            assert np.array_equal(other[name][:: -1 if images is turned else 1], array), name


def test_the_strength_after_clipping_is_stored() -> None:
    found = answered_by(NOISE, asked_network("nano_resnet"), IMAGES, batch=4)[NOISE_LEFT]
    assert found.shape == (9,)
    assert (found < 8 / 255).all()
    assert (found > 7 / 255).all()


def test_there_is_a_condition_for_each_ring() -> None:
    found = noise_conditions(setting(NoiseConfig()))
    assert [one.key for one in found] == [
        f"analyses/noise/{centre / 100:g}" for centre in range(5, 100, 10)
    ]
    assert found[3].parameters() == {"ring": 3, "rings": 10, "rms": 8 / 255, "energy": "equal"}
    assert found[3] == NOISE
    few = noise_conditions(setting(NoiseConfig(rings=4, energy="density")))
    assert [one.name for one in few] == ["noise/0.125", "noise/0.375", "noise/0.625", "noise/0.875"]


def test_small_images_hold_fewer_rings() -> None:
    assert len(noise_conditions(setting(NoiseConfig(), side=16))) == 8
    sentence = "noise frequency: 16 px hold 8 rings at most, 10 asked for: set noise.rings=8"
    with pytest.raises(ValueError, match=sentence):
        noise_conditions(setting(NoiseConfig(rings=10), side=16))


def setting(config: NoiseConfig, *, side: int = 24) -> Setting:
    return Setting(RobustnessConfig(noise=config), DataConfig(), MadeImages(side=side))
