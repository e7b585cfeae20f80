"""How `ablate robustness` shows its work: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich import progress
from rich.console import Console

from ablations.robustness.evaluate.run import Step

_EVERY = 10.0  # seconds between two plain lines
Show = Callable[[Step], None]


@contextmanager
def shown_progress(total: int, console: Console) -> Iterator[Show]:
    """What is called after each step of an evaluation.

    Args:
        total: how many answers there will be.
        console: to draw on.
    """
    if not console.is_terminal:
        yield _lines(total, console)
        return
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left:"),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console) as bars:
        task = bars.add_task("answers", total=total)
        yield lambda step: bars.update(
            task, advance=step.answers, description=step.condition or "answers"
        )


def _lines(total: int, console: Console) -> Show:
    """A line now and then."""
    begun = printed = time.monotonic()
    done = 0

    def show(step: Step) -> None:
        nonlocal done, printed
        done += step.answers
        now = time.monotonic()
        if now - printed < _EVERY or not done:
            return
        printed = now
        left = (now - begun) / done * (total - done)
        console.print(
            f"{step.condition}: {done:,} of {total:,} answers, about {left:.0f} s left",
            highlight=False,
        )

    return show
