"""`ablate data check`: decode every sample of a file and compare it with the manifest."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from ablations.commands.parsing import add_json, at_least
from ablations.files.plain_text import as_json
from datamodules.beton.file import read_beton


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate data check`."""
    parser.add_argument("path", type=Path, metavar="FILE")
    add_workers(parser)
    add_json(parser, instead_of="text")


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add the number of threads."""
    parser.add_argument(
        "--workers", type=at_least(1), metavar="N", help="threads; default: one a CPU core"
    )


def command(options: argparse.Namespace) -> int:
    """Print every problem of a file; the exit code is 1 if there is one."""
    from ablations.commands.data.progress import shown_progress
    from datamodules.writing.check import Check, check_beton

    try:
        with shown_progress() as progress:
            found = check_beton(
                options.path,
                workers=options.workers or cores(),
                report=lambda done, total, size: progress("checked", done, total, size),
            )
    except ValueError as error:
        found = Check(0, None, (str(error),))
    notes = file_notes(options.path) if found.manifest else ()
    if options.json:
        values = {"path": str(options.path), "samples": found.samples, "problems": found.problems}
        values["notes"] = notes
        print(as_json({**values, "manifest": found.manifest is not None}))
        return 1 if found.problems else 0
    for problem in found.problems:
        print(problem)
    if found.problems:
        print(f"{options.path}: {len(found.problems)} problem(s)")
        return 1
    print_notes(notes)
    beside = "" if found.manifest else "; it has no manifest to compare them with"
    print(f"{options.path}: all {found.samples:,} samples are fine{beside}")
    return 0


def file_notes(path: Path) -> tuple[str, ...]:
    """What is odd about a whole file: test images that are trained on, a folder that changed."""
    from datamodules.catalog.freshness import beside_note
    from datamodules.sets.equal import shared_sentence
    from datamodules.writing.check import describe as describe_sample
    from datamodules.writing.shared_images import shared_samples

    beton = read_beton(path)
    assert beton.manifest is not None
    pairs = [
        " = ".join(describe_sample(beton, sample) for sample in pair)
        for pair in shared_samples(beton)
    ]
    tested = len(beton.manifest.ranges.get("test", ()))
    found = [shared_sentence(pairs, tested, path) if pairs else None]
    found.append(beside_note(path, beton.manifest))
    return tuple(note for note in found if note is not None)


def print_notes(notes: Sequence[str]) -> None:
    """Print each, as a note."""
    for note in notes:
        print(f"note: {note}")


def cores() -> int:
    """The CPU cores that this process may use."""
    return len(os.sched_getaffinity(0))
