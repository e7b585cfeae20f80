"""From experiments.yaml and command-line overrides to typed, checked studies."""

import pickle
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from ablations.extensions.loading import execute, read_file
from ablations.store.runs import check_study_name
from ablations.studies.config import (
    SECTIONS,
    Experiments,
    Recipe,
    Study,
    StudyConfig,
    find_experiments,
)
from ablations.studies.designs import DESIGNS
from ablations.studies.own_networks import check_network
from ablations.studies.own_trajectories import own_trajectory, read_trajectory
from ablations.studies.point_options import blank_points, kind_of, meaningful
from ablations.studies.points import check_points
from ablations.studies.robustness.check import check_robustness
from ablations.studies.robustness.written import ROBUSTNESS
from ablations.studies.scope import check_known, load_scope, owner, section
from ablations.studies.seeds import SEEDS_RULE, as_written
from ablations.studies.settings import (
    LIKE,
    OVERRIDES,
    Setting,
    name_as_text,
    parse_override,
    setting,
    settings_of,
    written_out,
)
from ablations.studies.typed import Keys, assign, check_name
from ablations.studies.yaml_source import YamlSource, load_yaml
from datamodules.augment.custom import check_augmentations
from datamodules.catalog.catalog import dataset
from lit_models.training.own_metrics import check_metrics

__all__ = ["load_experiments", "read_source", "resolve_study", "section"]

USE = "use"  # the section that names Python files
_KEYS = (*(f.name for f in fields(StudyConfig) if f.name != SEEDS_RULE), LIKE, OVERRIDES)


def load_experiments(option: Path | None = None) -> Experiments:
    """Read and check all of an experiments file; the shipped one below it is not looked through.

    Raises ValueError, with file, line and key path, for the first thing wrong in it.
    """
    return check_values(read_source(option))


def check_values(source: YamlSource) -> Experiments:
    """Every study and recipe of a file, typed. Raises ValueError as `load_experiments` does."""
    for name in section(source, "recipes"):
        _check_recipe(source, name)
    own = section(source, "studies")
    studies = {name: resolve_study(source, name, complete=False) for name in own}
    return Experiments(source.path, tuple(section(source, "recipes")), studies)


def _check_keys(source: YamlSource, at: Keys, kind: type) -> None:
    """The keys below a path, as those of a dataclass: without omegaconf, in no time."""
    hints = get_type_hints(kind)
    for key in section(source, *at):
        check_name(key, hints, what=f"key of {'.'.join(at)}", where=source.where((*at, key)))
        if is_dataclass(hints[key]):
            _check_keys(source, (*at, key), hints[key])


def _check_recipe(source: YamlSource, name: str) -> None:
    """A recipe by itself, whether or not a study has it."""
    from omegaconf import OmegaConf

    at = ("recipes", name)
    config = pickle.loads(_blank())
    said = _assign(config, setting(source, at, ("recipe",), section(source, *at)))
    with _placed(said, source.where(at)):
        recipe = OmegaConf.to_object(config.recipe)
        assert isinstance(recipe, Recipe)
        _check_registered(recipe)


def _check_registered(recipe: Recipe) -> None:
    """Refuse augmentations and metrics that no file registers."""
    check_augmentations(recipe.augment)
    check_metrics(recipe.metrics)


def read_source(option: Path | None = None) -> YamlSource:
    """The experiments file with the names in it checked, and the shipped file below it.

    Networks and trajectories of the file are checked entirely, values of recipes and studies not.
    Raises ValueError for an unknown key or name, with the nearest valid one.
    """
    source = load_scope(option)
    for key in source.data:
        check_name(key, (*SECTIONS, USE), what="section", where=source.where((key,)))
    _use_files(source)
    for name in section(source, "recipes"):
        _check_keys(source, ("recipes", name), Recipe)
    for name in section(source, "networks"):
        check_network(source, name)
    for name in section(source, "trajectories"):
        read_trajectory(source, name)
    for name in section(source, "studies"):
        try:
            check_study_name(name)
        except ValueError as error:
            raise ValueError(f"{source.where(('studies', name))}: {error}") from None
        for key in section(source, "studies", name):
            where = source.where(("studies", name, key))
            check_name(key, _KEYS, what="key", where=where)
        settings_of(source, name)
    return source


def use_files(option: Path | None = None) -> None:
    """Execute the files of `use:` alone: for a report, which needs no study file but its columns.

    Raises ValueError for one that cannot be used; a study file that cannot be read has none.
    """
    try:
        source = load_yaml(find_experiments(option))
    except ValueError:
        return
    _use_files(source)


def _use_files(source: YamlSource) -> None:
    """Execute the Python files that `use:` names, below the folder of the study file."""
    files = source.data.get(USE) or []
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        where = source.where((USE,))
        raise ValueError(f"{where}: expected a list of Python files, found {files!r}")
    for file in files:
        path = source.path.absolute().parent / Path(file).expanduser()
        execute(read_file(path, said=f"{source.where((USE,))}:"))


def resolve_study(
    source: YamlSource, name: str, overrides: Sequence[str] = (), *, complete: bool = True
) -> Study:
    """One study of the file with `key=value` overrides, complete and checked.

    A section given as a whole (`recipe=convnext_300`, `data=cifar10`) replaces all that the file
    says about it. A study in a file may lack what the command line adds, such as data.folder:
    `complete` refuses that. Raises ValueError for an unknown name, an override that cannot be read,
    and a value of a wrong type.
    """
    check_known(source, "studies", name, what="study", where=str(source.path))
    holder = owner(source, "studies", name)
    assert holder is not None
    settings = settings_of(holder, name)
    typed = [parse_override(text, source) for text in overrides]
    replaced = {s.keys[0] for s in typed if len(s.keys) == 1}
    settings = [s for s in settings if s.keys[0] not in replaced]
    # Whole sections before single keys, whatever their order on the command line.
    settings += sorted(typed, key=lambda s: len(s.keys) > 1)
    study = _typed(settings, source=holder, name=name, complete=complete)
    # With other data the file's suites, which are about its own, are for `ablate robustness` to say
    if {s.keys[0] for s in typed} & {"data", ROBUSTNESS} != {"data"}:
        _check_robustness(study, settings, source=holder)
    named = [s.value for s in map(name_as_text, settings) if s.keys == ("recipe",)]
    named = [value for value in named if isinstance(value, str)]
    return replace(study, recipe_name=named[-1] if named else "")


def _typed(settings: Sequence[Setting], *, source: YamlSource, name: str, complete: bool) -> Study:
    from omegaconf import OmegaConf

    config, said = pickle.loads(_blank()), dict[str, str]()
    long = [written_out(said_of) for said_of in settings]
    kind = kind_of(long)
    config.points = blank_points(kind)
    for said_of in meaningful(long, kind):
        said |= _assign(config, said_of)
    here = source.where(("studies", name))
    with _placed(said, here):
        values = OmegaConf.to_object(config)
    assert isinstance(values, StudyConfig)
    own = None
    if DESIGNS[kind].on_trajectory:
        scope = _scope_of("trajectory", settings, source)
        where = said.get("trajectory", here)
        if not values.trajectory:
            raise ValueError(
                f"{where}: a study needs a trajectory, or points that name their networks "
                "(points.kind: networks or grid)"
            )
        own = own_trajectory(scope, values.trajectory, where=where)
    study = Study(name=name, own_trajectory=own, **vars(values))
    with _placed(said, here):
        check_points(study)
        _check_registered(study.recipe)
        dataset(study.data, complete=complete)
    return study


def _check_robustness(study: Study, settings: Sequence[Setting], *, source: YamlSource) -> None:
    """Refuse suites that the data cannot have, where they are said."""
    places = [said.place(()) for said in settings if said.keys[0] == ROBUSTNESS]
    try:
        check_robustness(study.robustness, study.data)
    except ValueError as error:
        here = source.where(("studies", study.name))
        raise ValueError(f"{places[-1] if places else here}: {error}") from None


def _assign(config: Any, said: Setting) -> dict[str, str]:
    """Set a key of a structured StudyConfig; the place of every key path that was set."""
    try:
        found = assign(
            config,
            kind=StudyConfig,
            keys=said.keys,
            value=said.value,
            place=said.place,
            text=said.text,
        )
    except ValueError as error:
        raise ValueError(as_written(str(error))) from None
    return {as_written(key): place for key, place in found.items()}


def _scope_of(key: str, settings: Sequence[Setting], source: YamlSource) -> YamlSource:
    """The file whose names the last setting of a key means."""
    scopes = [said.scope for said in settings if said.keys == (key,) and said.scope is not None]
    return scopes[-1] if scopes else source


@cache
def _blank() -> bytes:
    """A structured config with the defaults, as bytes: omegaconf takes 25 times as long for one."""
    from omegaconf import OmegaConf

    return pickle.dumps(OmegaConf.structured(StudyConfig))


@contextmanager
def _placed(said: Mapping[str, str], here: str) -> Iterator[None]:
    """A ValueError in the block begins with where the keys were set that it is about.

    Those are the one that it begins with, and every other whose value it says as `key=value`.
    """
    try:
        yield
    except ValueError as error:
        first = _place_of(error, said) or here
        beside = [said[key] for key in re.findall(r"([a-z_.]+)=", str(error)) if key in said]
        raise ValueError(f"{' and '.join(dict.fromkeys([first, *beside]))}: {error}") from None


def _place_of(error: ValueError, said: Mapping[str, str]) -> str | None:
    """Where the key was set that an error begins with; else the last key of its section."""
    word = re.match(r"[A-Za-z0-9_+.-]*", str(error))
    assert word is not None  # it matches nothing, too
    key = word[0].rstrip(".")
    while key not in said and "." in key:
        key = key.rpartition(".")[0]
    section_of = key.partition(".")[0]
    around = [place for name, place in said.items() if name.partition(".")[0] == section_of]
    return said.get(key) or (around[-1] if around else None)
