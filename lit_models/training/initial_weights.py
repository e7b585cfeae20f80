"""Where a network starts that is fine-tuned: the recipe's `start_from`."""

from collections.abc import Mapping
from typing import Any

from lit_models.families.reference import PREFIX
from lit_models.recipe.weight_files import checkpoint_file, is_timm
from lit_models.training.classifier import LitClassifier
from lit_models.training.distillation import timm_network
from lit_models.weights.finite import require_finite
from lit_models.weights.official import Fit, fit
from lit_models.weights.tensor_files import read_tensors

KEY = "recipe.start_from"


def read_start(value: str) -> dict[str, Any]:
    """What `start_from` names, as it was stored.

    Raises ValueError, beginning with the key, when it is not there or cannot be read.
    """
    if is_timm(value):
        return dict(timm_network(value.removeprefix(PREFIX), key=KEY).state_dict())
    path = checkpoint_file(value, key=KEY)
    try:
        return read_tensors(path)
    except ValueError as error:
        raise ValueError(f"{KEY}: {error}") from None


def starting_weights(
    model: Any, content: Mapping[str, Any], *, value: str, ema: bool = False
) -> Fit:
    """The weights of `model` in what `read_start` gave, without a classifier of other classes.

    Raises ValueError, beginning with the key, when they are of another network.
    """
    try:
        return fit(model, content, fresh_classifier=True, ema=ema)
    except ValueError as error:
        raise ValueError(f"{KEY}={value} does not fit: {error}") from None


def start(module: LitClassifier) -> str:
    """Give the network, and the average with it, the weights that its recipe starts from, if any.

    Returns what is to be said of them, such as which of a file's sets was taken; empty: nothing.
    Raises ValueError, beginning with the key, when they are not there or do not fit.
    """
    value, ema = module.training_config.start_from, module.training_config.start_from_ema
    if value is None:
        return ""
    found = starting_weights(module.backbone, read_start(value), value=value, ema=ema)
    module.backbone.load_state_dict({**module.backbone.state_dict(), **found.tensors})
    require_finite(module.backbone, source=f"{KEY}={value}")
    if module.ema is not None:
        module.ema.set(module.backbone)  # type: ignore[no-untyped-call]
    return f"{KEY}={value}: {found.said}" if found.said else ""
