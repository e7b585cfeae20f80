"""Steps as text: what is understood, and what is said about the rest."""

import pytest

from lit_models import SPECS, IllegalStep, apply_steps, parse_step
from lit_models.steps.library import STEP_FACTORIES


def test_every_step_reads_its_own_example() -> None:
    for name, (expected, _, _) in STEP_FACTORIES.items():
        for text in (
            [name] if expected == "no value" else expected.replace(" or ", ", ").split(", ")
        ):
            assert parse_step(text).name == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("kernelsize=7", "no step is named 'kernelsize'; nearest: kernel_size"),
        ("kernel_size=big", "expected kernel_size=31"),
        ("kernel_size=4", "kernel sizes are odd and positive, found 4"),
        ("mixer=convolutoin", "'convolutoin' is none of convolution, attention"),
        ("norms=middle", "'middle' is none of input, pointwise_in, spatial"),
        ("norm=layer@2", "is for all stages at once; leave @2 out"),
        ("depthwise=3", "it takes no value"),
        ("layout=round", "expected layout=isotropic or layout=pyramid"),
        ("sharing=yes", "'yes' is none of on, off"),
    ],
)
def test_text_that_is_no_step_is_refused_with_what_is_expected(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_step(text)


def test_steps_stack() -> None:
    texts = ("kernel_size=13@3", "norm=batch", "mixer=attention@4", "bypass=3")
    spec = apply_steps(SPECS["convnext_tiny"], map(parse_step, texts))
    kinds = [spec.block_at(stage, 0).branches[0].spatial for stage in range(4)]
    assert [k and (k.kind, k.kernel_size) for k in kinds] == [
        ("depthwise", 7),
        ("depthwise", 7),
        ("depthwise", 13),
        ("attention", None),
    ]
    assert spec.norm == "batch"


def test_a_stage_that_is_not_there_is_named() -> None:
    with pytest.raises(IllegalStep, match=r"asks for stage \[5\], and the network has 4"):
        parse_step("kernel_size=9@5").apply(SPECS["convnext_tiny"])


@pytest.mark.parametrize(
    ("before", "text", "after"),
    [
        # Robust-ResNet's strides from an ordinary stem, and back
        ((1, 2, 2, 2), "patch_size=16", (1, 1, 1, 2)),
        ((1, 2, 2, 2), "patch_size=8", (1, 1, 2, 2)),
        ((1, 1, 1, 2), "patch_size=4", (1, 2, 2, 2)),
        ((1, 2, 2, 2), "patch_size=7", (1, 2, 2, 2)),
    ],
)
def test_patch_sizes_keep_the_total_stride(
    before: tuple[int, ...], text: str, after: tuple[int, ...]
) -> None:
    robust = "robust_resnet_up_inverted_dw_small"
    spec = SPECS["resnet50" if before[1] == 2 else robust]
    assert spec.strides == before
    assert parse_step(text).apply(spec).strides == after


def test_isotropic_and_pyramid_lead_to_the_papers_shapes() -> None:
    one = parse_step("layout=isotropic").apply(SPECS["convnext_tiny"])
    assert (one.depths, one.widths, one.stem.stride) == ((18,), (384,), 16)
    four = parse_step("layout=pyramid").apply(SPECS["convnext_isotropic_small"])
    assert (four.depths, four.widths, four.stem.stride) == ((3, 3, 9, 3), (96, 192, 384, 768), 4)


def test_the_studies_flags_lead_to_the_named_networks() -> None:
    for start, text, end in (
        ("spach_xs_patch16_224_mlp", "bypass=off", "spach_xs_patch16_224_mlp__nocpe"),
        ("spach_xs_patch16_224_mlp", "layer_scale=off", "spach_xs_patch16_224_mlp__noscale"),
        ("spach_xs_patch16_224_attn", "sharing=on", "spach_xs_patch16_224_attn__shared"),
        ("convnext_tiny", "kernel_size=31", "convnext_tiny_k31"),
        ("convnext_tiny_k31", "reparameterise=5", "convnext_tiny_k31_parallel5"),
        ("replknet_31b", "reparameterise=merged", "replknet_31b_merged"),
        ("spach_xs_patch16_224_mlp", "mixer=none", None),
    ):
        found = parse_step(text).apply(SPECS[start])
        assert found == SPECS[end] if end else found.image_size is None
