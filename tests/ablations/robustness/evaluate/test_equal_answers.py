"""What a network says of an image depends on nothing but the image, the condition and the seed."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ablations.robustness.evaluate.asking import ask
from ablations.robustness.evaluate.networks import Loading, load
from ablations.robustness.evaluate.run import Step, evaluate, take_all
from ablations.robustness.evaluate.subjects import find_subjects
from ablations.robustness.evaluate.work import Asked, Group, device_of, prepare
from ablations.robustness.images.data_set import SplitImages
from ablations.studies.robustness.config import RobustnessConfig
from ablations.studies.study_file import read_source
from tests.support.robustness.small_study import STUDY, array_files, robustness

ALONE = (
    *("clean/clean", "corruptions/gaussian_noise/3", "corruptions/glass_blur/1"),
    *("corruptions/snow/5", "corruptions/elastic_transform/3", "occlusion/random/0.5"),
    "attacks/fgsm/8_255",
)


def groups(folder: Path, **keys: Any) -> tuple[Asked, Group]:
    """The one group of the study, with a few conditions of the suite quick on 24 images."""
    file = folder / "small.yaml"
    source = read_source(file)
    subjects = find_subjects(STUDY, root=folder / "runs", file=file, source=source)
    config = RobustnessConfig(suite=["quick"], images=24, **keys)
    asked = Asked(subjects.networks, config, overrides=("hardware.accelerator=cpu",))
    (group,) = prepare(asked)
    tasks = tuple(task for task in group.tasks if task.condition.key in ALONE)
    assert len(tasks) == len(ALONE)
    return asked, replace(group, tasks=tasks)


def answers(folder: Path, group: Group, config: RobustnessConfig) -> Mapping[str, bytes]:
    """The files that an evaluation writes."""
    steps = list[Step]()
    evaluate(group, config, take=take_all, report=steps.append)
    assert not [failure for step in steps for failure in step.failures]
    return array_files(folder)


@pytest.fixture(scope="module")
def expected(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    folder = Path(shutil.copytree(finished, tmp_path_factory.mktemp("expected") / "study"))
    asked, group = groups(folder, batch_size=64)
    return answers(folder, group, asked.config)


@pytest.mark.parametrize("size", [1, 7])
def test_no_size_of_the_batch_matters(
    size: int, study: Path, expected: Mapping[str, bytes]
) -> None:
    asked, group = groups(study, batch_size=size)
    assert answers(study, group, asked.config) == expected


def test_no_order_of_conditions_and_networks_matters(
    study: Path, expected: Mapping[str, bytes]
) -> None:
    asked, group = groups(study, batch_size=64)
    turned = replace(
        group,
        tasks=group.tasks[::-1],
        subjects=group.subjects[::-1],
        channels_last=group.channels_last[::-1],
    )
    assert answers(study, turned, asked.config) == expected


def test_a_network_alone_says_the_same(study: Path, expected: Mapping[str, bytes]) -> None:
    asked, group = groups(study, batch_size=64)
    for place, subject in enumerate(group.subjects):
        one = replace(group, subjects=(subject,), channels_last=group.channels_last[place:][:1])
        found = answers_of_one(study, one, asked.config)
        assert found == {name: expected[name] for name in found}
    assert array_files(study) == expected


def answers_of_one(study: Path, group: Group, config: RobustnessConfig) -> Mapping[str, bytes]:
    every = answers(study, group, config)
    (run,) = (subject.folder.name for subject in group.subjects)
    return {name: content for name, content in every.items() if name.startswith(run)}


def test_no_order_of_the_images_matters(study: Path) -> None:
    asked, group = groups(study)
    device = device_of(group.hardware)
    loading = Loading("raw", device, channels_last=False)
    network = load(group.subjects[0], group.images, loading)
    for task in group.tasks:
        images = task.images
        assert isinstance(images, SplitImages)
        order = np.random.default_rng(0).permutation(len(images.indices))
        turned = replace(images, indices=images.indices[order])
        first, second = (
            ask(task.condition, {0: network}, one, data=images, seed=0, batch=7).arrays[0]
            for one in (images, turned)
        )
        for name, array in first.items():
            np.testing.assert_array_equal(second[name], array[order], err_msg=task.condition.key)
    del asked


def test_another_seed_is_another_answer(study: Path, expected: Mapping[str, bytes]) -> None:
    asked, group = groups(study, batch_size=64, seed=1)
    found = answers(study, group, asked.config)
    assert _arrays(found, "gaussian_noise") != _arrays(expected, "gaussian_noise")
    assert _arrays(found, "clean") == _arrays(expected, "clean")


def _arrays(files: Mapping[str, bytes], part: str) -> list[bytes]:
    return [content for name, content in sorted(files.items()) if part in name]


def test_processes_that_share_the_conditions_say_the_same(study: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(study, tmp_path / "other"))
    words = ("--suite", "quick", "images=8")
    assert robustness(study, *words) == 0
    assert robustness(other, *words, "--workers", "2") == 0
    assert array_files(other) == array_files(study)
