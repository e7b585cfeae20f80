"""Which specs are networks: each check refuses with the reason and with what is needed."""

from collections.abc import Iterator, Sequence
from math import prod

from lit_models.space.arrangement import Arrangement
from lit_models.space.components import Branch, ConvLayer
from lit_models.space.geometry import block_sides
from lit_models.space.illegal import require

BLURRED_CHANNELS = 16  # `blur_pool` leaves convolutions with fewer input channels alone


def check(spec: Arrangement) -> None:
    """Raise IllegalSpec for the first thing that makes the spec no network."""
    _check_stages(spec)
    _check_widths(spec)
    _check_downsample(spec)
    _check_rows(spec)
    _check_parallel(spec)
    _check_mixers(spec)
    _check_sharing(spec)
    _check_blur_pool(spec)


def _check_stages(spec: Arrangement) -> None:
    stages = len(spec.depths)
    require(stages > 0, "a network needs at least one stage")
    for name in ("widths", "strides"):
        found = len(getattr(spec, name))
        require(found == stages, f"{name} has {found} entries but depths has {stages}: one a stage")
    numbers = (*spec.depths, *spec.widths, *spec.strides)
    require(min(numbers) > 0, "depths, widths and strides are positive")
    require(bool(spec.stem.layers), "a stem needs at least one convolution")
    allowed = {1, stages, sum(spec.depths)}
    require(
        len(spec.blocks) in allowed,
        f"blocks has {len(spec.blocks)} entries; give 1 (all), {stages} (a stage each) or "
        f"{sum(spec.depths)} (one each)",
    )
    require(
        0 <= spec.drop_path_rate < 1, f"drop_path_rate is in [0, 1), found {spec.drop_path_rate}"
    )


def _check_widths(spec: Arrangement) -> None:
    ratios = {branch.ratio for branch in spec.branches()}
    require(min(ratios) > 0, "branch ratios are positive")
    require(
        spec.width_is == "block" or len(ratios) == 1,
        "hidden widths give a block width only when all branches have one ratio",
    )
    for stage in range(len(spec.depths)):
        first, before = spec.block_at(stage, 0).branches[0], spec.entry_width(stage)
        if first.spatial is not None and first.spatial.expands:
            require(
                spec.block_width(stage) % before == 0,
                f"stage {stage + 1}: a grouped convolution cannot bring {before} channels to "
                f"{spec.block_width(stage)}, which is no multiple",
            )


def _check_downsample(spec: Arrangement) -> None:
    if spec.downsample.place == "separate":
        total = 1
        for layer in spec.downsample.layers:
            total *= layer.stride
        wrong = [stride for stride in spec.strides if stride not in (1, total)]
        require(not wrong, f"separate downsampling has stride {total} but a stage asks for {wrong}")
        return
    require(
        spec.downsample.place == "first_block" or spec.strides[0] == 1,
        "the first stage has no block before it to downsample in",
    )
    where = spec.downsample.place.replace("_", " ")
    for stage, index in spec.strided_blocks():
        spatial = spec.block_at(stage, index).branches[0].spatial
        require(
            spatial is not None and spatial.convolves,
            f"downsampling in the {where} strides the spatial convolution of its first branch, and "
            f"stage {stage + 1} has none there: it needs separate downsampling",
        )


def _check_rows(spec: Arrangement) -> None:
    """A row that meets other channels than its block's has to bring them there."""
    for stage in range(len(spec.depths)):
        first = spec.block_at(stage, 0).branches[0]
        arriving, width = spec.entry_width(stage), spec.block_width(stage)
        changes = "pointwise_out" in first.layers or (
            first.spatial is not None and first.spatial.expands
        )
        require(
            arriving == width or changes or (first.residual and not first.layers),
            f"stage {stage + 1} gets {arriving} channels where its blocks have {width}, and the "
            "first branch of its first block keeps what it gets: it needs separate downsampling "
            "with a stride, or a 1x1 layer that brings the channels there",
        )
    for branch in spec.branches():
        require(
            "pointwise_in" not in branch.layers or branch.expands_channels,
            "pointwise_in leads to the hidden width: a pointwise_out has to lead back",
        )
        narrowest = min(spec.hidden_width(stage, branch) for stage in range(len(spec.depths)))
        require(
            narrowest > 0 or not branch.expands_channels,
            f"a ratio of {branch.ratio} leaves no channels inside the blocks",
        )
    for stage, index in spec.strided_blocks():
        spatial = spec.block_at(stage, index).branches[0].spatial
        size, stride = spatial.kernel_size if spatial else None, spec.block_stride(stage, index)
        require(
            size is None or size % 2 == 1 or size == stride,
            f"stage {stage + 1}: an even kernel has no centre, and with a stride none to put the "
            f"zeros around; found {size} with stride {stride}",
        )


def _check_parallel(spec: Arrangement) -> None:
    for stage, index in spec.strided_blocks():
        spatial = spec.block_at(stage, index).branches[0].spatial
        require(
            spatial is None
            or spatial.parallel_kernels is None
            or spatial.kernel_size != spec.block_stride(stage, index),
            f"stage {stage + 1}: a convolution that tiles the map has no parallel kernels",
        )
    # If the activation precedes the norm, that norm normalises the activation and does not repeat
    # the kernels' own batch norms.
    norm_next = {b: spec.norm_first or "spatial" not in b.activations for b in spec.branches()}
    for branch in spec.branches():
        parallel = branch.spatial is not None and branch.spatial.parallel_kernels is not None
        require(
            not (parallel and "spatial" in branch.norms and spec.norm == "batch")
            or not norm_next[branch],
            "parallel kernels have batch norms of their own: the batch norm after their sum is "
            "one too many, take 'spatial' out of the norms",
        )


def _check_mixers(spec: Arrangement) -> None:
    mixers = {branch.spatial.kind for branch in spec.branches() if branch.spatial is not None}
    require(
        ("token_mlp" in mixers) == (spec.image_size is not None),
        "a network has an image_size exactly when it has a token MLP, which is built for one "
        f"number of positions; image_size is {spec.image_size}",
    )
    if spec.image_size is not None:
        sides = {stage: side for stage, _, side in block_sides(spec, spec.image_size)}
        gone = [stage + 1 for stage, side in sides.items() if side < 1]
        require(not gone, f"an image of {spec.image_size} px leaves no map in stages {gone}")
        total = spec.stem.stride * prod(spec.strides)
        require(
            spec.image_size % total == 0,
            f"token MLPs are built for maps without a cut-off edge: image_size {spec.image_size} "
            f"is no multiple of the total stride {total}",
        )
        _check_token_widths(spec, sides)
    for stage, depth in enumerate(spec.depths):
        for index in range(depth if "attention" in mixers else 0):
            for number, branch in enumerate(spec.block_at(stage, index).branches):
                _check_heads(spec, branch, stage, first=index == 0 and number == 0)


def _check_token_widths(spec: Arrangement, sides: dict[int, int]) -> None:
    for stage, side in sides.items():
        for index in range(spec.depths[stage]):
            for branch in spec.block_at(stage, index).branches:
                mixer = branch.spatial
                require(
                    mixer is None or mixer.kind != "token_mlp" or mixer.token_width(side**2) > 0,
                    f"stage {stage + 1}: a token MLP of ratio {mixer and mixer.token_ratio} on "
                    f"{side**2} positions has nothing inside",
                )


def _check_sharing(spec: Arrangement) -> None:
    """Sharing that shares nothing is a toggle without effect."""
    found: dict[object, int] = {}
    for stage, depth in enumerate(spec.depths):
        for index in range(depth):
            stride, arriving = spec.block_stride(stage, index), spec.block_width(stage)
            for number, branch in enumerate(spec.block_at(stage, index).branches):
                if branch.spatial is None or not branch.spatial.shared:
                    continue
                if index == 0 and number == 0:
                    arriving = spec.entry_width(stage)
                width = spec.mixer_width(branch, stage, arriving=arriving)
                key = (stage, branch.spatial, width, stride)
                found[key] = found.get(key, 0) + 1
    require(
        not found or max(found.values()) > 1,
        "no two blocks of a stage have mixers of the same shape that they could share",
    )


def _check_heads(spec: Arrangement, branch: Branch, stage: int, *, first: bool) -> None:
    if branch.spatial is None or branch.spatial.kind != "attention":
        return
    arriving = spec.entry_width(stage) if first else spec.block_width(stage)
    width = spec.mixer_width(branch, stage, arriving=arriving)
    heads = spec.heads(branch.spatial, width)
    require(
        width % heads == 0,
        f"stage {stage + 1}: {width} channels do not divide into {heads} attention heads",
    )


def _check_blur_pool(spec: Arrangement) -> None:
    require(
        not spec.blur_pool or max(strided_inputs(spec), default=0) >= BLURRED_CHANNELS,
        f"blur pool needs a convolution with a stride and {BLURRED_CHANNELS} input channels or "
        "more, and this network has none",
    )


def strided_inputs(spec: Arrangement) -> tuple[int, ...]:
    """Input channels of every convolution with a stride, in order; 0 where the image comes in."""
    found = [*_strided(spec.stem.layers, 0, width=spec.widths[0])]
    for stage, stride in enumerate(spec.strides):
        if stride > 1 and spec.downsample.place == "separate":
            channels, width = spec.arriving_width(stage), spec.block_width(stage)
            found += _strided(spec.downsample.layers, channels, width=width)
    for stage, index in spec.strided_blocks():
        channels = spec.block_width(stage) if index else spec.entry_width(stage)
        found += _strided_in_block(spec, stage, index, channels)
    return tuple(found)


def _strided(layers: Sequence[ConvLayer], channels: int, *, width: int) -> Iterator[int]:
    for layer in layers:
        if layer.stride > 1:
            yield channels
        channels = layer.width or width


def _strided_in_block(spec: Arrangement, stage: int, index: int, channels: int) -> Iterator[int]:
    """The spatial mixer of the block's first branch, then the projection shortcut."""
    branch = spec.block_at(stage, index).branches[0]
    if branch.spatial is not None:
        yield spec.mixer_width(branch, stage, arriving=channels)
    if branch.residual:
        yield channels
