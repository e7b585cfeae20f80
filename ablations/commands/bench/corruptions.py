"""`ablate bench corruptions`: sides, rounds, then tables and JSON."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from ablations.commands.bench.verbs import add_rounds, check_rounds
from ablations.commands.parsing import at_least
from ablations.files.plain_text import as_json
from ablations.store.runs import write_text_atomic

_SIDES = "224,32"
_VALUES = 16 * 224 * 224  # pixels that are corrupted at once: 16 images of 224 px
_MOST = 256  # images
_LEAST = 32  # px: smaller ones the library refuses


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate bench corruptions`."""
    add_rounds(parser)
    parser.add_argument("--sides", default=_SIDES, metavar="PX,PX", help=f"default: {_SIDES}")
    parser.add_argument(
        "--images", type=at_least(1), metavar="N", help="default: 16 at 224 px, 256 at 32 px"
    )


def command(options: argparse.Namespace) -> int:
    """Measure at each side that was named."""
    check_rounds(options)
    sides = [_side(text) for text in options.sides.split(",")]
    from ablations.bench.corruptions.contestants import DISTRIBUTION, installed
    from ablations.bench.corruptions.table import MISSING, as_data, show

    library = installed()
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="ablate-bench-") as folder:
        for side in sides:
            results.append(
                as_data(_measured(side, options, Path(folder), compare=library is not None))
            )
            if not options.json:
                show(results[-1])
    if library is None:
        print(MISSING, file=sys.stderr)
    about = _circumstances(options.rounds, {DISTRIBUTION: library})
    text = as_json({**about, "sides": results})
    if options.out is not None:
        write_text_atomic(options.out, text + "\n")
    if options.json:
        print(text)
    return 0


def _side(text: str) -> int:
    if not text.isdecimal() or int(text) < _LEAST:
        raise ValueError(f"--sides takes whole numbers of pixels from {_LEAST} on, found {text!r}")
    return int(text)


def _measured(side: int, options: argparse.Namespace, folder: Path, *, compare: bool) -> Any:
    from ablations.bench.corruptions.measure import LIBRARY, OURS, measure
    from ablations.bench.corruptions.pictures import pictures

    count = options.images or min(_MOST, max(1, _VALUES // side**2))
    return measure(
        pictures(count, side),
        who=(OURS, LIBRARY) if compare else (OURS,),
        rounds=options.rounds,
        folder=folder,
        say=lambda text: print(text, file=sys.stderr),
    )


def _circumstances(rounds: int, library: dict[str, str | None]) -> dict[str, Any]:
    import os
    import platform

    from ablations.store.provenance import versions

    return {
        "rounds": rounds,
        "threads": 1,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "versions": {**versions(), **library},
    }
