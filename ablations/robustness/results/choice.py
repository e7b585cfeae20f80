"""Which stored answers count: those of the weights as they are, to conditions as they are defined.

Answers of one table have data set, weights, seed and precision in common, and each condition its
parameters: where a run has been asked in two ways, the later one counts.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from ablations.files.plain_text import as_json
from ablations.robustness.conditions.definitions import definition
from ablations.robustness.results.image_lists import LIST
from ablations.robustness.results.stored import Answered
from lit_models.recipe.weight_files import checksum

CLEAN = "clean/clean"
CHECKPOINT = "checkpoints/last.ckpt"  # of a run
_DATA = "data"  # the key of `Images.identity()` that says which data set
OWN_IMAGES = ("sets", "ood")  # kinds of conditions that bring images


class Asked(NamedTuple):
    """What the answers of one table have in common; `data` as JSON."""

    data: str
    weights: str
    seed: int
    precision: str


@dataclass(frozen=True, eq=False)
class Entry:
    """An answer of a run of a point."""

    point: str
    seed: int
    folder: Path
    answer: Answered

    @property
    def key(self) -> str:
        """The condition."""
        return self.answer.condition

    @property
    def image_list(self) -> str:
        """The digest of the images' list."""
        return str(self.answer.decides["images"].get(LIST, ""))

    def asked(self) -> Asked:
        """What it has in common with others; of a condition with its own images, without data."""
        decides = self.answer.decides
        own = self.key.partition("/")[0] in OWN_IMAGES
        data = "" if own else as_json(decides["images"].get(_DATA))
        return Asked(data, decides["weights"], decides["seed"], decides["precision"])


def is_current(entry: Entry) -> bool:
    """Whether an answer is to the condition as it is defined, of the run's weights as they are."""
    decides = entry.answer.decides
    if int(decides["version"]) != definition(entry.key):
        return False
    path = entry.folder / CHECKPOINT
    try:
        changed = path.stat().st_mtime
    except OSError:  # a run whose checkpoint was deleted to save space
        return True
    if changed <= datetime.fromisoformat(entry.answer.written).timestamp() + 1:
        return True
    return checksum(path) == str(decides["checkpoint"])


def data_name(asked: Asked) -> str | None:
    """The name of the data set in the catalogue; None where answers do not say it."""
    data = json.loads(asked.data) if asked.data else None
    return data.get("name") if isinstance(data, dict) else data


def by_asked(entries: Sequence[Entry], *, own: str | None) -> dict[Asked, list[Entry]]:
    """Answers by what they have in common.

    First those about the study's own data set, which is called `own`, then those of most networks;
    at equal numbers the latest.
    """
    found: dict[Asked, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.asked(), []).append(entry)

    def weight(asked: Asked) -> tuple[bool, int, str]:
        return data_name(asked) == own, *_weight(found[asked])

    order = sorted((asked for asked in found if asked.data), key=weight)
    for asked in [one for one in found if not one.data]:
        place = [one for one in order if one[1:] == asked[1:]]
        brought = found.pop(asked)
        found.setdefault(place[-1] if place else asked, []).extend(brought)
    return {asked: found[asked] for asked in sorted(found, key=weight, reverse=True)}


def _weight(entries: Sequence[Entry]) -> tuple[int, str]:
    clean = {(entry.point, entry.seed) for entry in entries if entry.key == CLEAN}
    return len(clean), max(entry.answer.written for entry in entries)


def with_one_definition(entries: Iterable[Entry]) -> tuple[list[Entry], list[Entry]]:
    """The answers to one condition that may be compared, and the others.

    Networks that are evaluated at different sides have their own parameters; at one side those that
    were used last count.
    """
    at_side: dict[str, list[Entry]] = {}
    for entry in entries:
        at_side.setdefault(as_json(_without_list(entry)), []).append(entry)
    counted, others = list[Entry](), list[Entry]()
    for side in at_side.values():
        last = max(side, key=lambda entry: entry.answer.written).answer.decides["parameters"]
        for entry in side:
            same = entry.answer.decides["parameters"] == last
            (counted if same else others).append(entry)
    return counted, others


def _without_list(entry: Entry) -> Mapping[str, Any]:
    return {k: v for k, v in entry.answer.decides["images"].items() if k != LIST}
