"""Checkpoints of a run: written whole or not at all, checked, and read without running code."""

import os
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO

from lit_models.weight_files import WEIGHT_KEYS, is_timm

_MISSING = "nothing"  # shown for a key that only the other side has


class RunCheckpointIO(CheckpointIO):
    """Reads and writes the one checkpoint of a run.

    `expected` are the hyper-parameters of the run's config; a checkpoint with others is refused
    before anything of it is used.
    """

    def __init__(self, expected: Mapping[str, Any]) -> None:
        self.expected = expected

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None
    ) -> None:
        """Write to a temporary name beside `path`, then rename; see `write_checkpoint`."""
        write_checkpoint(checkpoint, Path(path))

    def load_checkpoint(self, path: str | Path, *_: Any, **__: Any) -> dict[str, Any]:
        """The checkpoint's content, tensors on the CPU.

        Raises ValueError when the file is damaged or belongs to another configuration.
        """
        found = read_checkpoint(Path(path))
        there = found.get("hyper_parameters", {})
        differences = list(_differences(_without_paths(self.expected), _without_paths(there)))
        if differences:
            key, here, there = differences[0]
            raise ValueError(
                f"{path} is a checkpoint of another configuration: {key} is {there!r} in it and "
                f"{here!r} in config.json ({len(differences)} differences). Move it away to train "
                "this run from the beginning; nothing was changed"
            )
        return found

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete the file."""
        Path(path).unlink(missing_ok=True)


def write_checkpoint(checkpoint: Mapping[str, Any], path: Path) -> None:
    """Write to a temporary name beside `path`, then rename.

    Raises OSError, naming the file, when the disk is full or the folder cannot be written; an
    earlier checkpoint is still there then.
    """
    temporary = path.with_suffix(".tmp")  # one name: a killed writer's leftover is overwritten
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            torch.save(dict(checkpoint), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # torch hides a full disk in a RuntimeError
        raise cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's content, without running any code in it, tensors on the CPU.

    Raises ValueError, naming the file and the remedy, when it is damaged.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, ValueError, KeyError) as error:
        found = f"{type(error).__name__}: {first_line(error)}"
        raise ValueError(
            f"{path} is damaged and cannot be read ({found}). Delete it to train this run from the "
            "beginning"
        ) from None
    if not isinstance(content, dict) or "state_dict" not in content:
        raise ValueError(
            f"{path} is no checkpoint of a run. Delete it to train this run from the beginning"
        )
    return content


def cannot_write(path: Path, error: Exception) -> OSError:
    """An error that names the file and the reason, for a write that failed with `error`."""
    known = error if isinstance(error, OSError) else error.__context__
    if isinstance(known, OSError):
        return OSError(known.errno, f"cannot write: {known.strerror}", str(path))
    return OSError(f"cannot write {path}: {first_line(error)}")


def first_line(error: BaseException) -> str:
    """The first line of an error's message."""
    return (str(error).strip().splitlines() or ["no message"])[0]


def _without_paths(values: Mapping[str, Any]) -> dict[str, Any]:
    """Hyper-parameters without where files of weights lie: their content is what has to be equal.

    That is checked when a run's config is read.
    """
    training = values.get("training", {})
    kept = {key: training[key] for key in training if not _is_path(key, training[key])}
    return {**values, "training": kept}


def _is_path(key: str, value: Any) -> bool:
    return key in WEIGHT_KEYS and value is not None and not is_timm(value)


def _differences(here: Any, there: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(here, Mapping) and isinstance(there, Mapping):
        for key in {**here, **there}:
            inner = f"{path}.{key}" if path else str(key)
            yield from _differences(here.get(key, _MISSING), there.get(key, _MISSING), inner)
    elif isinstance(here, list | tuple) and isinstance(there, list | tuple):
        if len(here) != len(there):
            yield path, here, there
            return
        for index, (a, b) in enumerate(zip(here, there, strict=True)):
            yield from _differences(a, b, f"{path}[{index}]")
    elif here != there:
        yield path, here, there
