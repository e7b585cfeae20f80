"""Steps as text: what is understood, and what is said about the rest."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from lit_models import SPECS, TRAJECTORIES, ArchSpec, IllegalStep, Step, apply_steps, parse_step
from lit_models.steps.factories import NO_VALUE, STEP_FACTORIES, named
from lit_models.steps.library import named_step

DEPTHWISE = parse_step("depthwise")


def test_every_step_reads_its_own_example() -> None:
    for name, factory in STEP_FACTORIES.items():
        expected = factory.syntax
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
        ("widths=8:16:32", "widths are one row, or two with a : between them"),
        ("layout=round", "'round' is none of isotropic, pyramid"),
        ("kernel_size=1_3", "expected a whole number, found '1_3'"),
        ("kernel_size=7@", "expected a whole number, found ''"),
        ("kernel_size=" + 5000 * "9", "expected a number up to 100,000"),
        ("expansion=1_0", "expected a number, found '1_0'"),
        ("mixer=attention:", "expected a whole number, found ''"),
        ("extra=se:1_6", "reduction is a whole number from 1 to 1024, found '1_6'"),
        ("extra=grn:after=spatial+after=pointwise_in", "stands after one layer, found spatial and"),
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


def test_a_step_of_a_trajectory_is_texts_with_a_name() -> None:
    """Table 11's first row: depths, and the widths of a network that has those of ResNet-200."""
    step = named_step("ratio", "depths=3+3+27+3", "widths=64+128+256+512:84+168+336+672")
    resnet = SPECS["resnet200"]
    assert step.apply(resnet).widths == (84, 168, 336, 672)
    wider = parse_step("widths=128+256+512+1024")
    assert step.apply(wider.apply(resnet)).widths == (128, 256, 512, 1024)
    assert step.apply(wider.apply(resnet)) == wider.apply(step.apply(resnet))
    assert step.texts == ("depths=3+3+27+3", "widths=64+128+256+512:84+168+336+672")


def test_a_text_of_several_that_changes_nothing_is_refused_unless_it_says_so() -> None:
    step = named_step("both", "kernel_size=9", "norm=layer")
    with pytest.raises(IllegalStep, match="'both' cannot be applied: 'norm=layer' changes nothing"):
        step.apply(SPECS["convnext_tiny"])
    assert step.apply(SPECS["resnet50"]).norm == "layer"
    with pytest.raises(IllegalStep, match="changes nothing"):
        parse_step("widths=1+2+3+4:8+16+32+64").apply(SPECS["resnet50"])


def test_every_step_says_what_it_does_and_where_it_is_from() -> None:
    for name, factory in STEP_FACTORIES.items():
        assert factory.summary, name
        assert factory.source.startswith("arXiv ") or factory.source == "ours", name
    for trajectory in TRAJECTORIES.values():
        assert len({step.group for step in trajectory.steps}) == 5
        for step in trajectory.by_name.values():
            assert "arXiv 2201.03545, Table 1" in step.source


def test_a_step_of_ones_own_is_one_decorated_function() -> None:
    @named("twice_as_deep", NO_VALUE, "twice the blocks", source="ours")
    def twice_as_deep() -> Step:
        def edit(spec: ArchSpec) -> ArchSpec:
            return replace(spec, depths=tuple(2 * depth for depth in spec.depths))

        return Step("twice_as_deep", "2x depth", "twice the blocks", edit)

    try:
        deep = parse_step("twice_as_deep").apply(SPECS["resnet50"])
        assert deep.depths == (6, 8, 12, 6)
        assert STEP_FACTORIES.origin("twice_as_deep").file == __file__
        with pytest.raises(ValueError, match=r"test_step_library.py:\d+: .*exists already, from"):
            named("twice_as_deep", NO_VALUE, "again", source="ours")(twice_as_deep)
    finally:
        STEP_FACTORIES.forget("twice_as_deep")


@pytest.mark.parametrize(
    ("make", "read", "said"),
    [
        (lambda size: DEPTHWISE, None, r"takes a value \(size\), so say how .* such as read=int"),
        (lambda: DEPTHWISE, int, "has read=, but its function takes no value"),
    ],
)
def test_a_step_says_how_its_value_is_read(
    make: Callable[..., Step], read: Callable[[str], int] | None, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        named("my_size", "my_size=2", "a size", source="ours", read=read)(make)
    assert "my_size" not in STEP_FACTORIES
