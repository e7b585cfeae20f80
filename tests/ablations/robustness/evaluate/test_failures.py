"""What fails does so by name, and the rest goes on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from ablations.robustness.conditions.arrays import Arrays
from ablations.robustness.conditions.asked import AskedNetwork, ImageBatch, Images
from ablations.robustness.conditions.clean import Clean, PixelCondition, as_floats
from ablations.robustness.conditions.condition import NetworkCondition
from ablations.robustness.evaluate.asking import HALVINGS, Answers, ask
from ablations.robustness.evaluate.networks import Loading, in_groups, load
from ablations.robustness.evaluate.run import Failure, Step, evaluate, sentences, take_all
from ablations.robustness.evaluate.subjects import find_subjects
from ablations.robustness.evaluate.work import Asked, Group, Task, device_of, prepare
from ablations.robustness.results.image_lists import ImageList
from ablations.robustness.results.stored import answered
from ablations.studies.robustness.config import RobustnessConfig
from ablations.studies.study_file import read_source
from tests.support.robustness.small_study import STUDY


@dataclass(frozen=True)
class Made(PixelCondition):
    """Clean images, and what goes wrong with them."""

    kind: ClassVar[str] = "made"
    memory: int = 10**6  # images at a time for which it suffices
    broken: str = ""
    seen: list[int] = field(default_factory=list, compare=False)

    @property
    def name(self) -> str:
        return f"memory-{self.memory}"

    def parameters(self) -> Mapping[str, Any]:
        return {"memory": self.memory, "broken": self.broken}

    def make(self, batch: ImageBatch) -> torch.Tensor:
        self.seen.append(len(batch.labels))
        if len(batch.labels) > self.memory:
            raise torch.OutOfMemoryError("no more")
        if self.broken == "make":
            raise ValueError("the images are too dark")
        return as_floats(batch.pixels)

    def ask(self, network: AskedNetwork, made: Any, batch: ImageBatch) -> Arrays:
        if self.broken == network.name:
            made = torch.full_like(made, torch.nan)
        if self.broken == f"CPU {network.name}":
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 8 bytes")
        return super().ask(network, made, batch)

    def refusal(self, network: AskedNetwork, images: Images) -> str | None:
        return "it has no leg" if self.broken == f"refused {network.name}" else None


@dataclass(frozen=True)
class OfWeights(NetworkCondition):
    """A question that needs as much memory as images at a time."""

    kind: ClassVar[str] = "made"
    memory: int = 2

    @property
    def name(self) -> str:
        return "weights"

    def parameters(self) -> Mapping[str, Any]:
        return {}

    def measure(self, network: AskedNetwork, images: Images, *, seed: int, batch: int) -> Arrays:
        if batch > self.memory:
            raise torch.OutOfMemoryError("no more")
        return {"batch": np.array([batch])}


@pytest.fixture(scope="module")
def asked(finished: Path) -> Asked:
    file = finished / "small.yaml"
    subjects = find_subjects(STUDY, root=finished / "runs", file=file, source=read_source(file))
    config = RobustnessConfig(suite=["quick"], images=20, batch_size=8)
    return Asked(subjects.networks, config, overrides=("hardware.accelerator=cpu",))


@pytest.fixture(scope="module")
def group(asked: Asked) -> Group:
    return prepare(asked)[0]


@pytest.fixture(scope="module")
def networks(group: Group) -> dict[int, AskedNetwork]:
    loading = Loading("raw", device_of(group.hardware), channels_last=False)
    return {n: load(one, group.images, loading) for n, one in enumerate(group.subjects)}


def answer(condition: Made | OfWeights, networks: dict[int, AskedNetwork], group: Group) -> Answers:
    images = group.images.limited(20)
    return ask(condition, networks, images, data=images, seed=0, batch=8)


def test_a_nan_fails_one_network_and_names_the_image(
    networks: dict[int, AskedNetwork], group: Group
) -> None:
    found = answer(Made(broken=networks[0].name), networks, group)
    first = group.images.limited(20).indices[0]
    assert found.failed == {0: f"8 of 8 answers are NaN or infinite, first that to image {first}"}
    assert list(found.arrays) == [1]
    expected = answer(Made(), networks, group).arrays[1]
    for name, array in found.arrays[1].items():
        np.testing.assert_array_equal(array, expected[name])


def test_a_condition_that_does_not_suit_a_network_is_refused_for_it(
    networks: dict[int, AskedNetwork], group: Group
) -> None:
    found = answer(Made(broken=f"refused {networks[1].name}"), networks, group)
    assert (found.failed, found.refused) == ({1: "it has no leg"}, {1})
    assert list(found.arrays) == [0]


def test_images_that_cannot_be_made_fail_all_networks(
    networks: dict[int, AskedNetwork], group: Group
) -> None:
    found = answer(Made(broken="make"), networks, group)
    assert found.failed == dict.fromkeys((0, 1), "the images are too dark")
    assert not found.arrays


@pytest.mark.parametrize("memory", [4, 3, 2])
def test_where_memory_is_short_the_batch_is_halved_and_the_answers_are_the_same(
    memory: int, networks: dict[int, AskedNetwork], group: Group
) -> None:
    condition = Made(memory=memory)
    found, expected = answer(condition, networks, group), answer(Made(), networks, group)
    assert not found.failed
    assert max(condition.seen[-3:]) <= memory
    for place, arrays in expected.arrays.items():
        for name, array in arrays.items():
            np.testing.assert_array_equal(found.arrays[place][name], array)


def test_after_two_halvings_the_condition_fails(
    networks: dict[int, AskedNetwork], group: Group
) -> None:
    condition = Made(memory=1)
    found = answer(condition, networks, group)
    assert condition.seen == [8, 4, 2]
    assert len(condition.seen) == HALVINGS + 1
    said = "there is not enough memory, not even for 2 images at a time"
    assert found.failed == dict.fromkeys((0, 1), said)
    short = answer(Made(broken=f"CPU {networks[0].name}"), networks, group)
    assert short.failed == dict.fromkeys((0, 1), said)


def test_a_question_to_a_network_as_a_whole_is_halved_too(
    networks: dict[int, AskedNetwork], group: Group
) -> None:
    assert answer(OfWeights(), networks, group).arrays[0]["batch"] == 2
    assert set(answer(OfWeights(memory=1), networks, group).failed) == {0, 1}


def test_the_others_are_kept(study: Path, asked: Asked, group: Group) -> None:
    file = study / "small.yaml"
    subjects = find_subjects(STUDY, root=study / "runs", file=file, source=read_source(file))
    images = group.images.limited(20)
    listed = ImageList(images.indices, images.labels)
    names = [subject.name for subject in subjects.networks]
    tasks = [Task(one, images, listed) for one in (Made(broken=names[0]), Clean())]
    steps = list[Step]()
    here = replace(group, subjects=subjects.networks, tasks=tuple(tasks))
    evaluate(here, asked.config, take=take_all, report=steps.append)
    kept = [sorted(a.condition for a in answered(s.folder).values()) for s in here.subjects]
    assert kept == [["clean/clean"], ["clean/clean", "made/memory-1000000"]]
    (failure,) = (failure for step in steps for failure in step.failures)
    assert (failure.network, failure.condition) == (names[0], "made/memory-1000000")
    assert sum(step.answers for step in steps) == 4


def test_failures_that_are_alike_are_one_sentence() -> None:
    failures = [
        Failure(name, "lesion", f"{name} has no block", refused=True) for name in ("a1", "b2", "c3")
    ]
    other = Failure("a1", None, "it cannot be read")
    assert sentences([*failures, other]) == [
        "a1 under lesion: a1 has no block; so too b2, c3",
        "a1: it cannot be read",
    ]


def test_networks_are_loaded_as_many_at_a_time_as_fit(
    networks: dict[int, AskedNetwork], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ablations.robustness.evaluate import networks as module

    sizes = [module._bytes(one.pixels) for one in networks.values()]
    device = torch.device("cpu")

    def groups(free: float) -> list[list[int]]:
        monkeypatch.setattr(module, "_free_bytes", lambda _: free)
        return [list(found) for found in in_groups([0, 1], networks.__getitem__, device)]

    assert groups(sum(sizes) / module._SHARE) == [[0, 1]]
    assert groups(sum(sizes) / module._SHARE - 1) == [[0], [1]]
    assert groups(0) == [[0], [1]]
