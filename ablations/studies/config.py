"""What experiments.yaml and the command line can say, as types.

A study names a trajectory and which points of it to train, or networks one by one; then data, a
recipe and seeds. `ablations.studies.study_file` reads them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from datamodules.config.data import Augmentation, DataConfig
from lit_models.recipe.config import TrainingConfig
from lit_models.recipe.ranges import Range, check_ranges

EXPERIMENTS = "experiments.yaml"
PointsKind = Literal[
    "cumulative", "leave_one_out", "add_one_in", "factorial", "explicit", "networks"
]
Accelerator = Literal["auto", "cpu", "gpu", "mps"]

_MAX_SEED = 2**32 - 1  # numpy's limit
_POINT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+.-]{0,79}")


@dataclass
class Recipe(TrainingConfig):
    """How a network is trained: optimisation, and what happens to the training images."""

    augment: Augmentation = field(default_factory=Augmentation)


@dataclass
class Points:
    """Which points of the trajectory a study trains. Steps keep the trajectory's order.

    With the kind `networks` there is no trajectory: every point is a named network and steps.

    Raises:
        ValueError: keys that have no meaning for this kind of design.
    """

    # cumulative: the start, then step after step; leave_one_out: the end, and it without each step;
    # add_one_in: the start, and it with each step; factorial: every combination; explicit: `lists`;
    # networks: `networks`
    kind: PointsKind = "cumulative"
    # cumulative: also train the other settings of a step, such as other kernel sizes
    alternatives: bool = False
    # leave_one_out, add_one_in, factorial: the steps to toggle; null: all of the trajectory
    steps: list[str] | None = None
    # add_one_in, factorial: steps that every point has
    always: list[str] = field(default_factory=list)
    # explicit: a name for each point and its steps, applied in the order given
    lists: dict[str, list[str]] = field(default_factory=dict)
    # networks: a name for each point, and [NETWORK, STEP, STEP...]: a name of lit_models.SPECS or
    # timm/NAME, and steps such as kernel_size=31, applied in the order given
    networks: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        used = {
            "alternatives": self.kind == "cumulative",
            "steps": self.kind in ("leave_one_out", "add_one_in", "factorial"),
            "always": self.kind in ("add_one_in", "factorial"),
            "lists": self.kind == "explicit",
            "networks": self.kind == "networks",
        }
        for name, has_meaning in used.items():
            if getattr(self, name) and not has_meaning:
                raise ValueError(f"points.{name} has no meaning for points.kind={self.kind}.")
        if self.kind == "factorial" and not self.steps:
            raise ValueError("points.steps has to name the steps of the factorial design.")
        if self.kind == "explicit" and not self.lists:
            raise ValueError("points.lists has to give a name and a list of steps for each point.")
        if self.kind == "networks" and not self.networks:
            raise ValueError("points.networks has to give a name and a network for each point.")
        for key in ("lists", "networks"):
            for label in getattr(self, key):
                if not _POINT.fullmatch(label):
                    raise ValueError(
                        f"points.{key} has a point {label!r}; use letters, digits, _ + -."
                    )


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
class StudyConfig:
    """The keys of a study.

    Raises:
        ValueError: seeds that are missing, repeated or out of range.
    """

    # for people: tables, figures
    title: str = ""
    description: str = ""
    # a name in lit_models.TRAJECTORIES; empty with points.kind=networks
    trajectory: str = ""
    points: Points = field(default_factory=Points)
    data: DataConfig = field(default_factory=DataConfig)
    recipe: Recipe = field(default_factory=Recipe)
    # one run of every point for each seed
    seeds: list[int] = field(default_factory=lambda: [0])
    hardware: Hardware = field(default_factory=Hardware)
    # networks: a table of ablations/published.yaml with rows by the names of the points
    published: str | None = None
    # networks: allow kernels with weights that no position of a map can use
    oversized_kernels: bool = False

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds is {self.seeds}, but it has to list at least one, none twice.")
        wrong = [seed for seed in self.seeds if not 0 <= seed <= _MAX_SEED]
        if wrong:
            raise ValueError(f"seeds has {wrong}, but seeds go from 0 to {_MAX_SEED}.")


@dataclass
class Study(StudyConfig):
    """A study with everything resolved: file, recipe, overrides, defaults."""

    name: str = ""
    recipe_name: str = ""


@dataclass(frozen=True)
class Experiments:
    """A checked experiments.yaml."""

    path: Path
    recipes: Sequence[str]
    studies: Mapping[str, Study]


def find_experiments(option: Path | None = None) -> Path:
    """The option, else ./experiments.yaml, else the project's own file.

    Raises ValueError when there is none.
    """
    if option is not None:
        if not option.is_file():
            raise ValueError(f"{option} is no file: give --file the path of an {EXPERIMENTS}")
        return option
    project = Path(__file__).resolve().parents[2] / EXPERIMENTS
    for path in (Path(EXPERIMENTS), project):
        if path.is_file():
            return path
    raise ValueError(f"there is no {EXPERIMENTS} in {Path.cwd()}: make one, or give --file PATH")
