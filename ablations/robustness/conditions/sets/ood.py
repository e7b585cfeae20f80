"""Images of classes that a network does not know: of another data set, or left out of training.

A network should be less sure of them; how well its confidence tells them from its own test images
is a number of the report (AUPR), made from these answers and those of `Clean`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from ablations.robustness.conditions.answers import answers
from ablations.robustness.conditions.asked import (
    Arrays,
    AskedNetwork,
    DataImages,
    ImageBatch,
    Images,
    Interpolation,
)
from ablations.robustness.conditions.clean import as_floats
from ablations.robustness.conditions.condition import Condition, ImageCondition, Plain
from ablations.robustness.conditions.sets.images import some_of
from ablations.robustness.conditions.sets.rules import unlabelled
from ablations.robustness.conditions.sets.unknown import Unknown
from ablations.robustness.conditions.suites import REGISTERED, Setting, Suite
from ablations.robustness.images.data_set import SplitImages, split_images
from datamodules.catalog.catalog import DATASETS, tree_of
from datamodules.catalog.folders import some
from datamodules.config.data import DataConfig, located
from lit_models.registry.names import nearest

KEY = "robustness.ood"


@dataclass(frozen=True)
class OtherData(ImageCondition):
    """Test images of a data set that networks were not trained on.

    Attributes:
        label: name of the condition.
        data: the data set, at the side of the networks' input.
        classes: of it, by name; empty: all.
        in_chans: of the networks.
        interpolation: Pillow's filter by which their test images are resized.
        own: the data set that networks were trained on, if they do not say another.
        limit: at most so many images; None: all.
        seed: of the evaluation.
    """

    kind: ClassVar[str] = "ood"
    label: str
    data: DataConfig
    classes: tuple[str, ...]
    in_chans: int
    interpolation: Interpolation
    own: DataConfig
    limit: int | None
    seed: int

    @property
    def name(self) -> str:
        """That of the data set."""
        return self.label

    def parameters(self) -> Plain:
        """The data set, and which of its classes."""
        return {"data": self.label, "classes": list(self.classes)}

    def other(self) -> SplitImages:
        """The test images of the other data set. Raises ValueError where it is not there."""
        return split_images(self.data, interpolation=self.interpolation, seed=self.seed)

    def images(self, images: DataImages) -> Images:
        """Its own."""
        del images
        other = self.other()
        if not self.classes:
            other = other if self.limit is None else other.limited(self.limit)
            return Unknown(other, np.arange(len(other.labels)), self.in_chans)
        labels = [k for k, name in enumerate(other.class_names) if name in self.classes]
        kept = np.flatnonzero(np.isin(other.labels, labels))
        return Unknown(other, kept[some_of(other.labels[kept], self.limit)], self.in_chans)

    def refusal(self, network: AskedNetwork, images: Images) -> str | None:
        """The data set that the network was trained on."""
        del images
        trained = network.trained_on
        name, folder = trained.get("name", self.own.name), trained.get("folder", self.own.folder)
        if _same(self.data, replace(self.own, name=name, folder=folder)):
            return f"out-of-distribution data {self.label} is the training set of {network.name}"
        return None

    def make(self, batch: ImageBatch) -> torch.Tensor:
        """The pixels `(N, C, H, W)` in [0, 1]."""
        return as_floats(batch.pixels)

    def ask(self, network: AskedNetwork, made: torch.Tensor, batch: ImageBatch) -> Arrays:
        """The likeliest class and its probability: nothing is right or wrong."""
        with torch.inference_mode():
            logits = network.pixels(made.to(network.device))
        return unlabelled(answers(logits, np.zeros_like(batch.labels), batch.indices))


def ood(setting: Setting) -> Sequence[Condition]:
    """The condition that `robustness.ood` asks for.

    Raises:
        ValueError: none is named, or there is no such data; its classes are some that networks were
            trained on; or it has colours that networks do not see.
    """
    said = setting.config.ood
    held_out = tuple(said.held_out_classes or ())
    if said.data is None and not held_out:
        raise ValueError(
            f"the suite ood needs images of no class of {setting.images.title}: "
            f"{KEY}.data=NAME, another data set or a folder with train/ and val/ or test/"
        )
    label, data = _named(said.data, setting) if said.data else (setting.data.name, setting.data)
    condition = OtherData(
        label=label,
        data=data,
        classes=held_out,
        in_chans=setting.images.in_chans,
        interpolation=setting.interpolation,
        own=setting.data,
        limit=setting.config.images,
        seed=setting.config.seed,
    )
    _check(condition, setting)
    return (condition,)


def _named(text: str, setting: Setting) -> tuple[str, DataConfig]:
    """Label and config of another data set, at the side of the networks' input."""
    like = DataConfig(
        root=setting.data.root,
        download=setting.data.download,
        image_size=setting.images.side,
        eval_size=setting.images.side,
        crop_ratio=setting.data.crop_ratio,
    )
    if text in DATASETS:
        return text, replace(like, name=text)
    folder = located(setting.data, text, key=f"{KEY}.data")[0]
    if not folder.is_dir():
        raise ValueError(f"{KEY}.data is {text!r}. {nearest(text, DATASETS)} Or a folder.")
    if not (folder / "train").is_dir():
        raise ValueError(f"{KEY}.data={text}: it has to hold train/ and val/ or test/")
    label = re.sub(r"[^a-z0-9_.-]+", "_", folder.name.lower())
    return label, replace(like, name="image_folder", folder=str(folder))


def _check(condition: OtherData, setting: Setting) -> None:
    own, title = setting.images.class_names, setting.images.title
    known = [name for name in condition.classes if name in own]
    if known:
        raise ValueError(
            f"{KEY}.held_out_classes: {some(known)} of {title} was trained on: a class is left out "
            "before training, and its images are those of another data set, "
            f"{KEY}.data=NAME"
        )
    if _same(condition.data, condition.own):
        return  # refused for each network, by its name
    other = condition.other()
    for name in condition.classes:
        if name not in other.class_names:
            raise ValueError(
                f"{KEY}.held_out_classes: {condition.label} has no class {name}. "
                f"{nearest(name, other.class_names)}"
            )
    shared = [name for name in other.class_names if name in own]
    if shared and not condition.classes:
        raise ValueError(
            f"out-of-distribution data {condition.label} has {len(shared)} of the classes of "
            f"{title} ({some(shared)}): name those that are unknown in {KEY}.held_out_classes"
        )
    if other.in_chans not in (1, condition.in_chans):
        raise ValueError(
            f"out-of-distribution data {condition.label} is in colour, but networks of {title} "
            f"take {condition.in_chans} channel(s): in grey it would be another data set"
        )


def _same(one: DataConfig, other: DataConfig) -> bool:
    if one.name != other.name:
        return False
    if not DATASETS[one.name].own:
        return True
    return Path(tree_of(one)).resolve() == Path(tree_of(other)).resolve()


REGISTERED.register(
    "ood", Suite(conditions=ood, images=None, title="images of no class that networks know")
)
