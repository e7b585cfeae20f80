"""Which run a name means: an id, the start of one, or STUDY/POINT/SEED by the study's index."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.extensions.copies import restore
from ablations.planning import stages
from ablations.planning.plan import PlannedRun
from ablations.planning.run_config import to_plain
from ablations.store.hints import hint
from ablations.store.index_file import indexed_studies, read_index
from ablations.store.runs import ALL_RUNS, RunFolder, check_study_name, run_path
from ablations.studies.config import Study
from ablations.studies.scope import names
from ablations.studies.study_file import read_source, resolve_study
from lit_models.registry.names import nearest


@dataclass(frozen=True)
class Subject:
    """A run: its id, its configuration from its folder or from the plan, and why it was taken."""

    run_id: str
    config: Mapping[str, Any]
    reason: str | None = None  # None: it was named by its id, and there is nothing to say


def find_run(name: str, *, root: Path, file: Path | None, planned: bool = False) -> Subject:
    """A run by id, by the start of an id or of its hash, or as STUDY/POINT/SEED.

    POINT is a label, a step, or the start of a label. STUDY/POINT/SEED means what the report of the
    study shows: the run in the index that the study's last `ablate run` wrote. With `planned`, a
    study that never ran is looked up in its plan. Raises ValueError when none or several match.
    """
    if "/" in name:
        return _by_place(name, root=root, file=file, planned=planned)
    folders = root / ALL_RUNS
    stored = [path.name for path in folders.iterdir()] if folders.is_dir() else []
    if name in stored:  # no plan says more about it
        return _subject(name, {}, root)
    matches, rows = _begin(stored, name), dict[str, PlannedRun]()
    if not matches:  # a run that is there is meant before one that is only planned
        rows = {row.run_id: row for row in _planned(file, root)}
        matches = [name] if name in rows else _begin(rows, name)
    if len(matches) != 1:
        few = f": {', '.join(sorted(matches)[:5])}" if matches else ""
        plan = hint("plan", "STUDY", root=root, file=file)
        raise ValueError(
            f"{name!r} names {len(matches)} runs{few}. Give a run id, as {plan} lists them, or "
            "STUDY/POINT/SEED such as convnext_nano/start/0"
        )
    return _subject(matches[0], rows, root)


def _begin(runs: Iterable[str], name: str) -> list[str]:
    """The runs whose id, or whose hash, begins with a name."""
    return [r for r in runs if r.startswith(name) or r.rsplit("-", 1)[-1].startswith(name)]


def _by_place(name: str, *, root: Path, file: Path | None, planned: bool) -> Subject:
    study, point, seed = (*name.split("/", 2), "", "")[:3]
    index = read_index(check_study_name(study), root)
    if index is not None:
        by = f"the last `ablate run` of {study} ({index['command']})"
        row = _only(index["rows"], name, point=point, seed=seed, by=by)
        return _subject(row["run_id"], {}, root, reason=f"{name} is run {row['run_id']} of {by}")
    source = read_source(file)
    if study not in names(source, "studies"):
        known = {*names(source, "studies"), *indexed_studies(root)}
        raise ValueError(f"{name!r}: there is no study {study!r}. {nearest(study, known)}")
    if not planned:
        run, plan = (hint(verb, study, root=root, file=file) for verb in ("run", "plan"))
        raise ValueError(
            f"{name!r} names no run: nothing of study {study!r} has run in {root}. {run} first, or "
            f"give a run id, as {plan} lists them"
        )
    rows = stages.planned(resolve_study(source, study), root).rows
    by = f"the plan of {study}, which has not run yet"
    run_id = _only(list(map(_as_row, rows)), name, point=point, seed=seed, by=by)["run_id"]
    reason = f"{name} is run {run_id} of {by}"
    return _subject(run_id, {row.run_id: row for row in rows}, root, reason=reason)


def _only(
    rows: Sequence[Mapping[str, Any]], name: str, *, point: str, seed: str, by: str
) -> Mapping[str, Any]:
    """The one row of a point and seed."""
    of_seed = [row for row in rows if seed in ("", str(row["seed"]))]
    exact = [row for row in of_seed if point in (row["point"], row["step"])]
    found = exact or [row for row in of_seed if row["point"].startswith(point)]
    if len({row["run_id"] for row in found}) == 1:
        return found[0]
    few = [f"{row['point']}/{row['seed']}" for row in (found or rows)[:5]]
    more = ", ..." if len(found or rows) > len(few) else ""
    raise ValueError(
        f"{name!r} names {len(found)} runs of {by}"
        f"{': ' if found else '; it has '}{', '.join(few)}{more}"
    )


def _subject(
    run_id: str, rows: Mapping[str, PlannedRun], root: Path, *, reason: str | None = None
) -> Subject:
    folder = RunFolder(run_path(root, run_id))
    if run_id not in rows or folder.path.is_dir():
        config = folder.whole_config()
        notes = restore(folder.path, config)
        return Subject(run_id, config, "\n".join([reason, *notes] if reason else notes) or None)
    return Subject(run_id, to_plain(rows[run_id].config, run_id), reason)


def _as_row(row: PlannedRun) -> dict[str, Any]:
    """What the index says of a run."""
    return {"point": row.point, "step": row.step, "seed": row.seed, "run_id": row.run_id}


def _planned(file: Path | None, root: Path) -> list[PlannedRun]:
    """The runs of every study that a file sees, the shipped ones included."""
    source = read_source(file)
    studies = (resolve_study(source, n, complete=False) for n in names(source, "studies"))
    return [row for study in studies for row in _rows(study, root)]


def _rows(study: Study, root: Path) -> tuple[PlannedRun, ...]:
    """The runs of a study; none where it lacks what the command line adds, or its data is odd."""
    try:
        return stages.planned(study, root).rows
    except ValueError:
        return ()
