"""`ablate bench grid`: what a grid costs beside the training itself."""

import argparse
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from ablations.commands.parsing import add_json, at_least
from ablations.files.plain_text import as_json
from ablations.planning.plan import PlannedRun, make_plan
from ablations.store.runs import RunFolder, run_path
from ablations.studies.config import Recipe, Study
from datamodules.config.data import DataConfig
from lit_models.training.metrics import FIT_SECONDS

# The nano trajectory on few images: the smallest runs there are, so that the rest shows.
_STUDY = Study(
    name="bench",
    trajectory="convnext_nano",
    data=DataConfig(name="digits", train_limit=128, test_limit=64),
    recipe=Recipe(epochs=1, batch_size=64),
)


@dataclass(frozen=True)
class GridCost:
    """Seconds of one grid."""

    runs: int
    workers: int
    wall: float  # from nothing to the last run's end
    start_up: float  # of it: importing, checking devices and data, until the first run starts
    training: float  # batches and validation of all runs, as each run measured them

    @property
    def fixed(self) -> float:
        """Seconds a run occupies its worker beside training, on average."""
        return ((self.wall - self.start_up) * self.workers - self.training) / self.runs

    @property
    def ratio(self) -> float:
        """Grid wall time over the sum of the pure training time of its runs."""
        return self.wall / self.training


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate bench grid`."""
    parser.add_argument("--workers", type=at_least(0), metavar="N", help="runs at a time")
    add_json(parser)


def command(options: argparse.Namespace) -> int:
    """Train a small grid in a temporary folder and print its cost."""
    with tempfile.TemporaryDirectory(prefix="ablate-bench-") as folder:
        cost = measure_grid(Path(folder), workers=options.workers)
    if options.json:
        values = {**vars(cost), "fixed": cost.fixed, "ratio": cost.ratio}
        print(as_json(values))
        return 0
    print(
        f"{cost.runs} runs, {cost.workers} at a time: {cost.wall:.2f} s wall time, of which "
        f"{cost.start_up:.2f} s once before the first run\n"
        f"pure training time of the runs, summed: {cost.training:.2f} s\n"
        f"grid wall time / pure training time: {cost.ratio:.2f}\n"
        f"fixed cost of a run: {cost.fixed:.2f} s"
    )
    return 0


def measure_grid(root: Path, *, workers: int | None) -> GridCost:
    """Train all points of the bench study below `root`."""
    from ablations.grid.executor import LocalExecutor, cores, make_slots
    from ablations.grid.grid import Grid
    from ablations.grid.preflight import inspect_in_child

    began = time.monotonic()
    study = replace(_STUDY, hardware=replace(_STUDY.hardware, accelerator="cpu", workers=workers))
    plan = make_plan(study)
    inspect_in_child(plan, root)
    slots = make_slots(study.hardware, gpus=(), cores=cores())
    start_up = time.monotonic() - began
    rows = tuple(plan.unique().values())
    Grid(rows, root, LocalExecutor(slots)).run()
    wall = time.monotonic() - began
    return GridCost(len(rows), len(slots), wall, start_up, _training_seconds(rows, root))


def _training_seconds(rows: tuple[PlannedRun, ...], root: Path) -> float:
    seconds = 0.0
    for row in rows:
        folder = RunFolder(run_path(root, row.run_id))
        summary = folder.summary()
        if summary is None:
            raise ValueError(f"a run of the bench grid failed: {folder.message()}")
        seconds += float(summary[FIT_SECONDS])
    return seconds
