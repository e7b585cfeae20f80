"""`ablate board`: TensorBoard on a study's runs, or on those of all studies."""

import argparse

from ablations.commands.parsing import add_places, typed
from ablations.store.index_file import require_index
from ablations.store.runs import runs_root
from ablations.studies.study_file import use_files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate board`."""
    parser.add_argument("study", nargs="?", metavar="NAME", help="a study; default: all of them")
    parser.add_argument("--port", type=int, metavar="PORT", help="default: a free one from 6006 on")
    add_places(parser)


def command(options: argparse.Namespace) -> int:
    """TensorBoard until Ctrl-C; its exit code."""
    from ablations.board.server import serve

    use_files(options.file)
    root = runs_root(options.runs)
    if options.study is not None:
        first = typed(options).hint("run", options.study)
        require_index(options.study, root, first=first)
    return serve(options.study, runs_root=root, port=options.port)
