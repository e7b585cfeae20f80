"""Points that start otherwise than what they are compared with: two things change at once."""

from collections.abc import Mapping

from ablations.planning.plan import Plan
from ablations.studies.designs import made_of
from ablations.studies.points import study_design
from lit_models.space.spec import ArchSpec


def identity_branches(spec: ArchSpec) -> tuple[bool, ...]:
    """Which of a network's residual branches start at 0, so that their block is the identity.

    Those that end in a norm, where the network starts such norms at 0.
    """
    starts = spec.init.zero_last_norm and spec.norm != "none"
    rows = [branch for branch in spec.branches() if branch.residual and branch.layers]
    return tuple(starts and branch.layers[-1] in branch.norms for branch in rows)


def start_warnings(plan: Plan) -> Mapping[str, str]:
    """A sentence for every point whose steps also change which branches start at 0.

    Only points that name their networks are compared with the network that they were made from;
    along a trajectory no norm starts at 0.
    """
    design = study_design(plan.study)
    if design.on_trajectory:
        return {}
    networks = plan.networks
    points = [point for point in design.points() if point.label in networks]
    found: dict[str, str] = {}
    for point in points:
        reference = design.reference(point, points)
        if reference is None or reference.network != point.network or not point.steps:
            continue
        one, other = networks[point.label], networks[reference.label]
        if not (isinstance(one, ArchSpec) and isinstance(other, ArchSpec)):
            continue
        here, there = any(identity_branches(one)), any(identity_branches(other))
        if here != there:
            verb = "start" if here else "do not start"
            found[point.label] = (
                f"{plan.study.name}: residual branches of {point.label} {verb} at 0 and those of "
                f"{reference.label} do{' not' if here else ''}, since {made_of(reference)} starts "
                "the norm that ends a branch at 0: the difference is of the step and of the start. "
                "Take a network whose norms all start at 1, such as resnet50__torchvision"
            )
    return found
