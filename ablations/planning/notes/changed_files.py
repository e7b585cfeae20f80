"""Files of one's own that have changed since the study's last runs used them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ablations.planning.plan import Plan
from ablations.store.index_file import rows_of
from ablations.store.runs import RunFolder, run_path


def changed_files(plan: Plan, runs_root: Path) -> Iterator[str]:
    """A sentence for every file that runs of the study's last `ablate run` used as it was then."""
    now = {
        entry["file"]: sha256
        for row in plan.rows
        for sha256, entry in row.config.extensions.items()
    }
    if not now:
        return
    planned, changed = plan.unique(), dict[str, int]()
    for run_id in {row["run_id"] for row in rows_of(plan.study.name, runs_root)} - set(planned):
        for sha256, entry in _extensions(RunFolder(run_path(runs_root, run_id))).items():
            file = entry["file"]
            if now.get(file, sha256) != sha256:
                changed[file] = changed.get(file, 0) + 1
    for file, runs in sorted(changed.items()):
        many = "1 run" if runs == 1 else f"{runs} runs"
        yield (
            f"{file} has changed since {many} of {plan.study.name} used it: with its new content "
            "they are other runs, and the old ones keep a copy of the old."
        )


def _extensions(run: RunFolder) -> Mapping[str, Any]:
    """What a run depends on; nothing where its folder is gone or cannot be read."""
    try:
        found: Mapping[str, Any] = run.config().get("extensions", {})
    except ValueError:
        return {}
    return found
