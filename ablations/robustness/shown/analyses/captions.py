"""What stands below the figures of analyses."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from ablations.compare.records import StudyRecord
from ablations.compare.words import plural
from ablations.robustness.conditions.analyses import names
from ablations.robustness.metrics.analyses import analysis_notes
from ablations.robustness.results.collected import Collected

LESION = (
    "Top-1 with blocks taken out after training: blocks that only add to what comes to them become "
    "the identity. {draws} for each number of blocks; networks with as many blocks lose the same "
    "ones, as far as these can go."
)
KERNELS = (
    "Attention distance of depthwise kernels: the mean distance of a kernel's weights to its "
    "centre, weighted by their size, of every channel. Parallel kernels are merged first."
)
SEEDS = "Mean over training seeds, bands from the lowest to the highest."
VARIANCE = (
    "The variance of feature maps over their positions, for each image and channel, then the mean "
    "over channels and images: of the stem and of every block's output. A map of one position has "
    "none."
)
AREAS = (
    "Effective receptive field: the area of the smallest square with more than a share of all "
    "contributions to the middle of the last map, on images of {side}. Squares are about the pixel "
    "that it looks from. "
    "A contribution is what a gradient with respect to the normalised image has above 0."
)
FIELDS = (
    "Effective receptive field of the first and last step and that of the largest change: darker "
    "pixels contribute more to the middle of the last map, on a logarithmic scale over four powers "
    "of 10. Squares hold more than the share of the contributions that is said below."
)
_NONE: Mapping[str, str] = MappingProxyType(
    {
        names.LESION: "without a block that can be taken out",
        names.KERNELS: "without depthwise convolutions",
    }
)


def lesion(collected: Collected) -> tuple[str, ...]:
    """How many draws, of which stages, and of how many blocks."""
    parameters = collected.kept[names.LESION].parameters
    stages = parameters.get("stages")
    of_stages = f"Only blocks of stage {', '.join(map(str, stages))}." if stages else ""
    return LESION.format(draws=plural(int(parameters.get("draws", 1)), "draw")), of_stages


def kernels(collected: Collected) -> tuple[str, ...]:
    """What distances are, and channels that have none."""
    kept, empty = collected.kept[names.KERNELS], 0
    for point, seed in collected.runs(names.KERNELS):
        empty = max(empty, int(np.sum(kept.arrays(point, seed)[names.EMPTY])))
    left_out = f"Up to {plural(empty, 'channel')} without weight are left out." if empty else ""
    several = max(map(len, kept.answers.values())) > 1
    return KERNELS, left_out, SEEDS if several else ""


def areas(collected: Collected) -> tuple[str, ...]:
    """The side of the images, and what cannot be compared."""
    kept = collected.kept[names.FIELD]
    sides = {
        int(kept.arrays(point, seed)[names.SIDE]) for point, seed in collected.runs(names.FIELD)
    }
    said = " or ".join(f"{side} px" for side in sorted(sides))
    return AREAS.format(side=said), *analysis_notes(collected)


def missing(study: StudyRecord, collected: Collected, key: str) -> str:
    """Which points that answered something have no answer here, and why that may be."""
    there = {point for point, _ in collected.runs(key)}
    asked = [point for point in study.points if point.label in collected.points]
    left_out = [point.title for point in asked if point.label not in there]
    if not left_out:
        return ""
    return f"Without a line: {_listed(left_out)}{_why(key)}."


def _why(key: str) -> str:
    return f" (a network {_NONE[key]} has none)" if key in _NONE else ""


def _listed(titles: Sequence[str], *, most: int = 6) -> str:
    more = len(titles) - most
    return ", ".join(titles) if more <= 0 else f"{', '.join(titles[:most])} and {more} more"
