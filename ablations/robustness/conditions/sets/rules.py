"""From logits over a network's classes to an answer in the classes of a public set."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ablations.robustness.conditions.answers import answers, require_finite
from ablations.robustness.conditions.arrays import CONFIDENCE, CORRECT, LOSS, PREDICTED, Arrays

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class ClassRule(ABC):
    """How an answer is judged."""

    @property
    @abstractmethod
    def chance(self) -> float:
        """Share of right answers of somebody who guesses."""

    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """What it is, as plain data."""

    @abstractmethod
    def answers(self, logits: torch.Tensor, labels: Numbers, indices: Numbers) -> Arrays:
        """What is kept of logits `(N, K)`, see `ablations.robustness.conditions.answers`.

        Raises:
            NotFiniteError: one of them is no number.
        """


@dataclass(frozen=True)
class AllClasses(ClassRule):
    """Labels are classes of the network, all of which count.

    Attributes:
        count: of them.
        guessed: of how many the images are.
    """

    count: int
    guessed: int

    @property
    def chance(self) -> float:
        """One of those that the images are of."""
        return 1 / self.guessed

    def parameters(self) -> dict[str, Any]:
        """How many."""
        return {"rule": "all classes", "classes": self.count}

    def answers(self, logits: torch.Tensor, labels: Numbers, indices: Numbers) -> Arrays:
        """As for any images."""
        return answers(logits, labels, indices)


@dataclass(frozen=True)
class SomeClasses(ClassRule):
    """Only some of the network's logits count, in the softmax too.

    Attributes:
        kept: which, ascending. Labels and predicted classes are numbers of the network's classes.
        labelled: whether the images show any of them; else there is no right answer and no loss.
    """

    kept: tuple[int, ...]
    labelled: bool = True

    @property
    def chance(self) -> float:
        """One of those that are kept."""
        return 1 / len(self.kept)

    def parameters(self) -> dict[str, Any]:
        """Which are kept."""
        return {"rule": "some classes", "kept": list(self.kept)}

    def answers(self, logits: torch.Tensor, labels: Numbers, indices: Numbers) -> Arrays:
        """Of the logits that are kept."""
        require_finite(logits, indices)
        kept = np.array(self.kept)
        places = np.searchsorted(kept, labels) if self.labelled else np.zeros_like(labels)
        found = answers(logits[:, kept], places, indices)
        predicted = kept[found[PREDICTED]].astype(np.int16)
        return {**(found if self.labelled else unlabelled(found)), PREDICTED: predicted}


@dataclass(frozen=True)
class GroupedClasses(ClassRule):
    """Labels are groups of the network's classes; the class it is surest of says the group.

    A class of no group is wrong whatever the image shows; nothing is masked.

    Attributes:
        groups: of every class of the network; -1: none.
    """

    groups: tuple[int, ...]

    @property
    def chance(self) -> float:
        """One of the groups."""
        return 1 / (max(self.groups) + 1)

    def parameters(self) -> dict[str, Any]:
        """The group of every class."""
        return {"rule": "grouped classes", "groups": list(self.groups)}

    def answers(self, logits: torch.Tensor, labels: Numbers, indices: Numbers) -> Arrays:
        """Predicted is a group or -1; confidence that of the class; loss of the whole group."""
        require_finite(logits, indices)
        logs = logits.detach().float().cpu().log_softmax(1)
        groups, targets = torch.tensor(self.groups), torch.from_numpy(labels)
        predicted = groups[logs.argmax(1)]
        inside = groups[None] == targets[:, None]
        return {
            PREDICTED: predicted.numpy().astype(np.int16),
            CORRECT: (predicted == targets).numpy(),
            CONFIDENCE: logs.amax(1).exp().numpy(),
            LOSS: -logs.masked_fill(~inside, -torch.inf).logsumexp(1).numpy(),
        }


def unlabelled(found: Arrays) -> Arrays:
    """Answers without what a label is needed for."""
    return {name: found[name] for name in (PREDICTED, CONFIDENCE)}
