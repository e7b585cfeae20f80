"""`ablate status`, `report` and `board`: they read run folders and nothing else."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ablations.files.plain_text import as_json
from ablations.planning.plan import index_of, make_plan
from ablations.store.index_file import read_index
from ablations.store.runs import check_study_name, runs_root
from ablations.studies.study_file import read_source, resolve_study
from ablations.terminal.progress import progress


def status(options: argparse.Namespace) -> int:
    """The rows of the study's last `ablate run`, or of its plan before the first.

    `--json` prints a list of objects: run_id, point, step, seed, state (new, running, done, failed,
    interrupted), epoch (completed), epochs, metrics (of the last epoch, by name), seconds, message,
    quiet (seconds since a running worker was last heard of).
    """
    root = runs_root(options.runs)
    rows = progress(_rows(options.study, options.file, root), root)
    if options.json:
        print(as_json([asdict(row) for row in rows]))
        return 0
    from ablations.terminal.tables import make_console, progress_table, say

    console = make_console()
    console.print(progress_table(rows, title=options.study, width=console.width))
    for row in rows:
        if row.message:
            say(console, f"{row.point} seed {row.seed} {row.state}: {row.message}")
    return 0


def report(options: argparse.Namespace) -> int:
    """Write the comparison and print it; `--json` prints the rows of report.json."""
    from ablations import report as reports

    root = runs_root(options.runs)
    _require_index(options.study, root)
    paths = reports.write_report(options.study, runs_root=root)
    if options.json:
        rows = reports.to_json(reports.rows(options.study, runs_root=root))
        print(as_json(rows))
        return 0
    reports.print_terminal(options.study, runs_root=root)
    print(f"figure: {paths.figures[0]}\nreport: {paths.html}")
    print(f"curves: `ablate board {options.study}` opens TensorBoard")
    return 0


def board(options: argparse.Namespace) -> int:
    """TensorBoard until Ctrl-C; its exit code."""
    from ablations.board.server import serve

    root = runs_root(options.runs)
    if options.study is not None:
        _require_index(options.study, root)
    return serve(options.study, runs_root=root, port=options.port)


def _rows(study: str, file: Path | None, root: Path) -> list[dict[str, Any]]:
    index = read_index(check_study_name(study), root)
    if index is not None:
        return list(index["rows"])
    return list(index_of(make_plan(resolve_study(read_source(file), study)), "")["rows"])


def _require_index(study: str, root: Path) -> None:
    if read_index(check_study_name(study), root) is None:
        raise ValueError(
            f"nothing of study {study!r} has run in {root}: `ablate run {study}` first, or "
            "give the right folder with --runs"
        )
