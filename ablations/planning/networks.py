"""The networks of a plan: what is trained at a point, and what of it is refused."""

from collections.abc import Mapping

from ablations.studies.config import Study
from ablations.studies.designs import Point
from ablations.studies.networks import for_images, waste_notes, wasted, with_recipe
from ablations.studies.points import study_design
from lit_models.families.reference import Network


def trained(study: Study, point: Point, spec: Network, sides: Mapping[str, int]) -> Network:
    """The point's network with what the recipe says about networks, for the study's images.

    Raises ValueError, naming the point, where recipe or images do not fit it.
    """
    try:
        spec = with_recipe(spec, study.recipe)
    except ValueError as reason:
        where = f"study {study.name}: the recipe does not fit point {point.label}"
        raise ValueError(f"{where}: {reason}") from None
    try:
        return for_images(spec, sides)
    except ValueError as reason:
        raise ValueError(f"study {study.name}: point {point.label}: {reason}") from None


def check_kernels(study: Study, networks: Mapping[str, Network], sides: Mapping[str, int]) -> None:
    """Raise ValueError for kernels that are larger than sense; a trajectory's are only noted."""
    if study_design(study).on_trajectory or study.oversized_kernels:
        return
    notes = waste_notes(wasted(networks, sides))
    if notes:
        raise ValueError(
            f"study {study.name}: kernels that are larger than sense: {'; '.join(notes)}. Take "
            "smaller kernels (kernel_size=N) or larger images (data.image_size), or allow them "
            "with oversized_kernels=true"
        )
