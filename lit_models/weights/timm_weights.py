"""Weights between our networks and timm's (1.0), in both directions, by the tables of layouts."""

from collections.abc import Mapping

from torch import Tensor

from lit_models.network.backbone import Backbone
from lit_models.weights.key_match import match, problems
from lit_models.weights.layout_tables import LAYOUTS
from lit_models.weights.layouts import Layout
from lit_models.weights.official import fill, layouts_of, tensors_of


def to_timm(model: Backbone) -> dict[str, Tensor]:
    """The model's weights under timm's keys and with timm's shapes.

    Raises ValueError when timm has no such network: no layout of timm names every weight, or it has
    blur pool.
    """
    layout, names = _timm_layout(model)
    width = model.spec.widths[0]
    return {
        names[key]: tensor.flatten(1) if layout.is_linear(names[key], width=width) else tensor
        for key, tensor in model.state_dict().items()
    }


def from_timm(model: Backbone, state_dict: Mapping[str, Tensor]) -> None:
    """Fill every parameter and buffer of `model` from a timm state dict.

    Raises ValueError, and leaves the model as it was, when keys are missing, left over or
    misshapen, or when timm has no such network.
    """
    layout, names = _timm_layout(model)
    ours = model.state_dict(keep_vars=True)
    found = match(names, ours, state_dict)
    wrong = problems(found, ours, state_dict)
    if wrong is not None:
        raise ValueError(f"these weights are not those of {layout.name} in this size: {wrong}")
    fill(model, tensors_of(found, ours, state_dict))


def _timm_layout(model: Backbone) -> tuple[Layout, dict[str, str]]:
    found = layouts_of(model, timm=True)
    for layout in LAYOUTS:
        if layout.name in found:
            return layout, found[layout.name]
    reason = (
        "blur_pool blurs the input of a strided convolution, and timm's resnetblur50 the output of "
        "one whose stride it took away"
        if model.spec.blur_pool
        else f"it has {', '.join(layout.name for layout in LAYOUTS if layout.timm)}"
    )
    raise ValueError(f"timm has no network of this spec: {reason}")
