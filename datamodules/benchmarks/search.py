"""Where public sets lie: below the data folder by their names, or where a person says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datamodules.benchmarks.entries import PublicSet
from datamodules.config.data import DataConfig, data_root, located
from datamodules.corruptions.names import CORRUPTIONS, SEVERITIES

FOLDERS_KEY = "robustness.folders"


@dataclass(frozen=True)
class Part:
    """Something of a public set that networks are asked about at a time.

    Attributes:
        entry: the set.
        name: of the part, such as `fog/3`, `mixed_same` or `translate`; empty: the whole set.
        path: the folder with its class folders, or the array.
    """

    entry: PublicSet
    name: str
    path: Path

    @property
    def title(self) -> str:
        """For people: `ImageNet-C/fog/3`."""
        return "/".join(filter(None, (self.entry.title, self.name)))


@dataclass(frozen=True)
class Found:
    """What was found of a set.

    Attributes:
        entry: the set.
        folder: that it is in; None: there is none.
        looked: where it was looked for.
    """

    entry: PublicSet
    folder: Path | None
    looked: tuple[Path, ...]

    def part(self, name: str) -> Part | None:
        """A part by its name, the whole set by an empty one; None: it is not there."""
        if self.folder is None:
            return None
        for inside in (*self.entry.inside, ""):
            path = self.folder / inside / _place(self.entry, name)
            if path.exists():
                return Part(self.entry, name, path)
        return None

    def parts(self, names: Iterable[str]) -> tuple[Part, ...]:
        """Those of the named parts that are there.

        Raises:
            ValueError: there is a folder of that name with none of them in it.
        """
        wanted = tuple(names)
        found = tuple(part for name in wanted if (part := self.part(name)) is not None)
        if self.folder is not None and not found:
            raise ValueError(
                f"{self.folder}: this should be {self.entry.title}, but holds no "
                f"{_place(self.entry, wanted[0])} and nothing else of it"
            )
        return found

    def absent(self, names: Iterable[str]) -> str | None:
        """A sentence on what is not there of the named parts; None: nothing is missing."""
        if self.folder is None:
            return self._not_found()
        wanted = tuple(names)
        lost = [name for name in wanted if self.part(name) is None]
        if not lost:
            return None
        first = f"{self.entry.title}/{lost[0]}"
        if len(lost) > 1:
            first = f"{first} and {len(lost) - 1} more are missing"
        else:
            first = f"{first} is missing"
        return f"{first}{self._consequence(wanted, lost)}"

    def _not_found(self) -> str:
        looked = " and ".join(map(str, self.looked[:2]))
        how = self.entry.how_to_get
        get = f"Download: {how}" if how.startswith("https:") else how[0].upper() + how[1:]
        archive = f" (md5 {self.entry.md5})" if self.entry.md5 else ""
        return (
            f"{self.entry.name}: not found; looked in {looked}. {get}{archive}, or "
            f"data.{self.entry.name}=DIR"
        )

    def _consequence(self, wanted: Sequence[str], lost: Sequence[str]) -> str:
        """Which number of the report needs what is not there."""
        needed = {f"{name}/{level}" for name in CORRUPTIONS for level in SEVERITIES}
        short = len(needed & set(lost))
        if self.entry.name == "imagenet_c" and short and needed <= set(wanted):
            return f"; mCE needs all {len(needed)} (found {len(needed) - short})"
        if {"mixed_same", "mixed_rand"} & set(lost):
            return "; BG-Gap needs mixed_same and mixed_rand"
        return ""


def find(entry: PublicSet, config: DataConfig, folders: Mapping[str, str | None]) -> Found:
    """Look for a set.

    Args:
        entry: the set.
        config: of the data that is evaluated; its root is where the set is looked for.
        folders: where sets lie that are not there, by name; None: it is there.

    Raises:
        ValueError: a folder that `folders` names is not there.
    """
    said = folders.get(entry.name)
    if said is not None:
        key = f"{FOLDERS_KEY}.{entry.name}"
        places = tuple(located(config, said, key=key))
        if not places[0].is_dir():
            raise ValueError(f"{key}={said}: there is no such folder")
        return Found(entry, places[0], places)
    places = tuple(data_root(config) / name for name in entry.folders)
    return Found(entry, next((place for place in places if place.is_dir()), None), places)


def _place(entry: PublicSet, name: str) -> Path:
    """Where a part lies in the folder of its set."""
    if entry.layout == "arrays":
        return Path(f"{name.partition('/')[0]}.npy")
    if entry.layout == "parts":
        return Path(name, "val")
    return Path(name)
