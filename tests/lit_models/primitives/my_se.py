"""A file of one's own: squeeze and excitation (arXiv 1709.01507) as a primitive."""

from torch import Tensor, nn

from lit_models import register_primitive


@register_primitive(
    "my_se",
    title="my SE",
    source="arXiv 1709.01507",
    after=("pointwise_out", "spatial"),
    ranges={"reduction": (1, 256)},
    init="network",
)
class SqueezeExcite(nn.Module):
    """A gate for each channel, from the means over the map."""

    def __init__(self, channels: int, *, reduction: int = 16) -> None:
        super().__init__()
        inside = max(1, channels // reduction)
        self.squeeze = nn.Conv2d(channels, inside, 1)
        self.excite = nn.Conv2d(inside, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps `(N, channels, H, W)` to the same shape."""
        means = x.mean((2, 3), keepdim=True)
        gates: Tensor = self.excite(self.squeeze(means).relu()).sigmoid()
        return x * gates
