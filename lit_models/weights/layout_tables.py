"""The key layouts that are known, as data: our names and those of other repositories.

Official repositories: ConvNeXt (facebookresearch, 048efce), RobustCNN (UCSC-VLAA, 81b4336), SPACH
(microsoft, dcede1e), convmixer (locuslab, 4704811), RepLKNet-pytorch (DingXiaoH, b76808a). timm 1.0
has ResNet (with torchvision's keys), ConvNeXt and ConvMixer; torchvision 0.26 a ConvNeXt.
"""

from lit_models.weights.layouts import Layout, Rules

_B = "stages.{s}.blocks.{b}.0"  # our first branch of a block
_C = "stages.{s}.blocks.{b}.1"  # our second
_STAGES = r"stages\.1\."


def _blocks(ours: str, theirs: str, rules: Rules) -> Rules:
    """Rules below a branch of ours and a block there."""
    return tuple((f"{ours}.{name}", f"{theirs}.{there}") for name, there in rules)


def _one_stage(rules: Rules) -> Rules:
    """The same rules for networks whose only stage is stage 0."""
    return tuple((name.replace("stages.{s}", "stages.0"), there) for name, there in rules)


_RESNET: Rules = (
    ("stem.0.conv", "conv1"),
    ("stem.0.norm", "bn1"),
    *_blocks(
        _B,
        "layer{s+1}.{b}",
        (
            ("layers.pointwise_in.conv", "conv1"),
            ("layers.pointwise_in.norm", "bn1"),
            ("layers.spatial.conv", "conv2"),
            ("layers.spatial.norm", "bn2"),
            ("layers.pointwise_out.conv", "conv3"),
            ("layers.pointwise_out.norm", "bn3"),
            ("shortcut.conv", "downsample.0"),
            ("shortcut.norm", "downsample.1"),
        ),
    ),
    ("head.fc", "fc"),
)

_CONVNEXT_BLOCK: Rules = (
    ("layers.spatial.conv", "dwconv"),
    ("layers.spatial.norm", "norm"),
    ("layers.pointwise_in.conv", "pwconv1"),
    ("layers.pointwise_out.conv", "pwconv2"),
    ("scale.gamma", "gamma"),
)
_CONVNEXT: Rules = (
    ("stem.0.conv", "downsample_layers.0.0"),
    ("stem.0.norm", "downsample_layers.0.1"),
    ("stages.{s}.downsample.0", "downsample_layers.{s}.0"),
    ("stages.{s}.downsample.1.conv", "downsample_layers.{s}.1"),
    *_blocks(_B, "stages.{s}.{b}", _CONVNEXT_BLOCK),
    ("head.norm", "norm"),
    ("head.fc", "head"),
)
_ISOTROPIC: Rules = (
    ("stem.0.conv", "stem"),
    *_one_stage(_blocks(_B, "blocks.{b}", _CONVNEXT_BLOCK)),
    ("head.norm", "norm"),
    ("head.fc", "head"),
)
_TIMM_CONVNEXT: Rules = (
    ("stem.0.conv", "stem.0"),
    ("stem.0.norm", "stem.1"),
    ("stages.{s}.downsample.0", "stages.{s}.downsample.0"),
    ("stages.{s}.downsample.1.conv", "stages.{s}.downsample.1"),
    *_blocks(
        _B,
        "stages.{s}.blocks.{b}",
        (
            ("layers.spatial.conv", "conv_dw"),
            ("layers.spatial.norm", "norm"),
            ("layers.pointwise_in.conv", "mlp.fc1"),
            ("layers.pointwise_out.conv", "mlp.fc2"),
            ("scale.gamma", "gamma"),
        ),
    ),
    ("head.norm", "head.norm"),
    ("head.fc", "head.fc"),
)

_TORCHVISION_CONVNEXT: Rules = (
    ("stem.0.conv", "features.0.0"),
    ("stem.0.norm", "features.0.1"),
    ("stages.{s}.downsample.0", "features.{2*s}.0"),
    ("stages.{s}.downsample.1.conv", "features.{2*s}.1"),
    *_blocks(
        _B,
        "features.{2*s+1}.{b}",
        (
            ("layers.spatial.conv", "block.0"),
            ("layers.spatial.norm", "block.2"),
            ("layers.pointwise_in.conv", "block.3"),
            ("layers.pointwise_out.conv", "block.5"),
            ("scale.gamma", "layer_scale"),
        ),
    ),
    ("head.norm", "classifier.0"),
    ("head.fc", "classifier.2"),
)

_ROBUST: Rules = (
    ("stem.0.conv", "stem.**"),
    *_blocks(
        _B,
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
        *_blocks(f"{ours}.0", theirs, _SPACH_MIXING),
        *_blocks(f"{ours}.1", theirs, _SPACH_CHANNEL),
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
        *_blocks(_B, "stages.{s}.blocks.{2*b}", (*_REPLKNET_WIDE, *large)),
        *_blocks(_C, "stages.{s}.blocks.{2*b+1}", _REPLKNET_FEED),
        ("stages.{s}.downsample.{i}.conv", "transitions.{s-1}.{i}.conv"),
        ("stages.{s}.downsample.{i}.norm", "transitions.{s-1}.{i}.bn"),
        ("head.norm_before", "norm"),
        ("head.fc", "head"),
    )


LAYOUTS: tuple[Layout, ...] = (
    Layout("timm's ResNet, which is also torchvision's", _RESNET, timm=True, ordered=True),
    Layout(
        "timm's ConvNeXt",
        _TIMM_CONVNEXT,
        timm=True,
        linear=r"mlp\.fc\d\.weight$",
        needs=_STAGES,
        ordered=True,
    ),
    Layout("torchvision's ConvNeXt", _TORCHVISION_CONVNEXT, needs=_STAGES, ordered=True),
    Layout("timm's ConvMixer", _TIMM_CONVMIXER, timm=True),
    Layout("the official ConvNeXt", _CONVNEXT, needs=_STAGES, ordered=True),
    Layout("the official isotropic ConvNeXt", _ISOTROPIC, ordered=True),
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
