"""Steps on the mixer that a block has: kernel, sharing, bypass, re-parameterisation."""

from collections.abc import Callable
from dataclasses import replace

from lit_models.space.spec import ArchSpec, Block, Spatial, merged_spec, parallel_spec
from lit_models.steps.factories import named
from lit_models.steps.stages import Stages, check_stages, in_stage, where
from lit_models.steps.step import Step, need
from lit_models.steps.text_values import one_of, or_off, whole, whole_numbers


def _edit_spatial(spec: ArchSpec, stages: Stages, edit: Callable[[Spatial], Spatial]) -> ArchSpec:
    def on_block(stage: int, _index: int, block: Block) -> Block:
        if not in_stage(stages, stage):
            return block
        return replace(
            block,
            branches=tuple(
                b if b.spatial is None else replace(b, spatial=edit(b.spatial))
                for b in block.branches
            ),
        )

    check_stages(spec, stages)
    return spec.edit_blocks(on_block)


@named(
    "kernel_size",
    "kernel_size=31 or kernel_size=13@4",
    "side of the spatial convolutions",
    source="arXiv 2201.03545, Section 2.5; arXiv 2203.06717",
    read=whole,
    by_stage=True,
)
def kernel_size(size: int, *, stages: Stages = None) -> Step:
    """Side of the spatial convolutions, 3 to 51 in the studies."""
    need(size % 2 == 1 and size > 0, f"kernel sizes are odd and positive, found {size}")

    def edit(spec: ArchSpec) -> ArchSpec:
        _need_convolution(spec, f"mixer=convolution:{size}", f"bypass={size}")
        return _edit_spatial(
            spec, stages, lambda s: replace(s, kernel_size=size) if s.convolves else s
        )

    summary = f"spatial convolutions are {size}x{size}{where(stages)}"
    return Step("kernel_size", f"kernel {size}{where(stages)}", summary, edit)


def _need_convolution(spec: ArchSpec, *instead: str) -> None:
    mixers = [branch.spatial for branch in spec.branches() if branch.spatial is not None]
    bypass = any(branch.bypass for branch in spec.branches())
    what = "mixer that is a convolution" if mixers or bypass else "spatial convolution"
    where = " (its bypass is one)" if bypass else ""
    hint = f"; {' or '.join(instead)} may be what you want" if instead else ""
    need(
        any(mixer.convolves for mixer in mixers),
        f"it needs a {what}, and this network has none{where}{hint}",
    )


@named(
    "sharing",
    "sharing=on, sharing=off or sharing=on@3",
    "one set of mixer weights for the blocks of a stage",
    source="arXiv 2108.13002",
    read=one_of(("on", "off")),
    by_stage=True,
)
def sharing(state: str, *, stages: Stages = None) -> Step:
    """One set of mixer weights for the blocks of a stage that have the same mixer (SPACH)."""
    on = state == "on"

    def edit(spec: ArchSpec) -> ArchSpec:
        need(
            any(branch.spatial is not None for branch in spec.branches()),
            "it needs a spatial mixer, and this network has none",
        )
        need(
            not on or any(depth > 1 and in_stage(stages, n) for n, depth in enumerate(spec.depths)),
            "no stage has two blocks that could share",
        )
        return _edit_spatial(spec, stages, lambda spatial: replace(spatial, shared=on))

    word = "the blocks of a stage share" if on else "every block has"
    title = "shared mixers" if on else "own mixers"
    return Step("sharing", title, f"{word} the weights of the mixer{where(stages)}", edit)


@named(
    "bypass",
    "bypass=3 or bypass=off",
    "a depthwise convolution beside the first branch of every block",
    source="arXiv 2108.13002",
    read=or_off(whole),
)
def bypass(size: int | None) -> Step:
    """A depthwise convolution beside the first branch of every block (SPACH's); None: off.

    Without it, blocks that have no other mixer are left with their channel branch, as in SPACH's
    multi-stage networks without local modelling.
    """

    def off(_stage: int, _index: int, block: Block) -> Block:
        return Block(tuple(replace(b, bypass=None) for b in block.branches if b.layers))

    def on(_stage: int, _index: int, block: Block) -> Block:
        first, *rest = block.branches
        return Block((replace(first, bypass=size), *rest))

    def edit(spec: ArchSpec) -> ArchSpec:
        if size is not None:
            return spec.edit_blocks(on)
        branches = spec.branches()
        need(any(b.bypass for b in branches), "it takes a bypass away and there is none")
        need(any(b.spatial for b in branches), "its blocks mix positions by the bypass alone")
        return spec.edit_blocks(off)

    title = "no bypass" if size is None else f"{size}x{size} bypass"
    summary = (
        "no depthwise convolution beside the blocks"
        if size is None
        else f"a {size}x{size} depthwise convolution stands beside the first branch of a block"
    )
    return Step("bypass", title, summary, edit)


@named(
    "reparameterise",
    "reparameterise=5, reparameterise=5+1 or reparameterise=merged",
    "small kernels with batch norms beside the spatial convolutions, or merged into them",
    source="arXiv 2203.06717",
    read=str,
)
def reparameterise(text: str) -> Step:
    """Parallel kernels of these sizes, `none` of them but the norm, or `merged`."""
    if text == "merged":
        return merge()
    return parallel(() if text == "none" else whole_numbers(text))


def parallel(kernels: tuple[int, ...]) -> Step:
    """Small kernels beside every spatial convolution, each with a batch norm, to be merged.

    A batch norm that followed the convolution gives way to theirs (RepLKNet, arXiv 2203.06717).
    """

    def edit(spec: ArchSpec) -> ArchSpec:
        _need_convolution(spec)
        return parallel_spec(spec, kernels)

    sizes = " and ".join(f"{size}x{size}" for size in kernels)
    summary = f"{sizes} kernels with batch norms stand beside the spatial convolutions"
    return Step("reparameterise", f"parallel {sizes}", summary, edit)


def merge() -> Step:
    """Parallel kernels and their norms are one convolution: the form for inference."""

    def edit(spec: ArchSpec) -> ArchSpec:
        merged = merged_spec(spec)
        need(merged != spec, "it needs parallel kernels, and this network has none")
        return merged

    return Step("reparameterise", "merged", "parallel kernels are merged into one", edit)
