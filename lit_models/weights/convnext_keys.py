"""Keys of ConvNeXt and ConvNeXt V2: official, timm's and torchvision's."""

from lit_models.weights.layouts import BRANCH, Rules, blocks, one_stage


def _with_grn(rules: Rules, grn: Rules) -> Rules:
    """ConvNeXt's rules for V2: with GRN after the first 1x1 layer, without layer scales."""
    kept = tuple(rule for rule in rules if not rule[0].endswith(".gamma"))
    before = next(i for i, rule in enumerate(kept) if rule[0].endswith("pointwise_in.conv"))
    return (*kept[: before + 1], *grn, *kept[before + 1 :])


_CONVNEXT_BLOCK: Rules = (
    ("layers.spatial.conv", "dwconv"),
    ("layers.spatial.norm", "norm"),
    ("layers.pointwise_in.conv", "pwconv1"),
    ("layers.pointwise_out.conv", "pwconv2"),
    ("scale.gamma", "gamma"),
)
CONVNEXT: Rules = (
    ("stem.0.conv", "downsample_layers.0.0"),
    ("stem.0.norm", "downsample_layers.0.1"),
    ("stages.{s}.downsample.0", "downsample_layers.{s}.0"),
    ("stages.{s}.downsample.1.conv", "downsample_layers.{s}.1"),
    *blocks(BRANCH, "stages.{s}.{b}", _CONVNEXT_BLOCK),
    ("head.norm", "norm"),
    ("head.fc", "head"),
)
_OFFICIAL_GRN: Rules = (
    ("layers.pointwise_in.grn.weight", "grn.gamma"),
    ("layers.pointwise_in.grn.bias", "grn.beta"),
)
CONVNEXT_V2 = _with_grn(CONVNEXT, blocks(BRANCH, "stages.{s}.{b}", _OFFICIAL_GRN))
ISOTROPIC: Rules = (
    ("stem.0.conv", "stem"),
    *one_stage(blocks(BRANCH, "blocks.{b}", _CONVNEXT_BLOCK)),
    ("head.norm", "norm"),
    ("head.fc", "head"),
)
TIMM_CONVNEXT: Rules = (
    ("stem.0.conv", "stem.0"),
    ("stem.0.norm", "stem.1"),
    ("stages.{s}.downsample.0", "stages.{s}.downsample.0"),
    ("stages.{s}.downsample.1.conv", "stages.{s}.downsample.1"),
    *blocks(
        BRANCH,
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
TIMM_CONVNEXT_V2 = _with_grn(
    TIMM_CONVNEXT,
    blocks(BRANCH, "stages.{s}.blocks.{b}", (("layers.pointwise_in.grn", "mlp.grn"),)),
)

TORCHVISION_CONVNEXT: Rules = (
    ("stem.0.conv", "features.0.0"),
    ("stem.0.norm", "features.0.1"),
    ("stages.{s}.downsample.0", "features.{2*s}.0"),
    ("stages.{s}.downsample.1.conv", "features.{2*s}.1"),
    *blocks(
        BRANCH,
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
