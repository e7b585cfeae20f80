"""The suites: which conditions each has, for given settings and images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module

import torch

from ablations.robustness.conditions.asked import DataImages, Interpolation
from ablations.robustness.conditions.clean import Clean
from ablations.robustness.conditions.condition import Condition
from ablations.studies.robustness.config import SUITES, RobustnessConfig
from datamodules.config.data import DataConfig
from lit_models.registry.names import nearest
from lit_models.registry.registry import Registry


@dataclass(frozen=True)
class Setting:
    """What conditions are chosen by.

    Attributes:
        config: the keys of `robustness`.
        data: the data set that the images are of, where it lies included.
        images: of it.
        interpolation: how image files are resampled, as in the recipe.
        device: where networks are asked, and others that a condition needs.
        checkpoints: names of the networks that are asked, by the SHA-256 of their checkpoints.
    """

    config: RobustnessConfig
    data: DataConfig
    images: DataImages
    interpolation: Interpolation = "bicubic"
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    checkpoints: Mapping[str, str] = field(default_factory=dict)


Conditions = Callable[[Setting], Sequence[Condition]]
# the modules that register suites when they are imported
MODULES: tuple[str, ...] = (
    "ablations.robustness.conditions.analyses.suite",
    "ablations.robustness.conditions.attacks.suite",
    "ablations.robustness.conditions.corruptions",
    "ablations.robustness.conditions.occlusion.suite",
    "ablations.robustness.conditions.perturbations",
    "ablations.robustness.conditions.quick.suite",
    "ablations.robustness.conditions.sets.ood",
    "ablations.robustness.conditions.sets.suites",
)


def _nothing(setting: Setting) -> Sequence[str]:
    del setting
    return ()


@dataclass(frozen=True)
class Suite:
    """A suite.

    Attributes:
        conditions: beside `Clean`, which every suite has.
        images: how many test images by default; None: all.
        title: what it has, for `ablate robustness --plan`.
        absent: what it would have beside its conditions if it were there, in sentences, such as
            public sets of which no folder was found.
        there: likewise, what was found, such as folders of public sets.
    """

    conditions: Conditions
    images: int | None
    title: str
    absent: Callable[[Setting], Sequence[str]] = _nothing
    there: Callable[[Setting], Sequence[str]] = _nothing


REGISTERED: Registry[Suite] = Registry("suite of conditions")


def suite(name: str) -> Suite:
    """A suite by its name. Raises ValueError, with the nearest, where there is none."""
    _import_all()
    if name not in REGISTERED:
        raise ValueError(f"--suite {name}: no such suite. {nearest(name, SUITES)}")
    return REGISTERED[name]


def conditions(names: Sequence[str], setting: Setting) -> tuple[Condition, ...]:
    """The conditions of some suites, `Clean` first, each once.

    Raises:
        ValueError: no such suite; settings that do not suit the images.
    """
    found: dict[str, Condition] = {"clean/clean": Clean()}
    for name in names:
        for condition in suite(name).conditions(setting):
            same = found.setdefault(condition.key, condition)
            if same != condition:  # two suites ask the same with other parameters
                raise ValueError(
                    f"{condition.key} is in two of the suites {', '.join(names)} with other "
                    "parameters: evaluate them one after the other"
                )
    return tuple(found.values())


@cache
def _import_all() -> None:
    for module in MODULES:
        import_module(module)
