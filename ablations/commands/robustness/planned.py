"""`ablate robustness --plan`: what would be asked, and what it costs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from ablations.files.plain_text import as_json
from ablations.robustness.evaluate.measured import Planned, plan
from ablations.robustness.evaluate.run import Failure, sentences
from ablations.robustness.evaluate.work import Asked, Group

if TYPE_CHECKING:
    from rich.console import Console

_COLUMNS = ("condition", "images", "answered", "missing", "forwards", "backwards", "time")


def show_plan(
    asked: Asked, groups: Sequence[Group], *, console: "Console | None", notes: Sequence[str]
) -> int:
    """Print a row for each condition and the sums; as JSON without a console. Asks nothing.

    JSON is one object: networks, conditions (each with condition, images, networks, missing,
    forwards, backwards and seconds), the sums forwards, backwards and seconds (of one process),
    found (folders of public sets, in sentences), notes, and failed (network, condition, reason of
    what will fail).
    """
    rows, failed = list[Planned](), list[Failure]()
    for group in groups:
        planned, failures = plan(group, asked.config)
        rows += planned
        failed += failures
    there = list(dict.fromkeys(sentence for group in groups for sentence in group.there))
    sums = {
        key: sum(getattr(row, key) for row in rows) for key in ("forwards", "backwards", "seconds")
    }
    if console is None:
        print(
            as_json(
                {
                    "networks": len(asked.subjects),
                    "conditions": [asdict(row) for row in rows],
                    **sums,
                    "found": there,
                    "notes": list(notes),
                    "failed": [asdict(failure) for failure in failed],
                }
            )
        )
        return 0
    _print(rows, sums, console, said=[*there, *sentences(failed)])
    return 0


def _print(
    rows: Sequence[Planned], sums: Mapping[str, float], console: "Console", *, said: Sequence[str]
) -> None:
    from ablations.terminal.tables import say, seconds_text, table

    made = table("", _COLUMNS, width=console.width, numbers=_COLUMNS[1:])
    for row in rows:
        made.add_row(
            row.condition,
            f"{row.images:,}",
            f"{row.networks - row.missing} of {row.networks}",
            str(row.missing),
            *(f"{number:,.0f}" if number else "" for number in (row.forwards, row.backwards)),
            seconds_text(row.seconds) if row.missing else "",
        )
    console.print(made)
    for sentence in said:
        say(console, sentence)
    total = sum(row.missing for row in rows)
    if not total:
        say(console, "nothing is missing: every network has answered under every condition")
        return
    say(
        console,
        f"{total:,} answers are missing: {sums['forwards']:,.0f} forward passes and "
        f"{sums['backwards']:,.0f} with a backward pass, about {seconds_text(sums['seconds'])} in "
        "one process",
    )
