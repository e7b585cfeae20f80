"""Progress for people: a table that renews itself on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from ablations.store.heartbeat import SILENCE
from ablations.terminal.progress import Progress, eta
from ablations.terminal.tables import SHOWN, STYLES, progress_table, say, seconds_text

_AROUND = 8  # lines of a table's head and of what stands below it
_REFRESH = 0.5  # seconds between two looks at the run folders

ProgressSource = Callable[[], Sequence[Progress]]


class View(Protocol):
    """Shows progress while a grid runs."""

    def __enter__(self) -> "View":
        """Begin to show."""

    def __exit__(self, *_: object) -> None:
        """Show the last state."""

    def update(self) -> None:
        """Show what changed; cheap to call often."""


class LiveView:
    """A table that redraws itself in place."""

    def __init__(
        self, source: ProgressSource, *, title: str, console: Console, more: str = ""
    ) -> None:
        self._source, self._title, self._more = source, title, more or f"`ablate status {title}`"
        self._started, self._before = time.monotonic(), _epochs(source())
        self._live = Live(console=console, auto_refresh=False)
        self._shown = 0.0

    def __enter__(self) -> "LiveView":
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._draw()
        self._live.__exit__(None, None, None)

    def update(self) -> None:
        """Redraw, at most every half second."""
        if time.monotonic() - self._shown > _REFRESH:
            self._draw()

    def _draw(self) -> None:
        rows = self._source()
        self._shown = time.monotonic()
        elapsed = self._shown - self._started
        caption = _caption(rows, elapsed=elapsed, epochs_before=self._before)
        width, height = self._live.console.size
        shown = _most_important(rows, room=max(1, height - _AROUND))
        if len(shown) < len(rows):
            caption += f"\n{len(rows) - len(shown)} more rows: {self._more}"
        notes = [_sentence(row) for row in shown if row.state == "running" and row.message]
        table = progress_table(shown, title=self._title, width=width)
        text = Text("\n".join([caption, *notes]), style="dim")
        self._live.update(Group(table, text), refresh=True)


class PlainView:
    """A line when a run changes its state or falls silent, for logs and pipes."""

    def __init__(self, source: ProgressSource, *, title: str, console: Console) -> None:
        self._source, self._title, self._console = source, title, console
        self._started, self._shown = time.monotonic(), 0.0
        first = source()
        self._before, self._states = _epochs(first), {row.run_id: _news(row) for row in first}

    def __enter__(self) -> "PlainView":
        done = sum(state == "done" for state, _ in self._states.values())
        self._say(f"{self._title}: {len(self._states)} runs, {done} done before")
        return self

    def __exit__(self, *_: object) -> None:
        self._report()

    def update(self) -> None:
        """Print what changed, at most every half second."""
        if time.monotonic() - self._shown > _REFRESH:
            self._report()

    def _report(self) -> None:
        rows = self._source()
        self._shown = time.monotonic()
        caption = _caption(rows, elapsed=self._shown - self._started, epochs_before=self._before)
        for row in {row.run_id: row for row in rows}.values():
            if self._states.get(row.run_id) != _news(row):
                self._states[row.run_id] = _news(row)
                self._say(f"{_sentence(row)}  ({caption})")

    def _say(self, text: str) -> None:
        line = f"{datetime.now():%H:%M:%S} {text}"
        say(self._console, line)


def make_view(source: ProgressSource, *, title: str, console: Console, more: str = "") -> View:
    """The live table on a terminal, lines elsewhere.

    `more`: the command that shows the rows for which a terminal has no room.
    """
    if not console.is_terminal:
        return PlainView(source, title=title, console=console)
    return LiveView(source, title=title, console=console, more=more)


def _news(row: Progress) -> tuple[str, bool]:
    """What a line is printed for: the state, and whether the worker is silent."""
    return row.state, row.quiet is not None and row.quiet >= SILENCE


def _most_important(rows: Sequence[Progress], *, room: int) -> Sequence[Progress]:
    """The rows that there is room for, running and failed ones first, in the order given."""
    if len(rows) <= room:
        return rows
    order = ("running", "failed", "interrupted", "stale", "new", "done")
    best = sorted(range(len(rows)), key=lambda place: order.index(rows[place].state))[:room]
    return [rows[place] for place in sorted(best)]


def _sentence(row: Progress) -> str:
    numbers = "".join(f" {name} {row.metrics[name]:.3f}" for name in SHOWN if name in row.metrics)
    after = f" after {seconds_text(row.seconds)}" if row.seconds and row.state == "done" else ""
    reason = f": {row.message}" if row.message else ""
    return f"{row.point} seed {row.seed} {row.state}{after}{numbers}{reason}"


def _caption(rows: Sequence[Progress], *, elapsed: float, epochs_before: int) -> str:
    states = [row.state for row in {row.run_id: row for row in rows}.values()]
    counts = [f"{states.count(s)} {s}" for s in STYLES if s != "done" and s in states]
    left = eta(rows, elapsed=elapsed, epochs_before=epochs_before)
    about = f"about {seconds_text(left)} left" if left else ""
    done = f"{states.count('done')}/{len(states)} done"
    return ", ".join(
        [done, *counts, f"{seconds_text(elapsed)} so far", *([about] if about else [])]
    )


def _epochs(rows: Sequence[Progress]) -> int:
    return sum(row.epoch for row in {row.run_id: row for row in rows}.values())
