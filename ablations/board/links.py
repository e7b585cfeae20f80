"""Links from TensorBoard's folder of a study to the event files of its runs, and their removal.

Only what this program writes there is ever removed: links to runs, and event files of its names.
"""

import os
import re
from contextlib import suppress
from pathlib import Path

from ablations.board.events import is_generated
from ablations.store.runs import ALL_RUNS

_OF_POINT = re.compile(r"seed\d+|mean")  # the folders in that of a point


def links_to(files: Path, place: Path) -> dict[str, str]:
    """What the links in `place` to the event files in a folder are: name and target.

    Targets are relative, so that the runs folder can be moved as a whole.
    """
    found = sorted(files.glob("*tfevents*"))
    return {path.name: os.path.relpath(path, place) for path in found}


def renew_links(place: Path, wanted: dict[str, str]) -> None:
    """Make the links in `place` to runs those that are wanted; other files stay."""
    missing = dict(wanted)
    for link in [path for path in place.glob("*tfevents*") if _leads_to_a_run(path)]:
        if wanted.get(link.name) == str(link.readlink()):
            del missing[link.name]
        else:
            link.unlink(missing_ok=True)
    for name, target in missing.items():
        # Another process may be doing the same: the grid that trains, and a board that watches it.
        with suppress(FileExistsError):
            (place / name).symlink_to(target)


def forget(folder: Path, labels: set[str]) -> None:
    """Remove what we made for points that the study no longer has; what is not ours stays."""
    for place in folder.iterdir():
        if place.name not in labels and place.is_dir() and not place.is_symlink():
            for inner in place.iterdir():
                if _OF_POINT.fullmatch(inner.name) and inner.is_dir() and not inner.is_symlink():
                    _empty(inner)
            _remove_if_empty(place)


def _empty(place: Path) -> None:
    for path in place.iterdir():
        if _leads_to_a_run(path) or (is_generated(path.name) and not path.is_symlink()):
            path.unlink(missing_ok=True)
    _remove_if_empty(place)


def _remove_if_empty(place: Path) -> None:
    with suppress(OSError):  # somebody else's files are in it
        place.rmdir()


def _leads_to_a_run(path: Path) -> bool:
    """Whether it is a link as `renew_links` makes them: ../../../../../all/RUN/tensorboard/FILE."""
    if not path.is_symlink():
        return False
    up = ("..",) * 5
    return path.readlink().parts[:6] == (*up, ALL_RUNS)
