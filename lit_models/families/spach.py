"""SPACH: "A Battle of Network Structures" (arXiv 2108.13002).

Released code at github.com/microsoft/SPACH, commit dcede1e. A block is a spatial branch
(attention, a token MLP or nothing) with a parallel 3x3 depthwise bypass, then a channel branch. A
"conv" network has only the bypass to mix positions.

Where code and paper disagree: in the single-stage networks every block has the same drop path rate
(`drop_path_schedule`), not a ramp; the code means to start the biases of its MLPs near 0, in a
branch that never runs, so that they start at 0 (`init`). A fresh network returns 0
(`init.zero_classifier`). The README truncates some sizes (MLP-MS-S has 46.54 M parameters).
"""

from dataclasses import replace
from typing import Any, Literal

from lit_models.families.resnet import doubling, halving
from lit_models.space.spec import (
    ArchSpec,
    Block,
    Branch,
    ConvLayer,
    Downsample,
    Head,
    Init,
    Spatial,
    Stem,
)

Mixing = Literal["conv", "mlp", "attn"]
LAYER_SCALE = 1e-4
BYPASS = 3
# 2x2 convolution without bias, then a group norm over everything
MERGE_PATCHES = Downsample(
    "separate", layers=(ConvLayer(2, 2, norm=True, norm_kind="group", bias=False),)
)


def patch_stem(patch_size: int) -> Stem:
    """The code's `conv1`: one patch convolution, and the norm of its tokens."""
    return Stem((ConvLayer(patch_size, patch_size, norm=True),))


def conv_stem(patch_size: int) -> Stem:
    """The code's `conv4`: three convolutions with batch norm and ReLU, then a patch convolution."""

    def layer(kernel_size: int, stride: int) -> ConvLayer:
        return ConvLayer(
            kernel_size,
            stride,
            width=64,
            norm=True,
            activation=True,
            norm_kind="batch",
            activation_kind="relu",
        )

    last = ConvLayer(patch_size // 2, patch_size // 2, norm=True)
    return Stem((layer(7, 2), layer(3, 1), layer(3, 1), last))


def spach_block(spatial: Spatial | None, *, ratio: float) -> Block:
    """A spatial branch (None: only the bypass) and a channel branch of expansion `ratio`."""
    mixing = Branch(layers=(), bypass=BYPASS, ratio=ratio)
    if spatial is not None:
        mixing = replace(
            mixing,
            layers=("spatial",),
            spatial=spatial,
            norms=frozenset({"input"}),
            layer_scale=LAYER_SCALE,
        )
    channel = Branch(
        layers=("pointwise_in", "pointwise_out"),
        ratio=ratio,
        norms=frozenset({"input"}),
        activations=frozenset({"pointwise_in"}),
    )
    return Block((mixing, channel))


def _spatial(mixing: Mixing, heads: int) -> Spatial | None:
    if mixing == "conv":
        return None
    if mixing == "mlp":
        return Spatial("token_mlp", None)
    return Spatial("attention", None, heads=heads)


def single_stage(
    mixing: Mixing,
    depth: int,
    *,
    width: int,
    heads: int,
    ratio: float,
    patch_size: int = 16,
    image_size: int = 224,
) -> ArchSpec:
    """One stage on 16 px patches, the same drop path rate in every block."""
    return replace(
        multi_stage(
            (((mixing, depth),),),
            width=width,
            heads=heads,
            ratio=ratio,
            patch_size=patch_size,
            image_size=image_size,
        ),
        downsample=Downsample(),
        drop_path_schedule="constant",
    )


def multi_stage(
    layout: tuple[tuple[tuple[Mixing, int], ...], ...],
    *,
    width: int,
    heads: int,
    ratio: float,
    patch_size: int = 4,
    image_size: int = 224,
) -> ArchSpec:
    """Stages that halve the map; `layout` gives (mixing, blocks) in order for each stage."""
    depths = tuple(sum(count for _, count in stage) for stage in layout)
    kinds = [mixing for stage in layout for mixing, count in stage for _ in range(count)]
    spec = ArchSpec(
        depths=depths,
        widths=doubling(width, len(depths)),
        blocks=tuple(spach_block(_spatial(mixing, heads), ratio=ratio) for mixing in kinds),
        stem=patch_stem(patch_size),
        strides=halving(len(depths)),
        width_is="block",
        norm="layer",
        activation="gelu",
        downsample=MERGE_PATCHES,
        head=Head(norm="before_pool"),
        drop_path_rate=0.1,
        init=Init("xavier", zero_classifier=True),
        image_size=image_size if "mlp" in kinds else None,
    )
    return spec.edit_blocks(lambda _stage, _index, block: block)  # in its shortest form


def pyramid(
    mixing: Mixing, depths: tuple[int, ...], *, width: int, heads: int, ratio: float
) -> ArchSpec:
    """A multi-stage network of one mixing; stage 1 always has the bypass only."""
    layout = tuple((("conv" if stage == 0 else mixing, n),) for stage, n in enumerate(depths))
    return multi_stage(layout, width=width, heads=heads, ratio=ratio)


def _edit_spatial(spec: ArchSpec, **changes: Any) -> ArchSpec:
    def edit(branch: Branch) -> Branch:
        if branch.spatial is None:
            return branch
        return replace(branch, spatial=replace(branch.spatial, **changes))

    return spec.map_branches(edit)


def _edit_mixing(spec: ArchSpec, **changes: Any) -> ArchSpec:
    def edit(branch: Branch) -> Branch:
        return replace(branch, **changes) if branch.spatial is not None else branch

    return spec.map_branches(edit)


_XXS, _XS = (2, 2, 6, 2), (3, 4, 12, 3)
_SINGLE = {
    "spach_xxs_patch16_224_mlp": single_stage("mlp", 12, width=384, heads=12, ratio=2),
    "spach_xxs_patch16_224_conv": single_stage("conv", 12, width=384, heads=12, ratio=2),
    "spach_xxs_patch16_224_attn": single_stage("attn", 12, width=192, heads=6, ratio=2),
    "spach_xs_patch16_224_mlp": single_stage("mlp", 24, width=384, heads=12, ratio=2),
    "spach_xs_patch16_224_conv": single_stage("conv", 24, width=384, heads=12, ratio=2),
    "spach_xs_patch16_224_attn": single_stage("attn", 12, width=384, heads=12, ratio=2),
    "spach_s_patch16_224_mlp": single_stage("mlp", 24, width=512, heads=16, ratio=3),
    "spach_s_patch16_224_conv": single_stage("conv", 24, width=512, heads=16, ratio=3),
    "spach_s_patch16_224_attn": single_stage("attn", 12, width=512, heads=16, ratio=3),
}
_MULTI = {
    "spach_ms_xxs_patch4_224_conv": pyramid("conv", _XXS, width=64, heads=2, ratio=2),
    "spach_ms_xxs_patch4_224_mlp": pyramid("mlp", _XXS, width=64, heads=2, ratio=2),
    "spach_ms_xxs_patch4_224_attn": pyramid("attn", _XXS, width=32, heads=1, ratio=2),
    "spach_ms_xs_patch4_224_conv": pyramid("conv", _XS, width=96, heads=3, ratio=2),
    "spach_ms_xs_patch4_224_mlp": pyramid("mlp", _XS, width=96, heads=3, ratio=2),
    "spach_ms_xs_patch4_224_attn": pyramid("attn", _XS, width=64, heads=2, ratio=2),
    "spach_ms_s_patch4_224_conv": pyramid("conv", _XS, width=128, heads=4, ratio=3),
    "spach_ms_s_patch4_224_mlp": pyramid("mlp", _XS, width=128, heads=4, ratio=3),
    "spach_ms_s_patch4_224_attn": pyramid("attn", _XS, width=96, heads=3, ratio=3),
    "spach_ms_xs_patch4_224_hybrid": multi_stage(
        (
            (("conv", 3),),
            (("conv", 4),),
            (("conv", 2), ("attn", 10)),
            (("conv", 1), ("attn", 2)),
        ),
        width=96,
        heads=3,
        ratio=2,
    ),
    "spach_ms_s_patch4_224_hybrid": multi_stage(
        (
            (("conv", 3),),
            (("conv", 2), ("attn", 2)),
            (("conv", 2), ("attn", 10)),
            (("conv", 1), ("attn", 2)),
        ),
        width=128,
        heads=4,
        ratio=3,
    ),
}
REGISTERED = {**_SINGLE, **_MULTI}

_SHARED = (
    "spach_xxs_patch16_224_mlp",
    "spach_xs_patch16_224_mlp",
    "spach_s_patch16_224_mlp",
    "spach_ms_xxs_patch4_224_mlp",
    "spach_ms_xs_patch4_224_mlp",
    "spach_ms_s_patch4_224_mlp",
    "spach_xs_patch16_224_attn",
    "spach_ms_s_patch4_224_attn",
)
_CONV_STEM = (
    ("spach_ms_xs_patch4_224_hybrid", 4),
    ("spach_ms_s_patch4_224_hybrid", 4),
    ("spach_xxs_patch16_224_mlp", 16),
)
_WITHOUT_BYPASS = ("spach_xs_patch16_224_mlp", "spach_xs_patch16_224_attn")
_WITHOUT_SCALE = ("spach_xs_patch16_224_mlp",)

# Flags of the code that no registered name has
VARIANTS = {
    **{f"{name}__shared": _edit_spatial(REGISTERED[name], shared=True) for name in _SHARED},
    **{f"{name}__conv4": replace(REGISTERED[name], stem=conv_stem(p)) for name, p in _CONV_STEM},
    **{f"{name}__nocpe": _edit_mixing(REGISTERED[name], bypass=None) for name in _WITHOUT_BYPASS},
    **{
        f"{name}__noscale": _edit_mixing(REGISTERED[name], layer_scale=None)
        for name in _WITHOUT_SCALE
    },
}
SPACHS = {**REGISTERED, **VARIANTS}
