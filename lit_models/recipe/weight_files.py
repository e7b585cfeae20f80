"""Files of weights that a recipe names: where they are, and what is in them (no torch).

A value is `timm/NAME` (timm's pretrained weights), the path of a checkpoint, or the path of a run's
folder, whose last checkpoint is meant.
"""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

TIMM = "timm/"
WEIGHT_KEYS = ("teacher", "start_from")  # fields of a recipe that may name a file
_LAST = Path("checkpoints") / "last.ckpt"  # below a run's folder


def is_timm(value: str | None) -> bool:
    """Whether the value names weights of timm, `timm/NAME`."""
    return value is not None and value.startswith(TIMM)


def checkpoint_file(value: str, *, key: str) -> Path:
    """The absolute path of the checkpoint that a value names.

    Raises ValueError, beginning with `key`, when there is none.
    """
    try:
        path = Path(value).expanduser().absolute()
    except RuntimeError:
        raise ValueError(
            f"{key} is {value!r}, but there is no user {Path(value).parts[0][1:]!r} with a home "
            "folder here: write the whole path"
        ) from None
    if path.is_dir():
        if not (path / _LAST).is_file():
            raise ValueError(
                f"{key} is {value!r}, a folder without {_LAST}: give a run's folder (train that "
                "run first) or the path of a checkpoint"
            )
        path /= _LAST
    if not path.is_file():
        raise ValueError(
            f"{key} is {value!r}, but there is no such file: give the path of a checkpoint, a "
            "run's folder such as runs/all/RUN_ID, or timm/NAME"
        )
    return path


def weight_files(training: Any) -> dict[str, Path]:
    """The checkpoints that a recipe names, by field.

    Raises ValueError, naming the key, when one is not there.
    """
    values = {key: getattr(training, key, None) for key in WEIGHT_KEYS}
    return {
        key: checkpoint_file(value, key=f"recipe.{key}")
        for key, value in values.items()
        if value is not None and not is_timm(value)
    }


def checksum(path: str | Path) -> str:
    """SHA-256 of a file's content, remembered while the file is not touched.

    Raises OSError when it cannot be read.
    """
    path = Path(path)
    stat = path.stat()
    return _checksum(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _checksum(path: Path, size: int, modified: int) -> str:
    del size, modified  # another file under this name is read again
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
