"""Which files of one's own decide what a run results in."""

from collections.abc import Iterator, Sequence
from typing import Any

from ablations.extensions.imports import is_ours
from ablations.extensions.loading import Extension, extension_of
from datamodules.augment.custom import AUGMENTATIONS
from datamodules.catalog.entries import DATASETS
from datamodules.config.augmentation import Augmentation
from datamodules.config.data import DataConfig
from lit_models.families.reference import Network
from lit_models.primitives.primitive import PRIMITIVES
from lit_models.registry.registry import Registry
from lit_models.space.spec import ArchSpec
from lit_models.training.own_metrics import METRICS

Used = dict[str, dict[str, Any]]  # SHA-256 -> file, names and package, as config.json has it


def used_by(
    network: Network,
    data: DataConfig,
    *,
    augmentation: Augmentation | None = None,
    metrics: Sequence[str] = (),
) -> Used:
    """The files whose code a run depends on, by the SHA-256 of their content; mostly none.

    Steps are not among the names: a run has the network that they led to. Raises ValueError for a
    name that was registered by no file which could be named: its content would be in no identity.
    """
    used: Used = {}
    for registry, name in _named(network, data, augmentation or Augmentation(), metrics):
        extension = _home(registry, name)
        if extension is None:
            continue
        source = extension.source
        entry = used.setdefault(
            source.sha256, {"file": str(source.path), "package": source.package, "names": []}
        )
        entry["names"].append(f"{registry.kind} {name}")
    return used


def _named(
    network: Network, data: DataConfig, augmentation: Augmentation, metrics: Sequence[str]
) -> Iterator[tuple[Registry[Any], str]]:
    """What a run takes from registries, besides names that are not there."""
    found: list[tuple[Registry[Any], str]] = [(DATASETS, data.name)]
    if isinstance(network, ArchSpec):
        found += [(PRIMITIVES, name) for name in sorted(network.primitives())]
    found += [(AUGMENTATIONS, name) for name, _ in augmentation.own]
    found += [(METRICS, name) for name in metrics]
    return ((registry, name) for registry, name in found if name in registry)


def _home(registry: Registry[Any], name: str) -> Extension | None:
    origin = registry.origin(name)
    if is_ours(origin.file):
        return None
    extension = extension_of(origin.file)
    if extension is None:
        raise ValueError(
            f"the {registry.kind} {name!r} was registered in {origin}, which is no file given with "
            "--use, `use:` or ablations.extend.use: what it does would be in no run's identity"
        )
    return extension
