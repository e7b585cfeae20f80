"""Standard output and error that outlive their reader and a full disk: text is lost, no more."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast


def open_missing() -> None:
    """Give standard streams that were closed when this process started (`>&-`) to nowhere.

    Otherwise the next file that is opened would get their number, and what is printed.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _to_nowhere(number)
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def flush_or_lose(stream: TextIO) -> OSError | None:
    """Flush; what cannot be written, and all that follows, is lost. Why, if so."""
    try:
        stream.flush()
    except OSError as error:
        _lose(stream)
        return error
    return None


def _lose(stream: TextIO) -> None:
    with suppress(OSError, ValueError):  # a stream without a number, or closed
        _to_nowhere(stream.fileno())
        stream.flush()


@contextmanager
def lasting() -> Iterator[None]:
    """Output that cannot be written is lost in the block, which standard error is told once."""
    before = sys.stdout, sys.stderr
    sys.stderr = cast("TextIO", _Lasting(sys.stderr, "standard error"))
    sys.stdout = cast("TextIO", _Lasting(sys.stdout, "standard output"))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in before:
            flush_or_lose(stream)


class _Lasting:
    """A text stream whose `write` and `flush` do not raise OSError."""

    def __init__(self, stream: TextIO, title: str) -> None:
        self._stream, self._title = stream, title

    def write(self, text: str) -> int:
        """Write, if there is still somebody to read it."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._tell(error)
        return len(text)

    def flush(self) -> None:
        """Flush, if there is still somebody to read it."""
        error = flush_or_lose(self._stream)
        if error is not None:
            self._tell(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _tell(self, error: OSError) -> None:
        _lose(self._stream)
        if self._title != "standard error":
            print(
                f"ablate: {self._title} cannot be written any more ({error.strerror}); the grid "
                "goes on, see `ablate status`",
                file=sys.stderr,
                flush=True,
            )


def _to_nowhere(number: int) -> None:
    handle = os.open(os.devnull, os.O_RDWR)
    os.dup2(handle, number)
    if handle != number:
        os.close(handle)
