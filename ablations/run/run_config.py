"""A run's configuration as its worker reads it: what it was planned with is still there."""

from collections.abc import Mapping
from pathlib import Path

from ablations.extensions.copies import restore
from ablations.planning.run_config import RunConfig, config_of
from ablations.store.runs import CONFIG, RunFolder
from ablations.studies.config import Recipe
from datamodules.catalog.resolved import Data, content, resolve
from lit_models.recipe.weight_files import checksum, weight_files

__all__ = ["RunConfig", "planned_data", "read_run_config"]


def read_run_config(run: RunFolder) -> RunConfig:
    """The configuration that the launcher wrote.

    Raises ValueError, naming file and key, when there is none, it does not fit this version, or
    files of weights have changed since it was planned.
    """
    path = run.path / CONFIG
    values = run.whole_config()
    for note in restore(run.path, values):
        print(note, flush=True)  # to the run's log
    config = config_of(values, path)
    _check_weights(config.recipe, config.weights, path)
    return config


def planned_data(run: RunFolder, config: RunConfig) -> Data:
    """The data of a run. Raises ValueError when images have changed since it was planned."""
    data = resolve(config.data)
    if config.content is not None and content(data) not in (None, config.content):
        raise ValueError(
            f"{run.path / CONFIG}: the images that this run was planned with have changed since; "
            "`ablate run` plans it anew"
        )
    return data


def _check_weights(recipe: Recipe, planned: Mapping[str, str], path: Path) -> None:
    try:
        files = weight_files(recipe)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    for key, file in files.items():
        if key in planned and checksum(file) != planned[key]:
            raise ValueError(
                f"{path}: {file}, which recipe.{key} names, has other content than when this run "
                "was planned; `ablate run` plans it anew"
            )
