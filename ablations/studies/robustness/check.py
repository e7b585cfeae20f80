"""Whether the suites of a study suit its data, from what is known before any of it is read."""

from ablations.studies.robustness.config import RobustnessConfig
from datamodules.catalog.catalog import dataset
from datamodules.catalog.loader_choice import sides
from datamodules.config.data import DataConfig
from datamodules.corruptions.severities import table_of

_CORRUPTED = ("quick", "corruptions", "perturbations")
_OF_IMAGENET = ("imagenet", "paper_robust_resnet", "paper_large_kernels")
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
            if name in _OF_IMAGENET and info.num_classes not in (None, _CLASSES):
                raise ValueError(
                    "its sets need the 1,000 classes of ImageNet in their order; "
                    f"{info.name} has {info.num_classes}"
                )
            if name == "ood" and not (config.ood.data or config.ood.held_out_classes):
                raise ValueError("it needs robustness.ood.data=NAME, another data set")
        except ValueError as error:
            raise ValueError(f"robustness.suite {name}: {error}") from None
