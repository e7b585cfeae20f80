"""The design space and its networks: specs, steps, trajectories, a builder, a LightningModule.

Importing this package is cheap: names that need torch are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lit_models.reference import Network, TimmModel, named_network
from lit_models.serialise import difference, from_dict, to_dict
from lit_models.spec import ArchSpec, IllegalSpec
from lit_models.specs import SPECS
from lit_models.step_library import parse_step
from lit_models.steps import IllegalStep, Step, apply_steps
from lit_models.training import TrainingConfig
from lit_models.trajectories import START, TRAJECTORIES, Trajectory

if TYPE_CHECKING:
    from lit_models.backbone import Backbone
    from lit_models.builder import build
    from lit_models.checkpoints import load_network
    from lit_models.classifier import LitClassifier
    from lit_models.complexity import Complexity, count
    from lit_models.merging import for_inference, merge
    from lit_models.official import load_official
    from lit_models.timm_weights import from_timm, to_timm

_NEEDS_TORCH = {
    "Backbone": "backbone",
    "build": "builder",
    "load_official": "official",
    "merge": "merging",
    "for_inference": "merging",
    "load_network": "checkpoints",
    "LitClassifier": "classifier",
    "Complexity": "complexity",
    "count": "complexity",
    "from_timm": "timm_weights",
    "to_timm": "timm_weights",
}

__all__ = [
    "SPECS",
    "START",
    "TRAJECTORIES",
    "ArchSpec",
    "Backbone",
    "Complexity",
    "IllegalSpec",
    "IllegalStep",
    "LitClassifier",
    "Network",
    "Step",
    "TimmModel",
    "TrainingConfig",
    "Trajectory",
    "apply_steps",
    "build",
    "count",
    "difference",
    "from_dict",
    "for_inference",
    "from_timm",
    "load_network",
    "load_official",
    "merge",
    "named_network",
    "parse_step",
    "to_dict",
    "to_timm",
]


def __getattr__(name: str) -> Any:
    if name not in _NEEDS_TORCH:
        raise AttributeError(f"module 'lit_models' has no attribute {name!r}")
    return getattr(import_module(f"lit_models.{_NEEDS_TORCH[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
