"""ConvNeXt's own steps on a ResNet: "A ConvNet for the 2020s", arXiv 2201.03545, Section 2.

What the paper leaves open about the middle of its trajectory is settled here, and said.
"""

from dataclasses import replace

from lit_models.families.convnext import LAYER_SCALE
from lit_models.space.spec import ArchSpec, Branch, ConvLayer, Downsample
from lit_models.steps.factories import NO_VALUE, named
from lit_models.steps.step import Step, need


@named(
    "depthwise",
    NO_VALUE,
    "spatial convolutions have groups = channels",
    source="arXiv 2201.03545, Section 2.3",
)
def depthwise() -> Step:
    """Dense spatial convolutions become depthwise (groups = channels)."""

    def on_branch(branch: Branch) -> Branch:
        spatial = branch.spatial
        if spatial is None or not spatial.convolves:
            return branch
        return replace(branch, spatial=replace(spatial, kind="depthwise"))

    def edit(spec: ArchSpec) -> ArchSpec:
        dense = any(b.spatial is not None and b.spatial.kind == "dense" for b in spec.branches())
        need(dense, "it needs a dense spatial convolution, and this network has none")
        return spec.map_branches(on_branch)

    return Step("depthwise", "depthwise conv", "spatial convolutions have groups = channels", edit)


@named(
    "inverted_bottleneck",
    NO_VALUE,
    "blocks are narrow outside and wide inside",
    source="arXiv 2201.03545, Section 2.4",
)
def inverted_bottleneck() -> Step:
    """`widths` become block widths: narrow outside, `ratio` times wider inside."""

    def edit(spec: ArchSpec) -> ArchSpec:
        need(spec.width_is == "hidden", "it needs a bottleneck that is narrow inside")
        return replace(spec, width_is="block")

    summary = "blocks are narrow outside and wide inside (1x1 expands, 1x1 projects)"
    return Step("inverted_bottleneck", "inverting dims", summary, edit)


@named(
    "move_depthwise_up",
    NO_VALUE,
    "the depthwise convolution stands before the two 1x1",
    source="arXiv 2201.03545, Section 2.5",
)
def move_depthwise_up() -> Step:
    """The depthwise convolution becomes the first layer of the branch, on the block width."""

    def move(branch: Branch) -> Branch:
        if branch.spatial is None:
            return branch
        rest = tuple(layer for layer in branch.layers if layer != "spatial")
        return replace(branch, layers=("spatial", *rest))

    def edit(spec: ArchSpec) -> ArchSpec:
        branches = [b for b in spec.branches() if b.spatial is not None and b.spatial.convolves]
        need(
            bool(branches), "it moves a convolution in a row of layers, and these blocks have none"
        )
        need(
            all(b.spatial and b.spatial.kind == "depthwise" for b in branches),
            "it moves a depthwise convolution and there is none: it needs 'depthwise'",
        )
        return spec.map_branches(move)

    summary = "the depthwise convolution stands before the two 1x1, on the block width"
    return Step("move_depthwise_up", "move ↑ d. conv", summary, edit)


@named(
    "fewer_activations",
    NO_VALUE,
    "one activation a block, between the two 1x1",
    source="arXiv 2201.03545, Section 2.6",
)
def fewer_activations() -> Step:
    """One activation a block, between the two 1x1 convolutions; none after the addition.

    Open in the paper: the stem's activation. ConvNeXt has none there, and this is the step that
    removes activations, so it goes here. Where the spatial mixer stands between the two 1x1, the
    one that stays follows the first 1x1.
    """

    def keep_one(branch: Branch) -> Branch:
        pair = {"pointwise_in", "pointwise_out"} <= set(branch.layers)
        return replace(branch, activations=frozenset({"pointwise_in"} if pair else ()))

    def edit(spec: ArchSpec) -> ArchSpec:
        pairs = all(
            any({"pointwise_in", "pointwise_out"} <= set(b.layers) for b in block.branches)
            for block in spec.blocks
        )
        need(pairs, "it needs two 1x1 convolutions in every block, for the activation between them")
        layers = tuple(replace(layer, activation=False) for layer in spec.stem.layers)
        return replace(spec.map_branches(keep_one), stem=replace(spec.stem, layers=layers))

    summary = "one activation a block, between the two 1x1; none after the addition or the stem"
    return Step("fewer_activations", "fewer activations", summary, edit)


@named(
    "fewer_norms",
    NO_VALUE,
    "one norm a block, after the spatial convolution, and a layer scale",
    source="arXiv 2201.03545, Section 2.6 and Table 5",
)
def fewer_norms(*, layer_scale: float = LAYER_SCALE) -> Step:
    """One norm a block, after the spatial convolution; a layer scale ends the branch.

    Open in the paper: where layer scale comes in. The norm that ended the branch had a learned
    factor for each channel; removing it removes that factor, so layer scale (Table 5: 1e-6) takes
    its place here. In a small network that trains for hundreds of steps it would hardly leave its
    start: there, `norms=spatial` edits norms alone. The stem's norm is no norm of a block and
    stays: both ends of the trajectory have one.
    """

    def keep_one(branch: Branch) -> Branch:
        if branch.spatial is None:
            return replace(branch, norms=frozenset())
        # parallel kernels bring the one norm with them
        own = branch.spatial.parallel_kernels is not None
        return replace(branch, norms=frozenset(() if own else {"spatial"}), layer_scale=layer_scale)

    def edit(spec: ArchSpec) -> ArchSpec:
        need(
            all(any(b.spatial for b in block.branches) for block in spec.blocks),
            "it needs a spatial convolution in every block, for the norm after it",
        )
        after = spec.map_branches(keep_one)
        before = [branch.norms for branch in spec.branches()]
        need(
            [branch.norms for branch in after.branches()] != before,
            "its blocks have no other norms than the one after the spatial convolution",
        )
        return after

    ends = f"a layer scale of {layer_scale:g} ends the branch"
    summary = f"one norm a block, after the spatial convolution; {ends}"
    return Step("fewer_norms", "fewer norms", summary, edit)


@named(
    "separate_downsampling",
    NO_VALUE,
    "norm and 2x2 stride-2 convolution between stages",
    source="arXiv 2201.03545, Section 2.6",
)
def separate_downsampling() -> Step:
    """Norm -> 2x2 stride-2 convolution between stages, norms after the stem and the pooling.

    Without those norms training diverges (arXiv 2201.03545, Section 2.6). They are of the network's
    one kind. A projection stays only where channels change without a stride: at the entry of stage
    1 of networks whose blocks are wide outside.
    """

    def edit(spec: ArchSpec) -> ArchSpec:
        need(any(stride > 1 for stride in spec.strides), "it needs stages that downsample")
        down = Downsample("separate", norm_before=True, layers=(ConvLayer(2, 2),))
        *before, last = spec.stem.layers
        stem = replace(spec.stem, layers=(*before, replace(last, norm=True)))
        head = replace(spec.head, norm="after_pool")
        return replace(spec, downsample=down, stem=stem, head=head)

    summary = (
        "norm and 2x2 stride-2 convolution between stages; norms after the stem and the pooling"
    )
    return Step("separate_downsampling", "sep. d.s. conv", summary, edit)
