"""What a network costs, and what that depends on beside the network."""

from dataclasses import dataclass

from datamodules.catalog.resolved import Data, count_classes


@dataclass(frozen=True)
class Cost:
    """Cost of one image: parameters, multiply-adds / 1e9, outputs of conv and linear layers."""

    params: int
    gmacs: float
    activations: int


@dataclass(frozen=True)
class Setting:
    """What a count depends on beside the spec."""

    image_size: int
    num_classes: int
    in_chans: int


def setting_of(data: Data) -> Setting | None:
    """Image size, classes and channels of the data; None where only absent data could say."""
    classes = count_classes(data)
    return None if classes is None else Setting(data.image_size, classes, data.info.in_chans)
