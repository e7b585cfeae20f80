"""What `ablate robustness` can be told: the keys of `robustness`, of data and of hardware."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ablations.studies.robustness.config import RobustnessConfig
from ablations.studies.robustness.written import ROBUSTNESS, robustness_written
from ablations.studies.settings import Setting, parse_override
from ablations.studies.typed import assign
from datamodules.config.data import DataConfig
from lit_models.registry.names import nearest

_ELSEWHERE = ("data", "hardware")  # what `ablate evaluate` takes, too


@dataclass(frozen=True)
class Told:
    """What the command line says.

    Attributes:
        config: under which conditions.
        elsewhere: overrides of data and hardware, as typed.
    """

    config: RobustnessConfig
    elsewhere: tuple[str, ...]


def told(
    before: RobustnessConfig,
    overrides: Sequence[str],
    *,
    suites: Sequence[str] = (),
    folders: Sequence[str] = (),
) -> Told:
    """The settings after what was typed.

    Args:
        before: what the study says, or the defaults.
        overrides: such as `images=1000`, `robustness.attacks.steps=10`, `data.root=/data`.
        suites: of `--suite`; none: as before.
        folders: names of public sets, whose folders `data.NAME=DIR` sets.

    Raises:
        ValueError: a key is unknown (with the nearest) or has another type; no such suite.
    """
    from omegaconf import OmegaConf

    config, elsewhere = OmegaConf.structured(before), list[str]()
    settings = [(text, parse_override(text)) for text in overrides]
    if suites:
        config.suite = list(suites)
    for text, said in settings:
        keys = _own_keys(said, folders)
        if keys is None:
            elsewhere.append(text)
            continue
        if not keys:  # all of it is said anew
            config = OmegaConf.structured(RobustnessConfig)
        _assign(config, said, keys)
    typed = OmegaConf.to_object(config)
    assert isinstance(typed, RobustnessConfig)
    return Told(typed, tuple(elsewhere))


def _assign(config: Any, said: Setting, keys: tuple[str, ...]) -> None:
    """Set what was typed for a key path below `robustness`, or for all of it."""
    keys, value = robustness_written(keys, said.value)
    if not keys and not isinstance(value, Mapping):
        raise ValueError(
            f"{said.place(())}: {ROBUSTNESS} is {value!r}: name a suite, such as quick"
        )
    several = [(keys, value)] if keys else [((str(key),), one) for key, one in value.items()]
    for path, one in several:
        assign(
            config, kind=RobustnessConfig, keys=path, value=one, place=said.place, text=said.text
        )


def assigned(values: Mapping[str, Any], *, where: str) -> RobustnessConfig:
    """The settings that plain data says, such as that of an index.

    Raises:
        ValueError: it says what no study can; `where` it stands is named.
    """
    from omegaconf import OmegaConf

    config = OmegaConf.structured(RobustnessConfig)
    for key, value in values.items():
        assign(config, kind=RobustnessConfig, keys=(key,), value=value, place=lambda _: where)
    typed = OmegaConf.to_object(config)
    assert isinstance(typed, RobustnessConfig)
    return typed


def _own_keys(said: Setting, folders: Sequence[str]) -> tuple[str, ...] | None:
    """The path of a key below `robustness`, empty: all; None: it is about data or hardware."""
    first, *rest = said.keys
    if first == ROBUSTNESS:
        return tuple(rest)
    if first == "data" and len(rest) == 1 and rest[0] in folders:
        return ("folders", rest[0])
    if first in _ELSEWHERE:
        if first == "data" and len(rest) == 1 and rest[0] not in _data_keys():
            valid = (*_data_keys(), *folders)
            raise ValueError(
                f"{said.place(())}: key of data {rest[0]!r} is unknown. {nearest(rest[0], valid)}"
            )
        return None
    own = [f.name for f in fields(RobustnessConfig)]
    if first not in own:
        known = (*own, *(f"{name}.KEY" for name in _ELSEWHERE))
        raise ValueError(f"{said.place(())}: key {first!r} is unknown. {nearest(first, known)}")
    return said.keys


def _data_keys() -> tuple[str, ...]:
    return tuple(f.name for f in fields(DataConfig))
