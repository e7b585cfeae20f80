"""What experiments.yaml and the command line can say, as types.

A study names a trajectory and which points of it to train, or networks one by one; then data, a
recipe and seeds. `ablations.studies.study_file` reads them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from ablations.studies.designs.cumulative import CumulativePoints
from ablations.studies.designs.design import Points
from ablations.studies.robustness.config import RobustnessConfig
from ablations.studies.seeds import SeedsConfig
from datamodules.config.augmentation import Augmentation
from datamodules.config.data import DataConfig
from lit_models.recipe.config import TrainingConfig
from lit_models.registry.ranges import Range, check_ranges
from lit_models.steps.trajectories import TRAJECTORIES
from lit_models.steps.trajectory import Trajectory

EXPERIMENTS = "experiments.yaml"
Accelerator = Literal["auto", "cpu", "gpu", "mps"]

_MAX_SEED = 2**32 - 1  # numpy's limit


@dataclass
class Recipe(TrainingConfig):
    """How a network is trained: optimisation, and what happens to the training images."""

    augment: Augmentation = field(default_factory=Augmentation)


# No machine has as many cores; far above it PyTorch ends in a segmentation fault.
HARDWARE = {
    "devices": Range(1, 1024),
    "num_workers": Range(0, 1024),
    "threads": Range(1, 1024),
    "workers": Range(0, 1024),
    "runs_per_gpu": Range(1, 1024),
}


@dataclass
class Hardware:
    """Where runs run. No part of a run's identity."""

    # auto takes a GPU when there is one
    accelerator: Accelerator = "auto"
    # devices that train one run together (DDP)
    devices: int = 1
    # data loading processes a run; null: chosen by the data module
    num_workers: int | None = None
    # CPU threads a run; null: the cores of this process shared by the runs at a time
    threads: int | None = None
    # runs at a time; null: one a GPU, or one a core without GPUs
    workers: int | None = None
    # runs that share a GPU
    runs_per_gpu: int = 1

    def __post_init__(self) -> None:
        check_ranges(self, HARDWARE, prefix="hardware")


@dataclass
class NetworkConfig:
    """A network of a file's own: a network after steps. [BASE, STEP...] is short for it."""

    # a name of lit_models.SPECS or another network of the file
    base: str = ""
    # steps such as kernel_size=31, applied in the order given
    steps: list[str] = field(default_factory=list)


@dataclass
class AlternativeConfig:
    """Another setting of a step of a trajectory; its text alone is short for it."""

    # one or more texts such as kernel_size=7 that are toggled together
    steps: list[str] = field(default_factory=list)
    # for tables and figures; empty: that of the texts
    title: str = ""
    # steps that belong together, such as "micro design"
    group: str = ""
    # paper and table
    source: str = ""


@dataclass
class StepConfig(AlternativeConfig):
    """A step of a trajectory; its text alone is short for it."""

    # other settings of the step, a name for each: one takes the step's place
    alternatives: dict[str, AlternativeConfig] = field(default_factory=dict)


@dataclass
class TrajectoryConfig:
    """A trajectory of a file's own."""

    # for people: tables, figures
    title: str = ""
    # the first point: a network, or [NETWORK, STEP...]
    start: list[str] = field(default_factory=list)
    start_title: str = ""
    # side in px of the images that it is for
    image_size: int = 224
    # a table of studies/designs/published.yaml with rows by the names of the steps
    published: str | None = None
    # a name for each step, in order
    steps: dict[str, StepConfig] = field(default_factory=dict)


@dataclass
class StudyConfig:
    """The keys of a study.

    Raises:
        ValueError: seeds that are missing, repeated or out of range.
    """

    # for people: tables, figures
    title: str = ""
    description: str = ""
    # one of the file's own, or a name in lit_models.TRAJECTORIES; empty where points name their
    # networks
    trajectory: str = ""
    # which points are trained; what stands below depends on points.kind
    points: Points = field(default_factory=CumulativePoints)
    data: DataConfig = field(default_factory=DataConfig)
    recipe: Recipe = field(default_factory=Recipe)
    # one run of every point for each seed; or a rule for how many
    seeds: list[int] = field(default_factory=lambda: [0])
    # what a mapping below `seeds` says; the seeds are then those of its first stage
    seeds_rule: SeedsConfig = field(default_factory=SeedsConfig)
    hardware: Hardware = field(default_factory=Hardware)
    # networks, grid: a table of studies/designs/published.yaml with rows by the names of the points
    published: str | None = None
    # under which conditions the networks are asked, once trained; a suite alone is short for it (no
    # part of a run's identity)
    robustness: RobustnessConfig = field(default_factory=RobustnessConfig)
    # networks, grid: allow kernels with weights that no position of a map can use
    oversized_kernels: bool = False

    def __post_init__(self) -> None:
        rule = self.seeds_rule.rule
        if rule is not None:
            self.seeds = list(range(rule.first))
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds is {self.seeds}, but it has to list at least one, none twice.")
        wrong = [seed for seed in self.seeds if not 0 <= seed <= _MAX_SEED]
        if wrong:
            raise ValueError(f"seeds has {wrong}, but seeds go from 0 to {_MAX_SEED}.")


# The sections of a study file: what stands under it, or under each of the names in it.
SECTIONS: Mapping[str, type] = MappingProxyType(
    {
        "hardware": Hardware,
        "recipes": Recipe,
        "networks": NetworkConfig,
        "trajectories": TrajectoryConfig,
        "studies": StudyConfig,
    }
)


@dataclass
class Study(StudyConfig):
    """A study with everything resolved: file, recipe, overrides, defaults."""

    name: str = ""
    recipe_name: str = ""
    own_trajectory: Trajectory | None = None  # None: it is one of TRAJECTORIES


def trajectory_of(study: StudyConfig) -> Trajectory:
    """The trajectory that a study lies on: the file's own, or a shipped one.

    Raises KeyError for a study without one.
    """
    own = study.own_trajectory if isinstance(study, Study) else None
    return own or TRAJECTORIES[study.trajectory]


@dataclass(frozen=True)
class Experiments:
    """A checked experiments.yaml."""

    path: Path
    recipes: Sequence[str]
    studies: Mapping[str, Study]


def find_experiments(option: Path | None = None) -> Path:
    """The option, else ./experiments.yaml, else the project's own file.

    Raises ValueError when the option is no file.
    """
    if option is not None:
        if not option.is_file():
            raise ValueError(f"{option} is no file: give --file the path of an {EXPERIMENTS}")
        return option
    own = Path(EXPERIMENTS)
    return own if own.is_file() else shipped_experiments()


def shipped_experiments() -> Path:
    """The project's own file: that at the top of a checkout, or the copy in an installed package.

    In the package's folder lies a link, which a wheel has as a file.
    """
    return Path(__file__).with_name(EXPERIMENTS).resolve()
