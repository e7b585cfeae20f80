"""One condition, and all networks that are asked under it: what is made of images is made once."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from ablations.robustness.conditions.asked import Arrays, AskedNetwork, ImageBatch, Images
from ablations.robustness.conditions.condition import (
    Condition,
    ImageCondition,
    NetworkCondition,
)

HALVINGS = 2  # of the batch, where memory is short
# what PyTorch says, as an error of no class of its own, where a CPU's memory does not suffice
_CPU_MEMORY = "can't allocate memory"


class _TooLargeError(Exception):
    """Memory does not suffice."""


@dataclass
class Answers:
    """What became of a condition.

    Attributes:
        arrays: by the place of the network.
        seconds: likewise; what was made for all networks is shared out among them.
        failed: sentences, by the place of the network.
        refused: the places of those that the condition does not suit; they are among the failed.
    """

    arrays: dict[int, Arrays] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)


def ask(
    condition: Condition,
    networks: Mapping[int, AskedNetwork],
    images: Images,
    *,
    data: Images,
    seed: int,
    batch: int,
) -> Answers:
    """The answers of networks, by their places, under one condition.

    One that answers NaN, or that the condition does not suit, fails by itself. Where memory is
    short, the batch is halved twice, which changes no answer.

    Args:
        condition: under which they are asked.
        networks: all on one device.
        images: that the condition is about.
        data: those of the data set, which the condition may have others beside.
        seed: of the evaluation.
        batch: images at a time.
    """
    found = Answers()
    for place, network in networks.items():
        why = condition.refusal(network, data)
        if why is not None:
            found.failed[place] = why
            found.refused.add(place)
    left = {place: one for place, one in networks.items() if place not in found.failed}
    if isinstance(condition, NetworkCondition):
        for place, network in left.items():
            _halving(_Measured(condition, {place: network}, images, seed), batch, found)
    elif left:
        assert isinstance(condition, ImageCondition)
        _halving(_Shared(condition, left, images), batch, found)
    return found


@dataclass(frozen=True)
class _Measured:
    """A question to one network as a whole."""

    condition: NetworkCondition
    networks: Mapping[int, AskedNetwork]
    images: Images
    seed: int

    def __call__(self, batch: int) -> Answers:
        found = Answers()
        for place, network in self.networks.items():
            begun = time.perf_counter()
            try:
                arrays = self.condition.measure(network, self.images, seed=self.seed, batch=batch)
            except (ValueError, RuntimeError) as error:
                found.failed[place] = _said(error)
            else:
                found.arrays[place] = arrays
                found.seconds[place] = time.perf_counter() - begun
        return found


@dataclass(frozen=True)
class _Shared:
    """Images that are made once a batch, for all networks."""

    condition: ImageCondition
    networks: Mapping[int, AskedNetwork]
    images: Images

    def __call__(self, batch: int) -> Answers:
        found, parts = Answers(), {place: list[Arrays]() for place in self.networks}
        seconds = dict.fromkeys(self.networks, 0.0)
        for images in self.images.batches(batch):
            begun = time.perf_counter()
            try:
                made = self.condition.make(images)
            except (ValueError, RuntimeError) as error:
                found.failed = dict.fromkeys(self.networks, _said(error))
                return found
            share = (time.perf_counter() - begun) / len(self.networks)
            for place, network in self.networks.items():
                if place in found.failed:
                    continue
                begun = time.perf_counter()
                self._ask(place, network, made, images, parts[place], found)
                seconds[place] += share + time.perf_counter() - begun
        for place in self.networks.keys() - found.failed.keys():
            found.arrays[place] = self.condition.whole(parts[place])
            found.seconds[place] = seconds[place]
        return found

    def _ask(  # noqa: PLR0917
        self,
        place: int,
        network: AskedNetwork,
        made: Any,
        images: ImageBatch,
        parts: list[Arrays],
        found: Answers,
    ) -> None:
        try:
            parts.append(self.condition.ask(network, made, images))
        except (ValueError, RuntimeError) as error:  # a NotFiniteError, too
            found.failed[place] = _said(error)


def _halving(attempt: _Measured | _Shared, batch: int, found: Answers) -> None:
    """Add what an attempt finds; with smaller batches where memory does not suffice."""
    for _ in range(HALVINGS + 1):
        try:
            answers = attempt(batch)
        except (torch.OutOfMemoryError, MemoryError, _TooLargeError):
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            tried, batch = batch, max(1, batch // 2)
        else:
            found.arrays |= answers.arrays
            found.seconds |= answers.seconds
            found.failed |= answers.failed
            return
    said = f"there is not enough memory, not even for {tried} images at a time"
    found.failed |= dict.fromkeys(attempt.networks, said)


def _said(error: ValueError | RuntimeError) -> str:
    """Why a network was not answered, in a line. Raises _TooLargeError where memory is short."""
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if isinstance(error, torch.OutOfMemoryError) or _CPU_MEMORY in str(error):
        raise _TooLargeError from error
    return text
