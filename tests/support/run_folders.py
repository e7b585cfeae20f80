"""Run folders that are really trained: a tiny network on a few digits, and the recipes to test."""

import json
import multiprocessing
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ablations.store.runs import CONFIG, RunFolder
from ablations.studies.config import Hardware, Recipe
from datamodules.config.augmentation import Augmentation
from lit_models import TRAJECTORIES, ArchSpec, to_dict
from lit_models.families.convnext import LAYER_SCALE
from lit_models.space.spec import Stem

NANO = TRAJECTORIES["convnext_nano"]
MODERN = "bn_to_ln"  # the first point without any batch norm


def tiny(spec: ArchSpec) -> ArchSpec:
    """The same design in the smallest size: one block a stage, eight channels, images of 8 px."""
    stages = len(spec.depths)
    return replace(
        spec,
        stem=_of_stride_2(spec.stem),
        depths=(1,) * stages,
        widths=(8,) * stages,
        blocks=spec.blocks[:1],
        drop_path_rate=0.2,
    )


def _of_stride_2(stem: Stem) -> Stem:
    (layer,) = stem.layers
    kernel, stride = (3, 1) if stem.max_pool else (2, 2)
    return replace(stem, layers=(replace(layer, kernel_size=kernel, stride=stride),))


def scaled(spec: ArchSpec) -> ArchSpec:
    """With the layer scale of a ConvNeXt, which the small trajectory leaves out."""
    return spec.map_branches(lambda branch: replace(branch, layer_scale=LAYER_SCALE))


RESNET = tiny(NANO.start)
CONVNEXT = scaled(tiny(NANO.spec_after("separate_downsampling")))
NO_BATCH_NORM = scaled(tiny(NANO.spec_after(MODERN)))

DATA: Mapping[str, Any] = MappingProxyType(
    {"name": "digits", "image_size": 8, "train_limit": 40, "val_fraction": 0.02, "test_limit": 30}
)
# Small enough for three epochs in half a second: 3 steps an epoch.
_BASE = Recipe(epochs=3, batch_size=12, lr=2e-3, augment=Augmentation(crop="pad", hflip=0.5))
RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "plain": _BASE,
        "mixup_cutmix": replace(_BASE, mixup=0.8, cutmix=1.0, label_smoothing=0.1),
        "mixup_elem": replace(_BASE, mixup=0.8, cutmix=1.0, mixup_mode="elem"),
        "ema": replace(_BASE, ema_decay=0.9, warmup_epochs=1.0, gradient_clip=1.0),
        "sgd_step": replace(
            _BASE,
            optimizer="momentum",
            lr=0.05,
            weight_decay=1e-4,
            decay_all=True,
            schedule="step",
            decay_epochs=1.0,
        ),
        "accumulation": replace(_BASE, batch_size_per_device=4, ema_decay=0.9),
        "repeats": replace(_BASE, augment=Augmentation(crop="pad", pad=1, hflip=0.5, repeats=3)),
        "layer_decay": replace(
            _BASE,
            layer_decay=0.8,
            channels_last=True,
            schedule="piecewise",
            lr_knots=[(0.0, 0.0), (0.4, 1.0), (1.0, 0.1)],
        ),
        "bf16": replace(_BASE, precision="bf16-mixed"),
    }
)

# What a beton is read with: every random draw of the recipe.
AUGMENTED = replace(
    _BASE,
    augment=Augmentation(
        crop="random_resized",
        hflip=0.5,
        rand_augment="rand-m9-mstd0.5-inc1",
        random_erasing=0.5,
        first_size=8,
        growth=(0, 2),
        size_step=4,
    ),
)


def beton_data(folder: Path) -> Mapping[str, Any]:
    """`data` of a run that reads photographs by FFCV; FOLDER/tree and its beton are written."""
    from tests.support.images.loaders import write_both

    tree = write_both(folder)
    size = {"image_size": 16, "train_limit": 40, "val_fraction": 0.1, "test_limit": 30}
    return {"name": "image_folder", "folder": str(tree), "loader": "ffcv", **size}


def make_run(
    folder: Path,
    recipe: Recipe = _BASE,
    *,
    spec: ArchSpec = RESNET,
    seed: int = 0,
    hardware: Hardware | None = None,
    data: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Path:
    """A folder with a config.json as the launcher writes it; `changes` replace its keys."""
    chosen = {**DATA, **(data or {})}
    config = {
        "schema": 1,
        "run_id": folder.name,
        "spec": to_dict(spec),
        "data": chosen,
        "recipe": asdict(recipe),
        "seed": seed,
        "hardware": asdict(hardware or Hardware(accelerator="cpu", threads=1, num_workers=0)),
        "root": None,
        "folder": chosen.get("folder"),
        "labels": {},
        **changes,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    return folder


def in_worker(target: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Start `target(*arguments)` in a process of its own, forked from one that has the imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["ablations.run.train", "sklearn.datasets", "tests.support.run_folders"]
    )
    process = context.Process(target=target, args=arguments)
    process.start()
    return process


def status(folder: Path) -> dict[str, Any]:
    """The status that the worker wrote."""
    found = RunFolder(folder).status()
    assert found is not None
    return found


def results(folder: Path) -> dict[str, Any]:
    """What equal runs share bit for bit: weights, averages, optimizer, metrics, test scores."""
    from ablations.run.checkpoint import read_checkpoint
    from ablations.run.recorder import CHECKPOINT
    from lit_models.training.metrics import SECONDS, VAL_SECONDS

    run, content = RunFolder(folder), read_checkpoint(folder / CHECKPOINT)
    timed = (SECONDS, VAL_SECONDS)
    rows = [{k: v for k, v in row.items() if k not in timed} for row in run.metrics()]
    summary = run.summary() or {}
    tested = {name: value for name, value in summary.items() if "/" in name}
    return {
        "weights": content["state_dict"],
        "optimizer": content["optimizer_states"],
        "rows": rows,
        "tested": tested,
    }


def same(left: Any, right: Any) -> bool:
    """Equality bit for bit, through containers and tensors."""
    import torch

    if isinstance(left, torch.Tensor):
        return isinstance(right, torch.Tensor) and torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)
