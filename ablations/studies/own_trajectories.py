"""Trajectories of a file's own: a start and named steps, written in the step language."""

from collections.abc import Mapping, Sequence
from string import ascii_lowercase

from ablations.studies.config import AlternativeConfig, StepConfig, TrajectoryConfig
from ablations.studies.designs.published import published_table
from ablations.studies.networks import network_after
from ablations.studies.own_networks import network_row
from ablations.studies.own_sections import check_word, texts_at, typed_section, value_at
from ablations.studies.scope import check_known, owner, section
from ablations.studies.typed import Keys
from ablations.studies.yaml_source import YamlSource
from lit_models.families.reference import TimmModel
from lit_models.space.spec import ArchSpec
from lit_models.steps.library import named_step
from lit_models.steps.step import Step
from lit_models.steps.trajectories import TRAJECTORIES
from lit_models.steps.trajectory import START, Trajectory

_ALTERNATIVES = "alternatives"
_RESERVED = (START, "end")  # points of a design that are no step


def own_trajectory(source: YamlSource, name: str, *, where: str) -> Trajectory | None:
    """The trajectory that a name means in a file; None for a shipped one in Python.

    Raises ValueError for an unknown name, with the nearest, and for one of the file's own that is
    no line of networks.
    """
    check_known(source, "trajectories", name, what="trajectory", where=where, more=TRAJECTORIES)
    holder = owner(source, "trajectories", name)
    return None if holder is None else read_trajectory(holder, name)


def read_trajectory(source: YamlSource, name: str) -> Trajectory:
    """A trajectory of this file, every point of its main line checked.

    Raises ValueError, with file and line, for an unknown key, network or step, and for a step that
    cannot be applied where it stands.
    """
    at = ("trajectories", name)
    check_word(source, at, what="trajectory")
    config = typed_section(source, TrajectoryConfig, at, texts=("start",), left=("steps",))
    written = section(source, *at, "steps")
    for key, found in (("start", config.start), ("steps", written)):
        if not found:
            raise ValueError(f"{source.where(at)}: a trajectory needs {key}")
    start_at = (*at, "start")
    start_from = network_row(source, config.start, where=source.where(start_at))
    tried = {step: _alternatives(source, (*at, "steps", step)) for step in written}
    trajectory = Trajectory(
        name=name,
        title=config.title or name,
        start=_start(source, start_from, start_at),
        start_title=config.start_title or " ".join(config.start),
        steps=tuple(_step(source, (*at, "steps", step)) for step in written),
        image_size=config.image_size,
        alternatives={step: other for step, other in tried.items() if other},
        published=config.published,
        start_from=start_from,
    )
    _check(source, trajectory, at)
    return trajectory


def _start(source: YamlSource, row: Sequence[str], at: Keys) -> ArchSpec:
    try:
        start = network_after(row[1:], network=row[0])
    except ValueError as error:
        raise ValueError(f"{source.where(at)}: {error}") from None
    if isinstance(start, TimmModel):
        raise ValueError(
            f"{source.where(at)}: {row[0]} is built as timm has it, and steps edit networks of ours"
        )
    return start


def _alternatives(source: YamlSource, at: Keys) -> tuple[Step, ...]:
    """The other settings of the step at a key path."""
    if not isinstance(value_at(source, at), Mapping):
        return ()
    here = (*at, _ALTERNATIVES)
    number = len(section(source, *here))
    if number > len(ascii_lowercase):  # each has a letter in the labels of points
        raise ValueError(
            f"{source.where(here)}: a step has at most {len(ascii_lowercase)} alternatives, "
            f"found {number}"
        )
    return tuple(_step(source, (*here, name), alone=True) for name in section(source, *here))


def _step(source: YamlSource, at: Keys, *, alone: bool = False) -> Step:
    """The step at a key path: a text, a list of texts, or a mapping with them in it."""
    name, where = at[-1], source.where(at)
    check_word(source, at, what="step", reserved=_RESERVED)
    if isinstance(value_at(source, at), Mapping):
        kind = AlternativeConfig if alone else StepConfig
        config = typed_section(source, kind, at, texts=("steps",), left=(_ALTERNATIVES,))
    else:
        config = AlternativeConfig(steps=texts_at(source, at))
    try:
        return named_step(
            name, *config.steps, title=config.title, group=config.group, source=config.source
        )
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _check(source: YamlSource, trajectory: Trajectory, at: Keys) -> None:
    """Refuse steps with one name, points that are no networks, and an unknown published table."""
    names_at: dict[str, Keys] = {name: (*at, "steps", name) for name in trajectory.step_names}
    for main, tried in trajectory.alternatives.items():
        for step in tried:
            here = (*at, "steps", main, _ALTERNATIVES, step.name)
            if step.name in names_at:
                raise ValueError(
                    f"{source.where(here)}: the step {step.name!r} exists already, at "
                    f"{source.where(names_at[step.name])}: give it another name"
                )
            names_at[step.name] = here
    for name, here in names_at.items():
        try:
            trajectory.spec_after(name)
        except ValueError as error:
            raise ValueError(f"{source.where(here)}: {error}") from None
    if trajectory.published is not None:
        try:
            published_table(trajectory.published)
        except ValueError as error:
            raise ValueError(f"{source.where((*at, 'published'))}: {error}") from None
