"""Published values beside measured ones: only where images, definition and unit are the same."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ablations.compare.cells import printed
from ablations.compare.row import Row
from ablations.robustness.metrics.corrupted import MEAN_CORRUPTED_ERROR
from ablations.robustness.metrics.single import TOP1
from ablations.robustness.results.collected import Collected
from ablations.robustness.shown.headlines import Headline
from datamodules.benchmarks.entries import SETS

# The headings in `published.yaml` of what is measured here, by the beginning of the conditions and
# the metric.
PRINTED: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("sets/imagenet_c", MEAN_CORRUPTED_ERROR): "IN-C error",
        ("sets/imagenet_a", TOP1): "IN-A",
        ("sets/imagenet_r", TOP1): "IN-R",
        ("sets/imagenet_sketch", TOP1): "IN-SK",
        ("sets/stylized", TOP1): "S-IN",
    }
)
_GENERATED = "sets/stylized"  # by each user anew


def published_cells(one: Headline, rows: Sequence[Row], found: Collected) -> dict[str, str]:
    """By point, the published value of what stands in a column; empty where none is comparable."""
    if _other_definition(one, found) is not None:
        return {}
    name = _name(one)
    return {
        row.point: printed(row.published_more[name])
        for row in rows
        if name in row.published_more and row.published_differs is None
    }


def published_notes(
    shown: Sequence[Headline], rows: Sequence[Row], found: Collected
) -> tuple[str, ...]:
    """Which published values are not beside measured ones, and what they differ in."""
    said = []
    for one in shown:
        reasons: dict[str, int] = {}
        for row in (row for row in rows if _name(one) in row.published_more):
            reason = _other_definition(one, found) or row.published_differs
            if reason is not None:
                reasons[reason] = reasons.get(reason, 0) + 1
        said += [
            f"{one.of.title}: {count} published {'value is' if count == 1 else 'values are'} not "
            f"beside the measured ones ({reason})."
            for reason, count in reasons.items()
        ]
    return tuple(said)


def _name(one: Headline) -> str:
    return PRINTED.get((one.of.start, one.metric.name), "")


def _other_definition(one: Headline, found: Collected) -> str | None:
    """What the published number is of that the measured one is not; None: nothing."""
    if one.of.start == _GENERATED:
        return "each copy is generated anew, and this is none of the published one"
    if found.asked.weights != "raw":
        return "of other weights than these averages"
    public = SETS.get(one.of.start.partition("/")[2])
    if public is not None and one.metric.images < public.images:
        return f"of {public.images:,} images, where {one.metric.images:,} were asked about"
    if one.of.grid is not None and not one.of.grid.whole:
        return "of all corruptions and severities"
    return None
