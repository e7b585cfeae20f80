"""The design space and its networks: specs, steps, trajectories, a builder, a LightningModule.

Importing this package imports nothing else: names resolve when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lit_models.families.reference import Network, TimmModel, named_network
    from lit_models.families.serialise import difference, from_dict, to_dict
    from lit_models.families.specs import SPECS
    from lit_models.network.backbone import Backbone
    from lit_models.network.builder import build
    from lit_models.network.complexity import Complexity, count
    from lit_models.network.merging import for_inference, merge
    from lit_models.primitives.table import register_primitive
    from lit_models.recipe.config import TrainingConfig
    from lit_models.space.spec import ArchSpec, IllegalSpec
    from lit_models.steps.library import named_step, parse_step
    from lit_models.steps.step import IllegalStep, Step, apply_steps
    from lit_models.steps.trajectories import START, TRAJECTORIES, Trajectory
    from lit_models.training.classifier import LitClassifier
    from lit_models.weights.checkpoints import load_network
    from lit_models.weights.official import load_official
    from lit_models.weights.timm_weights import from_timm, to_timm

_HOME = {
    "ArchSpec": "lit_models.space.spec",
    "IllegalSpec": "lit_models.space.spec",
    "Network": "lit_models.families.reference",
    "TimmModel": "lit_models.families.reference",
    "named_network": "lit_models.families.reference",
    "difference": "lit_models.families.serialise",
    "from_dict": "lit_models.families.serialise",
    "to_dict": "lit_models.families.serialise",
    "SPECS": "lit_models.families.specs",
    "named_step": "lit_models.steps.library",
    "parse_step": "lit_models.steps.library",
    "IllegalStep": "lit_models.steps.step",
    "Step": "lit_models.steps.step",
    "apply_steps": "lit_models.steps.step",
    "START": "lit_models.steps.trajectories",
    "TRAJECTORIES": "lit_models.steps.trajectories",
    "Trajectory": "lit_models.steps.trajectories",
    "TrainingConfig": "lit_models.recipe.config",
    "Backbone": "lit_models.network.backbone",
    "build": "lit_models.network.builder",
    "Complexity": "lit_models.network.complexity",
    "count": "lit_models.network.complexity",
    "for_inference": "lit_models.network.merging",
    "merge": "lit_models.network.merging",
    "load_network": "lit_models.weights.checkpoints",
    "load_official": "lit_models.weights.official",
    "from_timm": "lit_models.weights.timm_weights",
    "to_timm": "lit_models.weights.timm_weights",
    "register_primitive": "lit_models.primitives.table",
    "LitClassifier": "lit_models.training.classifier",
}

__all__ = [
    "ArchSpec",
    "Backbone",
    "Complexity",
    "IllegalSpec",
    "IllegalStep",
    "LitClassifier",
    "Network",
    "SPECS",
    "START",
    "Step",
    "TRAJECTORIES",
    "TimmModel",
    "TrainingConfig",
    "Trajectory",
    "apply_steps",
    "build",
    "count",
    "difference",
    "for_inference",
    "from_dict",
    "from_timm",
    "load_network",
    "load_official",
    "merge",
    "named_network",
    "named_step",
    "parse_step",
    "register_primitive",
    "to_dict",
    "to_timm",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
