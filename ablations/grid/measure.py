"""Seconds per image of networks, from a few training steps on synthetic images."""

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ablations.planning.cost import Setting
from ablations.studies.config import Hardware, Recipe
from datamodules.sampling.batching import per_device_batch
from lit_models.families.reference import Network

if TYPE_CHECKING:
    import torch
    from torch import nn

    from lit_models.training.distillation import Teacher

_BUDGET = 20.0  # seconds for all measurements
_STEP_BUDGET = 1.5  # seconds for one network
_LONGEST = 30.0  # seconds: a network that would take longer is not tried
_FEWEST = 4  # images of the smallest batch that is tried
_STEPS = 2  # of every batch size: the first one also allocates


@dataclass(frozen=True)
class Bench:
    """Where and how steps are measured."""

    recipe: Recipe
    setting: Setting
    device: str
    devices: int  # that train one run together
    threads: int
    workers: int


def bench_of(recipe: Recipe, hardware: Hardware, setting: Setting) -> Bench:
    """The devices that `ablate run` would use. Raises ValueError when one is not there."""
    from ablations.grid.executor import cores, make_slots
    from ablations.grid.preflight import visible_gpus
    from ablations.run.devices import resolve_devices

    device = resolve_devices(hardware, precision=recipe.precision).kind
    gpus = visible_gpus() if device == "cuda" else ()
    slots = make_slots(hardware, gpus=gpus, cores=cores())
    return Bench(recipe, setting, device, hardware.devices, slots[0].threads, len(slots))


def measure(gmacs: Mapping[Network, float], bench: Bench) -> dict[Network, float]:
    """Seconds per image: the cheapest, the dearest, then what lies between while time lasts.

    `gmacs` are those of the networks, which is how it is known which of them would take too long.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(bench.threads)
    start, measured = time.monotonic(), dict[Network, float]()
    try:
        for spec in _from_the_ends(sorted(gmacs, key=gmacs.__getitem__)):
            if len(measured) >= 2 and time.monotonic() - start > _BUDGET:
                break
            pace = max((t / gmacs[s] for s, t in measured.items()), default=0.0)
            if pace * gmacs[spec] * _FEWEST * _STEPS <= _LONGEST:
                measured[spec] = _seconds_per_image(spec, bench)
    finally:
        torch.set_num_threads(threads)
    return measured


def _from_the_ends(specs: Sequence[Network]) -> list[Network]:
    ends = [*specs[:1], *specs[-1:]] if len(specs) > 1 else list(specs)
    return [*ends, *specs[1:-1]]


def _seconds_per_image(spec: Network, bench: Bench) -> float:
    import torch

    from lit_models.network.builder import build
    from lit_models.training.distillation import load_teacher
    from lit_models.training.optimisation import create_optimizer

    setting, recipe = bench.setting, bench.recipe
    model = build(spec, num_classes=setting.num_classes, in_chans=setting.in_chans)
    model.to(bench.device)
    if recipe.channels_last:
        model.to(memory_format=torch.channels_last)
    optimizer = create_optimizer(model, recipe)
    teacher = load_teacher(
        recipe, num_classes=setting.num_classes, in_chans=setting.in_chans, fetch=False
    )
    if teacher is not None:
        teacher.to(next(model.parameters()))
    most = per_device_batch(recipe.batch_size, recipe.batch_size_per_device, bench.devices)
    best = float("inf")
    began = time.monotonic()
    for size in itertools.takewhile(lambda n: n <= most, (_FEWEST * 4**k for k in range(9))):
        images = torch.randn(
            size, setting.in_chans, setting.image_size, setting.image_size, device=bench.device
        )
        classes = torch.zeros(size, dtype=torch.long, device=bench.device)
        for _ in range(_STEPS):
            seconds = _step(model, optimizer, teacher, images=images, classes=classes, bench=bench)
        best = min(best, seconds / size)
        if time.monotonic() - began + 8 * seconds > _STEP_BUDGET:
            break
    return best / bench.devices


def _step(
    model: "nn.Module",
    optimizer: "torch.optim.Optimizer",
    teacher: "Teacher | None",
    *,
    images: "torch.Tensor",
    classes: "torch.Tensor",
    bench: Bench,
) -> float:
    """Seconds of one training step; the teacher, where there is one, only looks."""
    import torch
    from torch.nn.functional import cross_entropy

    half = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
    kind = half.get(bench.recipe.precision)
    began = time.perf_counter()
    with torch.autocast(bench.device, dtype=kind, enabled=kind is not None):
        if teacher is not None:
            teacher(images)
        loss = cross_entropy(model(images), classes)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    optimizer.zero_grad()
    loss.item()  # waits for the GPU
    return time.perf_counter() - began
