"""Conditions that are public sets: their images in place of the data set's."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from ablations.robustness.conditions.answers import require_finite
from ablations.robustness.conditions.arrays import TOP5
from ablations.robustness.conditions.asked import (
    Arrays,
    AskedNetwork,
    DataImages,
    ImageBatch,
    Images,
    Interpolation,
)
from ablations.robustness.conditions.clean import as_floats
from ablations.robustness.conditions.condition import ImageCondition, Passes, Plain
from ablations.robustness.conditions.sets.images import OfClasses, SetImages, some_of
from ablations.robustness.conditions.sets.rules import ClassRule
from datamodules.benchmarks.entries import PublicSet
from datamodules.benchmarks.opened import opened
from datamodules.benchmarks.search import Part

_FRAMES = {"translate": 41}  # of a video; the others:
_MOST_FRAMES = 31


@dataclass(frozen=True)
class Source:
    """Where a condition's images come from.

    Attributes:
        part: of a public set.
        class_names: of the data that networks were trained on, by label.
        side: of their input in pixels.
        interpolation: Pillow's filter by which their test images are resized.
        crop_ratio: of their evaluation.
        limit: at most so many images; None: all.
        seed: of the evaluation.
    """

    part: Part
    class_names: tuple[str, ...]
    side: int
    interpolation: Interpolation
    crop_ratio: float
    limit: int | None
    seed: int

    def images(self, *, frames: int = 1) -> SetImages:
        """The images. Raises ValueError where files are not as they should be."""
        found = opened(
            self.part,
            class_names=self.class_names,
            side=self.side,
            interpolation=self.interpolation,
            crop_ratio=self.crop_ratio,
        )
        return SetImages(
            opened=found,
            title=self.part.title,
            indices=some_of(found.labels, self.limit),
            class_names=self.class_names,
            seed=self.seed,
            frames=frames,
        )


@dataclass(frozen=True)
class PublicImages(ImageCondition):
    """A part of a public set, whose images are shown as they are.

    Attributes:
        label: name of the condition, such as `imagenet_c/fog/3`.
        entry: the set.
        rule: how answers are judged.
        source: of the images; None: those of the data set of some classes, see `classes`.
        classes: of the data set's images that are shown.
    """

    kind: ClassVar[str] = "sets"
    label: str
    entry: PublicSet
    rule: ClassRule
    source: Source | None = None
    classes: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """Such as `imagenet_a` or `imagenet_c/fog/3`."""
        return self.label

    def parameters(self) -> Plain:
        """The set, the side of its files (null: any), and how answers are judged."""
        return {**_about(self.entry), "chance": self.rule.chance, **self.rule.parameters()}

    def images(self, images: DataImages) -> Images:
        """Its own."""
        if self.source is None:
            return OfClasses(images, self.classes)
        return self.source.images()

    def refusal(self, network: AskedNetwork, images: Images) -> str | None:
        """A network that tells other classes apart."""
        del images
        return wrong_network(self.entry, network)

    def make(self, batch: ImageBatch) -> torch.Tensor:
        """The pixels `(N, C, H, W)` in [0, 1]."""
        return as_floats(batch.pixels)

    def ask(self, network: AskedNetwork, made: torch.Tensor, batch: ImageBatch) -> Arrays:
        """The answers, judged by the set's rule."""
        with torch.inference_mode():
            logits = network.pixels(made.to(network.device))
        return self.rule.answers(logits, batch.labels, batch.indices)


@dataclass(frozen=True)
class PublicVideos(ImageCondition):
    """A perturbation of ImageNet-P: the five likeliest classes of every frame of every video.

    Attributes:
        source: of the videos.
    """

    kind: ClassVar[str] = "sets"
    source: Source

    @property
    def name(self) -> str:
        """Such as `imagenet_p/translate`."""
        return f"{self.source.part.entry.name}/{self.source.part.name}"

    @property
    def _frames(self) -> int:
        return _FRAMES.get(self.source.part.name, _MOST_FRAMES)

    def parameters(self) -> Plain:
        """The set, and the side of its frames."""
        return _about(self.source.part.entry)

    def images(self, images: DataImages) -> Images:
        """The videos."""
        del images
        return self.source.images(frames=self._frames)

    def passes(self, network: AskedNetwork) -> Passes:
        """One a frame."""
        del network
        return Passes(forwards=self._frames)

    def refusal(self, network: AskedNetwork, images: Images) -> str | None:
        """A network that tells other classes apart."""
        del images
        return wrong_network(self.source.part.entry, network)

    def make(self, batch: ImageBatch) -> torch.Tensor:
        """The frames `(N, T, C, H, W)` uint8: as floats they would be four times as large."""
        return batch.pixels

    def ask(self, network: AskedNetwork, made: torch.Tensor, batch: ImageBatch) -> Arrays:
        """The five likeliest classes, best first: (N, T, 5) int16."""
        best = [self._best(network, frame, batch) for frame in made.unbind(1)]
        return {TOP5: np.stack(best, axis=1)}

    @staticmethod
    def _best(network: AskedNetwork, frame: torch.Tensor, batch: ImageBatch) -> Any:
        with torch.inference_mode():
            logits = network.pixels(as_floats(frame.to(network.device)))
        require_finite(logits, batch.indices)
        return logits.topk(5).indices.cpu().numpy().astype(np.int16)


def wrong_network(entry: PublicSet, network: AskedNetwork) -> str | None:
    """Why a network cannot be asked about a set, by the number of its classes."""
    if network.num_classes == entry.num_classes:
        return None
    return needs_classes(entry, network.name, network.num_classes)


def needs_classes(entry: PublicSet, who: str, count: int) -> str:
    """The sentence on a network, or the data of one, with other classes."""
    if entry.classes == "own":
        return (
            f"{entry.title} needs the {entry.num_classes} classes of "
            f"{entry.title.removesuffix('-C')}; {who} tells {count:,} classes apart"
        )
    return (
        f"{entry.title} needs the {entry.num_classes:,} classes of ImageNet in their order; {who} "
        f"tells {count:,} classes apart"
    )


def _about(entry: PublicSet) -> dict[str, Any]:
    return {"set": entry.title, "folder_side": entry.side}
