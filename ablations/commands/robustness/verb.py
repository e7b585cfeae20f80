"""`ablate robustness`: how trained networks do on corrupted, changed and other images."""

import argparse

from ablations.commands.parsing import add_json, add_overrides, add_places, at_least

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
        help="which conditions; default: those of the study, else quick",
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
    """Ask what was not answered yet; 0 only if nothing failed but what suits some networks only.

    `--json` prints one object: networks, answered (new answers), conditions (how many networks have
    answered each), notes, and failed (a list of network, condition, reason
    and refused: it does not suit the network). With `--plan` see
    `ablations.commands.robustness.planned`.
    """
    from ablations.commands.robustness.ask import ask_networks
    from ablations.commands.robustness.planned import show_plan
    from ablations.commands.robustness.typed import read_typed
    from ablations.robustness.evaluate.work import prepare
    from ablations.terminal.tables import make_console, say
    from datamodules.sets.sources import noted

    typed = read_typed(options)
    with noted() as said:
        groups = prepare(typed.asked)
    absent = dict.fromkeys(note for group in groups for note in group.absent)
    notes = (*typed.subjects.notes, *map(str, said), *absent)
    console = None if options.json else make_console()
    if console is not None:
        for note in notes:
            say(console, note)
    if options.plan:
        return show_plan(typed.asked, groups, console=console, notes=notes)
    return ask_networks(typed, groups, options=options, console=console, notes=notes)
