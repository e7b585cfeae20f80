"""Importing FFCV without its side effects on the rest of the process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from datamodules.catalog import loader_choice


def check_installed() -> None:
    """Say before any training what the first batch would say.

    Raises:
        ValueError: FFCV is not installed, with what to do.
    """
    if not loader_choice.ffcv_installed():
        raise ValueError(
            "data.loader=ffcv needs FFCV, which is not installed: `make setup` builds it where its "
            "system packages are (see the README), or set data.loader=torch."
        )


def import_ffcv() -> None:
    """Import FFCV, once.

    Raises:
        ValueError: it is not installed or does not load, with what to do.
    """
    if "ffcv" in sys.modules:
        return
    check_installed()
    try:
        with kept_threads(), _plain_dictionary():
            import ffcv  # noqa: F401
    except (ImportError, OSError) as error:
        raise ValueError(
            f"FFCV is installed but does not load ({error}): build it again with `make clean "
            "setup`, or set data.loader=torch."
        ) from error


@contextmanager
def kept_threads() -> Iterator[None]:
    """Put torch's number of threads back, which FFCV sets for the whole process."""
    import torch

    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _plain_dictionary() -> Iterator[None]:
    """A plain dict where FFCV compiles a typed one of two entries, at a cost of seconds.

    It only ever reads two constants out of it.
    """
    import numba.typed

    kept = numba.typed.Dict
    numba.typed.Dict = dict
    try:
        yield
    finally:
        numba.typed.Dict = kept
