"""What `ablate evaluate` can be told: data, and the part of a recipe that an evaluation has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from ablations.studies.config import Hardware
from ablations.studies.settings import parse_override
from ablations.studies.typed import Place, assign
from datamodules.catalog.catalog import WHEREABOUTS
from datamodules.config.data import DataConfig
from lit_models.recipe.config import Precision

Split = Literal["test", "val"]


@dataclass
class EvaluatedAugmentation:
    """What happens to images besides resizing and the crop: how they are resampled."""

    interpolation: Literal["bicubic", "bilinear", "nearest"] = "bicubic"


@dataclass
class EvaluatedRecipe:
    """The keys of a recipe that change how a trained network is measured."""

    batch_size: int = 128
    precision: Precision = "32-true"
    channels_last: bool = False
    flip_test: bool = False
    augment: EvaluatedAugmentation = field(default_factory=EvaluatedAugmentation)


@dataclass
class EvaluationConfig:
    """On what, how and where a checkpoint is evaluated.

    Raises:
        ValueError: more devices than one.
    """

    data: DataConfig = field(default_factory=DataConfig)
    recipe: EvaluatedRecipe = field(default_factory=EvaluatedRecipe)
    hardware: Hardware = field(default_factory=Hardware)

    def __post_init__(self) -> None:
        if self.hardware.devices != 1:
            raise ValueError(
                f"hardware.devices is {self.hardware.devices}, but an evaluation uses one device"
            )


def evaluation_config(
    data: str | None,
    overrides: Sequence[str],
    *,
    run: Mapping[str, Any],
    source: str = "config.json",
) -> EvaluationConfig:
    """From the command line's words, after what the run of the checkpoint was trained with.

    Args:
        data: a data set; None: that of the run.
        overrides: such as `data.eval_size=288` and `recipe.flip_test=true`.
        run: its config.json; empty for a checkpoint that no run of this project wrote.
        source: where that lies, for errors.

    Raises:
        ValueError: no data set is named, a key is unknown (with the nearest) or has another type.
    """
    from omegaconf import OmegaConf

    settings = [parse_override(text) for text in overrides]
    named = [
        s.value if isinstance(s.value, str) else s.text(())
        for s in settings
        if s.keys in (("data",), ("data", "name"))
    ]
    name = named[-1] if named else data
    if name is None and not run:
        raise ValueError(
            "on which data? No run of this project wrote the checkpoint: name a data set, such as "
            "`ablate evaluate CHECKPOINT imagenet`"
        )
    config = OmegaConf.structured(EvaluationConfig)
    for keys, value in _of_run(run, data=name, source=source).items():
        assign(config, kind=EvaluationConfig, keys=keys, value=value, place=_said(source))
    if name is not None:
        where = _said("command line")
        assign(config, kind=EvaluationConfig, keys=("data", "name"), value=name, place=where)
    for s in settings:
        if s.keys != ("data",):
            assign(
                config,
                kind=EvaluationConfig,
                keys=s.keys,
                value=s.value,
                place=s.place,
                text=s.text,
            )
    typed = OmegaConf.to_object(config)
    assert isinstance(typed, EvaluationConfig)
    return typed


def _of_run(run: Mapping[str, Any], *, data: str | None, source: str) -> dict[tuple[str, ...], Any]:
    """What a run's config says that holds for an evaluation too; of the data only if it is his."""
    if not run:
        return {}
    recipe = run["recipe"]
    for key in (f.name for f in fields(EvaluatedRecipe)):
        if key not in recipe:
            raise ValueError(
                f"{source} has no key recipe.{key}: another version of this project wrote the run"
            )
    kept = {f.name: recipe[f.name] for f in fields(EvaluatedRecipe) if f.name != "augment"}
    names = [f.name for f in fields(EvaluatedAugmentation)]
    kept["augment"] = {name: recipe["augment"][name] for name in names if name in recipe["augment"]}
    found: dict[tuple[str, ...], Any] = {("recipe",): kept}
    if data in (None, run["data"]["name"]):
        places = {key: run.get(key) for key in WHEREABOUTS}
        found["data",] = {**run["data"], **places}
    return found


def _said(text: str) -> Place:
    return lambda _: text
