"""A run's configuration: made by the plan, named by its hash, written as config.json, read back."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ablations.extensions.copies import used_by_weights
from ablations.extensions.used import Used, used_by
from ablations.planning.normal_form import SCHEMA_VERSION
from ablations.studies.config import Hardware, Recipe
from ablations.studies.typed import assign, check_name
from datamodules.catalog.catalog import DATASETS
from datamodules.catalog.resolved import Data, content, decisive, placed, whereabouts
from datamodules.config.data import DataConfig
from lit_models.families.reference import Network
from lit_models.families.serialise import from_dict, to_dict
from lit_models.recipe.config import TrainingConfig, device_batch
from lit_models.recipe.weight_files import checksum, weight_files

_HARDWARE = ("accelerator", "devices", "num_workers", "threads")  # what a run itself needs


@dataclass(frozen=True)
class Labels:
    """What a run is called in the study that planned it; no part of what the run is."""

    study: str = ""
    trajectory: str = ""
    point: str = ""
    step: str = ""
    steps: tuple[str, ...] = ()
    network: str | None = None  # what the steps start from, where that is no trajectory
    # on a trajectory of a study file's own: [NETWORK, STEP...], and the texts of each step
    start_from: tuple[str, ...] = ()
    texts: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What one run trains, on what, how and where.

    Attributes:
        schema: the version of the meaning of the other fields, see `normal_form`.
        spec: the network, with what the recipe says about networks.
        data: resolved, with where it lies on this machine.
        recipe: with what a device takes at once, and files of weights by their absolute paths.
        content: hash of the images, as `datamodules.catalog.resolved.content` gives it.
        weights: checksums of the files of weights that the recipe names, by its field.
        extensions: files of one's own whose code it depends on, see `ablations.extensions.used`.
    """

    schema: int
    spec: Network
    data: DataConfig
    recipe: Recipe
    seed: int
    content: str | None = None
    weights: Mapping[str, str] = field(default_factory=dict)
    extensions: Used = field(default_factory=dict)
    hardware: Hardware = field(default_factory=Hardware)
    labels: Labels = Labels()

    @property
    def training(self) -> dict[str, Any]:
        """The recipe without the augmentation, in plain containers."""
        values = asdict(self.recipe)
        return {f.name: values[f.name] for f in fields(TrainingConfig)}


def run_config(
    spec: Network, *, data: Data, recipe: Recipe, seed: int, hardware: Hardware | None = None
) -> RunConfig:
    """The configuration of a run that is planned here.

    Raises ValueError when a file of weights that the recipe names is not there, or the images
    cannot be used.
    """
    files = weight_files(recipe)
    resolved = copy.copy(recipe)  # checked already
    resolved.batch_size_per_device = device_batch(recipe)
    for key, path in files.items():
        setattr(resolved, key, str(path))
    return RunConfig(
        schema=SCHEMA_VERSION,
        spec=spec,
        data=placed(replace(data.config, title=None), whereabouts(data)),
        recipe=resolved,
        seed=seed,
        content=content(data),
        weights={key: checksum(path) for key, path in files.items()},
        extensions=used_by(spec, data.config, augmentation=recipe.augment, metrics=recipe.metrics)
        | used_by_weights(files.values()),
        hardware=hardware or Hardware(),
    )


def decides(config: RunConfig) -> dict[str, Any]:
    """What makes two runs the same run, as plain data.

    No study, label or hardware is in it, so that equal configurations are one run. Files of weights
    are in it by their content; where they lie is no part of the hash.
    """
    return {
        "schema": config.schema,
        "spec": to_dict(config.spec),
        "data": decisive(config.data),
        "content": config.content,
        "recipe": asdict(config.recipe),
        **({"weights": dict(config.weights)} if config.weights else {}),
        **({"extensions": sorted(config.extensions)} if config.extensions else {}),
        "seed": config.seed,
    }


def to_plain(config: RunConfig, run_id: str) -> dict[str, Any]:
    """What config.json says; `config_of` reads it."""
    data, labels = config.data, asdict(config.labels)
    for key in ("network", "start_from", "texts"):
        if not labels[key]:
            del labels[key]
    return {
        **decides(config),
        **({"extensions": config.extensions} if config.extensions else {}),
        "run_id": run_id,
        "root": data.root,
        "folder": data.folder,
        "beton": data.beton,
        "download": data.download,
        "hardware": {key: getattr(config.hardware, key) for key in _HARDWARE},
        "labels": labels,
    }


def config_of(values: Mapping[str, Any], path: Path) -> RunConfig:
    """The configuration that `to_plain` wrote to the file `path`; a field may be missing.

    Raises ValueError, naming file and key, for what does not fit this version.
    """
    settings = _typed(values, path, keys=[f.name for f in fields(_Settings)])
    return RunConfig(
        schema=values.get("schema", 0),
        spec=spec_of(values, path),
        data=data_of(values, path),
        recipe=settings.recipe,
        seed=settings.seed,
        content=values.get("content"),
        weights=values.get("weights", {}),
        extensions=values.get("extensions", {}),
        hardware=settings.hardware,
        labels=_labels(values.get("labels", {})),
    )


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
    return replace(placed(data, values), download=values.get("download", data.download))


@dataclass
class _Settings:
    data: DataConfig = field(default_factory=DataConfig)
    recipe: Recipe = field(default_factory=Recipe)
    hardware: Hardware = field(default_factory=Hardware)
    seed: int = 0


def _typed(values: Mapping[str, Any], path: Path, *, keys: Sequence[str]) -> _Settings:
    from omegaconf import OmegaConf

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


def _labels(values: Mapping[str, Any]) -> Labels:
    known = {f.name: values[f.name] for f in fields(Labels) if f.name in values}
    rows = {key: tuple(known.get(key, ())) for key in ("steps", "start_from")}
    return Labels(**{**known, **rows, "texts": tuple(map(tuple, known.get("texts", ())))})
