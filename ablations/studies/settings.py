"""What files and the command line say about a study, before it is typed: settings in order."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ablations.studies.point_rows import point_rows
from ablations.studies.robustness.written import ROBUSTNESS, robustness_written
from ablations.studies.scope import check_known, names, owner, section
from ablations.studies.seeds import SEEDS, SEEDS_RULE, seeds_keys
from ablations.studies.typed import Keys, Place, Text
from ablations.studies.yaml_source import YamlSource, check_size, scalars_of

COMMAND_LINE = "command line"
LIKE, OVERRIDES = "like", "overrides"
_SHOWN = 200  # letters of an override in an error
# `data: digits` is short for `data: {name: digits}`.
_SHORT = {"data": "name", "points": "kind"}


@dataclass(frozen=True)
class Setting:
    """A value for a key path of a study, where it was said, and how it was written.

    Names in it mean what they mean in the file `scope`, where there is one.
    """

    keys: Keys
    value: Any
    place: Place
    text: Text
    scope: YamlSource | None


def parse_override(text: str, scope: YamlSource | None = None) -> Setting:
    """`recipe.epochs=3` as a setting; OmegaConf reads the value as in a dotlist."""
    import yaml
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    key, equals, value = text.partition("=")
    if not equals or not key.strip(". "):
        raise ValueError(f"{COMMAND_LINE}: {text!r} is no key=value, such as recipe.epochs=3")
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    try:
        check_size(value)
        read = OmegaConf.to_container(OmegaConf.from_dotlist([f"value={value}"]), resolve=False)
    except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{COMMAND_LINE}: {short!r} cannot be read: {reason}") from None
    assert isinstance(read, dict)
    place, texts = f"{COMMAND_LINE} ({short})", scalars_of(value)
    keys = tuple(key.strip().split("."))
    return Setting(keys, read["value"], lambda _: place, texts.get, scope)


def settings_of(source: YamlSource, name: str) -> list[Setting]:
    """What the files say about a study, in the order of application: later ones win.

    A key that a study sets replaces the whole key of the study that it is `like`; `overrides` set
    single keys. Raises ValueError for a study that is like none, or like itself in the end.
    """
    hardware = section(source, "hardware")
    return [setting(source, ("hardware",), ("hardware",), hardware), *_of_study(source, name, ())]


def last_said(source: YamlSource, name: str) -> dict[str, Setting]:
    """What the files say about a study by its whole keys, without single keys."""
    holder = owner(source, "studies", name)
    said = settings_of(holder, name) if holder is not None else []
    return {one.keys[0]: name_as_text(one) for one in said if len(one.keys) == 1}


def _of_study(source: YamlSource, name: str, seen: tuple[tuple[str, str], ...]) -> list[Setting]:
    at = ("studies", name)
    said = section(source, *at)
    found = _of_base(source, name, (*seen, (str(source.path), name))) if LIKE in said else []
    for key, value in said.items():
        if key not in (LIKE, OVERRIDES):
            found = [before for before in found if before.keys[0] != key]
            found.append(setting(source, (*at, key), (key,), value))
    for key, value in section(source, *at, OVERRIDES).items():
        keys = tuple(str(key).split("."))
        found.append(setting(source, (*at, OVERRIDES, key), keys, value))
    return found


def _of_base(source: YamlSource, name: str, seen: tuple[tuple[str, str], ...]) -> list[Setting]:
    """The settings of the study that a study is like."""
    base, where = base_of(source, name)
    # one with the name of a shipped study may extend that
    shipped = base == name and name in names(source.shipped, "studies")
    holder = owner(source.shipped if shipped else source, "studies", base)
    assert holder is not None
    if (str(holder.path), base) in seen:
        chain = " is like ".join([*(study for _, study in seen), base])
        raise ValueError(f"{where}: a study cannot be like itself: {chain}")
    return _of_study(holder, base, seen)


def base_of(source: YamlSource, name: str) -> tuple[str, str]:
    """The study that a study of this file is like, and where that is said.

    Raises ValueError where there is no such study.
    """
    keys = ("studies", name, LIKE)
    base, where = source.texts.get(keys), source.where(keys)
    if base is None:
        raise ValueError(
            f"{where}: expected the name of a study, found {section(source, *keys[:2])[LIKE]!r}"
        )
    check_known(source, "studies", base, what="study", where=where)
    return base, where


def setting(source: YamlSource, at: Keys, keys: Keys, value: Any) -> Setting:
    """A value that stands at the key path `at` of a file, for the keys of a study."""
    return Setting(
        keys,
        value,
        lambda below: source.where((*at, *below)),
        lambda below: source.texts.get((*at, *below)),
        source,
    )


def name_as_text(setting: Setting) -> Setting:
    """With the text of a section that is given by a name such as 2024."""
    is_name = len(setting.keys) == 1 and setting.keys[0] in (*_SHORT, "recipe")
    if not is_name or not isinstance(setting.value, bool | int | float):
        return setting
    return replace(setting, value=setting.text(()))


def written_out(said: Setting) -> Setting:
    """The long form of `data: digits`, `points: factorial`, `recipe: quick`, `robustness: quick`.

    Networks of a file's own are written as what they are made of. Raises ValueError for a recipe
    that neither file has.
    """
    said = _robustness(_seeds(name_as_text(said)))
    key, value = said.keys[0], said.value
    if said.keys == ("points",) and isinstance(value, Mapping) and "networks" in value:
        return replace(
            said, value={**value, "networks": _rows(said, value["networks"], "networks")}
        )
    if said.keys == ("points", "networks"):
        return replace(said, value=_rows(said, value))
    if len(said.keys) > 1 or not isinstance(value, str):
        return said
    if key in _SHORT:
        return replace(said, keys=(key, _SHORT[key]))
    if key == "recipe" and said.scope is not None:
        check_known(said.scope, "recipes", value, what="recipe", where=said.place(()))
        holder = owner(said.scope, "recipes", value)
        assert holder is not None
        at = ("recipes", value)
        return setting(holder, at, ("recipe",), section(holder, *at))
    return said


def _seeds(said: Setting) -> Setting:
    """The seeds as the field that has them: a list, or a rule for how many; others as they are."""
    if said.keys[0] not in (SEEDS, SEEDS_RULE):
        return said
    try:
        return replace(said, keys=seeds_keys(said.keys, said.value))
    except ValueError as error:
        raise ValueError(f"{said.place(())}: {error}") from None


def _robustness(said: Setting) -> Setting:
    """The key `robustness` or one below it, written out; others as they are."""
    if said.keys[0] != ROBUSTNESS:
        return said
    keys, value = robustness_written(said.keys[1:], said.value)
    return replace(said, keys=(ROBUSTNESS, *keys), value=value)


def _rows(said: Setting, value: Any, *at: str) -> Any:
    """`points.networks`, which stands at a path below what is said, as networks and steps."""
    return point_rows(
        value,
        scope=said.scope,
        place=lambda below: said.place((*at, *below)),
        text=lambda below: said.text((*at, *below)),
    )
