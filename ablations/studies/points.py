"""The design of a study, checked, and the points that it gives."""

from ablations.studies.config import Study, StudyConfig
from ablations.studies.designs import DESIGNS, Design, Point


def study_design(study: StudyConfig) -> Design:
    """How the points of a study are chosen.

    Raises ValueError, beginning with the key, for a trajectory or table that there is not, and for
    a key that has no meaning for the design.
    """
    kind = DESIGNS[study.points.kind]
    for key in ("published", "oversized_kernels"):
        if kind.on_trajectory and getattr(study, key):
            raise ValueError(
                f"{key} has no meaning with a trajectory, only where points name their networks "
                "(points.kind=networks or grid): leave it out."
            )
    design = kind.create(
        study.points,
        trajectory=study.trajectory,
        published=study.published,
        own=study.own_trajectory if isinstance(study, Study) else None,
    )
    return design.for_seeds(study.seeds)


def study_points(study: StudyConfig) -> tuple[Point, ...]:
    """All points of a study, illegal combinations included.

    Raises ValueError, beginning with the key, for a point that names what there is not.
    """
    return study_design(study).points()


def check_points(study: StudyConfig) -> None:
    """Raise ValueError, beginning with the key, where a study's points cannot be trained.

    Steps of a trajectory are checked by name, points that name their networks entirely.
    """
    design = study_design(study)
    design.check()
    if design.own_seeds and study.seeds_rule.rule is not None:
        raise ValueError(
            f"seeds has a rule, which has no meaning for points.kind={design.kind}, whose points "
            "have one seed each: give a list of seeds."
        )
