"""What an evaluation costs: passes counted, and a short measurement of how long each takes."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch.nn.functional import cross_entropy

from ablations.robustness.conditions.asked import AskedNetwork, Images
from ablations.robustness.conditions.condition import ImageCondition, Passes
from ablations.robustness.evaluate.networks import Loading, load
from ablations.robustness.evaluate.run import Failure, device_for
from ablations.robustness.evaluate.work import Group, Task, missing
from ablations.robustness.images.data_set import SplitImages
from ablations.studies.robustness.config import RobustnessConfig

_BATCHES = 2  # that passes are measured on
_MADE = 8  # images that making them is measured on


@dataclass(frozen=True)
class Planned:
    """A condition that networks are asked under.

    Attributes:
        condition: its key.
        images: how many.
        networks: that see them.
        missing: that have not answered yet.
        forwards: passes that the missing ones take, over all images.
        backwards: likewise, each with its forward pass.
        seconds: estimated, for what is missing, in one process.
    """

    condition: str
    images: int
    networks: int
    missing: int
    forwards: float = 0
    backwards: float = 0
    seconds: float = 0


@dataclass(frozen=True)
class _Speed:
    """Seconds an image: of a forward pass, and of one with its backward pass."""

    forward: float
    backward: float


def plan(group: Group, config: RobustnessConfig) -> tuple[list[Planned], list[Failure]]:
    """What is missing of a group and what it costs, and the conditions that suit no network.

    One network of each kind is loaded, and measured with two batches of noise; images of each
    condition are made eight at a time. Nothing is kept.
    """
    planned, failures = list[Planned](), list[Failure]()
    measured = _Measured(group, config)
    for task, places in missing(group, config):
        total = _Total()
        for place in places:
            network = measured.network(place)
            if isinstance(network, Failure):
                failures.append(network)
                continue
            why = task.condition.refusal(network, group.images)
            if why is None:
                total.add(task.condition.passes(network), measured.speed(place))
            else:
                failures.append(Failure(network.name, task.condition.key, why, refused=True))
        images = len(task.listed.indices)
        making = _making(task) if places else 0.0
        planned.append(
            Planned(
                condition=task.condition.key,
                images=images,
                networks=len(group.subjects),
                missing=len(places),
                forwards=images * total.forwards,
                backwards=images * total.backwards,
                seconds=images * (making + total.seconds),
            )
        )
    return planned, list(dict.fromkeys(failures))


@dataclass
class _Total:
    """Of one image, over networks."""

    forwards: float = 0
    backwards: float = 0
    seconds: float = 0

    def add(self, passes: Passes, speed: _Speed) -> None:
        self.forwards += passes.forwards
        self.backwards += passes.backwards
        self.seconds += passes.forwards * speed.forward + passes.backwards * speed.backward


class _Measured:
    """Networks of a group and their speed, each kind once."""

    def __init__(self, group: Group, config: RobustnessConfig) -> None:
        self._group, self._config = group, config
        self._networks: dict[str, AskedNetwork | Failure] = {}
        self._speeds: dict[str, _Speed] = {}
        self._device = device_for(group.hardware)

    def network(self, place: int) -> AskedNetwork | Failure:
        """One like that at a place, or why there is none."""
        kind = self._kind(place)
        if kind not in self._networks:
            loading = Loading(self._config.weights, self._device, self._group.channels_last[place])
            subject = self._group.subjects[place]
            try:
                self._networks[kind] = load(subject, self._group.images, loading)
            except ValueError as error:
                self._networks[kind] = Failure(subject.name, None, str(error))
        found = self._networks[kind]
        if isinstance(found, Failure):
            return found
        return replace(found, name=self._group.subjects[place].name)

    def speed(self, place: int) -> _Speed:
        """Of the network at a place."""
        kind, network = self._kind(place), self.network(place)
        assert isinstance(network, AskedNetwork)
        if kind not in self._speeds:
            self._speeds[kind] = _speed(network, self._group.images, batch=self._group.batch)
        return self._speeds[kind]

    def _kind(self, place: int) -> str:
        """Equal for networks that differ in their weights alone."""
        subject = self._group.subjects[place]
        return json.dumps(subject.config.get("spec", subject.sha256), sort_keys=True)


def _speed(network: AskedNetwork, images: SplitImages, *, batch: int) -> _Speed:
    shape = (batch, images.in_chans, images.side, images.side)
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(network.device)

    def forward() -> None:
        with torch.inference_mode():
            network.pixels(noise)

    def backward() -> None:
        pixels = noise.clone().requires_grad_()
        logits = network.pixels(pixels)
        torch.autograd.grad(cross_entropy(logits, logits.argmax(1), reduction="sum"), pixels)

    return _Speed(_timed(forward, network.device) / batch, _timed(backward, network.device) / batch)


def _timed(work: Callable[[], None], device: torch.device) -> float:
    """Seconds of one call, after one to warm up."""
    work()
    begun = time.perf_counter()
    for _ in range(_BATCHES):
        work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - begun) / _BATCHES


def _making(task: Task) -> float:
    """Seconds an image to make what networks are shown; 0 where nothing is made once for all."""
    if not isinstance(task.condition, ImageCondition):
        return 0.0
    batch = next(iter(_few(task.images).batches(_MADE)))
    begun = time.perf_counter()
    task.condition.make(batch)
    return (time.perf_counter() - begun) / len(batch.labels)


def _few(images: Images) -> Images:
    """A few of them, where not all are read for the first."""
    return images.limited(_MADE) if isinstance(images, SplitImages) else images
