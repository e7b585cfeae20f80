"""Whether the suites of a study suit its data, from what is known before any of it is read."""

from ablations.studies.robustness.config import OodConfig, RobustnessConfig
from datamodules.benchmarks.entries import SETS
from datamodules.catalog.catalog import DATASETS, dataset
from datamodules.catalog.loader_choice import sides
from datamodules.config.data import DataConfig, located
from datamodules.config.info import DatasetInfo
from datamodules.corruptions.severities import table_of
from lit_models.registry.names import nearest

_CORRUPTED = ("quick", "corruptions", "perturbations")
_OF_IMAGENET = ("paper_robust_resnet", "paper_large_kernels")
_EVERY_SET = "imagenet"
_CLASSES = 1000


def check_robustness(config: RobustnessConfig, data: DataConfig) -> None:
    """Refuse suites that the data set cannot have.

    Raises:
        ValueError: images that are too small, or of other classes than ImageNet's where public sets
            of it are asked for; no data that is out of distribution. It begins with the key.
    """
    info = dataset(data, complete=False)
    for name in config.suite:
        try:
            if name in _CORRUPTED:
                table_of(sides(data, info)[1])
            if _lacks_sets(name, info):
                raise ValueError(
                    "its sets need the 1,000 classes of ImageNet in their order; "
                    f"{info.name} has {info.num_classes}"
                )
            if name == "ood":
                _check_ood(config.ood, data)
        except ValueError as error:
            raise ValueError(f"robustness.suite {name}: {error}") from None


def _lacks_sets(suite: str, info: DatasetInfo) -> bool:
    """Whether no public set of a suite has the classes of a data set."""
    if suite == _EVERY_SET:
        fitting = [entry for entry in SETS.values() if info.name in (entry.data or (info.name,))]
        return info.num_classes not in (None, *(entry.num_classes for entry in fitting))
    return suite in _OF_IMAGENET and info.num_classes not in (None, _CLASSES)


def _check_ood(said: OodConfig, data: DataConfig) -> None:
    if said.data is None and not said.held_out_classes:
        raise ValueError("it needs robustness.ood.data=NAME, another data set")
    if said.data is None or said.data in DATASETS:
        return
    if not any(path.is_dir() for path in located(data, said.data, key="robustness.ood.data")):
        raise ValueError(
            f"robustness.ood.data is {said.data!r}. {nearest(said.data, DATASETS)} Or a folder."
        )
