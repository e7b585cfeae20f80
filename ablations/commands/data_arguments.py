"""What can be typed after `ablate data`; the commands are in `ablations.commands.data`."""

import argparse
from pathlib import Path

Subparsers = argparse._SubParsersAction  # the type has no public name


def add_data(verbs: "Subparsers[argparse.ArgumentParser]") -> None:
    """Declare `data` with its actions."""
    text = "write, check and describe .beton files, which hold a data set for fast reading"
    parser = verbs.add_parser("data", help=text, description=text[0].upper() + text[1:] + ".")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_write(_add(actions, "write", "write a data set or a folder of images to a file"))
    check = _add(actions, "check", "decode every sample and compare it with the manifest")
    check.add_argument("path", type=Path, metavar="FILE")
    _workers(check)
    info = _add(actions, "info", "what a file holds and where it comes from")
    info.add_argument("path", type=Path, metavar="FILE")
    for action in (check, info):
        action.add_argument("--json", action="store_true", help="print JSON instead of text")


def _add(
    actions: "Subparsers[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _add_write(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="NAME_OR_FOLDER",
        help="a data set of `ablate list`, or a folder with train/CLASS/* and val/ or test/, or "
        "with CLASS/*",
    )
    parser.add_argument(
        "--test-fraction",
        type=float,
        metavar="SHARE",
        help="of a folder with CLASS/*: the share of every class that becomes test",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.beton")
    parser.add_argument(
        "--encode",
        choices=["jpeg", "raw", "mixed", "original"],
        help="original: a JPEG file's own bytes; default: jpeg, or raw for images in memory",
    )
    parser.add_argument(
        "--quality", type=int, default=90, metavar="1-100", help="of new JPEGs; default: 90"
    )
    parser.add_argument(
        "--jpeg-share", type=float, default=0.5, metavar="SHARE", help="of --encode mixed"
    )
    parser.add_argument(
        "--max-side", type=int, metavar="PIXELS", help="reduce images whose longer side is longer"
    )
    parser.add_argument(
        "--restart", action="store_true", help="JPEGs of which a part can be decoded"
    )
    parser.add_argument(
        "--on-error",
        choices=["fail", "skip"],
        default="fail",
        help="an image that cannot be read: stop (default), or leave it out",
    )
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    _workers(parser)


def _workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers", type=_count, metavar="N", help="threads; default: one a CPU core"
    )


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give a number of 1 or more")
    return number
