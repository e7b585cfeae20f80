"""Networks from checkpoints: of a run, or imported. Nothing in a file is executed."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from lit_models.families.reference import Network
from lit_models.families.serialise import from_dict
from lit_models.network.backbone import Backbone
from lit_models.network.builder import build
from lit_models.primitives.primitive import UnknownPrimitive
from lit_models.recipe.apply import apply_recipe
from lit_models.recipe.config import TrainingConfig
from lit_models.recipe.plain import training_config
from lit_models.weights.finite import require_finite
from lit_models.weights.tensor_files import first_line, read_tensors

RAW, AVERAGED = "backbone.", "ema.module."  # prefixes of weights in a `LitClassifier`'s state dict


def read_weights(path: str | Path) -> dict[str, Any]:
    """The content of a checkpoint that `LitClassifier` or `ablate import` wrote, on the CPU.

    Raises ValueError, naming the file, when it is damaged, holds objects that could run code, or is
    no such checkpoint.
    """
    content = read_tensors(path)
    if not {"state_dict", "hyper_parameters"} <= set(content):
        raise ValueError(
            f"{path} is no checkpoint of a run: it has no hyper_parameters that describe its "
            "network. `ablate import` makes one from published weights"
        )
    return content


@dataclass(frozen=True)
class Loaded:
    """A network from a checkpoint, and what it was built from."""

    model: Backbone | Any  # Any: a network of timm
    spec: Network
    num_classes: int
    in_chans: int
    said: str = ""  # which of its sets of weights was taken, where it has two


def load_network(path: str | Path, *, ema: bool = False) -> Backbone | Any:
    """The network of a checkpoint with its raw weights, or with `ema` the averaged ones.

    Raises ValueError, naming the file, when it cannot be read, has no average, or was written by
    another version of this project.
    """
    return load_checkpoint(path, ema=ema).model


def load_checkpoint(path: str | Path, *, ema: bool = False) -> Loaded:
    """`load_network`, with what the network was built from."""
    content = read_weights(path)
    weights = _weights(content["state_dict"], AVERAGED if ema else RAW)
    if not weights:
        which = "averaged weights: its recipe has no ema_decay" if ema else "weights of a network"
        raise ValueError(f"{path} has no {which}")
    try:
        loaded = _built(content["hyper_parameters"])
        loaded.model.load_state_dict(weights)
    except UnknownPrimitive as error:
        raise ValueError(f"{path}: {error}") from None
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(
            f"{path} was written by another version of this project: {first_line(error)}"
        ) from None
    require_finite(loaded.model, source=path)
    other = RAW if ema else AVERAGED
    if not any(key.startswith(other) for key in content["state_dict"]):
        return loaded
    taken = "averaged" if ema else "raw"
    return replace(loaded, said=f"it holds raw weights and averaged ones: {taken} taken")


def _built(values: Mapping[str, Any]) -> Loaded:
    known = {field.name for field in fields(TrainingConfig)}
    training = {key: value for key, value in values["training"].items() if key in known}
    spec = apply_recipe(from_dict(values["spec"]), training_config(training))
    sizes = {key: int(values[key]) for key in ("num_classes", "in_chans")}
    return Loaded(build(spec, **sizes), spec, sizes["num_classes"], sizes["in_chans"])


def _weights(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): state[key] for key in state if key.startswith(prefix)}
