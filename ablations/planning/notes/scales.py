"""Networks whose layer scales a study's recipe cannot grow: said before anything is trained."""

from dataclasses import dataclass

from ablations.planning.plan import Plan
from ablations.studies.networks import few
from lit_models.space.spec import ArchSpec
from lit_models.training.layer_scales import ENOUGH, rate_sum, stuck_scale

_REMEDY = (
    "Leave them out or start them at 1 (the steps layer_scale=off and layer_scale=1 of a study of "
    "networks), or train for more steps"
)


@dataclass(frozen=True)
class Stuck:
    """Points of a study whose layer scales start at `initial` and can move by about `bound`."""

    study: str
    points: tuple[str, ...]
    initial: float
    bound: float
    updates: int

    @property
    def sentence(self) -> str:
        """What is wrong and what to do."""
        return (
            f"{self.study}: layer scales that start at {self.initial:g} cannot grow here: the "
            f"learning rates of the {self.updates:,} optimizer steps add up to {self.bound:.2g}, "
            f"about the most that Adam moves a factor, and with less than {ENOUGH:g} such branches "
            f"hardly take part in the network. {_REMEDY} (in {few(self.points)})."
        )


def stuck_scales(plan: Plan, images: float | None) -> tuple[Stuck, ...]:
    """The points whose layer scales cannot grow, by where these start.

    `images` are those of an epoch, None where they are not known: then nothing is. Weights that a
    recipe starts from bring layer scales of their own.
    """
    recipe = plan.study.recipe
    if images is None or recipe.start_from is not None:
        return ()
    updates = int(images // recipe.batch_size) * recipe.epochs
    found: dict[float, list[str]] = {}
    for point, network in plan.networks.items():
        if isinstance(network, ArchSpec):
            initial = stuck_scale(network, recipe, updates=updates)
            if initial is not None:
                found.setdefault(initial, []).append(point)
    bound = rate_sum(recipe, updates=updates)
    name = plan.study.name
    return tuple(Stuck(name, tuple(points), it, bound, updates) for it, points in found.items())
