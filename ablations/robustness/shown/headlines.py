"""Which of all metrics stand in the tables: a few of each set of images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ablations.robustness.metrics.corrupted import (
    CLEAN_TOP1,
    EFFECTIVE,
    MEAN_CORRUPTED_ERROR,
    RETAINED,
    WORST_ACCURACY,
)
from ablations.robustness.metrics.divided import BY_ALEXNET, BY_REFERENCE, MCE, RATIO, RELATIVE
from ablations.robustness.metrics.metric import Metric
from ablations.robustness.metrics.sets import CORRUPTED, PERTURBED, MeasuredSet
from ablations.robustness.metrics.single import AUPR, BG_GAP, TOP1
from ablations.robustness.metrics.steadiness import FP, MFR, MT5D, T5D
from ablations.robustness.results.titles import eps_title

_EITHER = (BY_ALEXNET, BY_REFERENCE)
_OF_CORRUPTED = (
    MEAN_CORRUPTED_ERROR,
    *(f"{name} ({by})" for name in (MCE, RATIO, RELATIVE) for by in _EITHER),
    RETAINED,
    EFFECTIVE,
    WORST_ACCURACY,
)
_OF_PERTURBED = (FP, *(f"{MFR} ({by})" for by in _EITHER), T5D)
_OF_PERTURBED += tuple(f"{MT5D} ({by})" for by in _EITHER)
_ATTACKS: Mapping[str, float] = MappingProxyType({"fgsm": 8 / 255, "pgd": 0.006})
_HALF = f"{TOP1} random/0.5"


@dataclass(frozen=True)
class Headline:
    """A metric that has a column.

    Attributes:
        heading: of the column, with its unit.
        metric: what stands in it.
        of: the set that it is of.
        main: whether differences in it are shown, too.
    """

    heading: str
    metric: Metric
    of: MeasuredSet
    main: bool = True


def headlines(sets: Sequence[MeasuredSet]) -> tuple[Headline, ...]:
    """The columns, from left to right."""
    return tuple(one for of in sets for one in _of(of, sets))


def _of(of: MeasuredSet, sets: Sequence[MeasuredSet]) -> Iterator[Headline]:
    alone = sum(other.start in CORRUPTED for other in sets) == 1
    if of.start in CORRUPTED:
        clean = of.metric(CLEAN_TOP1)
        if clean is not None and of is next(s for s in sets if s.start in CORRUPTED):
            yield Headline("clean top-1 (%)", clean, of)
        yield from _named(of, _OF_CORRUPTED, main=(MEAN_CORRUPTED_ERROR,), once=alone)
    elif of.start in PERTURBED:
        yield from _named(of, _OF_PERTURBED, main=(FP,))
    elif of.start == "attacks":
        yield from _attacks(of)
    elif of.start == "occlusion":
        metric = of.metric(_HALF)
        if metric is not None:
            yield Headline("half of the patches dropped: top-1 (%)", metric, of)
    else:
        yield from _named(of, (TOP1, AUPR, BG_GAP), main=(TOP1, AUPR, BG_GAP))


def _named(
    of: MeasuredSet, names: Sequence[str], *, main: Sequence[str], once: bool = False
) -> Iterator[Headline]:
    """The metrics of a set that there are; `once`: only the first says which set it is."""
    found = [metric for name in names if (metric := of.metric(name)) is not None]
    for number, metric in enumerate(found):
        title = "" if once and number else f"{of.title}: "
        yield Headline(f"{title}{metric_title(metric)}", metric, of, metric.name in main)


def _attacks(of: MeasuredSet) -> Iterator[Headline]:
    """One of the sizes of each attack: its usual one, else the largest below, else the smallest."""
    for attack, usual in _ATTACKS.items():
        start = f"{TOP1} {attack}/"
        found = [metric for metric in of.metrics if metric.name.startswith(start)]
        if found:
            below = [metric for metric in found if _eps(metric.name) <= usual]
            chosen = max(below, key=_size) if below else min(found, key=_size)
            eps = eps_title(chosen.name.rpartition("/")[2])
            yield Headline(f"{attack.upper()}, eps {eps}: top-1 (%)", chosen, of)


def metric_title(metric: Metric) -> str:
    """A metric with its unit, where it has one."""
    chance = "" if metric.chance is None else f"chance {metric.chance:.1f}"
    said = ", ".join(filter(None, (metric.unit, chance)))
    return f"{metric.name} ({said})" if said else metric.name


def _size(metric: Metric) -> float:
    return _eps(metric.name)


def _eps(name: str) -> float:
    above, _, below = name.rpartition("/")[2].partition("_")
    return float(above) / float(below or 1)
