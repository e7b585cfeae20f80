"""Images of no class that a network knows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ablations.robustness.conditions.arrays import CONFIDENCE, PREDICTED
from ablations.robustness.conditions.suites import Setting, conditions
from ablations.robustness.images.data_set import split_images
from ablations.studies.robustness.config import OodConfig, RobustnessConfig
from datamodules.config.data import DataConfig
from tests.support.images.image_trees import tree_config, write_tree
from tests.support.robustness.asked import answered_by, asked_network

DIGITS = DataConfig(name="digits", image_size=16)


def setting(own: DataConfig, /, *, images: int | None = None, **ood: Any) -> Setting:
    """Networks of a data set, and what `robustness.ood` says."""
    config = RobustnessConfig(images=images, ood=OodConfig(**ood))
    return Setting(config, own, split_images(own, interpolation="bicubic", seed=0))


def other(asked: Setting) -> Any:
    _, condition = conditions(["ood"], asked)
    return condition


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Colour images of an ant, a bee and a cat, six a class."""
    return write_tree(tmp_path / "Three Animals")


@pytest.fixture
def more(tmp_path: Path) -> Path:
    """Of a cat, a dog and an elk."""
    return write_tree(tmp_path / "more", classes=("cat", "dog", "elk"))


def test_grey_images_are_shown_to_networks_of_colour(tree: Path) -> None:
    asked = setting(tree_config(tree), data="digits")
    condition = other(asked)
    assert condition.key == "ood/digits"
    images = condition.images(asked.images)
    assert (images.side, len(images.labels), set(images.labels.tolist())) == (24, 359, {-1})
    batches = list(images.batches(100))
    assert [len(batch.pixels) for batch in batches] == [100, 100, 100, 59]
    assert (batches[0].pixels == batches[0].pixels[:, :1]).all()
    assert batches[0].pixels.shape == (100, 3, 24, 24)
    alone = split_images(replace(DIGITS, image_size=24), interpolation="bicubic", seed=0)
    assert (batches[0].pixels[:, :1] == next(alone.batches(100)).pixels).all()


def test_only_confidence_is_kept_of_images_without_a_class(tree: Path) -> None:
    asked = setting(tree_config(tree), images=20, data="digits")
    condition = other(asked)
    network = asked_network("nano_convnext")
    answers = answered_by(condition, network, condition.images(asked.images), batch=7)
    assert {name: len(array) for name, array in answers.items()} == {PREDICTED: 20, CONFIDENCE: 20}
    (batch,) = condition.images(asked.images).batches(20)
    with torch.inference_mode():
        logits = network.pixels(batch.pixels / 255)
    assert np.allclose(answers[CONFIDENCE], logits.softmax(1).amax(1))


def test_a_folder_is_another_data_set(tree: Path, more: Path) -> None:
    condition = other(setting(tree_config(more), data=str(tree), held_out_classes=["ant", "bee"]))
    assert condition.key == "ood/three_animals"
    assert condition.parameters() == {"data": "three_animals", "classes": ["ant", "bee"]}


def test_only_classes_that_were_left_out_count(tree: Path, more: Path) -> None:
    asked = setting(tree_config(tree), data=str(more), held_out_classes=["elk"])
    images = other(asked).images(asked.images)
    assert images.indices.tolist() == list(range(12, 18))
    (batch,) = images.batches(18)
    assert batch.indices.tolist() == list(range(12, 18))
    assert (
        len(other(replace(asked, config=replace(asked.config, images=2))).images(None).labels) == 2
    )


# What is refused


@pytest.mark.parametrize("trained_on", [{}, {"name": "digits"}])
def test_the_training_set_is_refused_by_the_name_of_the_network(trained_on: Any) -> None:
    asked = setting(DIGITS, data="digits")
    network = replace(asked_network("nano_convnext", in_chans=1), trained_on=trained_on)
    assert other(asked).refusal(network, asked.images) == (
        "out-of-distribution data digits is the training set of nano_convnext, seed 0"
    )


def test_the_training_set_of_another_network_is_fine(tree: Path) -> None:
    asked = setting(tree_config(tree), data="digits")
    network = asked_network("nano_convnext")
    condition = other(asked)
    assert condition.refusal(network, asked.images) is None
    its_own = replace(
        network, trained_on={"name": "digits"}
    )  # evaluated on other data than its own
    assert condition.refusal(its_own, asked.images) is not None
    folder = replace(network, trained_on={"name": "image_folder", "folder": str(tree)})
    assert condition.refusal(folder, asked.images) is None


@pytest.mark.parametrize(
    ("ood", "sentence"),
    [
        ({}, r"the suite ood needs images of no class of .*: robustness\.ood\.data=NAME"),
        ({"data": "digit"}, r"robustness\.ood\.data is 'digit'\. Did you mean digits\?"),
        ({"data": "photographs"}, r"photographs is in colour, but networks of .* take 1 channel"),
        ({"held_out_classes": ["3"]}, r"held_out_classes: 3 of .* was trained on: a class is left"),
        ({"data": "photographs", "held_out_classes": ["rose"]}, r"photographs has no class rose\."),
    ],
)
def test_what_makes_no_sense_is_refused(ood: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=sentence):
        other(setting(replace(DIGITS, root=str(tmp_path)), **ood))


def test_classes_that_are_known_are_not_out_of_distribution(tree: Path, more: Path) -> None:
    with pytest.raises(
        ValueError, match=r"more has 1 of the classes of Three Animals \(cat\): name those that are"
    ):
        other(setting(tree_config(tree), data=str(more)))


def test_a_folder_without_splits_is_refused(tree: Path) -> None:
    with pytest.raises(ValueError, match=r"it has to hold train/ and val/ or test/"):
        other(setting(tree_config(tree), data=str(tree / "train")))
