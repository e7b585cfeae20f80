"""What a file of one's own registers, in one place. Run it with `ablate ... --use my_ideas.py`.

    register_step(name, syntax, summary, source=...)   a decorator of a function that returns a Step
    register_primitive(name, ...)                      a decorator of an nn.Module
    register_dataset(DatasetInfo(...), load=function)  what `data: NAME` means
    register_augmentation(name)                        a decorator of a function (images, draw)
    register_metric(name)                              a decorator of a function make(num_classes)
    register_column(name, measured("test/loss", ...))  a column of reports
    register_design(cls)                               what `points: {kind: KIND}` means
    register_analysis(analysis)                        columns, figures and a section of reports
    use(path)                                          execute such a file from Python

Names resolve when they are first used, so that importing this imports nothing heavy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ablations.compare.analysis import register_analysis
    from ablations.compare.columns import measured
    from ablations.extensions.loading import use
    from ablations.studies.designs import Design
    from datamodules.augment.custom import register_augmentation
    from datamodules.catalog.registering import register_dataset
    from datamodules.config.info import DatasetInfo
    from datamodules.sets.sources import ArrayImages, FileImages, Source
    from lit_models.primitives.table import register_primitive
    from lit_models.steps.factories import named as register_step
    from lit_models.steps.step import Step
    from lit_models.training.own_metrics import register_metric

_HOME = {
    "register_analysis": "ablations.compare.analysis:register_analysis",
    "measured": "ablations.compare.columns:measured",
    "use": "ablations.extensions.loading:use",
    "register_augmentation": "datamodules.augment.custom:register_augmentation",
    "register_dataset": "datamodules.catalog.registering:register_dataset",
    "DatasetInfo": "datamodules.config.info:DatasetInfo",
    "ArrayImages": "datamodules.sets.sources:ArrayImages",
    "FileImages": "datamodules.sets.sources:FileImages",
    "Source": "datamodules.sets.sources:Source",
    "register_primitive": "lit_models.primitives.table:register_primitive",
    "register_metric": "lit_models.training.own_metrics:register_metric",
    "register_step": "lit_models.steps.factories:named",
    "Step": "lit_models.steps.step:Step",
}

__all__ = [
    "ArrayImages",
    "DatasetInfo",
    "FileImages",
    "Source",
    "Step",
    "measured",
    "register_analysis",
    "register_augmentation",
    "register_column",
    "register_dataset",
    "register_design",
    "register_metric",
    "register_primitive",
    "register_step",
    "use",
]


def register_column(name: str, column: Any) -> Any:
    """A column of every report, such as `measured("test/loss", "loss")`; no part of identities."""
    from ablations.compare.columns import COLUMNS
    from lit_models.registry.registry import caller

    return COLUMNS.register(name, column, origin=caller())


def register_design(design: "type[Design]") -> "type[Design]":
    """A way to choose points, under its `kind`; a decorator of its class."""
    from ablations.studies.designs import DESIGNS
    from lit_models.registry.registry import caller

    return DESIGNS.register(design.kind, design, origin=caller())


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOME[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
