"""What a step gains at equal cost, beside what it gains as the trajectory has it.

The total of a step is its difference between networks with their own widths, its own gain that at
equal cost; the rest it had bought with cost.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ablations.compare.records import StudyRecord
from ablations.equal_cost.halves import Halves, Place, read_halves
from ablations.statistics.moderated import (
    Difference,
    StudyVariance,
    Values,
    contrast,
    study_variance,
)
from ablations.statistics.multiplicity import holm
from ablations.statistics.paired import SIGNIFICANCE

Part = Literal["total", "own", "bought"]
PARTS: tuple[Part, ...] = ("total", "own", "bought")
_Weights = Mapping[str, float]  # of networks, in a sum of their means


@dataclass(frozen=True)
class Gain:
    """A part of a step's difference in points of top-1.

    `found` has its 95 % interval, where networks have a second seed; `p_holm` is adjusted for the
    same part of all steps.
    """

    mean: float
    found: Difference | None = None
    p_holm: float | None = None

    @property
    def stands_out(self) -> bool:
        """Whether it is found after the correction."""
        return self.p_holm is not None and self.p_holm <= SIGNIFICANCE


@dataclass(frozen=True)
class StepGain:
    """A step in three parts, as far as they are known.

    Attributes:
        reference: the label of the point that it is compared with; None for the first.
        absorbed: it only sets widths: it has no network of its own at equal cost, and all that it
            gained it had bought.
        cost_change: of the networks with their own widths, relative to the reference's.
        top1: mean of the network with its own widths, in percent.
    """

    point: str
    title: str
    reference: str | None
    absorbed: bool
    parts: Mapping[Part, Gain]
    cost_change: float | None
    top1: float | None


@dataclass(frozen=True)
class Gains:
    """All steps of a matched study, and what of both halves there is."""

    steps: tuple[StepGain, ...]
    halves: Halves


def gains(study: StudyRecord) -> Gains | None:
    """The parts of every step; None for a study whose networks are not matched."""
    if study.match is None:
        return None
    halves = read_halves(study, study.match)
    by_label = {place.point.label: place for place in halves.places}
    points = [place.point for place in halves.places]
    noise = _noise(halves)
    steps = []
    for place in halves.places:
        before = study.design.reference(place.point, points)
        steps.append(_step(place, by_label[before.label] if before else None, halves, noise))
    for part in PARTS:
        steps = _adjusted(steps, part)
    return Gains(tuple(steps), halves)


def _noise(halves: Halves) -> Mapping[Part, StudyVariance | None]:
    """Of each half its own, as the reports of both studies have it; of what spans both, of both."""
    total = dict.fromkeys(place.own for place in halves.places)
    own = dict.fromkeys(place.matched for place in halves.places)
    networks: Mapping[Part, Iterable[str]] = {
        "total": total,
        "own": own,
        "bought": {**own, **total},
    }
    return {
        part: study_variance({n: halves.values[n] for n in names if halves.values[n]})
        for part, names in networks.items()
    }


def _step(
    place: Place,
    reference: Place | None,
    halves: Halves,
    noise: Mapping[Part, StudyVariance | None],
) -> StepGain:
    top1 = halves.values[place.own].values()
    change = None
    if reference is not None:
        after, before = (halves.costs.get(one.own) for one in (place, reference))
        change = after / before - 1 if after and before else None
    return StepGain(
        place.point.label,
        place.title,
        reference.point.label if reference else None,
        place.absorbed,
        _parts(place, reference, halves, noise) if reference else {},
        change,
        sum(top1) / len(top1) if top1 else None,
    )


def _parts(
    place: Place,
    reference: Place,
    halves: Halves,
    noise: Mapping[Part, StudyVariance | None],
) -> dict[Part, Gain]:
    total = _sum({place.own: 1.0}, {reference.own: -1.0})
    own = _sum({place.matched: 1.0}, {reference.matched: -1.0})
    bought = _sum(total, {name: -weight for name, weight in own.items()})
    weights: Mapping[Part, _Weights] = {"total": total, "own": own, "bought": bought}
    found = {part: _gain(weights[part], noise[part], halves.values) for part in PARTS}
    return {part: gain for part, gain in found.items() if gain is not None}


def _sum(*parts: _Weights) -> dict[str, float]:
    """The weights together, without networks that cancel."""
    found: dict[str, float] = {}
    for name, weight in (item for part in parts for item in part.items()):
        found[name] = found.get(name, 0.0) + weight
    return {name: weight for name, weight in found.items() if weight}


def _gain(weights: _Weights, noise: StudyVariance | None, values: Values) -> Gain | None:
    """A weighted sum of means over common seeds; exactly 0 where all networks cancel."""
    if not weights:
        return Gain(0.0)
    seeds = sorted(set.intersection(*(set(values[name]) for name in weights)))
    if not seeds:
        return None
    found = None if noise is None else contrast(values, weights, noise)
    sums = [sum(weight * values[name][s] for name, weight in weights.items()) for s in seeds]
    return Gain(sum(sums) / len(sums), found)


def _adjusted(steps: Sequence[StepGain], part: Part) -> list[StepGain]:
    """The steps with the p of a part adjusted for all of them."""
    gains = {step.point: step.parts[part] for step in steps if part in step.parts}
    tests = {name: gain.found.p for name, gain in gains.items() if gain.found is not None}
    adjusted = holm({name: p for name, p in tests.items() if p is not None})
    gains = {name: replace(gain, p_holm=adjusted.get(name)) for name, gain in gains.items()}
    return [
        replace(step, parts={**step.parts, part: gains[step.point]})
        if step.point in gains
        else step
        for step in steps
    ]
