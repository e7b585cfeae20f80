"""`ablate bench loader`: files, loaders, rounds, then tables and JSON."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ablations.bench.loader.files import Subject, standard_files, subject
from ablations.bench.loader.job import Job
from ablations.bench.loader.loaders import LOADERS, OURS, OURS_SMALL, SMALL_LOADERS, Loader
from ablations.bench.loader.measure import Reading, measure
from ablations.bench.process import median_ratio
from ablations.commands.bench.verbs import add_rounds, check_rounds
from ablations.commands.parsing import at_least
from ablations.files.plain_text import as_json
from ablations.store.runs import write_text_atomic

RESTART = "ours, restart markers"
_SIDE, _BATCH, _SMALL_BATCH = 224, 64, 512
# An epoch has about this many images, so that the cost of starting one does not show.
_EPOCH, _SMALL_EPOCH = 1024, 50_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate bench loader`."""
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="betons; default: photographs"
    )
    add_rounds(parser)
    parser.add_argument(
        "--images",
        type=at_least(1),
        default=512,
        metavar="N",
        help="of the photographs; default: 512",
    )


def command(options: argparse.Namespace) -> int:
    """Measure the files that were named, or the standard ones."""
    check_rounds(options)
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="ablate-bench-") as name:
        folder = Path(name)
        named = [(str(path), path, True) for path in options.files]
        files: Iterable[tuple[str, Path, bool]] = named or standard_files(folder, options.images)
        for number, (title, path, everyone) in enumerate(files):
            own = folder / f"of-{number}"
            own.mkdir()
            found = subject(path, title, own)
            loaders = _loaders(found, everyone=everyone)
            results.append(_measured(found, loaders, own, rounds=options.rounds))
            if not options.json:
                _print(results[-1])
    if options.out is not None:
        write_text_atomic(options.out, as_json(results) + "\n")
    if options.json:
        print(as_json(results))
    return 0


def _measured(
    subject: Subject, loaders: Mapping[str, Loader], folder: Path, *, rounds: int
) -> dict[str, Any]:
    def job(name: str) -> Job:
        beton = subject.restart if name == RESTART else subject.beton
        assert beton is not None
        epoch = _SMALL_EPOCH if subject.small else _EPOCH
        return Job(
            function=loaders[name].function,
            beton=str(beton.path.resolve()),
            folder=str(subject.jpegs or ""),
            side=int(beton.widths[0]) if subject.small else _SIDE,
            batch_size=_SMALL_BATCH if subject.small else _BATCH,
            workers=loaders[name].workers or len(os.sched_getaffinity(0)),
            repeats=max(1, -(-epoch // len(beton))),
        )

    def say(text: str) -> None:
        print(f"{subject.name}: {text}", file=sys.stderr)

    readings = measure(loaders, job, rounds=rounds, folder=folder, say=say)
    ours = readings[OURS_SMALL if subject.small else OURS]
    rows = [_row(name, loaders[name], reading, ours) for name, reading in readings.items()]
    return {"file": subject.name, "stored": subject.stored, "rounds": rounds, "loaders": rows}


def _loaders(subject: Subject, *, everyone: bool) -> Mapping[str, Loader]:
    kind = "raw" if subject.jpegs is None else "jpeg"
    chosen = {
        name: loader
        for name, loader in (SMALL_LOADERS if subject.small else LOADERS).items()
        if loader.reads in ("both", kind)
        and (everyone or not loader.files_only)
        and _installed(loader.package)
    }
    if subject.restart is not None:
        chosen[RESTART] = replace(LOADERS[OURS], title="ours, same pixels with restart markers")
    return chosen


def _installed(package: str | None) -> bool:
    if package is None:
        return True
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # the package above it is missing
        return False


def _row(name: str, loader: Loader, reading: Reading, ours: Reading) -> dict[str, Any]:
    middle = len(reading.cpu) // 2
    return {
        "loader": name,
        "title": loader.title,
        "cpu_ms_per_image": sorted(reading.cpu)[middle],
        "images_per_s": sorted(reading.rate)[middle],
        "cpu_over_ours": median_ratio(reading.cpu, ours.cpu),
        "first_batch_s": reading.first,
        "memory_mb": reading.memory,
        "readings": asdict(reading),
    }


def _print(result: Mapping[str, Any]) -> None:
    from rich.table import Table

    from ablations.files.markup import terminal
    from ablations.terminal.tables import make_console

    table = Table(title=terminal(f"{result['file']}: {result['stored']}"), title_justify="left")
    for heading in ("loader", "CPU ms/image", "x ours", "images/s", "first batch s", "memory MB"):
        table.add_column(heading, justify="left" if heading == "loader" else "right", no_wrap=True)
    for row in result["loaders"]:
        table.add_row(
            row["title"],
            f"{row['cpu_ms_per_image']:.3g}",
            f"{row['cpu_over_ours']:.2f}",
            f"{row['images_per_s']:,.0f}",
            f"{row['first_batch_s']:.1f}",
            f"{row['memory_mb']:,.0f}",
        )
    make_console().print(table)
