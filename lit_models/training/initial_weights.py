"""Where a network that is fine-tuned starts: the recipe's `start_from` and `head_init_scale`."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from lit_models.families.reference import PREFIX
from lit_models.recipe.config import TrainingConfig
from lit_models.recipe.weight_files import checkpoint_file, is_timm
from lit_models.training.distillation import timm_network
from lit_models.weights.finite import require_finite
from lit_models.weights.official import Fit, classifier_of, fit
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


def starting_weights(model: Any, content: Mapping[str, Any], training: TrainingConfig) -> Fit:
    """The weights of `model` in what `read_start` gave, without a classifier of other classes.

    Raises ValueError, beginning with the key, when they are of another network, or bring the
    classifier whose initial values the recipe scales.
    """
    start = f"{KEY}={training.start_from}"
    try:
        found = fit(model, content, fresh_classifier=True, ema=training.start_from_ema)
    except ValueError as error:
        raise ValueError(f"{start} does not fit: {error}") from None
    if training.head_init_scale != 1 and f"{classifier_of(model)}.weight" in found.tensors:
        raise ValueError(
            f"recipe.head_init_scale is {training.head_init_scale}, but {start} brings a "
            "classifier of these very classes, so that there are no initial values to scale: leave "
            "it out"
        )
    return found


def scale_classifier(model: nn.Module, factor: float) -> None:
    """Multiply the classifier's initial weights and bias by the recipe's `head_init_scale`.

    As `head_init_scale` of github.com/facebookresearch/ConvNeXt does (models/convnext.py). Raises
    ValueError where there is no classifier, or all of it starts at 0.
    """
    if factor == 1:
        return
    classifier = model.get_submodule(classifier_of(model)) if classifier_of(model) else None
    parameters = [] if classifier is None else list(classifier.parameters())
    if not any(value.is_meta or value.any() for value in parameters):
        raise ValueError(
            f"recipe.head_init_scale is {factor}, but this network has no classifier with initial "
            "values other than 0: leave it out"
        )
    for value in parameters:
        value.data.mul_(factor)


def load_start(model: nn.Module, training: TrainingConfig) -> str:
    """Give a network the weights that its recipe starts from, if any.

    Returns what is to be said of them, such as which of a file's sets was taken; empty: nothing.
    Raises ValueError, beginning with the key, when they are not there or do not fit.
    """
    value = training.start_from
    if value is None:
        return ""
    found = starting_weights(model, read_start(value), training)
    model.load_state_dict({**model.state_dict(), **found.tensors})
    require_finite(model, source=f"{KEY}={value}")
    return f"{KEY}={value}: {found.said}" if found.said else ""
