"""Writing an exported network: whole and checked, or not at all."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from ablations.export.onnx_file import ONNX
from ablations.export.package import Format, Package, Predict
from ablations.export.timm_file import TIMM
from ablations.export.torch_file import TORCH
from ablations.run.checkpoint import cannot_write
from lit_models.families.reference import Network, TimmModel
from lit_models.network.backbone import Backbone
from lit_models.network.merging import for_inference
from lit_models.weights.checkpoints import load_checkpoint

FORMATS: Mapping[str, Format] = MappingProxyType({"onnx": ONNX, "timm": TIMM, "torch": TORCH})
_CLOSE = 1e-4  # largest difference of logits, over the largest logit: float32 in another order
_SIDE = 224  # px, where neither a run nor the network says what it was trained on


@dataclass(frozen=True)
class Written:
    """What became of an export, and how others load it."""

    path: Path
    sentence: str
    load: str


def export(
    checkpoint: Path,
    out: Path | None,
    *,
    name: str,
    form: str,
    ema: bool = False,
    images: Mapping[str, Any] | None = None,
    force: bool = False,
) -> Written:
    """Write the merged network of a checkpoint; FILE is there afterwards and whole, or not at all.

    Raises ValueError when the checkpoint cannot be read, the file is there already, the format
    cannot hold the network, or what was written gives other logits.
    """
    made = FORMATS[form]
    path = _target(out or Path(name + made.suffixes[0]), made, form=form, force=force)
    loaded = load_checkpoint(checkpoint, ema=ema)
    whole = loaded.model.eval().requires_grad_(requires_grad=False)
    model, said = for_inference(whole), dict(images or {})
    package = Package(
        model=model,
        spec=model.spec if isinstance(model, Backbone) else loaded.spec,
        num_classes=loaded.num_classes,
        in_chans=loaded.in_chans,
        image_size=said.pop("image_size", None) or _side(loaded.spec, whole),
        about={"source": name, **said},
    )
    temporary = _beside(path)
    try:
        load = made.write(package, temporary, path)
        apart = _compare(package, whole, made.read(package, temporary), path)
        temporary.chmod(0o644)
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # torch hides a full disk in a RuntimeError
        raise cannot_write(path, error) from None
    finally:
        temporary.unlink(missing_ok=True)
    return Written(path, _sentence(package, path, apart, merged=model is not whole), load)


def _target(path: Path, made: Format, *, form: str, force: bool) -> Path:
    if path.suffix not in made.suffixes:
        raise ValueError(
            f"{path} has to end in {' or '.join(made.suffixes)} for --format {form}: choose "
            f"another name with --out"
        )
    if path.exists() and not (force and path.is_file()):
        raise ValueError(
            f"{path} exists: choose another name with --out, or replace it with --force"
        )
    return path


def _beside(path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(path.suffix, f".{path.stem}.", path.parent)
    except OSError as error:
        raise cannot_write(path, error) from None
    os.close(handle)
    return Path(name)


def _side(spec: Network, model: nn.Module) -> int:
    """The side (px) that a network says it is built for."""
    if isinstance(spec, TimmModel) and spec.image_size is None:
        config: Any = model.pretrained_cfg
        return int(config["input_size"][-1])
    return spec.image_size or _SIDE


@torch.no_grad()
def _compare(
    package: Package, whole: nn.Module, predict: Predict | None, path: Path
) -> float | None:
    """The largest difference between the file's logits and the checkpoint's."""
    if predict is None:
        return None
    apart = 0.0
    for number in (1, 3):  # of these, a fixed batch size could only fit one
        images = package.images(number)
        expected, found = whole(images), predict(images)
        if found.shape != expected.shape:
            raise ValueError(
                f"{path} was not written: read back it gives logits {tuple(found.shape)}, and the "
                f"checkpoint {tuple(expected.shape)}"
            )
        difference = float((found - expected).abs().max())
        if not difference <= _CLOSE * max(1.0, float(expected.abs().max())):
            raise ValueError(
                f"{path} was not written: read back its logits are off by {difference:.3g} "
                f"where the largest is {float(expected.abs().max()):.3g}"
            )
        apart = max(apart, difference)
    return apart


def _sentence(package: Package, path: Path, apart: float | None, *, merged: bool) -> str:
    params = sum(parameter.numel() for parameter in package.model.parameters())
    side = package.image_size
    kind = "merged weights, " if merged else ""
    if apart is None:
        checked = "not read back, since onnxruntime is not installed"
    else:
        near = f"within {apart:.1g} of" if apart else "equal to"
        checked = f"read back: logits are {near} the checkpoint's"
    return (
        f"{path}: {kind}{params:,} parameters, images (N, {package.in_chans}, {side}, {side}) to "
        f"logits (N, {package.num_classes}); {checked}"
    )
