"""How many seeds a study needs: a rule that reads how far seeds scatter, and never a mean.

After each stage of training it asks for as many seeds as make the 95 % interval of a difference
narrow enough (Stein 1945, "A two-sample test for a linear hypothesis whose power is independent of
the variance"). Stein's rule asks once. Here it asks again with the deviation of all seeds so far,
because reports take the interval from all of them: asked once, that misses the width in about
every fourth study of 13 networks. A rule that looked at means or at significance would make the
intervals cover less than they say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, sqrt

from ablations.statistics.moderated import Values, study_variance
from ablations.statistics.paired import t_quantile
from lit_models.registry.ranges import Range, check_ranges

# More seeds than that are a slip.
STAGES = {"first": Range(2, 10_000), "most": Range(2, 10_000)}
WIDTH = {"half_width": Range(0, 100, open_low=True)}


@dataclass(frozen=True)
class SeedsRule:
    """`first` seeds of every point, then more until an interval is narrow, `most` at the most.

    Attributes:
        half_width: of the 95 % interval of a difference, in points of top-1.

    Raises:
        ValueError: a number that is out of range.
    """

    first: int
    most: int
    half_width: float

    def __post_init__(self) -> None:
        check_ranges(self, STAGES | WIDTH, prefix="seeds_rule")
        if self.most < self.first:
            raise ValueError(f"seeds_rule.most is {self.most}, fewer than first, {self.first}.")


@dataclass(frozen=True)
class Decision:
    """What the rule found after a stage.

    Attributes:
        seeds: of every point, all finished.
        std: of one run, pooled over the points, in points of top-1, with its degrees of freedom.
        half_width: of an interval with these seeds.
        asked: the seeds that it takes; not more than `seeds` where that is enough.
    """

    seeds: int
    std: float
    degrees: int
    half_width: float
    asked: int


@dataclass(frozen=True)
class Stage:
    """How far a study with a rule is: seeds 0 to `seeds - 1` of every point are planned.

    Attributes:
        decisions: what the rule found after each finished stage.
        missing: runs of this stage that are not finished.
        so_far: what the points would ask for that have all seeds of it, where some have.
        over: no more seeds will be asked for.
    """

    rule: SeedsRule
    seeds: int
    decisions: tuple[Decision, ...]
    missing: int = 0
    so_far: Decision | None = None
    over: bool = False


def stage_of(rule: SeedsRule, values: Values) -> Stage:
    """The stage of a study, from top-1 in percent by seed of every planned point.

    A stage is over when every point has all its seeds: what a later one decides then depends on
    finished stages alone, and is the same whenever it is asked.
    """
    seeds, decisions = rule.first, list[Decision]()
    while not (missing := _missing(values, seeds)):
        found = _decide(rule, values, seeds)
        if found is None:  # no point at all
            return Stage(rule, seeds, (), over=True)
        decisions.append(found)
        if found.asked <= seeds or seeds == rule.most:
            return Stage(rule, seeds, tuple(decisions), over=True)
        seeds = min(found.asked, rule.most)
    whole = {name: by for name, by in values.items() if not _missing({name: by}, seeds)}
    return Stage(rule, seeds, tuple(decisions), missing, _decide(rule, whole, seeds))


def _missing(values: Values, seeds: int) -> int:
    return sum(seed not in by for by in values.values() for seed in range(seeds))


def _decide(rule: SeedsRule, values: Values, seeds: int) -> Decision | None:
    noise = study_variance({name: _first(by, seeds) for name, by in values.items()})
    if noise is None:
        return None
    times = t_quantile(noise.pooled_degrees) * noise.pooled_std
    asked = ceil(2 * (times / rule.half_width) ** 2)
    half_width = times * sqrt(2 / seeds)
    return Decision(seeds, noise.pooled_std, noise.pooled_degrees, half_width, asked)


def _first(by_seed: Mapping[int, float], seeds: int) -> dict[int, float]:
    return {seed: by_seed[seed] for seed in range(seeds)}
