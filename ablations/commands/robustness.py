"""`ablate robustness`: what trained networks say of corrupted, changed and other images."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from ablations.commands.parsing import add_json, add_overrides, add_places, at_least
from ablations.files.plain_text import as_json
from ablations.store.runs import runs_root
from ablations.studies.robustness.config import RobustnessConfig
from ablations.studies.study_file import read_source

if TYPE_CHECKING:
    from ablations.robustness.evaluate.subjects import Subjects
    from ablations.robustness.evaluate.work import Asked, Group

FAILURE = 1
_DEFAULT = "quick"
_OVERRIDES = (
    "any key of robustness, data and hardware, such as images=1000, attacks.fgsm=[1/255,8/255], "
    "data.root=DIR, hardware.accelerator=cpu"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate robustness`."""
    parser.add_argument(
        "what",
        metavar="WHAT",
        help="a study, whose finished runs are asked; a run id, STUDY/POINT/SEED, or a checkpoint",
    )
    parser.add_argument(
        "data",
        nargs="?",
        metavar="DATA",
        help="a data set of `ablate list`; default: that of the runs",
    )
    add_overrides(parser, text=_OVERRIDES)
    parser.add_argument(
        "--suite",
        metavar="NAME[,NAME]",
        help=f"which conditions; default: those of the study, else {_DEFAULT}",
    )
    parser.add_argument(
        "--plan", action="store_true", help="what would be asked, and what it costs; asks nothing"
    )
    parser.add_argument(
        "--workers",
        type=at_least(1),
        default=1,
        metavar="N",
        help="processes that share the conditions; the answers are the same for any number",
    )
    add_places(parser)
    add_json(parser, instead_of="text")


def command(options: argparse.Namespace) -> int:
    """Ask what was not answered yet; 0 only if nothing is missing afterwards.

    `--json` prints one object: networks, answered (by this command), failed (a list of network,
    condition and reason), and conditions (each with how many networks have answered it). With
    `--plan` see `ablations.robustness.evaluate.measured`.
    """
    from ablations.robustness.evaluate.work import prepare
    from ablations.terminal.tables import make_console, say

    asked, subjects = _asked(options)
    groups = prepare(asked)
    console = make_console()
    notes = (*subjects.notes, *dict.fromkeys(note for g in groups for note in g.absent))
    if not options.json:
        for note in notes:
            say(console, note)
    return _evaluate(options, asked, subjects, groups)


def _asked(options: argparse.Namespace) -> tuple["Asked", "Subjects"]:
    from ablations.robustness.conditions.suites import suite
    from ablations.robustness.evaluate.settings import told
    from ablations.robustness.evaluate.subjects import find_subjects
    from ablations.robustness.evaluate.work import Asked

    name, overrides = options.data, list(options.overrides)
    if name is not None and "=" in name:  # no data set: the first override
        name, overrides = None, [name, *overrides]
    suites = [text.strip() for text in options.suite.split(",")] if options.suite else []
    for text in suites:
        suite(text)
    before = _of_study(options)
    said = told(before, overrides, suites=suites)
    config = said.config if said.config.suite else replace(said.config, suite=[_DEFAULT])
    root = runs_root(options.runs)
    subjects = find_subjects(
        options.what, root=root, file=options.file, source=read_source(options.file)
    )
    asked = Asked(subjects.networks, config, name, said.elsewhere, tuple(options.use))
    return asked, subjects


def _of_study(options: argparse.Namespace) -> RobustnessConfig:
    """What the study says of robustness; the defaults where no study was named."""
    del options
    return RobustnessConfig()


def _evaluate(
    options: argparse.Namespace, asked: "Asked", subjects: "Subjects", groups: tuple["Group", ...]
) -> int:
    from ablations.robustness.evaluate.run import Failure, Step
    from ablations.robustness.evaluate.work import missing
    from ablations.robustness.evaluate.workers import evaluate_all
    from ablations.terminal.tables import make_console, say

    total = sum(len(places) for group in groups for _, places in missing(group, asked.config))
    console = make_console()
    failures, done = list[Failure](), 0

    def report(step: Step) -> None:
        nonlocal done
        done += step.answers
        failures.extend(step.failures)
        if not options.json:
            say(console, f"{done} of {total} answers: {step.condition}")

    evaluate_all(groups, asked, workers=options.workers, report=report)
    if options.json:
        print(as_json({"answered": done - len(failures)}))
    for failure in failures:
        say(console, failure.sentence)
    return FAILURE if failures else 0
