"""The server that processes are forked from, which imports once what all of them need."""

import multiprocessing
import os
from collections.abc import Sequence
from multiprocessing.context import ForkServerContext

from ablations.process.tether import tethered

_FIRST = "ablations.process.forked"


def tethered_server(preload: Sequence[str]) -> ForkServerContext:
    """Start the server, or find it running; it ends with this process.

    Args:
        preload: modules that it imports, in this order, after what makes it end with this process.
    """
    from multiprocessing.forkserver import ensure_running

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_FIRST, *preload])
    before = dict(os.environ)
    os.environ.update(tethered())
    try:
        ensure_running()
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
    return context
