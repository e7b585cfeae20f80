"""`ablate attribute`: what each step of a study is worth over all legal orders."""

import argparse

from ablations.commands.parsing import add_json, add_places, add_study, typed
from ablations.files.plain_text import as_json
from ablations.store.index_file import require_index
from ablations.store.runs import runs_root


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate attribute`."""
    add_study(parser)
    parser.add_argument(
        "--method",
        choices=("regression", "marginal"),
        help="whose values are the result; default: exact where every network is trained, else by "
        "regression, unless that lacks fit",
    )
    about = "leave out finished runs that only other studies of the same trajectory have"
    parser.add_argument("--own", action="store_true", help=about)
    add_places(parser)
    add_json(parser)


def command(options: argparse.Namespace) -> int:
    """Print the tables and what they rest on; `--json` prints what attribution.json holds."""
    from ablations.attribution.shown.plain import to_plain
    from ablations.attribution.study.attribute import attribute
    from ablations.compare.records import load_study

    root = runs_root(options.runs)
    require_index(options.study, root, first=typed(options).hint("run", options.study))
    study = load_study(options.study, runs_root=root)
    found = attribute(study, method=options.method, only_own=options.own)
    if options.json:
        print(as_json(to_plain(found)))
        return 0
    from ablations.attribution.shown.terminal import print_attribution

    print_attribution(found)
    return 0
