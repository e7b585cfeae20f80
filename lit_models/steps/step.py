"""Steps: named, documented, pure functions from spec to spec.

Each factory returns a `Step`. A step refuses, with the reason, a spec that has nothing for it to
edit, and a step that would change nothing is an error: a toggle without effect is a wrong number in
a table. Source of the steps: "A ConvNet for the 2020s", arXiv 2201.03545, Section 2 and Table 10,
unless a step names another.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from lit_models.space.spec import ArchSpec, Branch, ConvLayer, Downsample, Spatial, Stem

Widths = tuple[int, ...]  # channels, one a stage


class IllegalStep(ValueError):
    """A step that cannot be applied here; the message says why and what it needs."""


@dataclass(frozen=True)
class Step:
    """A named edit of a spec."""

    name: str
    title: str  # for figures and tables
    summary: str  # what changes, one sentence
    edit: Callable[[ArchSpec], ArchSpec]

    def apply(self, spec: ArchSpec) -> ArchSpec:
        """The spec after the step.

        Raises IllegalStep when the spec lacks what the step edits, when the result is no network,
        or when nothing would change.
        """
        try:
            after = self.edit(spec)
        except ValueError as reason:
            raise IllegalStep(f"step {self.name!r} cannot be applied: {reason}") from None
        if after == spec:
            raise IllegalStep(
                f"step {self.name!r} changes nothing here: the network already has it. "
                "Remove the step, or apply it to a spec that lacks it."
            )
        return after


def apply_steps(spec: ArchSpec, steps: Iterable[Step]) -> ArchSpec:
    """The spec after all steps, left to right; raises IllegalStep at the first that is illegal."""
    for step in steps:
        spec = step.apply(spec)
    return spec


def need(condition: bool, reason: str) -> None:  # noqa: FBT001 reads like assert
    """Refuse a step with the reason unless the condition holds."""
    if not condition:
        raise ValueError(reason)


def _convolving(spec: ArchSpec) -> tuple[Branch, ...]:
    return tuple(b for b in spec.branches() if b.spatial is not None and b.spatial.convolves)


def _edit_convolutions(spec: ArchSpec, edit: Callable[[Spatial], Spatial]) -> ArchSpec:
    def on_branch(branch: Branch) -> Branch:
        spatial = branch.spatial
        if spatial is None or not spatial.convolves:
            return branch
        return replace(branch, spatial=edit(spatial))

    return spec.map_branches(on_branch)


def stage_ratio(depths: tuple[int, ...], *, widths: tuple[Widths, Widths] | None = None) -> Step:
    """Blocks per stage; the ResNet-200 regime changes the widths in the same row (Table 11).

    `widths` are (before, after): a network that has others already, by `width`, keeps them, so that
    the two steps give one network in either order.
    """
    before, after = widths or (None, None)

    def edit(spec: ArchSpec) -> ArchSpec:
        need(
            len(spec.blocks) in (1, len(spec.depths)),
            "every block of this network is set by itself",
        )
        chosen = after if after is not None and spec.widths == before else spec.widths
        return replace(spec, depths=depths, widths=chosen)

    extra = f", widths {after} instead of {before}" if widths else ""
    return Step("stage_ratio", "stage ratio", f"blocks per stage {depths}{extra}", edit)


def patchify_stem(patch_size: int) -> Step:
    """One non-overlapping convolution instead of an overlapping stem with pooling.

    Open in the paper: what follows the convolution. The norm and activation of the stem before
    stay, so that this step changes the convolution and the pooling only.
    """

    def edit(spec: ArchSpec) -> ArchSpec:
        last = spec.stem.layers[-1]
        patch = ConvLayer(patch_size, patch_size, norm=last.norm, activation=last.activation)
        return replace(spec, stem=Stem(layers=(patch,)))

    summary = (
        f"the stem is one {patch_size}x{patch_size} convolution of stride {patch_size}, no pooling"
    )
    return Step("patchify_stem", "patchify stem", summary, edit)


def depthwise() -> Step:
    """Dense spatial convolutions become depthwise (groups = channels)."""

    def edit(spec: ArchSpec) -> ArchSpec:
        dense = any(b.spatial is not None and b.spatial.kind == "dense" for b in spec.branches())
        need(dense, "it needs a dense spatial convolution, and this network has none")
        return _edit_convolutions(spec, lambda spatial: replace(spatial, kind="depthwise"))

    return Step("depthwise", "depthwise conv", "spatial convolutions have groups = channels", edit)


def width(widths: tuple[int, ...]) -> Step:
    """Channels per stage, stem included."""

    def edit(spec: ArchSpec) -> ArchSpec:
        return replace(spec, widths=widths)

    return Step("width", "width ↑", f"widths {widths}, stem included", edit)


def inverted_bottleneck() -> Step:
    """`widths` become block widths: narrow outside, `ratio` times wider inside."""

    def edit(spec: ArchSpec) -> ArchSpec:
        need(spec.width_is == "hidden", "it needs a bottleneck that is narrow inside")
        return replace(spec, width_is="block")

    summary = "blocks are narrow outside and wide inside (1x1 expands, 1x1 projects)"
    return Step("inverted_bottleneck", "inverting dims", summary, edit)


def move_depthwise_up() -> Step:
    """The depthwise convolution becomes the first layer of the branch, on the block width."""

    def move(branch: Branch) -> Branch:
        if branch.spatial is None:
            return branch
        rest = tuple(layer for layer in branch.layers if layer != "spatial")
        return replace(branch, layers=("spatial", *rest))

    def edit(spec: ArchSpec) -> ArchSpec:
        branches = _convolving(spec)
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


def kernel_size(size: int, *, name: str | None = None) -> Step:
    """Side of every spatial convolution."""

    def edit(spec: ArchSpec) -> ArchSpec:
        need(
            bool(_convolving(spec)),
            "it needs a spatial convolution, and this network has none",
        )
        return _edit_convolutions(spec, lambda spatial: replace(spatial, kernel_size=size))

    need(size % 2 == 1 and size > 0, f"kernel sizes are odd and positive, found {size}")
    summary = f"spatial convolutions are {size}x{size}"
    return Step(name or "kernel_size", f"kernel sz. → {size}", summary, edit)


def relu_to_gelu() -> Step:
    """Every ReLU, the stem's included, becomes GELU (exact, erf)."""

    def edit(spec: ArchSpec) -> ArchSpec:
        need(spec.activation == "relu", f"it needs ReLU, and the activation is {spec.activation}")
        return replace(spec, activation="gelu")

    return Step("relu_to_gelu", "ReLU → GELU", "every activation is GELU", edit)


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


def fewer_norms(*, layer_scale: float | None) -> Step:
    """One norm a block, after the spatial convolution; a layer scale ends the branch unless None.

    Open in the paper: where layer scale comes in. The norm that ended the branch had a learned
    factor for each channel; removing it removes that factor, so layer scale (Table 5: 1e-6) takes
    its place here. In a small network that trains for hundreds of steps it would hardly leave its
    start: with None the step edits norms alone. The stem's norm is no norm of a block and stays:
    both ends of the trajectory have one.
    """

    def keep_one(branch: Branch) -> Branch:
        if branch.spatial is None:
            return replace(branch, norms=frozenset())
        # parallel kernels bring the one norm with them
        own = branch.spatial.parallel_kernels is not None
        scale = branch.layer_scale if layer_scale is None else layer_scale
        return replace(branch, norms=frozenset(() if own else {"spatial"}), layer_scale=scale)

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

    ends = "" if layer_scale is None else f"; a layer scale of {layer_scale:g} ends the branch"
    summary = f"one norm a block, after the spatial convolution{ends}"
    return Step("fewer_norms", "fewer norms", summary, edit)


def bn_to_ln() -> Step:
    """Every batch norm becomes layer norm over channels at each position, eps 1e-6."""

    def edit(spec: ArchSpec) -> ArchSpec:
        need(spec.norm == "batch", f"it needs batch norm, and the norm is {spec.norm!r}")
        return replace(spec, norm="layer")

    return Step("bn_to_ln", "BN → LN", "every batch norm is layer norm over channels", edit)


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


def blur_pool() -> Step:
    """A fixed 3x3 binomial blur before every convolution with a stride.

    Source: "Making Convolutional Networks Shift-Invariant Again", arXiv 1904.11486, placed as in
    FFCV's ImageNet training: before the strided convolution, in projection shortcuts too, but not
    where fewer than 16 channels come in (the image), nor at the max pooling.
    """

    def edit(spec: ArchSpec) -> ArchSpec:
        return replace(spec, blur_pool=True)

    summary = "a fixed 3x3 binomial blur comes before every convolution with a stride"
    return Step("blur_pool", "blur pool", summary, edit)
