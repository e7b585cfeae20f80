"""SE: squeeze and excitation, a gate for each channel from the mean over the map."""

from typing import TYPE_CHECKING

from lit_models.primitives.primitive import register_primitive

if TYPE_CHECKING:
    from torch import nn


@register_primitive(
    "se",
    title="SE",
    summary="a gate for each channel, from the means over the map by two 1x1 convolutions",
    source="arXiv 1709.01507, Section 3",
    after=("pointwise_out", "spatial", "pointwise_in"),
    ranges={"reduction": (1, 1024), "divisor": (1, 1024)},
    choices={"activation": ("relu", "silu", "gelu"), "gate": ("sigmoid", "hard_sigmoid")},
    init="network",
)
def squeeze_excite(
    channels: int,
    *,
    reduction: int = 16,
    divisor: int = 1,
    activation: str = "relu",
    gate: str = "sigmoid",
) -> "nn.Module":
    """Mean over the map, 1x1 to channels / reduction, activation, 1x1 back, gate.

    The inner width is rounded to a multiple of `divisor` and is at least that; timm's default is
    8. Where SE-ResNet has it: after the last norm of a block, before the addition.
    """
    from timm.layers import SqueezeExcite, create_act_layer, make_divisible

    inside = make_divisible(channels / reduction, divisor, round_limit=0.0)
    module = SqueezeExcite(channels, rd_channels=inside, gate_layer=gate)
    module.act = create_act_layer(activation, inplace=False)  # timm's overwrites its input
    return module
