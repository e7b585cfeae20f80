"""Trained networks behind their normalisation, as many at a time as fit in memory."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ablations.evaluation.evaluation import Expects
from ablations.robustness.conditions.asked import AskedNetwork
from ablations.robustness.evaluate.subjects import Subject
from ablations.robustness.images.data_set import SplitImages
from ablations.studies.robustness.config import Weights
from lit_models.probes.pixels import Pixels
from lit_models.weights.checkpoints import load_checkpoint

# Of the memory that is free, the share that weights may take: activations need some, too.
_SHARE = 0.25


@dataclass(frozen=True)
class Loading:
    """How networks are loaded.

    Attributes:
        weights: which of a checkpoint that has two.
        device: where they go.
        channels_last: the memory format, as in training.
    """

    weights: Weights
    device: torch.device
    channels_last: bool


def load(subject: Subject, images: SplitImages, loading: Loading) -> AskedNetwork:
    """A network in float32, in evaluation mode.

    Raises:
        ValueError: the checkpoint cannot be read, has no such weights, or is for other classes or
            channels than the images.
    """
    loaded = load_checkpoint(subject.checkpoint, ema=loading.weights == "ema")
    expects = Expects(subject.checkpoint, loaded.num_classes, loaded.in_chans)
    expects.check(images.data.info.name, len(images.class_names), images.in_chans)
    info, model = images.data.info, loaded.model.float()
    if loading.channels_last:
        model = model.to(memory_format=torch.channels_last)
    pixels = Pixels(model, mean=info.mean, std=info.std).to(loading.device)
    return AskedNetwork(
        name=subject.name,
        pixels=pixels,
        spec=loaded.spec,
        device=loading.device,
        num_classes=loaded.num_classes,
        checkpoint=subject.sha256,
        trained_on=subject.config.get("data", {}),
    )


def in_groups(
    places: Sequence[int], loads: Callable[[int], AskedNetwork | None], device: torch.device
) -> Iterator[dict[int, AskedNetwork]]:
    """Networks by their places, so many at a time as take a quarter of the memory that is free.

    Args:
        places: of all.
        loads: gives one; None: it cannot be asked.
        device: where they lie.
    """
    most = _SHARE * _free_bytes(device)
    found, taken = dict[int, AskedNetwork](), 0
    for place in places:
        network = loads(place)
        if network is None:
            continue
        size = _bytes(network.pixels)
        if found and taken + size > most:
            yield found
            found, taken = {}, 0
        found[place] = network
        taken += size
    if found:
        yield found


def _bytes(module: nn.Module) -> int:
    tensors = (*module.parameters(), *module.buffers())
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:  # Linux counts what it would give back, too
        lines = Path("/proc/meminfo").read_text().splitlines()
        return int(dict(line.split(":") for line in lines)["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
