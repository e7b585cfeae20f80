"""From a point of a design to the network that is trained on a study's images. No torch.

Every network of a study is made here, and refused here when the study's images do not suit it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ablations.studies.designs.by_network import edited_network
from datamodules.catalog.resolved import Data
from datamodules.config.augmentation import Augmentation
from lit_models.families.reference import Network, TimmModel
from lit_models.recipe.apply import apply_recipe
from lit_models.recipe.config import TrainingConfig
from lit_models.space.geometry import OversizedKernel, oversized_kernels
from lit_models.space.spec import ArchSpec
from lit_models.steps.trajectories import TRAJECTORIES
from lit_models.steps.trajectory import Trajectory

_SHOWN = 6  # points named in a sentence


class Wasteful(NamedTuple):
    """A point with kernels that are larger than sense, and what is wasted."""

    point: str
    waste: OversizedKernel


def network_after(
    steps: Sequence[str], *, trajectory: str | Trajectory = "", network: str | None = None
) -> Network:
    """The network that steps lead to, from a trajectory's start or from a named network.

    A trajectory may be given by the name of a shipped one.

    Raises ValueError for an unknown network or step, with the nearest, and for a step that cannot
    be applied.
    """
    if network is not None:
        return edited_network(network, tuple(steps))
    line = TRAJECTORIES[trajectory] if isinstance(trajectory, str) else trajectory
    return line.apply(steps)


def image_sides(data: Data, augment: Augmentation) -> Mapping[str, int]:
    """The sides in px of the images that the networks see, by the key that says so."""
    sides = {
        "data.image_size": data.image_size,
        "data.eval_size": data.eval_size,
        "recipe.augment.first_size": augment.first_size,
    }
    return {key: side for key, side in sides.items() if side is not None}


def with_recipe(network: Network, recipe: TrainingConfig) -> Network:
    """The network with what the recipe says about networks.

    Raises ValueError when that is no network, or when the recipe's part changes nothing.
    """
    if isinstance(network, ArchSpec) and network.blur_pool and recipe.blur_pool:
        raise ValueError(
            "recipe.blur_pool changes nothing, since the network has blur pool already; leave it "
            "out of the recipe or of the point's steps"
        )
    return apply_recipe(network, recipe)


def for_images(network: Network, sides: Mapping[str, int]) -> Network:
    """The network for images of these sides: timm's is built for them.

    Raises ValueError where one with token MLPs is built for others.
    """
    if isinstance(network, TimmModel):
        return replace(network, image_size=sides.get("data.image_size"))
    built = network.image_size
    for key, side in sides.items():
        if built in (None, side):
            continue
        remedy = f"add the step image_size={side}"
        if key != "data.image_size":
            remedy = f"it takes one size throughout, so leave {key} out"
        raise ValueError(
            f"its token MLPs are built for images of {built} px, but {key} is {side}; {remedy}"
        )
    return network


def wasted(networks: Mapping[str, Network], sides: Mapping[str, int]) -> tuple[Wasteful, ...]:
    """Kernels of the networks, by point, that are larger than sense on images of this size."""
    side = sides.get("data.image_size")
    return tuple(
        Wasteful(point, waste)
        for point, network in networks.items()
        if isinstance(network, ArchSpec) and side is not None
        for waste in oversized_kernels(network, side)
    )


def waste_notes(found: Iterable[Wasteful]) -> list[str]:
    """A sentence for each kind of waste, with the points that have it."""
    points: dict[str, list[str]] = {}
    for point, waste in found:
        points.setdefault(waste.sentence, []).append(point)
    return [f"{sentence} (in {few(names)})" for sentence, names in points.items()]


def few(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
