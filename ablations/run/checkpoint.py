"""Checkpoints of a run: written whole or not at all, checked, and read without running code.

`last.ckpt` is that of the last completed epoch and `previous.ckpt`, while the run trains, that of
the epoch before: where bytes of the one change on the way to the disk or later, the other is used.
"""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO

from ablations.files.own_files import create_own, open_own
from lit_models.families.serialise import from_dict, to_dict
from lit_models.recipe.plain import training_config
from lit_models.recipe.weight_files import WEIGHT_KEYS, is_timm
from lit_models.weights.tensor_files import find_damage, first_line, read_tensors

PREVIOUS, DAMAGED = "previous.ckpt", "damaged.ckpt"

_MISSING = "nothing"  # shown for a key that only the other side has


class RunCheckpointIO(CheckpointIO):
    """Reads and writes the checkpoints of a run.

    `expected` are the hyper-parameters of the run's config; a checkpoint with others is refused
    before anything of it is used.
    """

    def __init__(self, expected: Mapping[str, Any]) -> None:
        self.expected = expected

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None
    ) -> None:
        """Write to a temporary name beside `path`, then rename; see `write_checkpoint`."""
        write_checkpoint(checkpoint, Path(path), previous=Path(path).with_name(PREVIOUS))

    def load_checkpoint(self, path: str | Path, *_: Any, **__: Any) -> dict[str, Any]:
        """The checkpoint's content, tensors on the CPU.

        Raises ValueError when the file is damaged or belongs to another configuration.
        """
        found = read_checkpoint(Path(path))
        there = found.get("hyper_parameters", {})
        found_apart = list(differences(self.expected, there))
        if found_apart:
            key, here, there = found_apart[0]
            raise ValueError(
                f"{path} is a checkpoint of another configuration: {key} is {there!r} in it and "
                f"{here!r} in config.json ({len(found_apart)} differences). Move it away to train "
                "this run from the beginning; nothing was changed"
            )
        return found

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete the file."""
        Path(path).unlink(missing_ok=True)


def write_checkpoint(
    checkpoint: Mapping[str, Any], path: Path, *, previous: Path | None = None
) -> None:
    """Write to a temporary name beside `path`, read it back, then rename.

    What was there before becomes `previous`, if that is named.

    Raises OSError, naming the file, when the disk is full, the folder cannot be written, or other
    bytes come back than were written; an earlier checkpoint is still there then.
    """
    temporary = path.with_suffix(".tmp")  # one name: a killed writer's leftover is overwritten
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(create_own(temporary), "wb") as file:
            torch.save(dict(checkpoint), file)
            file.flush()
            os.fsync(file.fileno())
            _forget_cached(file.fileno())
        damage = find_damage(temporary)
        if damage is not None:
            raise OSError(errno.EIO, f"other bytes come back than were written ({damage})")
        if previous is not None:
            _keep(path, previous)
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # torch hides a full disk in a RuntimeError
        raise cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _forget_cached(handle: int) -> None:
    """Have the next reader get the file from the disk, where the system can be asked to."""
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError):
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)


def _keep(path: Path, previous: Path) -> None:
    """Give a file a second name, so that at no moment the first is missing."""
    if not path.exists():
        return
    temporary = previous.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    try:
        temporary.hardlink_to(path)
    except OSError:  # a file system without hard links: for an instant there is no `path`
        path.replace(temporary)
    temporary.replace(previous)
    temporary.unlink(missing_ok=True)  # rename does nothing between two names of one file


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's content, without running any code in it, tensors on the CPU.

    Raises ValueError, naming the file and the remedy, when it is damaged.
    """
    remedy = "delete it to train this run from the beginning"
    content = read_tensors(path, remedy=remedy)
    if "state_dict" not in content:
        raise ValueError(f"{path} is no checkpoint of a run: {remedy}")
    return content


@dataclass(frozen=True)
class Found:
    """The newest sound checkpoint of a run, None without one, and what is wrong with later ones."""

    path: Path | None
    damaged: Mapping[Path, str]

    def set_aside(self) -> None:
        """Rename damaged files, the newest last, so that they neither are kept nor read again."""
        for path in reversed(list(self.damaged)):
            path.replace(path.with_name(DAMAGED))


def find_checkpoint(last: Path) -> Found:
    """Where a run goes on: `last`, or the one before when that is damaged.

    Raises OSError when one of them is a link, or no file.
    """
    damaged: dict[Path, str] = {}
    for path in (last, last.with_name(PREVIOUS)):
        try:
            os.close(open_own(path))
        except FileNotFoundError:
            continue
        damage = find_damage(path)
        if damage is None:
            return Found(path, damaged)
        damaged[path] = damage
    return Found(None, damaged)


def keep_last_alone(last: Path) -> None:
    """Delete the checkpoint before the last, now that no epoch is left to train.

    Raises ValueError when the last one is damaged: the one before is needed then, and stays.
    """
    damage = find_damage(last)
    if damage is not None:
        raise ValueError(
            f"{last} is damaged ({damage}): `ablate run` again trains what is missing since the "
            "checkpoint before"
        )
    last.with_name(PREVIOUS).unlink(missing_ok=True)


def cannot_write(path: Path, error: Exception) -> OSError:
    """An error that names the file and the reason, for a write that failed with `error`."""
    known = error if isinstance(error, OSError) else error.__context__
    if isinstance(known, OSError):
        return OSError(known.errno, f"cannot write: {known.strerror}", str(path))
    return OSError(f"cannot write {path}: {first_line(error)}")


def differences(
    here: Mapping[str, Any], there: Mapping[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    """Where the hyper-parameters of two checkpoints differ: key, value here, value there."""
    return _differences(_comparable(here), _comparable(there))


def _comparable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Hyper-parameters with the defaults of fields that came later, and without paths of weights.

    The content of such files is what has to be equal: it is checked when a run's config is read.
    """
    found = dict(values)
    with suppress(ValueError, TypeError):  # of another version: shown as it is
        found["training"] = asdict(training_config(values.get("training", {})))
        found["spec"] = to_dict(from_dict(values["spec"])) if "spec" in values else None
    training = found.get("training", {})
    kept = {key: training[key] for key in training if not _is_path(key, training[key])}
    return {**found, "training": kept}


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
