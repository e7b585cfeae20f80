"""`python grid_process.py ROOT WORKERS ACT...`: a grid of fake runs in a process of its own."""

import sys
from pathlib import Path

from ablations.grid.executor import LocalExecutor
from ablations.grid.grid import Grid, stop_on_signals
from ablations.run.worker import Slot
from tests.support.fake_runs import fake_row, train

if __name__ == "__main__":
    root, workers, *acts = sys.argv[1:]
    rows = tuple(fake_row(number, act) for number, act in enumerate(acts))
    executor = LocalExecutor((Slot(1),) * int(workers), train=train, preload=())
    with stop_on_signals() as stop:
        Grid(rows, Path(root), executor, stop=stop).run()
    print("over", stop.count)
