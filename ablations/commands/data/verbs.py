"""`ablate data write`, `check` and `info`: files that hold a whole data set."""

from ablations.commands.parsing import Verb, VerbParser

_ROOM = "ablations.commands.data"
VERBS = {
    "write": Verb(f"{_ROOM}.write", "write a data set or a folder of images to a file"),
    "check": Verb(f"{_ROOM}.check", "decode every sample and compare it with the manifest"),
    "info": Verb(f"{_ROOM}.info", "what a file holds and where it comes from"),
}


def add_arguments(parser: VerbParser) -> None:
    """What may follow `ablate data`."""
    parser.add_verbs(VERBS, dest="action", metavar="ACTION")
