"""`ablate status`: how far the runs of a study are, from files alone."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ablations.commands.parsing import add_json, add_places, add_study
from ablations.files.plain_text import as_json
from ablations.planning.plan import index_of
from ablations.planning.stages import indexed_stage, planned
from ablations.statistics.seeds.rule_sentences import stage_sentences
from ablations.store.index_file import read_index
from ablations.store.runs import check_study_name, runs_root
from ablations.studies.study_file import read_source, resolve_study
from ablations.terminal.progress import progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate status`."""
    add_study(parser)
    add_places(parser)
    add_json(parser)


def command(options: argparse.Namespace) -> int:
    """The rows of the study's last `ablate run`, or of its plan before the first.

    `--json` prints a list of objects: run_id, point, step, seed, state (new, running, done, failed,
    interrupted), epoch (completed), epochs, metrics (of the last epoch, by name), seconds, message,
    quiet (seconds since a running worker was last heard of).
    """
    root = runs_root(options.runs)
    index = _index(options.study, options.file, root)
    rows = progress(index["rows"], root)
    if options.json:
        print(as_json([asdict(row) for row in rows]))
        return 0
    from ablations.terminal.tables import make_console, progress_table, say

    console = make_console()
    console.print(progress_table(rows, title=options.study, width=console.width))
    for row in rows:
        if row.message:
            say(console, f"{row.point} seed {row.seed} {row.state}: {row.message}")
    stage = indexed_stage(index, root)
    failed = {row.run_id for row in rows if row.state == "failed"}
    for sentence in stage_sentences(stage, failed=len(failed)) if stage is not None else ():
        say(console, sentence)
    return 0


def _index(study: str, file: Path | None, root: Path) -> dict[str, Any]:
    """What the study's last `ablate run` trained, or what its plan would."""
    index = read_index(check_study_name(study), root)
    if index is not None:
        return index
    return index_of(planned(resolve_study(read_source(file), study), root), "")
