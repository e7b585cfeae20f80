"""The files that a run depends on, kept in its folder and executed where it is trained or read."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ablations.extensions.loading import EXTENSIONS, SourceFile, execute
from ablations.extensions.packages import use_packages
from ablations.extensions.used import Used
from ablations.files.own_files import read_own
from ablations.store import file_shapes
from ablations.store.runs import CONFIG, read_json, write_bytes_atomic

FOLDER = "code"  # of a run


def keep(run: Path, used: Used) -> None:
    """Copy what a run depends on, as it was planned, into its folder."""
    for sha256, entry in used.items():
        path = copy_of(run, sha256, entry)
        if not path.is_file():
            write_bytes_atomic(path, EXTENSIONS[sha256].source.content)


def restore(run: Path, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Execute what the run of a folder depends on, unless this process has; what there is to say.

    The file itself where it is as it was, else the copy in the run's folder.

    Raises ValueError, naming file and run: neither is there, it raises, or a name of it has another
    meaning in this process.
    """
    return tuple(_restored(run, config.get("extensions", {})))


def used_by_weights(checkpoints: Iterable[Path]) -> Used:
    """What the runs that wrote these checkpoints depend on; executed, as `restore` does it.

    A teacher's layers decide what a student learns.
    """
    used: Used = {}
    for path in checkpoints:
        run = path.parent.parent
        if path.parent.name != "checkpoints":  # no run's
            continue
        config = read_json(run / CONFIG, file_shapes.CONFIG) or {}
        restore(run, config)
        used |= config.get("extensions", {})
    return used


def copy_of(run: Path, sha256: str, entry: Mapping[str, Any]) -> Path:
    """Where a run's folder has the copy of a file."""
    file = Path(entry["file"])
    return run / FOLDER / f"{file.stem}-{sha256[:12]}{file.suffix}"


def _restored(run: Path, used: Used) -> Iterator[str]:
    for sha256, entry in used.items():
        if entry.get("package"):
            _restore_package(run, sha256, entry)
        elif sha256 not in EXTENSIONS:
            file, copy = Path(entry["file"]), copy_of(run, sha256, entry)
            found = _as_it_was(file, sha256) or _as_it_was(copy, sha256)
            if found is None:
                raise ValueError(
                    f"{run / CONFIG}: the run depends on {file}, which has changed since or is "
                    f"gone, and so is its copy {copy}; `ablate run` plans it anew"
                )
            _execute(run, found, file)
            if found.path == copy:
                yield f"{file} has changed since {run.name} used it: its copy {copy} is taken"


def _as_it_was(path: Path, sha256: str) -> SourceFile | None:
    """The file if it has that content."""
    try:
        found = SourceFile(path, read_own(path))
    except OSError:
        return None
    return found if found.sha256 == sha256 else None


def _execute(run: Path, source: SourceFile, file: Path) -> None:
    try:
        execute(source, file=file)
    except ValueError as error:
        reason = str(error).removesuffix(": give yours another name")
        raise ValueError(
            f"{run / CONFIG}: the run depends on {file} as it was then, which cannot be used "
            f"beside what is loaded: {reason}. Leave --use and `use:` of the newer file out"
        ) from None


def _restore_package(run: Path, sha256: str, entry: Mapping[str, Any]) -> None:
    if sha256 not in EXTENSIONS:
        use_packages()
    if sha256 not in EXTENSIONS:
        raise ValueError(
            f"{run / CONFIG}: the run depends on {entry['file']} of the package "
            f"{entry['package']}, which is not installed here as it was then: install that version"
        )
