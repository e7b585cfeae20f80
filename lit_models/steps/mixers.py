"""The step that gives blocks another mixer: convolution, attention, token MLP or none."""

from dataclasses import replace
from typing import Literal, NamedTuple

from lit_models.space.components import Place
from lit_models.space.spec import ArchSpec, Block, Branch, Spatial
from lit_models.steps.factories import named
from lit_models.steps.stages import Stages, check_stages, in_stage, where
from lit_models.steps.step import Step, need
from lit_models.steps.text_values import one_of, whole

Mixer = Literal["convolution", "attention", "token_mlp", "none"]
MIXERS: tuple[Mixer, ...] = ("convolution", "attention", "token_mlp", "none")

NEW_SCALE = 1e-4  # of a branch that a mixer gets where there was none, as in SPACH


class MixerChoice(NamedTuple):
    """A mixer, and its size where the text gives one."""

    kind: Mixer
    size: int | None


def _mixer(text: str) -> MixerChoice:
    kind, colon, size = text.partition(":")
    return MixerChoice(one_of(MIXERS)(kind), whole(size) if colon else None)


@named(
    "mixer",
    "mixer=convolution, mixer=attention@3+4, mixer=token_mlp:224 or mixer=none",
    "how blocks mix positions",
    source="arXiv 2108.13002",
    read=_mixer,
    by_stage=True,
)
def mixer(choice: MixerChoice, *, stages: Stages = None) -> Step:
    """The mixer of the blocks: a depthwise convolution, attention, a token MLP or none.

    `size` is the kernel of a convolution (7 if not given), the heads of attention (those it has, or
    one for every 32 channels) or the image side that a token MLP is built for. The layers around
    the mixer stay. A block that had no mixer gets a branch as SPACH has it: norm, mixer, layer
    scale 1e-4.
    """
    kind, size = choice

    def edit(spec: ArchSpec) -> ArchSpec:
        check_stages(spec, stages)
        side = size if kind == "token_mlp" and size else spec.image_size
        need(
            kind != "token_mlp" or side is not None,
            "a token MLP is built for one image size: give its side, as in mixer=token_mlp:224",
        )
        need(size is None or size > 0, f"a size is positive, found {size}")
        need(size is None or kind != "none", f"none has no size, found {size}")
        new = _spatial(kind, size)

        def on_block(stage: int, _index: int, block: Block) -> Block:
            return _with_mixer(block, new) if in_stage(stages, stage) else block

        blocks = [
            on_block(stage, index, spec.block_at(stage, index))
            for stage, depth in enumerate(spec.depths)
            for index in range(depth)
        ]
        tokens = any(_has_tokens(block) for block in blocks)
        after = spec.edit_blocks(on_block, image_size=side if tokens else None)
        # as many heads as before, only written down: the same network
        same = _without_heads(after) == _without_heads(spec) and _heads(after) == _heads(spec)
        return spec if same else after

    summary = f"positions are mixed by {kind.replace('_', ' ')}{where(stages)}"
    return Step("mixer", f"{kind.replace('_', ' ')}{where(stages)}", summary, edit)


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


def _heads(spec: ArchSpec) -> list[int]:
    """Heads of every attention of the network."""
    found = []
    for stage, depth in enumerate(spec.depths):
        for index in range(depth):
            arriving = spec.entry_width(stage) if index == 0 else spec.block_width(stage)
            for branch in spec.block_at(stage, index).branches:
                if branch.spatial is not None and branch.spatial.kind == "attention":
                    width = spec.mixer_width(branch, stage, arriving=arriving)
                    found.append(spec.heads(branch.spatial, width))
    return found


def _without_heads(spec: ArchSpec) -> ArchSpec:
    def bare(branch: Branch) -> Branch:
        spatial = branch.spatial
        return replace(branch, spatial=replace(spatial, heads=None)) if spatial else branch

    return spec.map_branches(bare)


def _swapped(old: Spatial, new: Spatial) -> Spatial:
    """The new mixer with what the old one has and it can keep."""
    if old.kind == new.kind == "attention" and new.heads is None:
        return old
    if old.convolves and new.convolves:
        return replace(old, kind=new.kind, kernel_size=new.kernel_size)
    return replace(new, shared=old.shared)


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
