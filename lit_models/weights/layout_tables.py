"""The key layouts that are known, as data: our names and those of other repositories.

Official repositories: ConvNeXt (facebookresearch, 048efce), ConvNeXt-V2 (facebookresearch,
2553895), RobustCNN (UCSC-VLAA, 81b4336), SPACH (microsoft, dcede1e), convmixer (locuslab, 4704811),
RepLKNet-pytorch (DingXiaoH, b76808a). timm 1.0 has ResNet (with torchvision's keys), ConvNeXt,
ConvNeXt V2 and ConvMixer; torchvision 0.26 a ConvNeXt.
"""

from lit_models.weights.convnext_keys import (
    CONVNEXT,
    CONVNEXT_V2,
    ISOTROPIC,
    TIMM_CONVNEXT,
    TIMM_CONVNEXT_V2,
    TORCHVISION_CONVNEXT,
)
from lit_models.weights.layouts import BRANCH, Layout, Rules, blocks

_C = "stages.{s}.blocks.{b}.1"  # our second
_STAGES = r"stages\.1\."
_GRN = r"stages\.1\..*\.grn\."


_RESNET: Rules = (
    ("stem.0.conv", "conv1"),
    ("stem.0.norm", "bn1"),
    *blocks(
        BRANCH,
        "layer{s+1}.{b}",
        (
            ("layers.pointwise_in.conv", "conv1"),
            ("layers.pointwise_in.norm", "bn1"),
            ("layers.spatial.conv", "conv2"),
            ("layers.spatial.norm", "bn2"),
            ("layers.pointwise_out.conv", "conv3"),
            ("layers.pointwise_out.norm", "bn3"),
            ("layers.pointwise_out.se.fc1", "se.fc1"),  # timm's SE-ResNet
            ("layers.pointwise_out.se.fc2", "se.fc2"),
            ("shortcut.conv", "downsample.0"),
            ("shortcut.norm", "downsample.1"),
        ),
    ),
    ("head.fc", "fc"),
)

_ROBUST: Rules = (
    ("stem.0.conv", "stem.**"),
    *blocks(
        BRANCH,
        "stages.{s}.blocks.{b}",
        (
            ("layers.pointwise_in.conv", "pwconv1"),
            ("layers.spatial.conv", "conv_dw"),
            ("layers.pointwise_out.conv", "pwconv2"),
            ("layers.*.norm", "norm*"),  # one a block: norm1 or norm2
            ("scale.gamma", "gamma"),
            ("shortcut.conv", "downsample.0"),
            ("shortcut.norm", "downsample.1"),
        ),
    ),
    ("head.fc", "head.fc"),
)

_SPACH_ENDS: Rules = (
    ("stem.{last}.norm", "norm1"),  # of the tokens
    ("stem.{i}.*", "stem*.**"),
    ("head.norm_before", "norm2"),
    ("head.fc", "head"),
)
_SPACH_MIXING: Rules = (
    ("norm_in", "norm1"),
    ("layers.spatial.mixer.*", "spatial_func.**"),
    ("scale.gamma", "gamma_1"),
    ("bypass", "cpe*.**"),
)
_SPACH_CHANNEL: Rules = (
    ("norm_in", "norm2"),
    ("layers.*.conv", "channel_func.**"),
)


def _spach(ours: str, theirs: str) -> Rules:
    return (
        *blocks(f"{ours}.0", theirs, _SPACH_MIXING),
        *blocks(f"{ours}.1", theirs, _SPACH_CHANNEL),
    )


_SPACH_SINGLE: Rules = (
    *_SPACH_ENDS,
    *_spach("stages.0.blocks.{b}", "blocks.{b}"),
)
_SPACH_MULTI: Rules = (
    *_SPACH_ENDS,
    *_spach("stages.0.blocks.{b}", "layer1.{b}"),
    # index 0 of the later stages is the downsampling
    ("stages.{s}.downsample.0.*", "layer{s+1}.0.**"),
    *_spach("stages.{s}.blocks.{b}", "layer{s+1}.{b+1}"),
)

_CONVMIXER: Rules = (
    ("stem.0.conv", "0"),
    ("stem.0.norm", "2"),
    ("stages.0.blocks.{b}.0.layers.spatial.conv", "{b+3}.0.fn.0"),
    ("stages.0.blocks.{b}.0.layers.spatial.norm", "{b+3}.0.fn.2"),
    ("stages.0.blocks.{b}.1.layers.*.conv", "{b+3}.1"),
    ("stages.0.blocks.{b}.1.layers.*.norm", "{b+3}.3"),
    ("head.fc", "{depth+5}"),
)
_TIMM_CONVMIXER: Rules = (
    ("stem.0.conv", "stem.0"),
    ("stem.0.norm", "stem.2"),
    ("stages.0.blocks.{b}.0.layers.spatial.conv", "blocks.{b}.0.fn.0"),
    ("stages.0.blocks.{b}.0.layers.spatial.norm", "blocks.{b}.0.fn.2"),
    ("stages.0.blocks.{b}.1.layers.*.conv", "blocks.{b}.1"),
    ("stages.0.blocks.{b}.1.layers.*.norm", "blocks.{b}.3"),
    ("head.fc", "head"),
)

_REPLKNET_WIDE: Rules = (
    ("norm_in", "prelkb_bn"),
    ("layers.pointwise_in.conv", "pw1.conv"),
    ("layers.pointwise_in.norm", "pw1.bn"),
    ("layers.pointwise_out.conv", "pw2.conv"),
    ("layers.pointwise_out.norm", "pw2.bn"),
)
_REPLKNET_LARGE: Rules = (
    ("layers.spatial.conv.convs.0", "large_kernel.lkb_origin.conv"),
    ("layers.spatial.conv.norms.0", "large_kernel.lkb_origin.bn"),
    ("layers.spatial.conv.convs.1", "large_kernel.small_conv.conv"),
    ("layers.spatial.conv.norms.1", "large_kernel.small_conv.bn"),
)
_REPLKNET_MERGED: Rules = (
    ("layers.spatial.conv.weight", "large_kernel.lkb_reparam.weight"),
    ("layers.spatial.conv.bias", "large_kernel.lkb_reparam.bias"),
)
_REPLKNET_FEED: Rules = (
    ("norm_in", "preffn_bn"),
    *_REPLKNET_WIDE[1:],
)


def _replknet(large: Rules) -> Rules:
    return (
        ("stem.{i}.conv", "stem.{i}.conv"),
        ("stem.{i}.norm", "stem.{i}.bn"),
        *blocks(BRANCH, "stages.{s}.blocks.{2*b}", (*_REPLKNET_WIDE, *large)),
        *blocks(_C, "stages.{s}.blocks.{2*b+1}", _REPLKNET_FEED),
        ("stages.{s}.downsample.{i}.conv", "transitions.{s-1}.{i}.conv"),
        ("stages.{s}.downsample.{i}.norm", "transitions.{s-1}.{i}.bn"),
        ("head.norm_before", "norm"),
        ("head.fc", "head"),
    )


LAYOUTS: tuple[Layout, ...] = (
    Layout("timm's ResNet, which is also torchvision's", _RESNET, timm=True, ordered=True),
    Layout(
        "timm's ConvNeXt",
        TIMM_CONVNEXT,
        timm=True,
        linear=r"mlp\.fc\d\.weight$",
        needs=_STAGES,
        ordered=True,
    ),
    Layout(
        "timm's ConvNeXt V2",
        TIMM_CONVNEXT_V2,
        timm=True,
        linear=r"mlp\.fc\d\.weight$",
        linear_from=96,  # timm's atto, femto, pico and nano have convolutions there
        needs=_GRN,
        ordered=True,
    ),
    Layout("torchvision's ConvNeXt", TORCHVISION_CONVNEXT, needs=_STAGES, ordered=True),
    Layout("timm's ConvMixer", _TIMM_CONVMIXER, timm=True),
    Layout("the official ConvNeXt", CONVNEXT, needs=_STAGES, ordered=True),
    Layout("the official ConvNeXt V2", CONVNEXT_V2, needs=_GRN, ordered=True),
    Layout("the official isotropic ConvNeXt", ISOTROPIC, ordered=True),
    Layout("the official Robust-ResNet (RobustCNN)", _ROBUST),
    Layout("the official single-stage SPACH", _SPACH_SINGLE),
    Layout("the official multi-stage SPACH", _SPACH_MULTI, needs=_STAGES),
    Layout("the official ConvMixer", _CONVMIXER),
    Layout("the official RepLKNet", _replknet(_REPLKNET_LARGE)),
    Layout("the official RepLKNet with merged kernels", _replknet(_REPLKNET_MERGED)),
)
OWN = "this project"
_OWN = Layout(
    OWN,
    (
        ("stem.{i}.*", "stem.{i}.**"),
        ("stages.{s}.downsample.{i}", "stages.{s}.downsample.{i}.**"),
        ("stages.{s}.blocks.{b}.{i}", "stages.{s}.blocks.{b}.{i}.**"),
        ("head", "head.**"),
    ),
)
ALL_LAYOUTS = (_OWN, *LAYOUTS)
