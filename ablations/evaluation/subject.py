"""Which checkpoint a word of the command line means."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.extensions.copies import restore
from ablations.store.index_file import indexed_studies
from ablations.store.runs import ALL_RUNS, CONFIG, RunFolder, run_path
from datamodules.config.data import expanded
from lit_models.recipe.weight_files import checkpoint_file


@dataclass(frozen=True)
class Subject:
    """What is evaluated: a checkpoint, and config.json of the run that wrote it, if one did."""

    path: Path
    config: Mapping[str, Any]
    reason: str | None = None  # why this run, where it was named as STUDY/POINT/SEED


def find_subject(text: str, *, root: Path, file: Path | None) -> Subject:
    """A checkpoint by its path, by its run's folder, or by what `ablate show` takes for a run.

    Raises ValueError when there is none, or the run has no checkpoint yet.
    """
    value, stored, reason = text, root / ALL_RUNS / text, None
    if "/" not in text and stored.is_dir():
        value = str(stored)  # without a look at every study's plan
    elif not expanded(text, key="the checkpoint").exists():
        from ablations.planning.find_run import find_run

        try:
            run = find_run(text, root=root, file=file)
            value, reason = str(run_path(root, run.run_id)), run.reason
        except ValueError as error:
            if text.partition("/")[0] in indexed_studies(root):  # it is a run
                raise
            raise ValueError(f"there is no file {text}, and {error}") from None
    path = checkpoint_file(value, key="the checkpoint")
    folder = path.parent.parent
    is_run = path.parent.name == "checkpoints" and (folder / CONFIG).is_file()
    config = RunFolder(folder).whole_config() if is_run else {}
    notes = restore(folder, config)
    return Subject(path, config, "\n".join([reason, *notes] if reason else notes) or None)
