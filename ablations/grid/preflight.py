"""Everything that can be known to go wrong is found before the first run starts."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ablations.extensions.loading import SourceFile, blamed, execute_all, sources
from ablations.grid.own_code import try_own_code
from ablations.planning.cost import Cost, Setting
from ablations.planning.counts import count_points
from ablations.planning.plan import Plan
from ablations.process.tether import end_with_launcher
from ablations.studies.config import Recipe, Study
from ablations.studies.networks import image_sides
from datamodules.catalog.freshness import freshness_note
from datamodules.catalog.resolved import Data, fetchable, missing
from datamodules.catalog.sizes import describe
from lit_models.families.reference import Network
from lit_models.recipe.config import device_batch

if TYPE_CHECKING:
    from datamodules import ImageDataModule

T = TypeVar("T")
_ENOUGH = 200 * 2**20  # bytes; a study of nano networks needs about that


@dataclass(frozen=True)
class Machine:
    """What runs will train on.

    GPU ids for CUDA_VISIBLE_DEVICES, the cost of each network, the images of a training epoch, and
    sentences about the data for whoever started the study.
    """

    gpus: tuple[str, ...]
    costs: Mapping[Network, Cost]
    train_images: int
    notes: tuple[str, ...]


def check_writable(runs_root: Path) -> None:
    """Raise ValueError when the runs folder cannot be written, or its disk is full."""
    try:
        runs_root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=runs_root):
            pass
    except OSError as error:
        raise ValueError(
            f"the runs folder {runs_root} cannot be written ({error.strerror}): choose another "
            "with --runs or $ABLATE_RUNS"
        ) from None
    free = shutil.disk_usage(runs_root).free
    if free < _ENOUGH:
        raise ValueError(
            f"the disk of {runs_root} has {free / 2**20:.0f} MB left and a study needs "
            f"{_ENOUGH / 2**20:.0f} MB or more: make room, or choose another with --runs"
        )


def check_data_is_there(data: Data) -> None:
    """Raise ValueError when the data is neither here nor can be fetched."""
    lacking = missing(data)
    if lacking is not None and not fetchable(data):
        raise ValueError(lacking)


def inspect_in_child(plan: Plan, runs_root: Path) -> Machine:
    """`inspect` in a forked process: this one needs no torch then and never touches a GPU."""
    from ablations.grid.executor import fork_server

    return in_child(fork_server(), _inspect_with, sources(), plan.study, plan.networks, runs_root)


def _inspect_with(
    used: Iterable[SourceFile], study: Study, networks: Mapping[str, Network], runs_root: Path
) -> Machine:
    """`inspect` where code of one's own has not been executed yet."""
    execute_all(used)
    try:
        return inspect(study, networks, runs_root)
    except Exception as error:
        said = None if isinstance(error, ValueError | OSError) else blamed(error)
        if said is None:
            raise
        raise ValueError(said) from None  # its frames stay behind in this process


def in_child(context: BaseContext, function: Callable[..., T], *arguments: Any) -> T:
    """What a function gives in a process of its own, which ends with this one."""
    with ProcessPoolExecutor(1, mp_context=context, initializer=end_with_launcher) as pool:
        return pool.submit(function, *arguments).result()


def inspect(study: Study, networks: Mapping[str, Network], runs_root: Path) -> Machine:
    """Find the devices, read the data, build every network, cut the batch.

    Raises ValueError with the reason when a run of the study could not start.
    """
    from ablations.run.devices import resolve_devices

    recipe = study.recipe
    devices = resolve_devices(
        study.hardware, precision=recipe.precision, sync_batch_norm=recipe.sync_batch_norm
    )
    data, notes = _read_data(study)
    data.accumulate(devices.count)
    setting = Setting(data.image_size, data.num_classes, data.in_chans)
    sides = image_sides(data.data, recipe.augment).values()
    costs = count_points(networks, sides, setting, runs_root=runs_root)
    _check_recipe(recipe, next(iter(networks.values())), setting)
    try_own_code(recipe, setting)
    if device_batch(recipe) == 1:
        smallest = min(sides)
        check_single_images(networks, replace(setting, image_size=smallest))
    _check_teacher(recipe, data)
    _check_start(recipe, networks.values(), setting)
    gpus = visible_gpus() if devices.kind == "cuda" else ()
    return Machine(gpus, costs, data.train_size, notes)


def _read_data(study: Study) -> "tuple[ImageDataModule, tuple[str, ...]]":
    """The data as runs will have it, and what there is to say about it."""
    from datamodules.module import build_data_module
    from datamodules.sets.sources import noted

    with noted() as said:
        data = build_data_module(
            study.data,
            study.recipe.augment,
            batch_size_per_step=study.recipe.batch_size,
            batch_size_per_device=study.recipe.batch_size_per_device,
            seed=study.seeds[0],
            num_workers=0,
        )
    about = [describe(data.data, data.sizes), freshness_note(data.data), *map(str, said)]
    return data, tuple(sentence for sentence in about if sentence is not None)


def _check_recipe(recipe: Recipe, spec: Network, setting: Setting) -> None:
    """Make everything that a recipe names once, on the meta device."""
    import torch

    from lit_models.network.builder import build
    from lit_models.training.batch_mixing import create_batch_mixing, create_criterion
    from lit_models.training.optimisation import create_optimizer, create_schedule

    with torch.device("meta"):
        model = build(spec, num_classes=setting.num_classes, in_chans=setting.in_chans)
    create_schedule(create_optimizer(model, recipe), recipe, updates_per_epoch=1)
    create_batch_mixing(recipe, num_classes=setting.num_classes)
    create_criterion(recipe)


def check_single_images(networks: Mapping[str, Network], setting: Setting) -> None:
    """Raise ValueError where a batch norm would see one value a channel, which has no variance."""
    import torch

    from lit_models.network.builder import build

    image = torch.empty(1, setting.in_chans, setting.image_size, setting.image_size, device="meta")
    for point, spec in networks.items():
        with torch.device("meta"):
            model = build(spec, num_classes=setting.num_classes, in_chans=setting.in_chans)
        try:
            model.train()(image)
        except ValueError as error:
            raise ValueError(
                f"point {point} cannot be trained with one image a device: a batch norm would see "
                f"one value a channel ({error}). Set recipe.batch_size_per_device (or "
                "recipe.batch_size) to at least 2"
            ) from None


def _check_teacher(recipe: Recipe, data: "ImageDataModule") -> None:
    """Load the teacher, and show it an image of every side that training images have."""
    if recipe.teacher is None:
        return
    from datamodules.augment.cropping import growing_side
    from lit_models.training.distillation import check_teacher

    epochs = range(recipe.epochs)
    sides = {growing_side(recipe.augment, data.image_size, epoch=epoch) for epoch in epochs}
    check_teacher(
        recipe,
        num_classes=data.num_classes,
        in_chans=data.in_chans,
        sides=sorted(sides),
        mean=data.info.mean,
        std=data.info.std,
    )


def _check_start(recipe: Recipe, specs: Iterable[Network], setting: Setting) -> None:
    """Hold the weights that runs start from against every network, on the meta device."""
    if recipe.start_from is None:
        return
    import torch

    from lit_models.network.builder import build
    from lit_models.training.initial_weights import read_start, starting_weights

    content = read_start(recipe.start_from)
    for spec in specs:
        with torch.device("meta"):
            model = build(spec, num_classes=setting.num_classes, in_chans=setting.in_chans)
        starting_weights(model, content, recipe)


def visible_gpus() -> tuple[str, ...]:
    """Ids of the GPUs that this process may use, as CUDA_VISIBLE_DEVICES writes them."""
    import torch

    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen:
        return tuple(name.strip() for name in chosen.split(","))
    return tuple(str(index) for index in range(torch.cuda.device_count()))
