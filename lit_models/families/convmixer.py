"""ConvMixer: "Patches Are All You Need?" (arXiv 2201.09792).

Released code at github.com/locuslab/convmixer, commit 4704811. Activation before norm; the residual
goes round the depthwise half only. The code builds GELU; the paper's 768/32 and its released
weights use ReLU: the field `activation`, ReLU in `convmixer_768_32` and GELU in the others.
"""

from lit_models.space.spec import (
    ActivationKind,
    ArchSpec,
    Block,
    Branch,
    ConvLayer,
    Init,
    Spatial,
    Stem,
)


def convmixer(
    width: int,
    depth: int,
    *,
    kernel_size: int,
    patch_size: int,
    activation: ActivationKind = "gelu",
) -> ArchSpec:
    """A ConvMixer width/depth with its kernel and patch size (Section 2)."""
    mix_positions = Branch(
        layers=("spatial",),
        spatial=Spatial("depthwise", kernel_size),
        ratio=1.0,
        norms=frozenset({"spatial"}),
        activations=frozenset({"spatial"}),
    )
    mix_channels = Branch(
        layers=("pointwise_out",),
        ratio=1.0,
        norms=frozenset({"pointwise_out"}),
        activations=frozenset({"pointwise_out"}),
        residual=False,
    )
    return ArchSpec(
        depths=(depth,),
        widths=(width,),
        blocks=(Block((mix_positions, mix_channels)),),
        stem=Stem((ConvLayer(patch_size, patch_size, norm=True, activation=True),)),
        strides=(1,),
        width_is="block",
        activation=activation,
        norm_first=False,
        bias="always",
        init=Init("default"),
    )


CONVMIXERS = {
    "convmixer_1536_20": convmixer(1536, 20, kernel_size=9, patch_size=7),
    "convmixer_768_32": convmixer(768, 32, kernel_size=7, patch_size=7, activation="relu"),
    "convmixer_1024_20": convmixer(1024, 20, kernel_size=9, patch_size=14),
    "convmixer_512_12_k8_p14": convmixer(512, 12, kernel_size=8, patch_size=14),
}
