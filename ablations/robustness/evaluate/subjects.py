"""Which networks are asked: of a study's finished runs, of one run, or of a checkpoint."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ablations.evaluation.subject import find_subject
from ablations.extensions.copies import restore
from ablations.store.finished import look_at
from ablations.store.hints import hint
from ablations.store.index_file import indexed_studies, read_index
from ablations.store.runs import CONFIG, RunFolder, run_path
from ablations.studies.scope import names
from ablations.studies.yaml_source import YamlSource
from lit_models.recipe.weight_files import checkpoint_file, checksum
from lit_models.registry.names import close_names

# Beside a checkpoint that no run wrote: `net.ckpt` has its answers below `net.answers/`.
ANSWERS = ".answers"


@dataclass(frozen=True, eq=False)
class Subject:
    """A trained network.

    Attributes:
        name: for people, such as `patchify_stem, seed 0`.
        checkpoint: with its weights.
        folder: beside whose files its answers lie: that of the run; for a checkpoint that no run
            wrote, a folder of its name that ends in `.answers`, beside it.
        config: config.json of the run; empty where no run wrote it.
    """

    name: str
    checkpoint: Path
    folder: Path
    config: Mapping[str, Any] = field(repr=False)

    @cached_property
    def sha256(self) -> str:
        """Of the checkpoint."""
        return checksum(self.checkpoint)

    @property
    def source(self) -> str:
        """Where `config` is from, for errors."""
        return str(self.folder / CONFIG)


@dataclass(frozen=True)
class Subjects:
    """What is asked.

    Attributes:
        networks: each once, also where points share a run.
        study: the name of the study that they are of; None: a run or a checkpoint was named.
        notes: sentences about what was left out, and why what was taken is meant.
    """

    networks: tuple[Subject, ...]
    study: str | None
    notes: tuple[str, ...] = ()


def find_subjects(what: str, *, root: Path, file: Path | None, source: YamlSource) -> Subjects:
    """The networks that a word means: a study, a run as `ablate show` takes it, or a checkpoint.

    Args:
        what: as typed.
        root: the runs folder.
        file: of studies; None: the default.
        source: the same file, read.

    Raises:
        ValueError: there is no such thing, or a study has no finished run.
    """
    studies = {*names(source, "studies"), *indexed_studies(root)}
    if what in studies:
        return _of_study(what, root=root, file=file)
    try:
        found = find_subject(what, root=root, file=file)
    except ValueError as error:
        close = close_names(what, studies)
        said = f". The study {close[0]}?" if close and "/" not in what else ""
        raise ValueError(f"{error}{said}") from None
    notes = tuple((found.reason or "").splitlines())
    if "run_id" in found.config:
        folder = found.path.parent.parent
        return Subjects((_of_run(folder, found.config, found.path),), None, notes)
    beside = found.path.with_name(f"{found.path.stem}{ANSWERS}")
    return Subjects((Subject(found.path.name, found.path, beside, {}),), None, notes)


def _of_study(study: str, *, root: Path, file: Path | None) -> Subjects:
    """The finished runs of the last `ablate run` of a study."""
    run = hint("run", study, root=root, file=file)
    index = read_index(study, root)
    looks = look_at({row["run_id"] for row in index["rows"]} if index else (), root)
    done = {name for name, look in looks.items() if look.state == "done"}
    if index is None or not done:
        raise ValueError(f"{study} has no finished run: {run}")
    networks, notes = list[Subject](), list[str]()
    for name in _unique(index["rows"], done):
        folder = run_path(root, name)
        config = RunFolder(folder).whole_config()
        notes += restore(folder, config)
        try:
            path = checkpoint_file(str(folder), key=f"run {name}")
        except ValueError as error:
            notes.append(f"{error}; its network is not asked.")
        else:
            networks.append(_of_run(folder, config, path))
    if not networks:
        raise ValueError(f"no finished run of {study} has a checkpoint any more: {notes[-1]}")
    if len(done) < len(looks):
        left = len(looks) - len(done)
        notes.append(f"{left} of {len(looks)} runs are not finished, and are not asked: {run}.")
    return Subjects(tuple(networks), study, tuple(dict.fromkeys(notes)))


def _unique(rows: Sequence[Mapping[str, Any]], done: set[str]) -> Iterator[str]:
    """The finished runs in the order of the rows, each once."""
    yield from dict.fromkeys(row["run_id"] for row in rows if row["run_id"] in done)


def _of_run(folder: Path, config: Mapping[str, Any], checkpoint: Path) -> Subject:
    point = config.get("labels", {}).get("point") or config["run_id"]
    return Subject(f"{point}, seed {config['seed']}", checkpoint, folder, config)
