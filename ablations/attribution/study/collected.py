"""The finished runs that say something of a game: a study's own, and those of others beside it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.attribution.study.game import Game
from ablations.compare.columns import by_seed
from ablations.compare.records import StudyRecord
from ablations.planning.identity import texts
from ablations.planning.run_config import config_of
from ablations.store.index_file import indexed_studies, read_index
from ablations.store.runs import CONFIG, RunFolder, root_of, run_path
from ablations.studies.networks import with_recipe
from lit_models.families.serialise import to_dict
from lit_models.steps.trajectory import Trajectory, outline_to_plain
from lit_models.training.metrics import TEST_TOP1

# What two runs have in common whose difference is their networks' alone (or their seeds')
_SETTING = ("schema", "data", "content", "recipe", "weights")


@dataclass(frozen=True)
class Collected:
    """Test top-1 in percent by set of players and seed, and from which studies how many runs."""

    values: Mapping[int, Mapping[int, float]]
    sources: Mapping[str, int]  # the study itself first

    @property
    def runs(self) -> int:
        """How many."""
        return sum(map(len, self.values.values()))


def collect(study: StudyRecord, game: Game, *, only_own: bool = False) -> Collected:
    """The finished runs of a study, and of all others that are of the same game.

    Others count where trajectory, data, recipe and all else that decides a run is equal but for
    network and seed, and where the network is what the steps make of the trajectory here.
    """
    values: dict[int, dict[int, float]] = {}
    for point in study.points:
        mask = game.mask_of(point.steps)
        if mask is not None:
            values.setdefault(mask, {}).update(by_seed(point, TEST_TOP1))
    values = {mask: by for mask, by in values.items() if by}
    if not values:
        return Collected({}, {})
    sources = {study.name: sum(map(len, values.values()))}
    root = root_of(study.runs[0].folder)
    if not only_own and root is not None:
        expected = _Expected.of(study, game)
        for name in indexed_studies(root):
            if name != study.name:
                count = 0
                for mask, seed, value in _of_other(name, root, game, expected):
                    if seed not in values.get(mask, {}):
                        values.setdefault(mask, {})[seed] = value
                        count += 1
                sources |= {name: count} if count else {}
    return Collected(values, sources)


@dataclass(frozen=True)
class _Expected:
    """What a run of another study has to say of itself to count."""

    setting: Mapping[str, str]
    extensions: frozenset[str]
    specs: Mapping[int, str]  # of the study's own networks, by set
    recipe: Any  # None: cannot be read by this version, and only own networks count
    outline: Mapping[str, Any] | None

    @classmethod
    def of(cls, study: StudyRecord, game: Game) -> "_Expected":
        runs = [run for run in study.runs if run.done and run.config]
        specs = {}
        for run in runs:
            mask = game.mask_of(run.steps)
            if mask is not None and run.config is not None:
                specs[mask] = _spec(run.config["spec"])
        first, recipe = (runs[0].config or {}) if runs else {}, None
        with suppress(ValueError):  # of another version: its own networks say enough
            recipe = config_of(first, runs[0].folder / CONFIG).recipe if runs else None
        own = game.line.start_from != ()
        return cls(
            _setting(first),
            frozenset(name for run in runs for name in (run.config or {}).get("extensions", {})),
            specs,
            recipe,
            json.loads(json.dumps(outline_to_plain(game.line))) if own else None,
        )

    def fits(self, config: Mapping[str, Any], mask: int, game: Game) -> bool:
        """Whether a run is one of the game, in the same setting."""
        if _setting(config) != self.setting:
            return False
        if not self.extensions.issuperset(config.get("extensions", {})):
            return False
        found = _spec(config["spec"])
        if mask in self.specs:
            return found == self.specs[mask]
        if self.recipe is None:
            return False
        try:
            network = with_recipe(game.line.apply(game.steps_of(mask)), self.recipe)
        except ValueError:
            return False
        return found == _spec(to_dict(network))


def _of_other(
    name: str, root: Path, game: Game, expected: _Expected
) -> Iterator[tuple[int, int, float]]:
    """(set, seed, top-1) of the runs of another study that fit; none of one that is damaged."""
    index = None
    with suppress(ValueError):
        index = read_index(name, root)
    if index is None or not _same_line(index, game.line, expected):
        return
    for row in index["rows"]:
        mask = game.mask_of(row["steps"])
        if mask is None:
            continue
        folder = RunFolder(run_path(root, row["run_id"]))
        with suppress(ValueError):
            if folder.state() != "done" or not expected.fits(folder.whole_config(), mask, game):
                continue
            top1 = (folder.summary() or {}).get(TEST_TOP1)
            if top1 is not None:
                yield mask, row["seed"], float(top1)


def _same_line(index: Mapping[str, Any], line: Trajectory, expected: _Expected) -> bool:
    same = index["trajectory"] == line.name and index.get("outline") == expected.outline
    return same and not index.get("match")


def _setting(config: Mapping[str, Any]) -> dict[str, str]:
    found = {key: config[key] for key in _SETTING if key in config}
    return texts(found) if found else {}


def _spec(spec: Mapping[str, Any]) -> str:
    return texts({"spec": spec})["spec"]
