"""config.json of a run, checked and typed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from ablations.store.runs import CONFIG, RunFolder
from ablations.studies.config import Hardware, Recipe
from ablations.studies.typed import assign, check_name
from datamodules.catalog.catalog import DATASETS, content, placed
from datamodules.config.data import DataConfig
from lit_models.families.reference import Network
from lit_models.families.serialise import from_dict
from lit_models.recipe.config import TrainingConfig
from lit_models.recipe.weight_files import checksum, weight_files


@dataclass
class _Settings:
    data: DataConfig = field(default_factory=DataConfig)
    recipe: Recipe = field(default_factory=Recipe)
    hardware: Hardware = field(default_factory=Hardware)
    seed: int = 0


@dataclass(frozen=True)
class RunConfig:
    """What one run trains, on what, how and where."""

    spec: Network
    data: DataConfig
    recipe: Recipe
    hardware: Hardware
    seed: int

    @property
    def training(self) -> dict[str, Any]:
        """The recipe without the augmentation, in plain containers."""
        values = asdict(self.recipe)
        return {name: values[name] for name in (f.name for f in fields(TrainingConfig))}


def read_run_config(run: RunFolder) -> RunConfig:
    """The configuration that the launcher wrote.

    Raises ValueError, naming file and key, when there is none, or it does not fit this version.
    """
    values, path = run.whole_config(), run.path / CONFIG
    settings = _typed(values, path, keys=[f.name for f in fields(_Settings)])
    spec, data = spec_of(values, path), data_of(values, path)
    _check_content(data, values.get("content"), path)
    _check_weights(settings.recipe, values.get("weights", {}), path)
    return RunConfig(spec, data, settings.recipe, settings.hardware, settings.seed)


def spec_of(values: Mapping[str, Any], path: Path) -> Network:
    """The network of a run's configuration. Raises ValueError, naming file and field."""
    try:
        return from_dict(values["spec"])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def data_of(values: Mapping[str, Any], path: Path) -> DataConfig:
    """The data of a run's configuration. Raises ValueError, naming file and key."""
    data = _typed(values, path, keys=["data"]).data
    check_name(data.name, DATASETS, what="data set", where=f"{path}: data.name")
    return placed(data, values)


def _check_content(data: DataConfig, planned: str | None, path: Path) -> None:
    if planned is not None and content(data) not in (None, planned):
        raise ValueError(
            f"{path}: the images that this run was planned with have changed since; `ablate run` "
            "plans it anew"
        )


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


def _typed(values: Mapping[str, Any], path: Path, *, keys: Sequence[str]) -> _Settings:
    config = OmegaConf.structured(_Settings)
    for key in keys:
        if key in values:
            assign(
                config, kind=_Settings, keys=(key,), value=values[key], place=lambda _: str(path)
            )
    try:
        settings = OmegaConf.to_object(config)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    assert isinstance(settings, _Settings)
    return settings
