"""`ablate report`: the comparison of a study, written and printed."""

import argparse
import sys

from ablations.commands.parsing import add_json, add_places, add_study, typed
from ablations.files.plain_text import as_json
from ablations.store.index_file import has_older_report, require_index
from ablations.store.runs import runs_root
from ablations.studies.study_file import use_files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate report`."""
    add_study(parser)
    add_places(parser)
    add_json(parser)


def command(options: argparse.Namespace) -> int:
    """Write the comparison and print it; `--json` prints the rows of report.json."""
    from ablations import report as reports

    use_files(options.file)
    root = runs_root(options.runs)
    index = require_index(options.study, root, first=typed(options).hint("run", options.study))
    before = index.get("replaced")
    if before is not None and has_older_report(options.study, root):
        print(
            "note: this takes the place of a report of other runs; the command before was "
            f"`{before}`",
            file=sys.stderr,
        )
    paths = reports.write_report(options.study, runs_root=root)
    if options.json:
        rows = reports.to_json(reports.rows(options.study, runs_root=root))
        print(as_json(rows))
        return 0
    reports.print_terminal(options.study, runs_root=root)
    print(f"figure: {paths.figures[0]}\nreport: {paths.html}")
    if any(path.stem == "attribution" for path in paths.details):
        print(f"steps: {typed(options).hint('attribute', options.study)} says what each is worth")
    print(f"curves: {typed(options).hint('board', options.study)} opens TensorBoard")
    return 0
