"""Steps on how blocks mix positions: kernel, mixer, sharing, bypass, re-parameterisation."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from lit_models.space.components import Place
from lit_models.space.spec import ArchSpec, Block, Branch, Spatial, merged_spec, parallel_spec
from lit_models.steps.step import Step, need

Mixer = Literal["convolution", "attention", "token_mlp", "none"]
Stages = tuple[int, ...] | None  # counted from 1; None: all
MIXERS: tuple[Mixer, ...] = ("convolution", "attention", "token_mlp", "none")

NEW_SCALE = 1e-4  # of a branch that a mixer gets where there was none, as in SPACH


def _in(stages: Stages, stage: int) -> bool:
    return stages is None or stage + 1 in stages


def _check(spec: ArchSpec, stages: Stages) -> None:
    beyond = [stage for stage in stages or () if not 1 <= stage <= len(spec.depths)]
    need(not beyond, f"it asks for stage {beyond}, and the network has {len(spec.depths)}")


def _where(stages: Stages) -> str:
    return f" in stage {'+'.join(map(str, stages))}" if stages else ""


def _edit_spatial(spec: ArchSpec, stages: Stages, edit: Callable[[Spatial], Spatial]) -> ArchSpec:
    def on_block(stage: int, _index: int, block: Block) -> Block:
        if not _in(stages, stage):
            return block
        return replace(
            block,
            branches=tuple(
                b if b.spatial is None else replace(b, spatial=edit(b.spatial))
                for b in block.branches
            ),
        )

    _check(spec, stages)
    return spec.edit_blocks(on_block)


def kernel_size(size: int, *, stages: Stages = None) -> Step:
    """Side of the spatial convolutions, 3 to 51 in the studies."""
    need(size % 2 == 1 and size > 0, f"kernel sizes are odd and positive, found {size}")

    def edit(spec: ArchSpec) -> ArchSpec:
        _need_convolution(spec, f"mixer=convolution:{size}", f"bypass={size}")
        return _edit_spatial(
            spec, stages, lambda s: replace(s, kernel_size=size) if s.convolves else s
        )

    summary = f"spatial convolutions are {size}x{size}{_where(stages)}"
    return Step("kernel_size", f"kernel {size}{_where(stages)}", summary, edit)


def mixer(kind: Mixer, size: int | None = None, *, stages: Stages = None) -> Step:
    """The mixer of the blocks: a depthwise convolution, attention, a token MLP or none.

    `size` is the kernel of a convolution (7 if not given), the heads of attention (one for every 32
    channels) or the image side that a token MLP is built for. The layers around the mixer stay. A
    block that had no mixer gets a branch as SPACH has it: norm, mixer, layer scale 1e-4.
    """

    def edit(spec: ArchSpec) -> ArchSpec:
        _check(spec, stages)
        side = size if kind == "token_mlp" and size else spec.image_size
        need(
            kind != "token_mlp" or side is not None,
            "a token MLP is built for one image size: give its side, as in mixer=token_mlp:224",
        )
        need(size is None or size > 0, f"a size is positive, found {size}")
        need(size is None or kind != "none", f"none has no size, found {size}")
        new = _spatial(kind, size)

        def on_block(stage: int, _index: int, block: Block) -> Block:
            return _with_mixer(block, new) if _in(stages, stage) else block

        blocks = [
            on_block(stage, index, spec.block_at(stage, index))
            for stage, depth in enumerate(spec.depths)
            for index in range(depth)
        ]
        tokens = any(_has_tokens(block) for block in blocks)
        return spec.edit_blocks(on_block, image_size=side if tokens else None)

    summary = f"positions are mixed by {kind.replace('_', ' ')}{_where(stages)}"
    return Step("mixer", f"{kind.replace('_', ' ')}{_where(stages)}", summary, edit)


def _has_tokens(block: Block) -> bool:
    return any(b.spatial is not None and b.spatial.kind == "token_mlp" for b in block.branches)


def _spatial(kind: Mixer, size: int | None) -> Spatial | None:
    if kind == "none":
        return None
    if kind == "convolution":
        return Spatial("depthwise", size or 7)
    if kind == "attention":
        return Spatial("attention", None, heads=size)
    return Spatial("token_mlp", None)


def _with_mixer(block: Block, new: Spatial | None) -> Block:
    has = [branch.spatial is not None for branch in block.branches]
    if any(has):
        at = has.index(True)
        branch = block.branches[at]
        old = branch.spatial
        changed = replace(branch, spatial=_swapped(old, new)) if old and new else None
        if new is None:
            changed = _without_mixer(branch)
        kept = [changed if n == at else b for n, b in enumerate(block.branches)]
        left = tuple(b for b in kept if b is not None)
        need(bool(left), "its blocks are nothing but the mixer that would go")
        return Block(left)
    if new is None:
        return block
    first = block.branches[0]
    row = Branch(("spatial",), new, first.ratio, frozenset({"input"}), layer_scale=NEW_SCALE)
    if not first.layers:
        return Block((replace(row, bypass=first.bypass), *block.branches[1:]))
    need(len(block.branches) == 1, "its blocks have two branches already, and none for a mixer")
    return Block((row, first))


def _swapped(old: Spatial, new: Spatial) -> Spatial:
    """The new mixer with what the old one has and it can keep."""
    if old.convolves and new.convolves:
        return replace(old, kind=new.kind, kernel_size=new.kernel_size)
    return replace(new, shared=old.shared)


def _need_convolution(spec: ArchSpec, *instead: str) -> None:
    mixers = [branch.spatial for branch in spec.branches() if branch.spatial is not None]
    bypass = any(branch.bypass for branch in spec.branches())
    where = " (its bypass is one)" if bypass else ""
    hint = f"; {' or '.join(instead)} may be what you want" if instead else ""
    need(
        any(mixer.convolves for mixer in mixers),
        f"it needs a mixer that is a convolution, and this network has none{where}{hint}",
    )


def _without_mixer(branch: Branch) -> Branch | None:
    """The branch without its mixer: a norm after it follows the layer before, or the input."""
    rest = tuple(layer for layer in branch.layers if layer != "spatial")
    if not rest:
        return Branch((), ratio=branch.ratio, bypass=branch.bypass) if branch.bypass else None
    at = branch.layers.index("spatial")
    before: Place = branch.layers[at - 1] if at else "input"
    norms = branch.norms - {"spatial"} | ({before} if "spatial" in branch.norms else set())
    moved = at > 0 and "spatial" in branch.activations
    acts = branch.activations - {"spatial"} | ({before} if moved else set())
    return replace(branch, layers=rest, spatial=None, norms=norms, activations=acts)


def sharing(on: bool, *, stages: Stages = None) -> Step:  # noqa: FBT001 on or off
    """One set of mixer weights for the blocks of a stage that have the same mixer (SPACH)."""

    def edit(spec: ArchSpec) -> ArchSpec:
        need(
            any(branch.spatial is not None for branch in spec.branches()),
            "it needs a spatial mixer, and this network has none",
        )
        need(
            not on or any(depth > 1 and _in(stages, n) for n, depth in enumerate(spec.depths)),
            "no stage has two blocks that could share",
        )
        return _edit_spatial(spec, stages, lambda spatial: replace(spatial, shared=on))

    word = "the blocks of a stage share" if on else "every block has"
    title = "shared mixers" if on else "own mixers"
    return Step("sharing", title, f"{word} the weights of the mixer{_where(stages)}", edit)


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


def reparameterise(kernels: tuple[int, ...]) -> Step:
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
