"""What the finished runs of a study measured, by point and seed, from their folders alone."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from ablations.store.finished import look_at
from ablations.store.runs import RunFolder, run_path
from lit_models.training.metrics import TEST_TOP1

Place = tuple[str, int, str]  # point, seed, run id


def finished_values(
    rows: Iterable[Place], runs_root: Path, *, key: str = TEST_TOP1
) -> dict[str, dict[int, float]]:
    """A number of the summaries, by point and seed; a point may have none.

    Points that are the same runs are one: their scatter counts once. Top-1 is in percent.
    """
    runs: dict[str, dict[int, str]] = {}
    for point, seed, run_id in rows:
        runs.setdefault(point, {})[seed] = run_id
    kept = {point: runs[point] for point in different(runs)}
    looks = look_at({run for by in kept.values() for run in by.values()}, runs_root)
    done = {run for run, look in looks.items() if look.state == "done"}
    found: dict[str, dict[int, float]] = {}
    for point, by in kept.items():
        values = {seed: _value(runs_root, run, key) for seed, run in by.items() if run in done}
        found[point] = {seed: value for seed, value in values.items() if value is not None}
    return found


def different(runs: Mapping[str, Mapping[int, str]]) -> tuple[str, ...]:
    """The points of which no earlier one is the same runs, from run ids by seed."""
    first: dict[tuple[tuple[int, str], ...], str] = {}
    for point, by in runs.items():
        first.setdefault(tuple(sorted(by.items())), point)
    return tuple(first.values())


def _value(runs_root: Path, run_id: str, key: str) -> float | None:
    value = (RunFolder(run_path(runs_root, run_id)).summary() or {}).get(key)
    return None if value is None else float(value)
