"""Asking networks what they have not answered yet, and keeping each answer at once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from ablations.robustness.conditions.asked import AskedNetwork
from ablations.robustness.evaluate.asking import ask
from ablations.robustness.evaluate.networks import Loading, in_groups, load
from ablations.robustness.evaluate.work import Group, Task, device_of, lacking
from ablations.robustness.results.image_lists import keep_images
from ablations.robustness.results.stored import keep
from ablations.run.session import set_float32_precision
from ablations.store.provenance import versions
from ablations.studies.config import Hardware
from ablations.studies.robustness.config import RobustnessConfig

LOADED = -1  # stands for the number of a task: who says that a network cannot be loaded
_PACKAGES = ("torch", "numpy")  # whose versions are kept with an answer


@dataclass(frozen=True)
class Failure:
    """A network that has no answer.

    Attributes:
        network: its name.
        condition: the key; None: it could not be loaded.
        reason: a sentence.
        refused: the condition does not suit it, and was not tried.
    """

    network: str
    condition: str | None
    reason: str
    refused: bool = False


def sentences(failures: Iterable[Failure]) -> list[str]:
    """Failures for people: networks that have the same reason together."""
    alike = dict[tuple[str | None, str], list[Failure]]()
    for one in failures:
        why = one.reason.replace(one.network, "")
        alike.setdefault((one.condition, why), []).append(one)
    return [_sentence(condition, ones) for (condition, _), ones in alike.items()]


def _sentence(condition: str | None, ones: Sequence[Failure]) -> str:
    first = ones[0]
    said = f"{first.network}{'' if condition is None else f' under {condition}'}: {first.reason}"
    if not ones[1:]:
        return said
    return f"{said}; so too {', '.join(one.network for one in ones[1:])}"


@dataclass(frozen=True)
class Step:
    """What is reported of a task, once all networks of a group were asked.

    Attributes:
        condition: its key.
        answers: how many networks answered or failed.
        failures: those that failed.
    """

    condition: str
    answers: int
    failures: tuple[Failure, ...] = ()


# Of a task's number and the places of networks that miss it: those that this process asks.
Take = Callable[[int, Sequence[int]], Sequence[int]]
Report = Callable[[Step], None]


def take_all(task: int, places: Sequence[int]) -> Sequence[int]:
    """Where no other process has a share."""
    del task
    return places


def evaluate(group: Group, config: RobustnessConfig, *, take: Take, report: Report) -> None:
    """Ask the networks of a group what they have not answered yet, and keep the answers.

    Args:
        group: of networks that see equal images.
        config: under which conditions.
        take: which of the networks that miss a task this process asks.
        report: called when they were asked.
    """
    missing = {place for task in group.tasks for place in lacking(task, group.subjects, config)}
    device = device_for(group.hardware)

    def loads(place: int) -> AskedNetwork | None:
        subject = group.subjects[place]
        loading = Loading(config.weights, device, group.channels_last[place])
        try:
            return load(subject, group.images, loading)
        except ValueError as error:
            places = take(LOADED, [place])
            failures = tuple(Failure(group.subjects[p].name, None, str(error)) for p in places)
            report(Step("", 0, failures))
            return None

    for networks in in_groups(sorted(missing), loads, device):
        for number, task in enumerate(group.tasks):
            left = [p for p in lacking(task, group.subjects, config) if p in networks]
            asked = {place: networks[place] for place in take(number, left)}
            if asked:
                report(_step(task, group, asked, config))


def _step(
    task: Task, group: Group, networks: Mapping[int, AskedNetwork], config: RobustnessConfig
) -> Step:
    """Ask some networks about one task, and keep what they answer."""
    found = ask(
        task.condition,
        networks,
        task.images,
        data=group.images,
        seed=config.seed,
        batch=group.batch,
    )
    for place, arrays in found.arrays.items():
        subject = group.subjects[place]
        keep_images(subject.folder, task.listed, names=task.names)
        keep(
            subject.folder,
            task.decides(subject, config),
            arrays,
            images=len(task.listed.indices),
            seconds=round(found.seconds[place], 4),
            device=str(networks[place].device),
            versions={name: versions()[name] for name in _PACKAGES},
        )
    key = task.condition.key
    failures = [
        Failure(networks[place].name, key, why, refused=place in found.refused)
        for place, why in found.failed.items()
    ]
    return Step(key, len(networks), tuple(failures))


def device_for(hardware: Hardware) -> torch.device:
    """Where networks are asked, in float32 that is none of TF32."""
    set_float32_precision(tf32=False)
    if hardware.threads is not None:
        torch.set_num_threads(hardware.threads)
    return device_of(hardware)
