"""`ablate exec-run FOLDER`: one run in this process; only the launcher types it."""

import argparse
import os
import signal
from pathlib import Path

from ablations.process.tether import end_with_parent, tethered


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What follows `ablate exec-run`."""
    parser.add_argument("folder", type=Path)


def command(options: argparse.Namespace) -> int:
    """Train the run of one folder in this process: how runs on several devices are started."""
    from ablations.run.train import train_run
    from ablations.run.worker import attempt

    folder = options.folder.absolute()
    if os.environ.get("LOCAL_RANK", "0") != "0":  # another rank of it: the first one reports
        end_with_parent()
        train_run(folder)
        return 0
    end_with_parent(signal.SIGTERM)
    os.environ.update(tethered())  # for the other ranks, which Lightning starts
    return attempt(folder, train_run)
