"""The suite `occlusion`, and what others have of it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ablations.robustness.conditions.condition import Condition
from ablations.robustness.conditions.occlusion.masks import content_digest, mask_files
from ablations.robustness.conditions.occlusion.random import RandomDrop
from ablations.robustness.conditions.occlusion.saliency import (
    Attention,
    Gradients,
    Masks,
    Saliency,
    Spectral,
)
from ablations.robustness.conditions.occlusion.salient import SalientDrop
from ablations.robustness.conditions.others import other_network
from ablations.robustness.conditions.suites import REGISTERED, Setting, Suite
from datamodules.catalog.resolved import resolve
from datamodules.config.data import expanded
from datamodules.occlusion.patches import Grid, default_patch
from lit_models.probes.saliency import load_dino
from lit_models.recipe.weight_files import checkpoint_file, checksum

_TENTHS = tuple(tenth / 10 for tenth in range(1, 10))  # nothing is dropped at 0: that is `clean`
_HALF = 0.5
_PAPER_PATCH = 16  # px, of arXiv 2407.08972


def occlusion(setting: Setting) -> Sequence[Condition]:
    """Random drops in black and in the data set's mean, salient and non-salient ones."""
    patch = _patch(setting)
    mean = tuple(resolve(setting.data).info.mean)
    return (
        *(RandomDrop(share, patch) for share in _TENTHS),
        *(RandomDrop(share, patch, mean) for share in _TENTHS),
        *_salient(setting, patch),
    )


def quick_occlusion(setting: Setting) -> Sequence[Condition]:
    """Half of the patches, dropped at random."""
    return (RandomDrop(_HALF, _patch(setting)),)


def large_kernel_occlusion(setting: Setting) -> Sequence[Condition]:
    """Those of arXiv 2407.08972: patches of 16 px, black."""
    random = (RandomDrop(share, _PAPER_PATCH) for share in _TENTHS)
    return (*random, *_salient(setting, _PAPER_PATCH))


def _patch(setting: Setting) -> int:
    """Raises ValueError where it is larger than half of the image."""
    wanted, side = setting.config.occlusion.patch, setting.images.side
    return Grid(side, default_patch(side) if wanted is None else wanted).patch


def _salient(setting: Setting, patch: int) -> Sequence[Condition]:
    saliency = _SALIENCIES[setting.config.occlusion.saliency](setting)
    shares = (*_TENTHS, 1.0)
    return (
        *(SalientDrop(share, patch, saliency) for share in shares),
        *(SalientDrop(share, patch, saliency, salient=False) for share in shares),
    )


def _spectral(setting: Setting) -> Saliency:
    del setting
    return Spectral()


def _gradients(setting: Setting) -> Saliency:
    value, key = setting.config.occlusion.reference, "occlusion.reference"
    assert value is not None
    network = other_network(value, setting, key=key)
    if network.digest in setting.checkpoints:
        raise ValueError(
            f"{key}={value} is {setting.checkpoints[network.digest]}, which is asked itself: what "
            "matters has to be said by the same network for all; name another one"
        )
    return Gradients(network)


def _masks(setting: Setting) -> Saliency:
    assert setting.config.occlusion.masks is not None
    folder: Path = expanded(setting.config.occlusion.masks, key="occlusion.masks")
    files = mask_files(folder, setting.images)
    return Masks(content_digest(files), files)


def _attention(setting: Setting) -> Saliency:
    assert setting.config.occlusion.dino is not None
    path = checkpoint_file(setting.config.occlusion.dino, key="occlusion.dino")
    return Attention(checksum(path), load_dino(path).to(setting.device), setting.device)


_SALIENCIES: Mapping[str, Callable[[Setting], Saliency]] = {
    "spectral": _spectral,
    "reference": _gradients,
    "masks": _masks,
    "dino": _attention,
}

REGISTERED.register(
    "occlusion",
    Suite(occlusion, images=1000, title="patches dropped at random, or by what matters"),
)
