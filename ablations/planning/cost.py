"""What a network costs, and what that depends on beside the network."""

from collections.abc import Collection
from dataclasses import dataclass

from datamodules.catalog.resolved import Data, count_classes
from lit_models.families.reference import Network
from lit_models.space.cost import closed_cost
from lit_models.space.geometry import block_sides
from lit_models.space.spec import ArchSpec


@dataclass(frozen=True)
class Cost:
    """Cost of one image: parameters, multiply-adds / 1e9, outputs of conv and linear layers.

    The last are None where the cost is computed and not counted.
    """

    params: int
    gmacs: float
    activations: int | None


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


def computed_costs(networks: Collection[Network], setting: Setting) -> dict[Network, Cost] | None:
    """The cost of networks in closed form, without torch.

    None where one has to be counted: one of timm's, one with primitives, and one that leaves
    nothing of an image, which the counter refuses.
    """
    found: dict[Network, Cost] = {}
    for spec in networks:
        if not isinstance(spec, ArchSpec) or spec.primitives():
            return None
        if any(side < 1 for _, _, side in block_sides(spec, setting.image_size)):
            return None
        cost = closed_cost(spec, **vars(setting))
        found[spec] = Cost(cost.params, cost.macs / 1e9, None)
    return found
