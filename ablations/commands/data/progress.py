"""How `ablate data` shows its work: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress
from rich.console import Console

from ablations.files.plain_text import size_text
from datamodules.writing.writer import Progress

_EVERY = 10.0  # seconds between two plain lines


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """What a writer or checker calls after every sample."""
    console = Console()
    if not console.is_terminal:
        yield _Lines()
        return
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[size]}"),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left:"),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console) as bars:
        yield _Bars(bars)


class _Bars:
    """One bar a stage, drawn by rich a few times a second."""

    def __init__(self, bars: progress.Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, progress.TaskID] = {}
        self._drawn = 0.0

    def __call__(self, stage: str, done: int, total: int, size: int) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total, size="")
        now = time.monotonic()
        if done == total or now - self._drawn > 0.1:
            self._drawn = now
            self._bars.update(self._tasks[stage], completed=done, size=size_text(size))


class _Lines:
    """A line now and then."""

    def __init__(self) -> None:
        self._stage, self._began, self._printed = "", 0.0, 0.0

    def __call__(self, stage: str, done: int, total: int, size: int) -> None:
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._began, self._printed = stage, now, now
        if now - self._printed < _EVERY:
            return
        self._printed = now
        left = (now - self._began) / done * (total - done)
        print(
            f"{stage} {done:,} of {total:,}, {size_text(size)}, about {left:.0f} s left", flush=True
        )
