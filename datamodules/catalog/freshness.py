"""Whether a `.beton` found beside its folder still matches that folder (no torch).

Compared are the paths and sizes of the folder's files. A copy keeps both and changes times, so
that later times alone are no reason to refuse the file: they are told. The official data sets do
not change, and their numbers of images are checked when they are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from datamodules.beton.manifest import Manifest
from datamodules.catalog import loader_choice
from datamodules.catalog.catalog import DATASETS
from datamodules.catalog.folders import some
from datamodules.catalog.layout import Tree
from datamodules.catalog.resolved import Data, resolve
from datamodules.config.data import DataConfig


@dataclass(frozen=True)
class Compared:
    """A beton beside the folder that it was written from.

    Attributes:
        difference: how the folder differs; None: paths and sizes are the same.
        note: what speaks against the file without a difference; None: nothing.
    """

    difference: str | None
    note: str | None = None


def check_fresh(data: Data) -> None:
    """Refuse a beton that nobody named and whose folder has changed since it was written.

    Raises:
        ValueError: that, with the ways out.
    """
    found = compare(data) if data.config.beton is None else None
    if found is None or found.difference is None:
        return
    path, tree = loader_choice.beton_path(data.config), data.tree
    raise ValueError(
        f"{path} was written from another state of {tree}: {found.difference}. Write it again with "
        f"`ablate data write {tree} --out {path} --force`, or take it as it is by naming it "
        f"(data.beton={path}), or remove it."
    )


def freshness_note(data: Data) -> str | None:
    """What somebody should know about a beton that is read instead of a folder; None: nothing."""
    found = compare(data)
    if found is None or (found.difference or found.note) is None:
        return None
    path, tree = loader_choice.beton_path(data.config), data.tree
    if found.difference is not None:
        return f"{path} is read as data.beton says, though {tree} differs: {found.difference}."
    return f"{path} has the paths and sizes of {tree}, but {found.note}."


def beside_note(path: Path, manifest: Manifest) -> str | None:
    """What speaks against FOLDER.beton beside FOLDER; None: nothing, or there is no such folder."""
    folder = path.with_suffix("").absolute()
    if not DATASETS[manifest.name].own or not folder.is_dir():
        return None
    named = DataConfig(name=manifest.name, folder=str(folder), beton=str(path), loader="ffcv")
    found = compare(resolve(named))
    if found is None or (found.difference or found.note) is None:
        return None
    if found.difference is None:
        return f"{path} has the paths and sizes of {folder}, but {found.note}."
    return (
        f"{path} was written from another state of {folder}: {found.difference}. Commands do not "
        "take it by itself: write it again, or name it with data.beton."
    )


def compare(data: Data) -> Compared | None:
    """The beton that is read, beside its folder; None where there are not both."""
    manifest = data.manifest
    if not data.info.own or manifest is None or not data.tree.is_dir():
        return None
    try:
        listed = data.listing
    except ValueError as error:
        return Compared(str(error).rstrip("."))
    if listed.fingerprint() != manifest.fingerprint:
        return Compared(_difference(manifest, listed))
    return Compared(None, _note(manifest, listed))


def _difference(manifest: Manifest, listed: Tree) -> str:
    then, now = set(manifest.class_names), set(listed.class_names)
    files, samples = sum(1 for _ in listed.files), manifest.samples + manifest.skipped_count
    parts = [
        f"new classes: {some(sorted(now - then))}" if now - then else "",
        f"classes that are gone: {some(sorted(then - now))}" if then - now else "",
        f"{files:,} images and not {samples:,}" if files != samples else "",
    ]
    return "; ".join(part for part in parts if part) or "names or sizes of files have changed"


def _note(manifest: Manifest, listed: Tree) -> str | None:
    if manifest.newest is None:
        return "it is of a version that kept no times: whether a file was edited is not known"
    later = [file.path for file in listed.files if file.modified > manifest.newest]
    if not later:
        return None
    return (
        f"{len(later):,} files have later times ({some(later)}): if they were edited and not "
        "copied, write it again"
    )
