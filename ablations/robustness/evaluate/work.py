"""What there is to do: networks that see equal images, and the conditions that they miss."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ablations.evaluation.config import EvaluationConfig, evaluation_config
from ablations.evaluation.evaluation import at_its_size
from ablations.files.plain_text import as_json
from ablations.robustness.conditions.asked import DataImages, Images
from ablations.robustness.conditions.condition import Condition
from ablations.robustness.conditions.suites import Setting, conditions, suite
from ablations.robustness.evaluate.subjects import Subject
from ablations.robustness.images.data_set import DECODERS, SplitImages, split_images
from ablations.robustness.results.identity import Decides
from ablations.robustness.results.image_lists import LIST, ImageList
from ablations.robustness.results.stored import answered
from ablations.run.devices import resolve_devices
from ablations.studies.config import Hardware
from ablations.studies.robustness.config import RobustnessConfig
from datamodules.catalog.resolved import resolve
from lit_models.weights.checkpoints import read_weights

PRECISION = "float32"
_BATCH, _LARGEST_BATCH = 128, 256


@dataclass(frozen=True)
class Asked:
    """What `ablate robustness` was asked; plain data, so that another process can do it, too.

    Attributes:
        subjects: the networks.
        config: under which conditions.
        data: another data set than that of the runs.
        overrides: of data and hardware.
        use: files of one's own code.
    """

    subjects: tuple[Subject, ...]
    config: RobustnessConfig
    data: str | None = None
    overrides: tuple[str, ...] = ()
    use: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Task:
    """A condition, with the images that it is about, and their list.

    Attributes:
        condition: under which networks are asked.
        images: it is about.
        listed: which they are.
    """

    condition: Condition
    images: Images
    listed: ImageList

    @cached_property
    def _pixels(self) -> Mapping[str, Any]:
        """What makes the images the same, once for all networks."""
        return {**self.images.identity(), LIST: self.listed.digest}

    def names(self) -> list[str] | None:
        """Of the files of the images; None where they are none, or not known."""
        names = self.images.names() if isinstance(self.images, SplitImages) else None
        return None if names is None else [names[n] for n in self.listed.indices.tolist()]

    def decides(self, subject: Subject, config: RobustnessConfig) -> Decides:
        """All that decides the answer of a network."""
        return Decides(
            checkpoint=subject.sha256,
            weights=config.weights,
            images=self._pixels,
            condition=self.condition.key,
            parameters=self.condition.parameters(),
            version=self.condition.version,
            seed=config.seed,
            precision=PRECISION,
        )


@dataclass(frozen=True)
class Group:
    """Networks that see equal images.

    Attributes:
        subjects: the networks.
        images: all test images of the data set, at their side.
        tasks: the conditions.
        absent: what suites would have beside them if it were there, in sentences.
        there: likewise, what was found, such as folders of public sets.
        batch: images at a time.
        channels_last: the memory format of each network.
        hardware: where they are asked.
    """

    subjects: tuple[Subject, ...]
    images: SplitImages
    tasks: tuple[Task, ...]
    absent: tuple[str, ...]
    there: tuple[str, ...]
    batch: int
    channels_last: tuple[bool, ...]
    hardware: Hardware


def prepare(asked: Asked) -> tuple[Group, ...]:
    """The groups, in the order of their first networks. Reads data sets; asks nothing.

    Raises:
        ValueError: the data is not there, or suites do not suit it.
    """
    by_images = dict[str, list[tuple[Subject, EvaluationConfig]]]()
    for subject in asked.subjects:
        config = _config_of(subject, asked)
        by_images.setdefault(_images_key(config), []).append((subject, config))
    return tuple(_group(members, asked) for members in by_images.values())


def missing(group: Group, config: RobustnessConfig) -> Iterator[tuple[Task, list[int]]]:
    """The tasks, each with the places of the networks that it has no answer of."""
    for task in group.tasks:
        yield task, lacking(task, group.subjects, config)


def lacking(task: Task, subjects: Sequence[Subject], config: RobustnessConfig) -> list[int]:
    """The places of the networks that have not answered a task.

    Raises:
        ValueError: the answers of one cannot be read; the file is named.
    """
    found = list[int]()
    for place, subject in enumerate(subjects):
        answer = answered(subject.folder).get(task.decides(subject, config).identity())
        if answer is None or not answer.path.is_file():
            found.append(place)
    return found


def device_of(hardware: Hardware) -> torch.device:
    """Where networks are asked. Raises ValueError, naming the key, for what is not there."""
    return torch.device(resolve_devices(hardware, precision="32-true").kind)


def _config_of(subject: Subject, asked: Asked) -> EvaluationConfig:
    config = evaluation_config(
        asked.data, asked.overrides, run=subject.config, source=subject.source
    )
    if subject.config:
        return replace(config, data=at_its_size(config.data, subject.config["spec"]))
    values: Any = read_weights(subject.checkpoint)["hyper_parameters"]
    layout = values["training"].get("channels_last", False)
    recipe = replace(config.recipe, channels_last=layout)
    return replace(config, data=at_its_size(config.data, values["spec"]), recipe=recipe)


def _images_key(config: EvaluationConfig) -> str:
    """Equal for configurations with equal images."""
    data = resolve(config.data)
    return as_json([data.config.__dict__, data.eval_size, config.recipe.augment.interpolation])


def _group(members: Sequence[tuple[Subject, EvaluationConfig]], asked: Asked) -> Group:
    subjects, configs = zip(*members, strict=True)
    first: EvaluationConfig = configs[0]
    images = _images(first, seed=asked.config.seed)
    tasks, absent, there = dict[tuple[str, str], Task](), list[str](), list[str]()
    for names, count in _by_count(asked.config):
        setting = Setting(
            config=asked.config,
            data=first.data,
            images=images if count is None else images.limited(count),
            interpolation=first.recipe.augment.interpolation,
            device=device_of(first.hardware),
            checkpoints={subject.sha256: subject.name for subject in asked.subjects},
        )
        for condition in conditions(names, setting):
            task = _task(condition, setting.images)
            tasks.setdefault((condition.key, task.listed.digest), task)
        absent += [sentence for name in names for sentence in suite(name).absent(setting)]
        there += [sentence for name in names for sentence in suite(name).there(setting)]
    sizes = [config.recipe.batch_size for config in configs]
    return Group(
        subjects=subjects,
        images=images,
        tasks=tuple(tasks.values()),
        absent=tuple(dict.fromkeys(absent)),
        there=tuple(dict.fromkeys(there)),
        batch=asked.config.batch_size or min(max(sizes), _LARGEST_BATCH),
        channels_last=tuple(config.recipe.channels_last for config in configs),
        hardware=first.hardware,
    )


def _by_count(config: RobustnessConfig) -> list[tuple[list[str], int | None]]:
    """The suites by how many images they are about: those of one number share what they ask."""
    found = dict[int | None, list[str]]()
    for name in config.suite:
        count = suite(name).images if config.images is None else config.images
        found.setdefault(count, []).append(name)
    return [(names, count) for count, names in found.items()]


def _task(condition: Condition, images: DataImages) -> Task:
    own = condition.images(images)
    return Task(condition, own, ImageList(own.indices, own.labels))


def _images(config: EvaluationConfig, *, seed: int) -> SplitImages:
    workers = config.hardware.num_workers
    return split_images(
        config.data,
        interpolation=config.recipe.augment.interpolation,
        seed=seed,
        workers=DECODERS if workers is None else workers,
    )
