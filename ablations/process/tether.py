"""Child processes that end with their parent, however that one ends.

On Linux the kernel sends a signal. Elsewhere a child that is busy goes on to its next read from
its parent, which then fails.

`python -m ablations.process.tether MODULE ARGUMENT...` runs somebody else's module in such a
process.
"""

import ctypes
import os
import runpy
import signal
import sys
import threading
from multiprocessing import parent_process

_PARENT = "ABLATE_PARENT"  # the process id of the process that wants its children to end with it
_PR_SET_PDEATHSIG = 1  # prctl(2)


def tethered() -> dict[str, str]:
    """The environment for a child that is to end with this process, and calls `end_with_parent`."""
    # The kernel means the thread that started the child.
    mine = threading.current_thread() is threading.main_thread()
    return {**os.environ, **({_PARENT: str(os.getpid())} if mine else {})}


def end_with_parent(number: int = signal.SIGKILL) -> None:
    """Get the signal when the parent ends, if it started this process with `tethered`."""
    said = os.environ.pop(_PARENT, None)
    if said is None:
        return
    _ask_kernel(number)
    if os.getppid() != int(said):  # it ended before this process could ask
        os.kill(os.getpid(), number)


def end_with_launcher() -> None:
    """In a process that `multiprocessing` forked from a server: end with the server.

    The server ends with the launcher, which is the parent as `multiprocessing` sees it.
    """
    _ask_kernel(signal.SIGKILL)
    launcher = parent_process()
    if launcher is not None and not launcher.is_alive():
        os.kill(os.getpid(), signal.SIGKILL)


def _ask_kernel(number: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def main(module: str, *arguments: str) -> None:
    """Run a module as if it had been started by itself."""
    end_with_parent(signal.SIGTERM)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
