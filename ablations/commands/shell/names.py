"""The names that an argument of the command line may be, by the name of the argument."""

import argparse
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from ablations.commands.parsing import VerbParser
from ablations.store.index_file import indexed_studies
from ablations.store.runs import runs_root

if TYPE_CHECKING:
    from ablations.studies.scope import Kind


@dataclass(frozen=True)
class Place:
    """Where a word stands.

    Attributes:
        parser: of the verb.
        action: the argument that the word is a value of; None where there is none.
        before: all words between `ablate` and it.
        current: what it is so far.
    """

    parser: VerbParser
    action: argparse.Action | None
    before: Sequence[str]
    current: str

    def option(self, name: str) -> Path | None:
        """The value of an option that was typed, as `--file x` or `--file=x`."""
        found = None
        for n, word in enumerate(self.before):
            if word == name and n + 1 < len(self.before):
                found = self.before[n + 1]
            elif word.startswith(f"{name}="):
                found = word.partition("=")[2]
        # the line comes as it was typed: no shell has read the ~
        return Path(os.path.expanduser(found)) if found else None  # noqa: PTH111 leaves ~nobody


def names_at(place: Place) -> Iterable[str]:
    """Every name that may stand at a place; none where files may."""
    assert place.action is not None
    return NAMES.get(place.action.dest, _nothing)(place)


def _nothing(_: Place) -> Iterable[str]:
    return ()


def _studies(place: Place) -> Iterable[str]:
    """Studies of the file, and names under which something has run."""
    return {*_of_file(place, "studies"), *indexed_studies(runs_root(place.option("--runs")))}


def _recipes(place: Place) -> Iterable[str]:
    return _of_file(place, "recipes")


def _of_file(place: Place, kind: "Kind") -> Iterable[str]:
    """The names that the study file can use."""
    from ablations.studies.scope import load_scope, names

    try:
        return names(load_scope(place.option("--file")), kind)
    except ValueError:  # a file with a mistake: the command will tell
        return ()


def _runs(place: Place) -> Iterable[str]:
    """Studies that have runs, as the beginning of STUDY/POINT/SEED."""
    return [f"{name}/" for name in indexed_studies(runs_root(place.option("--runs")))]


def _studies_and_runs(place: Place) -> Iterable[str]:
    return {*_studies(place), *_runs(place)}


def _suites(place: Place) -> Iterable[str]:
    """Suites of conditions, after those that were typed before a comma."""
    from ablations.studies.robustness.config import SUITES

    before, comma, _ = place.current.rpartition(",")
    return [f"{before}{comma}{name}" for name in SUITES if name not in before.split(",")]


def _networks(place: Place) -> Iterable[str]:
    from lit_models.families.specs import SPECS

    return {*SPECS, *_of_file(place, "networks")}


def _trajectories(place: Place) -> Iterable[str]:
    from lit_models.steps.trajectories import TRAJECTORIES

    return {*TRAJECTORIES, *_of_file(place, "trajectories")}


def _steps(_: Place) -> Iterable[str]:
    from lit_models.steps.library import STEP_FACTORIES

    return STEP_FACTORIES


def _primitives(_: Place) -> Iterable[str]:
    from lit_models.primitives.table import primitives

    return primitives()


def _data(_: Place) -> Iterable[str]:
    from datamodules.catalog.entries import DATASETS

    return DATASETS


def _kinds(_: Place) -> Iterable[str]:
    from ablations.commands.list import KINDS

    return KINDS


def _names_of_kind(place: Place) -> Iterable[str]:
    """The names that `ablate list KIND` would list."""
    of_kind: Mapping[str, Callable[[Place], Iterable[str]]] = {
        "studies": lambda place: _of_file(place, "studies"),
        "recipes": _recipes,
        "networks": _networks,
        "trajectories": _trajectories,
        "steps": _steps,
        "primitives": _primitives,
        "data": _data,
    }
    return of_kind.get(place.before[-1], _nothing)(place)


def _overrides(place: Place) -> Iterable[str]:
    """Keys of a study; after `key=` the values, where they can be listed."""
    from ablations.studies.schema.study_file import override_values

    key, equals, _ = place.current.partition("=")
    values = override_values()
    if not equals:
        return [f"{name}=" for name in values]
    names = _OF_KEY.get(key)
    found = names(place) if names else values.get(key, ())
    return [f"{key}={value}" for value in found]


# By the key of an override.
_OF_KEY: Mapping[str, Callable[[Place], Iterable[str]]] = MappingProxyType(
    {"data": _data, "data.name": _data, "recipe": _recipes, "trajectory": _trajectories}
)
# By the name of the argument.
NAMES: Mapping[str, Callable[[Place], Iterable[str]]] = MappingProxyType(
    {
        "study": _studies,
        "run": _runs,
        "what": _studies_and_runs,
        "suite": _suites,
        "checkpoint": _runs,
        "model": _networks,
        "models": _networks,
        "data": _data,
        "source": _data,
        "kind": _kinds,
        "pattern": _names_of_kind,
        "overrides": _overrides,
    }
)
