"""From experiments.yaml and command-line overrides to typed, checked studies."""

import pickle
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from ablations.store.runs import check_study_name
from ablations.studies.config import Experiments, Recipe, Study, StudyConfig, find_experiments
from ablations.studies.designs import DESIGNS
from ablations.studies.point_options import blank_points, kind_of, meaningful
from ablations.studies.points import check_points
from ablations.studies.typed import Keys, Setting, assign, check_name
from ablations.studies.yaml_source import YamlSource, check_size, load_yaml, scalars_of
from datamodules.catalog.catalog import dataset
from lit_models.steps.trajectories import TRAJECTORIES

_COMMAND_LINE = "command line"
_SECTIONS = ("hardware", "recipes", "studies")
_OVERRIDES = "overrides"
_SHOWN = 200  # letters of an override in an error
_KEYS = tuple(f.name for f in fields(StudyConfig))
# `data: digits` is short for `data: {name: digits}`.
_SHORT = {"data": "name", "points": "kind"}


def load_experiments(option: Path | None = None) -> Experiments:
    """Read and check all of an experiments file.

    Raises ValueError, with file, line and key path, for the first thing wrong in it.
    """
    return check_values(read_source(option))


def check_values(source: YamlSource) -> Experiments:
    """Every study and recipe of a file, typed. Raises ValueError as `load_experiments` does."""
    for name in section(source, "recipes"):
        _check_recipe(source, name)
    names = section(source, "studies")
    studies = {name: resolve_study(source, name, complete=False) for name in names}
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
    setting = _setting(source, at, ("recipe",), section(source, *at))
    config = pickle.loads(_blank())
    said = assign(
        config,
        kind=StudyConfig,
        keys=setting.keys,
        value=setting.value,
        place=setting.place,
        text=setting.text,
    )
    with _placed(said, source.where(at)):
        OmegaConf.to_object(config.recipe)


def read_source(option: Path | None = None) -> YamlSource:
    """The experiments file with the names in it checked, its values not yet typed.

    Raises ValueError for an unknown key or name, with the nearest valid one.
    """
    source = load_yaml(find_experiments(option))
    for key in source.data:
        check_name(key, _SECTIONS, what="section", where=source.where((key,)))
    for name in section(source, "recipes"):
        _check_keys(source, ("recipes", name), Recipe)
    for name in section(source, "studies"):
        try:
            check_study_name(name)
        except ValueError as error:
            raise ValueError(f"{source.where(('studies', name))}: {error}") from None
        for key in section(source, "studies", name):
            where = source.where(("studies", name, key))
            check_name(key, (*_KEYS, _OVERRIDES), what="key", where=where)
    return source


def section(source: YamlSource, *keys: str) -> Mapping[str, Any]:
    """The mapping at a key path, empty where the file has none. Raises ValueError otherwise."""
    found: Mapping[str, Any] = source.data
    for depth, key in enumerate(keys, start=1):
        value = found.get(key)
        if value is not None and not isinstance(value, Mapping):
            where = source.where(keys[:depth])
            raise ValueError(f"{where}: expected a mapping, found {value!r}")
        found = value or {}
    return found


def resolve_study(
    source: YamlSource, name: str, overrides: Sequence[str] = (), *, complete: bool = True
) -> Study:
    """One study of the file with `key=value` overrides, complete and checked.

    A section given as a whole (`recipe=convnext_300`, `data=cifar10`) replaces all that the file
    says about it. A study in a file may lack what the command line adds, such as data.folder:
    `complete` refuses that. Raises ValueError for an unknown name, an override that cannot be read,
    and a value of a wrong type.
    """
    check_name(name, section(source, "studies"), what="study", where=str(source.path))
    settings = _in_file(source, name)
    typed = [parse_override(text) for text in overrides]
    replaced = {s.keys[0] for s in typed if len(s.keys) == 1}
    settings = [s for s in settings if s.keys[0] not in replaced]
    # Whole sections before single keys, whatever their order on the command line.
    settings += sorted(typed, key=lambda s: len(s.keys) > 1)
    study = _typed(
        [_written_out(s, source) for s in settings], source=source, name=name, complete=complete
    )
    named = [s.value for s in map(_named, settings) if s.keys == ("recipe",)]
    named = [value for value in named if isinstance(value, str)]
    return replace(study, recipe_name=named[-1] if named else "")


def parse_override(text: str) -> Setting:
    """`recipe.epochs=3` as a setting; OmegaConf reads the value as in a dotlist."""
    import yaml
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    key, equals, value = text.partition("=")
    if not equals or not key.strip(". "):
        raise ValueError(f"{_COMMAND_LINE}: {text!r} is no key=value, such as recipe.epochs=3")
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    try:
        check_size(value)
        read = OmegaConf.to_container(OmegaConf.from_dotlist([f"value={value}"]), resolve=False)
    except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{_COMMAND_LINE}: {short!r} cannot be read: {reason}") from None
    assert isinstance(read, dict)
    place, texts = f"{_COMMAND_LINE} ({short})", scalars_of(value)
    keys = tuple(key.strip().split("."))
    return Setting(keys, read["value"], lambda _: place, texts.get)


def _in_file(source: YamlSource, name: str) -> list[Setting]:
    """What the file says about a study, in the order of application: later ones win."""
    study = ("studies", name)
    found = [_setting(source, ("hardware",), ("hardware",), section(source, "hardware"))]
    for key, value in section(source, *study).items():
        if key != _OVERRIDES:
            found.append(_setting(source, (*study, key), (key,), value))
    for key, value in section(source, *study, _OVERRIDES).items():
        found.append(_setting(source, (*study, _OVERRIDES, key), tuple(str(key).split(".")), value))
    return found


def _setting(source: YamlSource, at: Keys, keys: Keys, value: Any) -> Setting:
    return Setting(
        keys,
        value,
        lambda below: source.where((*at, *below)),
        lambda below: source.texts.get((*at, *below)),
    )


def _named(setting: Setting) -> Setting:
    """With the text of a section that is given by a name such as 2024."""
    named = len(setting.keys) == 1 and setting.keys[0] in (*_SHORT, "recipe")
    if not named or not isinstance(setting.value, bool | int | float):
        return setting
    return replace(setting, value=setting.text(()))


def _written_out(setting: Setting, source: YamlSource) -> Setting:
    """The long form of `data: digits`, `points: factorial` and `recipe: quick`."""
    setting = _named(setting)
    key, value = setting.keys[0], setting.value
    if len(setting.keys) > 1 or not isinstance(value, str):
        return setting
    if key in _SHORT:
        return Setting((key, _SHORT[key]), value, setting.place, setting.text)
    if key == "recipe":
        recipes = section(source, "recipes")
        check_name(value, recipes, what="recipe", where=setting.place(()))
        at = ("recipes", value)
        return _setting(source, at, ("recipe",), section(source, *at))
    return setting


def _typed(settings: Sequence[Setting], *, source: YamlSource, name: str, complete: bool) -> Study:
    from omegaconf import OmegaConf

    config, said = pickle.loads(_blank()), dict[str, str]()
    kind = kind_of(settings)
    config.points = blank_points(kind)
    for setting in meaningful(settings, kind):
        said |= assign(
            config,
            kind=StudyConfig,
            keys=setting.keys,
            value=setting.value,
            place=setting.place,
            text=setting.text,
        )
    here = source.where(("studies", name))
    with _placed(said, here):
        values = OmegaConf.to_object(config)
    assert isinstance(values, StudyConfig)
    if DESIGNS[kind].on_trajectory:
        where = said.get("trajectory", here)
        check_name(values.trajectory, TRAJECTORIES, what="trajectory", where=where)
    with _placed(said, here):
        check_points(values)
        dataset(values.data, complete=complete)
    return Study(name=name, **vars(values))


@cache
def _blank() -> bytes:
    """A structured config with the defaults, as bytes: omegaconf takes 25 times as long for one."""
    from omegaconf import OmegaConf

    return pickle.dumps(OmegaConf.structured(StudyConfig))


@contextmanager
def _placed(said: Mapping[str, str], here: str) -> Iterator[None]:
    """A ValueError in the block begins with where the key was set that it is about."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{_place_of(error, said) or here}: {error}") from None


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
