"""Asking networks, with progress, and what is said of it at the end."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from ablations.commands.parsing import typed as typed_places
from ablations.commands.robustness.progress import shown_progress
from ablations.commands.robustness.typed import Typed
from ablations.files.plain_text import as_json
from ablations.process.output import lasting
from ablations.robustness.evaluate.run import Failure, Step, sentences
from ablations.robustness.evaluate.work import Group, missing
from ablations.robustness.evaluate.workers import evaluate_all
from ablations.store.runs import runs_root

if TYPE_CHECKING:
    from rich.console import Console

FAILURE = 1


def ask_networks(
    typed: Typed,
    groups: Sequence[Group],
    *,
    options: argparse.Namespace,
    console: "Console | None",
    notes: Sequence[str],
) -> int:
    """Ask what is missing, and say what became of it; the exit code.

    Args:
        typed: what was asked.
        groups: what `prepare` made of it.
        options: of the command line.
        console: None: print JSON instead.
        notes: that were said before.
    """
    before = _answers(groups, typed)
    failures = list[Failure]()
    with lasting():
        total = sum(len(group.tasks) * len(group.subjects) for group in groups) - sum(before)
        _evaluate(typed, groups, failures, total=total, workers=options.workers, console=console)
    after = _answers(groups, typed)
    if console is None:
        print(
            as_json(
                {
                    "networks": len(typed.asked.subjects),
                    "answered": sum(after) - sum(before),
                    "conditions": _by_condition(groups, typed),
                    "notes": list(notes),
                    "failed": [asdict(failure) for failure in failures],
                }
            )
        )
    else:
        _conclude(typed, groups, failures, new=sum(after) - sum(before), options=options)
    return FAILURE if _has_failed(failures, _by_condition(groups, typed)) else 0


def _has_failed(failures: Sequence[Failure], answered: Mapping[str, int]) -> bool:
    """Whether there is more than conditions that do not suit some of the networks."""
    return any(not one.refused or not answered.get(one.condition or "") for one in failures)


def _evaluate(
    typed: Typed,
    groups: Sequence[Group],
    failures: list[Failure],
    *,
    total: int,
    workers: int,
    console: "Console | None",
) -> None:
    from rich.console import Console

    quiet = Console(quiet=True)
    with shown_progress(total, console or quiet) as show:

        def report(step: Step) -> None:
            failures.extend(step.failures)
            show(step)

        if total:
            evaluate_all(groups, typed.asked, workers=workers, report=report)


def _answers(groups: Sequence[Group], typed: Typed) -> list[int]:
    """How many networks have answered each task."""
    return [
        len(group.subjects) - len(places)
        for group in groups
        for _, places in missing(group, typed.asked.config)
    ]


def _by_condition(groups: Sequence[Group], typed: Typed) -> dict[str, int]:
    """How many networks have answered, by condition."""
    found = dict[str, int]()
    for group in groups:
        for task, places in missing(group, typed.asked.config):
            key = task.condition.key
            found[key] = found.get(key, 0) + len(group.subjects) - len(places)
    return found


def _conclude(
    typed: Typed,
    groups: Sequence[Group],
    failures: Sequence[Failure],
    *,
    new: int,
    options: argparse.Namespace,
) -> None:
    """Say what failed, how far it is, and what to type next."""
    from ablations.terminal.tables import make_console, say

    console, places = make_console(), typed_places(options)
    for sentence in sentences(failures):
        say(console, sentence)
    conditions, networks = _by_condition(groups, typed), len(typed.asked.subjects)
    whole = sum(count == networks for count in conditions.values())
    images = sorted({len(task.listed.indices) for group in groups for task in group.tasks})
    say(
        console,
        f"{options.what}: {new} new answers; {whole} of {len(conditions)} conditions are answered "
        f"by all {networks} networks, with {' and '.join(f'{n:,}' for n in images)} images each",
    )
    if typed.subjects.study is not None:
        _show_study(typed.subjects.study, console, options)
        say(console, f"next: {places.hint('report', typed.subjects.study)} shows what it says")
    else:
        folder = typed.asked.subjects[0].folder / "robustness"
        say(console, f"the answers are in {folder}")


def _show_study(study: str, console: "Console", options: argparse.Namespace) -> None:
    """The metrics of a study as a table, and as scalars for TensorBoard."""
    from ablations.compare.records import load_study
    from ablations.report.robustness_scalars import write_scalars
    from ablations.robustness.shown.terminal import print_summary

    record = load_study(study, runs_root=runs_root(options.runs))
    write_scalars(record)
    print_summary(record, console)
