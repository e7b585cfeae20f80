"""`--format timm`: weights for a name of timm's registry, timm's own or one of ours."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from ablations.export.package import Format, Package, Predict, own_memory
from lit_models.families.reference import Network, TimmModel
from lit_models.families.specs import SPECS
from lit_models.network.backbone import Backbone
from lit_models.network.timm_models import names
from lit_models.space.spec import ArchSpec, Branch, Init
from lit_models.weights.timm_weights import to_timm


@dataclass(frozen=True)
class TimmForm:
    """A network as `timm.create_model(name, **options)` builds it.

    `native`: timm has it itself; otherwise `lit_models.network.timm_models` registers the name.
    """

    name: str
    native: bool
    weights: Mapping[str, Tensor]
    options: Mapping[str, Any] = field(default_factory=dict)


def write(package: Package, path: Path, final: Path) -> str:
    """Write safetensors, or a state dict where the name ends in .pth."""
    found = timm_form(package.model, package.spec)
    weights = own_memory(found.weights)
    if final.suffix == ".safetensors":
        from safetensors.torch import save_file

        about = {key: str(value) for key, value in package.about.items()}
        save_file(weights, path, metadata={"format": "pt", "architecture": found.name, **about})
    else:
        torch.save(weights, path)
    options = {"num_classes": package.num_classes, "in_chans": package.in_chans, **found.options}
    said = ", ".join(f"{key}={value}" for key, value in options.items())
    registered = "" if found.native else "import lit_models.network.timm_models; "
    return f"{registered}timm.create_model({found.name!r}, {said}, checkpoint_path={str(final)!r})"


def read(package: Package, path: Path) -> Predict:
    """The network that timm makes of the file."""
    found = timm_form(package.model, package.spec)
    options: dict[str, Any] = {"num_classes": package.num_classes, "in_chans": package.in_chans}
    model = timm.create_model(found.name, **options, **found.options, checkpoint_path=str(path))
    evaluated: Predict = model.eval()
    return evaluated


TIMM = Format((".safetensors", ".pth"), write, read)


def timm_form(model: nn.Module, spec: Network) -> TimmForm:
    """The name and the weights under which timm's registry has a network.

    Raises ValueError when no name there builds it.
    """
    if isinstance(spec, TimmModel):
        options = {} if spec.image_size is None else {"img_size": spec.image_size}
        return TimmForm(spec.name, True, model.state_dict(), options)
    assert isinstance(model, Backbone)
    for name in _native(spec):
        return TimmForm(name, True, to_timm(model))
    for name, (registered, _) in names().items():
        if _function(registered) == _function(spec):
            return TimmForm(name, False, model.state_dict())
    raise ValueError(
        "no name of timm's registry builds this network, neither timm's own nor one of "
        "lit_models.network.timm_models: export it with --format torch or onnx"
    )


def _native(spec: ArchSpec) -> Iterator[str]:
    for name, ours in SPECS.items():
        if timm.is_model(name) and _function(ours) == _function(spec):
            yield name


def _function(spec: ArchSpec) -> ArchSpec:
    """The spec without what only training sees: drop path, dropout, initial values."""

    def trained(branch: Branch) -> Branch:
        scale = branch.layer_scale
        return replace(branch, layer_scale=None if scale is None else 1.0)

    return replace(
        spec.map_branches(trained),
        drop_path_rate=0.0,
        drop_path_schedule="linear",
        head=replace(spec.head, dropout=0.0),
        init=Init(),
    )
