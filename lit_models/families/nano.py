"""The families at a size that trains on two CPU cores, for images of 32 px. Ours, not the papers'.

Three stages on maps of 16, 8 and 4 px where the originals have four, so that every map halves
exactly; one stage on 8 px maps where the originals have one on 14. Kernels are scaled with the
maps: the largest that a 4 px map can use is 7. They have fewer than ten blocks and are trained for
hundreds of steps, so that none has a layer scale: one that starts at 1e-6 or 1e-4 would keep its
branches out of the network for the whole training. ConvNeXt's standard deviation of the initial
weights is one for 96 channels and more, and is widened to what suits theirs.
"""

from dataclasses import replace

from lit_models.families.convmixer import convmixer
from lit_models.families.convnext import (
    ISOTROPIC_WIDTH,
    TINY_WIDTH,
    convnext,
    isotropic,
    narrow_init,
)
from lit_models.families.replknet import replknet
from lit_models.families.resnet import SMALL_RESNET_STEM, resnet
from lit_models.families.robust_resnet import (
    DOWN,
    LAST_BLOCK,
    MIDDLE,
    UP,
    baseline,
    robust,
)
from lit_models.families.spach import Mixing, multi_stage, single_stage
from lit_models.space.spec import ArchSpec, ConvLayer, Place, Stem, parallel_spec

_DEPTHS = (1, 1, 2)
_FIRST = frozenset[Place]({"pointwise_in"})
_REPLK_STEM = Stem(
    (
        ConvLayer(3, 2, norm=True, activation=True),
        ConvLayer(3, depthwise=True, norm=True, activation=True),
        ConvLayer(1, norm=True, activation=True),
    )
)


def without_scale(spec: ArchSpec) -> ArchSpec:
    """The network without layer scales."""
    return spec.map_branches(lambda branch: replace(branch, layer_scale=None))


def _narrow(spec: ArchSpec, *, original: int) -> ArchSpec:
    """A ConvNeXt without layer scales that starts as `narrow_init` says."""
    return replace(without_scale(spec), init=narrow_init(spec.widths[0], original=original))


def _single(mixing: Mixing) -> ArchSpec:
    return without_scale(
        single_stage(mixing, 4, width=64, heads=2, ratio=2, patch_size=4, image_size=32)
    )


def _multi(*stages: tuple[tuple[Mixing, int], ...]) -> ArchSpec:
    return without_scale(
        multi_stage(stages, width=24, heads=2, ratio=2, patch_size=2, image_size=32)
    )


_ROBUST = {
    "nano_robust_resnet_dw": robust(
        _DEPTHS,
        MIDDLE,
        kernel_size=7,
        norms=_FIRST,
        activations=frozenset({"sum"}),
        inverted=False,
        width=16,
        patch_size=4,
        strides=(1, 1, 2),
    ),
    "nano_robust_resnet_inverted_dw": robust(
        _DEPTHS,
        MIDDLE,
        kernel_size=5,
        norms=_FIRST,
        activations=_FIRST,
        width=24,
        patch_size=4,
        strides=(1, 1, 2),
    ),
    "nano_robust_resnet_up_inverted_dw": robust(
        _DEPTHS,
        UP,
        kernel_size=7,
        norms=frozenset({"spatial"}),
        activations=_FIRST,
        width=24,
        patch_size=4,
        strides=(1, 1, 2),
    ),
    "nano_robust_resnet_down_inverted_dw": robust(
        _DEPTHS,
        DOWN,
        kernel_size=7,
        norms=_FIRST,
        activations=_FIRST,
        width=24,
        patch_size=4,
        strides=(1, 1, 2),
        downsample=LAST_BLOCK,
    ),
}

NANOS = {
    "nano_resnet": resnet((1, 2, 2), width=16, stem=SMALL_RESNET_STEM),
    "nano_resnet_dw": baseline(_DEPTHS, MIDDLE, inverted=False, width=16, stem=SMALL_RESNET_STEM),
    "nano_resnet_inverted_dw": baseline(
        _DEPTHS, MIDDLE, inverted=True, width=24, stem=SMALL_RESNET_STEM
    ),
    "nano_resnet_up_inverted_dw": baseline(
        _DEPTHS, UP, inverted=True, width=24, stem=SMALL_RESNET_STEM
    ),
    "nano_resnet_down_inverted_dw": baseline(
        _DEPTHS,
        DOWN,
        inverted=True,
        width=24,
        stem=SMALL_RESNET_STEM,
        downsample=LAST_BLOCK,
    ),
    **_ROBUST,
    **{f"{name}_reparam": parallel_spec(spec, (3,)) for name, spec in _ROBUST.items()},
    "nano_convnext": _narrow(
        convnext((1, 1, 3), width=24, drop_path_rate=0.0, patch_size=2), original=TINY_WIDTH
    ),
    "nano_convnext_isotropic": _narrow(
        replace(isotropic(4, width=64, drop_path_rate=0.0), stem=Stem((ConvLayer(4, 4),))),
        original=ISOTROPIC_WIDTH,
    ),
    "nano_spach_conv": _single("conv"),
    "nano_spach_mlp": _single("mlp"),
    "nano_spach_attn": _single("attn"),
    "nano_spach_ms_conv": _multi((("conv", 1),), (("conv", 1),), (("conv", 2),)),
    "nano_spach_ms_mlp": _multi((("conv", 1),), (("mlp", 1),), (("mlp", 2),)),
    "nano_spach_ms_attn": _multi((("conv", 1),), (("attn", 1),), (("attn", 2),)),
    "nano_spach_ms_hybrid": _multi((("conv", 1),), (("conv", 1),), (("conv", 1), ("attn", 1))),
    "nano_convmixer": convmixer(64, 4, kernel_size=5, patch_size=4, activation="gelu"),
    "nano_replknet": replknet(
        _DEPTHS,
        width=24,
        kernels=(15, 9, 5),
        small=(3,),
        drop_path_rate=0.0,
        stem=_REPLK_STEM,
    ),
}
