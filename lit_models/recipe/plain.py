"""A recipe from plain values, as a file or a checkpoint has them, and back."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal, get_origin, get_type_hints

from lit_models.families.serialise import to_plain, typed
from lit_models.recipe.config import TrainingConfig
from lit_models.registry.names import nearest


def training_config(values: Mapping[str, Any] | TrainingConfig | None) -> TrainingConfig:
    """Plain values by field as a `TrainingConfig`; None: the defaults.

    Raises ValueError for what is neither, for unknown fields, with the nearest, and for values of
    another type.
    """
    if isinstance(values, TrainingConfig):
        return values
    values = {} if values is None else values
    if not isinstance(values, Mapping):
        raise ValueError(
            f"training is {values!r}, but a recipe is a TrainingConfig or values for its fields, "
            "such as {'epochs': 30, 'lr': 4e-3}; the names of recipes belong to study files"
        )
    hints = get_type_hints(TrainingConfig)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise ValueError(f"training: unknown fields {unknown}. {nearest(unknown[0], hints)}")
    read = {
        # a choice is held against the others by the class itself
        name: value
        if get_origin(hints[name]) is Literal
        else typed(hints[name], value, f"recipe.{name}")
        for name, value in values.items()
    }
    return TrainingConfig(**read)


def plain_training(config: TrainingConfig) -> dict[str, Any]:
    """What `training_config` reads: the fields of `TrainingConfig` as plain data."""
    return {f.name: to_plain(getattr(config, f.name)) for f in fields(TrainingConfig)}
