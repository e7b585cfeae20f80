"""`python checking_process.py`: a child forked for a check that never ends; prints all the pids."""

import os
import time

from ablations.grid.executor import fork_server
from ablations.grid.preflight import in_child


def check() -> None:
    """Name the processes, and hang."""
    print(os.getppid(), os.getpid(), flush=True)
    time.sleep(60)


if __name__ == "__main__":
    from tests.support.checking_process import check as importable

    in_child(fork_server(preload=()), importable)
