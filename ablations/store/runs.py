"""The runs folder: where each run and study lies, and how its files are read and written.

    runs/all/RUN_ID/       one folder a run, shared by all studies that contain it
    runs/studies/STUDY/    index.json (the rows of the last `ablate run`), report/, tensorboard/
    runs/cache/            what need not be found out twice; it may be deleted at any time

Files are written to a temporary name and renamed, so that a reader never sees half of one.
"""

import csv
import math
import os
import re
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from ablations.files.own_files import open_own
from ablations.files.plain_text import as_json
from ablations.files.plain_text import read_json as read_any
from ablations.files.shapes import Object, mismatch
from ablations.store import file_shapes
from ablations.store.lock import is_held
from datamodules.config.data import expanded
from lit_models.training.metrics import EPOCH

RUNS_VARIABLE = "ABLATE_RUNS"
DEFAULT_RUNS = "runs"

ALL_RUNS, STUDIES, CACHE = "all", "studies", "cache"
CONFIG = "config.json"
PROVENANCE = "provenance.json"
STATUS = "status.json"
METRICS = "metrics.csv"
SUMMARY = "summary.json"
PREDICTIONS = "predictions.json"
IMAGE_PREDICTIONS = "predictions.npz"
LOCK = "lock"
LOG = "log.txt"
INDEX = "index.json"
REPORT, REPORT_ROWS = "report", "report.json"  # a study's folder, and its rows in it
REPORT_STATISTICS = "statistics.json"  # beside them: what holds for the study as a whole

State = Literal["new", "running", "done", "failed", "interrupted"]
STATES: tuple[State, ...] = get_args(State)

SILENT = "the worker died without a word; `ablate run` again goes on from here"
_REMEDY = "delete the file and `ablate run` again: the run goes on from its last checkpoint"
_RUN_ID = re.compile(r"[a-z0-9_]+-seed\d+-[0-9a-f]{12}")
_STUDY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+.-]{0,199}")


def runs_root(option: Path | None = None) -> Path:
    """The runs folder: the option, else $ABLATE_RUNS, else ./runs; absolute.

    Raises ValueError for the home folder of a user who is not known here, and for a file.
    """
    text = str(option or os.environ.get(RUNS_VARIABLE) or DEFAULT_RUNS)
    root = expanded(text, key="--runs" if option else f"${RUNS_VARIABLE}").absolute()
    if root.is_file():
        raise ValueError(f"the runs folder {root} is a file: name a folder with --runs")
    return root


def run_path(root: Path, run_id: str) -> Path:
    """The folder of a run. Raises ValueError for what is no run id, such as a path."""
    if not _RUN_ID.fullmatch(run_id):
        raise ValueError(f"{run_id!r} is no run id: they look like digits-seed0-0123456789ab")
    return root / ALL_RUNS / run_id


def root_of(run: Path) -> Path | None:
    """The runs folder that a run's folder lies in; None for a folder elsewhere."""
    return run.parents[1] if run.parent.name == ALL_RUNS else None


def study_path(root: Path, study: str) -> Path:
    """The folder of a study. Raises ValueError for what is no study name, such as a path."""
    return root / STUDIES / check_study_name(study)


def check_study_name(name: str) -> str:
    """The name itself. Raises ValueError unless it is a plain word that can name a folder."""
    if not _STUDY.fullmatch(name):
        raise ValueError(
            f"{name!r} cannot name a study: use letters, digits, '_' and '-', and begin with a "
            "letter or digit (it becomes a folder's name)"
        )
    return name


def check_label(label: str) -> str:
    """The label of a point itself. Raises ValueError unless it can name a folder, as it does."""
    if not _LABEL.fullmatch(label):
        raise ValueError(f"{label!r} is no label of a point: letters, digits, '_', '+', '.', '-'")
    return label


class Look(NamedTuple):
    """What became of a run, why, and what its worker said last (empty: nothing readable)."""

    state: State
    message: str | None
    status: Mapping[str, Any]


@dataclass(frozen=True)
class RunFolder:
    """Readers of one run's folder. They raise ValueError, naming the file, when it is corrupted."""

    path: Path

    def config(self) -> dict[str, Any]:
        """The resolved configuration. Raises ValueError also when there is none."""
        found = read_json(self.path / CONFIG, file_shapes.CONFIG)
        if found is None:
            raise ValueError(f"{self.path} is no run folder: it has no {CONFIG}")
        return found

    def whole_config(self) -> dict[str, Any]:
        """The configuration with all that makes a run. Raises ValueError, naming a missing key."""
        found = self.config()
        for key in file_shapes.CONFIG_KEYS:
            if key not in found:
                raise ValueError(
                    f"{self.path / CONFIG} has no key {key!r}; `ablate run` again writes a new one"
                )
        return found

    def status(self) -> dict[str, Any] | None:
        """The last status that the worker wrote; None before it wrote one."""
        found = read_json(self.path / STATUS, file_shapes.STATUS)
        if found is not None and found.get("state") not in STATES:
            raise ValueError(
                f"{self.path / STATUS}: state is {found.get('state')!r}, expected one of "
                f"{', '.join(STATES)}; {_REMEDY}"
            )
        return found

    def metrics(self) -> list[dict[str, float]]:
        """One row an epoch, the first one's number 1; an empty cell is left out. No file: none."""
        path = self.path / METRICS
        try:
            with os.fdopen(open_own(path), newline="", encoding="utf-8") as file:
                rows = csv.DictReader(file, strict=True)
                return [_numbers(row, epoch) for epoch, row in enumerate(rows, start=1)]
        except FileNotFoundError:
            return []
        except (ValueError, csv.Error, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ValueError(f"{path} cannot be read as CSV: {reason}; {_REMEDY}") from None

    def summary(self) -> dict[str, Any] | None:
        """The final results, each metric a number; None until the run is over."""
        found = read_json(self.path / SUMMARY)
        if found is None:
            return None
        return _checked(found, file_shapes.metrics_of(found), self.path / SUMMARY)

    def predictions(self) -> dict[str, Any] | None:
        """What `ablations.run.predictions` says of the test images; None before they were read."""
        return read_json(self.path / PREDICTIONS, file_shapes.PREDICTIONS)

    def provenance(self) -> dict[str, Any] | None:
        """Where, when and with which versions it ran; None before it started."""
        return read_json(self.path / PROVENANCE, file_shapes.PROVENANCE)

    def state(self) -> State:
        """What became of the run. Never raises: what cannot be read has failed."""
        return self.look().state

    def message(self) -> str | None:
        """Why the run failed or stopped, or what else there is to say of it."""
        return self.look().message

    def health(self) -> tuple[State, str | None]:
        """State and message together."""
        return self.look()[:2]

    def look(self) -> Look:
        """State, message and status together."""
        found = self._recorded()
        if found.state == "done":
            return found
        try:
            if is_held(self.path / LOCK):
                message = found.message if found.state == "running" else None
                return Look("running", message, found.status)
        except OSError as error:  # nobody can hold it
            reason = f"{self.path / LOCK} cannot be used: {error.strerror}"
            return Look("failed", reason, found.status)
        found = self._recorded()  # again: what held the lock may have ended meanwhile
        return Look("failed", SILENT, found.status) if found.state == "running" else found

    def state_in_files(self) -> State:
        """What the files say, whether or not a process is alive: for the holder of the lock."""
        return self._recorded().state

    def _recorded(self) -> Look:
        status: Mapping[str, Any] = {}
        try:
            status = self.status() or {}
            if status.get("state") == "done" and self.summary() is None:
                reason = f"status says done but there is no {SUMMARY}; {_REMEDY}"
                return Look("failed", reason, status)
        except ValueError as error:
            return Look("failed", str(error), status)
        return Look(status.get("state", "new"), status.get("message"), status)


def mark(folder: Path, state: State, message: str) -> None:
    """Say in status.json what became of a run whose worker could not say it."""
    try:
        status = RunFolder(folder).status() or {}
    except ValueError:
        status = {}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    here = {"pid": os.getpid(), "host": socket.gethostname()}
    empty: dict[str, Any] = {"epoch": 0, "epochs": None, "metrics": {}, "seconds": 0.0}
    said = {"state": state, "message": message, "updated": now}
    write_json_atomic(folder / STATUS, {**empty, "started": now, **here, **status, **said})


def read_json(path: Path, shape: Object | None = None) -> dict[str, Any] | None:
    """The object in a JSON file, None without a file.

    Raises ValueError, with file and key, when it is no object, or none of that shape.
    """
    try:
        found = read_any(path)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{error}; {_REMEDY}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no JSON object; {_REMEDY}")
    return found if shape is None else _checked(found, shape, path)


def _checked(found: dict[str, Any], shape: Object, path: Path) -> dict[str, Any]:
    wrong = mismatch(found, shape, "")
    if wrong is not None:
        raise ValueError(f"{path}: {wrong}; {_REMEDY}")
    return found


def write_json_atomic(path: Path, obj: Any) -> None:
    """Write an object as JSON; a reader sees the old file or the new one, never half of it.

    Raises ValueError, with file and key, for NaN and infinity.
    """
    try:
        text = as_json(obj)
    except ValueError as error:
        raise ValueError(f"{path} is not written: {error}") from None
    write_text_atomic(path, text + "\n")


def write_text_atomic(path: Path, text: str) -> None:
    """Write a text file; a reader sees the old file or the new one, never half of it."""
    write_bytes_atomic(path, text.encode())


def write_bytes_atomic(path: Path, content: bytes) -> None:
    """Write a file; a reader sees the old file or the new one. A link there is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _numbers(row: dict[str, str | None], epoch: int) -> dict[str, float]:
    if None in row or None in row.values():
        raise ValueError(f"a row has not as many cells as the header: {row}")
    values = {name: float(cell) for name, cell in row.items() if cell}
    for name, value in values.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value} in epoch {epoch}, which is no number")
    if values.get(EPOCH) != epoch:
        raise ValueError(f"{EPOCH} is {values.get(EPOCH)} in row {epoch}, expected {epoch}")
    return values
