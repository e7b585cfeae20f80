"""An official network made small, ours made alike, and what their logits differ by."""

from dataclasses import replace

import torch
from torch import Tensor

from lit_models import ArchSpec, build, load_official
from lit_models.network.backbone import Backbone
from tests.support.official_forward.convmixer import ConvMixer
from tests.support.official_forward.convnext import ConvNeXt
from tests.support.official_forward.named import Config, forward, random_state
from tests.support.official_forward.replknet import RepLKNet
from tests.support.official_forward.robust_resnet import RobustResNet
from tests.support.official_forward.spach import Spach

CLASSES = 7
ONE_A_FAMILY = (
    "convnext_tiny",
    "robust_resnet_up_inverted_dw_small",
    "spach_ms_xxs_patch4_224_attn",
    "convmixer_1024_20",
    "replknet_31b",
)


def narrow(config: Config) -> Config:
    """The network with few channels, few classes and, where it has one, a small image size."""
    match config:
        case ConvMixer():
            return replace(config, dim=8, num_classes=CLASSES)
        case Spach():
            return replace(config, dim=4 * config.heads, image_size=64, num_classes=CLASSES)
        case ConvNeXt() | RepLKNet() | RobustResNet():
            dims = tuple(8 << stage for stage in range(len(config.dims)))
            return replace(config, dims=dims, num_classes=CLASSES)


def widths(config: Config) -> tuple[int, ...]:
    """Channels of every stage."""
    match config:
        case ConvMixer():
            return (config.dim,)
        case Spach():
            return tuple(config.dim << stage for stage in range(len(config.arch)))
        case ConvNeXt() | RepLKNet() | RobustResNet():
            return config.dims


def side(config: Config) -> int:
    """Side of the images that a narrow network sees: maps of 2 positions or more at the end."""
    match config:
        case ConvMixer():
            return 4 * config.patch_size
        case Spach():
            return config.image_size
        case ConvNeXt():
            return 32 if config.isotropic else 64
        case RobustResNet() | RepLKNet():
            return 64


def ours(spec: ArchSpec, config: Config) -> ArchSpec:
    """Our network with the channels and the image size of the narrow official one."""
    image_size = None if spec.image_size is None else side(config)
    return replace(spec, widths=widths(config), image_size=image_size)


def images(config: Config) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    size = side(config)
    return torch.randn(2, 3, size, size, dtype=torch.float64, generator=generator)


@torch.no_grad()
def difference(spec: ArchSpec, config: Config, *, seed: int = 0) -> float:
    """Largest difference of the logits, which are checked to depend on the image and the class."""
    state, inputs = random_state(config, seed=seed), images(config)
    found, expected = loaded(spec, config, state)(inputs), forward(state, inputs, config)
    assert found.shape == expected.shape == (2, CLASSES)
    assert found.std(1).min() > 1e-2, "the classes differ"
    assert (found[0] - found[1]).abs().max() > 1e-3, "the images differ"
    return float((found - expected).abs().max())


def loaded(spec: ArchSpec, config: Config, state: dict[str, Tensor]) -> Backbone:
    """Our narrow network with the weights of the official state dict, in float64."""
    model = build(ours(spec, config), num_classes=CLASSES, seed=0).double().eval()
    load_official(model, state)
    return model


def directions() -> Tensor:
    """Weights of a weighted sum of the logits."""
    generator = torch.Generator().manual_seed(2)
    return torch.randn(2, CLASSES, dtype=torch.float64, generator=generator)
