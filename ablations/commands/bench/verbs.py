"""`ablate bench`: each of its verbs measures one part of the project."""

import argparse
from pathlib import Path

from ablations.commands.parsing import Verb, VerbParser, add_json

_ROOM = "ablations.commands.bench"
VERBS = {
    "loader": Verb(f"{_ROOM}.loader", "every way to load images, in alternating rounds"),
    "train": Verb(
        f"{_ROOM}.train",
        "our networks beside timm's: forward and training steps, in alternating rounds",
    ),
    "grid": Verb(f"{_ROOM}.grid", "the fixed cost of a run in a grid"),
    "corruptions": Verb(
        f"{_ROOM}.corruptions",
        "corruptions in memory beside imagecorruptions-imaug's, in alternating rounds",
    ),
}


def add_arguments(parser: VerbParser) -> None:
    """What may follow `ablate bench`."""
    parser.add_verbs(VERBS, dest="what", metavar="WHAT")


def add_rounds(parser: argparse.ArgumentParser) -> None:
    """Add what all measurements in rounds take."""
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: 5")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="keep the numbers")
    add_json(parser)


def check_rounds(options: argparse.Namespace) -> None:
    """Refuse, before an hour of measurement, a file that could be somebody's work.

    Raises ValueError unless there is a round, and --out ends in .json and its folder is there.
    """
    out: Path | None = options.out
    if options.rounds < 1:
        raise ValueError(f"--rounds is at least 1, found {options.rounds}")
    if out is not None and (out.suffix != ".json" or out.is_dir() or not out.parent.is_dir()):
        raise ValueError(
            f"--out {out} has to be a file that ends in .json, in a folder that is there"
        )
