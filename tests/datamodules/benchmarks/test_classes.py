"""Class lists of the public sets."""

from collections import Counter

import pytest

from datamodules.benchmarks.classes import (
    imagenet_9_folders,
    imagenet_9_groups,
    imagenet_subset,
    imagenet_synsets,
)


def test_imagenet_has_a_thousand_synsets_in_order() -> None:
    synsets = imagenet_synsets()
    assert len(synsets) == 1000
    assert list(synsets) == sorted(synsets)
    assert synsets[0] == "n01440764"  # tench


@pytest.mark.parametrize("name", ["imagenet_a", "imagenet_r", "imagenet_o"])
def test_subsets_have_200_classes_in_order(name: str) -> None:
    numbers = imagenet_subset(name)
    assert len(set(numbers)) == 200
    assert list(numbers) == sorted(numbers)
    assert numbers[0] >= 0
    assert numbers[-1] < 1000


def test_subsets_share_as_many_classes_as_the_benchmarks_do() -> None:
    of = {letter: set(imagenet_subset(f"imagenet_{letter}")) for letter in "aro"}
    assert len(of["a"] & of["r"]) == 86
    assert len(of["a"] & of["o"]) == 59
    assert len(of["o"] & of["r"]) == 36


def test_imagenet_9_groups_370_classes() -> None:
    groups = imagenet_9_groups()
    counts = Counter(groups)
    assert len(groups) == 1000
    assert [counts[group] for group in range(-1, 9)] == [630, 116, 52, 42, 36, 35, 27, 26, 20, 16]
    # tench a fish, lion a carnivore, dalmatian a dog; a house cat and a lampshade none of the nine
    named = dict(enumerate(imagenet_9_folders()))
    known = {0: "08_fish", 291: "04_carnivore", 251: "00_dog"}
    assert {number: named[groups[number]] for number in known} == known
    assert groups[281] == groups[619] == -1
