"""GRN: global response normalisation, the layer of ConvNeXt V2 (arXiv 2301.00808, Section 3.3)."""

from typing import TYPE_CHECKING

from lit_models.primitives.primitive import register_primitive

if TYPE_CHECKING:
    from torch import nn


@register_primitive(
    "grn",
    title="GRN",
    summary="channels compete by their L2 norm over the map",
    source="arXiv 2301.00808, Section 3.3",
    after=("pointwise_in", "spatial", "pointwise_out"),
    ranges={"eps": (1e-12, 1.0)},
    starts_as_identity=True,
)
def global_response_norm(channels: int, *, eps: float = 1e-6) -> "nn.Module":
    """x + weight * x * n + bias, where n is a channel's L2 norm over the mean of all channels'.

    The paper's gamma and beta are `weight` and `bias`, timm's names; both start at 0. ConvNeXt V2
    has it after the activation of the first 1x1 convolution.
    """
    from timm.layers.grn import GlobalResponseNorm

    return GlobalResponseNorm(channels, eps=eps, channels_last=False)
