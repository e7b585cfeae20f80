"""Steps inside a block: norms, activations, expansion ratio, layer scale, stochastic depth."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Literal, get_args

from lit_models.space.components import ActivationKind, NormKind, Place
from lit_models.space.spec import ArchSpec, Block, Branch, ConvLayer
from lit_models.steps.factories import named
from lit_models.steps.step import Step, need
from lit_models.steps.text_values import number, one_of, or_off, some_of

_PLACES: tuple[Place, ...] = get_args(Place)
_NORMS: tuple[NormKind, ...] = get_args(NormKind)
_ACTIVATIONS: Mapping[ActivationKind, str] = MappingProxyType(
    {"relu": "ReLU", "gelu": "GELU", "silu": "SiLU"}
)


@named(
    "norm",
    "norm=layer",
    "the kind of the network's norms",
    source="arXiv 2201.03545, Section 2.6",
    read=one_of(_NORMS),
)
def norm_kind(kind: NormKind) -> Step:
    """The kind of the network's norms: batch, layer (over channels), group (one group) or none.

    Norms with a kind of their own, as in SPACH's stems and downsampling, and those of parallel
    kernels stay.
    """

    def edit(spec: ArchSpec) -> ArchSpec:
        return replace(spec, norm=kind)

    summary = "no norms" if kind == "none" else f"every norm of the network's kind is {kind} norm"
    needs = f"it needs {' or '.join(_norm_title(k) for k in _NORMS if k != kind)}"
    return Step("norm", _norm_title(kind), summary, edit, needs)


def _norm_title(kind: NormKind) -> str:
    return "no norm" if kind == "none" else f"{kind} norm"


@named(
    "activation",
    "activation=gelu",
    "the kind of every activation, the stem's included",
    source="arXiv 2201.03545, Section 2.6",
    read=one_of(tuple(_ACTIVATIONS)),
)
def activation_kind(kind: ActivationKind) -> Step:
    """The kind of every activation of the blocks, and of those of stem and downsampling."""

    def edit(spec: ArchSpec) -> ArchSpec:
        def own(branch: Branch) -> Branch:
            return replace(branch, activation_kind=None)

        return replace(
            spec.map_branches(own),
            activation=kind,
            stem=replace(spec.stem, layers=_of_the_network(spec.stem.layers)),
            downsample=replace(spec.downsample, layers=_of_the_network(spec.downsample.layers)),
        )

    title = _ACTIVATIONS[kind]
    needs = f"it needs {' or '.join(name for k, name in _ACTIVATIONS.items() if k != kind)}"
    return Step("activation", title, f"every activation is {title}", edit, needs)


def _of_the_network(layers: tuple[ConvLayer, ...]) -> tuple[ConvLayer, ...]:
    return tuple(replace(layer, activation_kind=None) for layer in layers)


@named(
    "norms",
    "norms=spatial or norms=pointwise_in+spatial",
    "the places in a block that have a norm",
    source="arXiv 2206.03452, Tables 3 and 4",
    read=some_of(_PLACES),
)
def norms_at(places: frozenset[Place]) -> Step:
    """The places in a block that have a norm; in each branch those that it has."""
    return _at("norms", places)


@named(
    "activations",
    "activations=pointwise_in or activations=pointwise_in+sum",
    "the places in a block that have an activation",
    source="arXiv 2206.03452, Tables 3 and 4",
    read=some_of(_PLACES),
)
def activations_at(places: frozenset[Place]) -> Step:
    """The places in a block that have an activation; in each branch those that it has.

    Fewer activations are fewer places: Robust-ResNet (arXiv 2206.03452) keeps one a block.
    """
    return _at("activations", places)


def _at(what: Literal["norms", "activations"], places: frozenset[Place]) -> Step:
    """A step that sets one of the two sets of places of every branch."""

    def edit(spec: ArchSpec) -> ArchSpec:
        def on_branch(branch: Branch) -> Branch:
            if not branch.layers:
                return branch
            legal = _legal(branch, places)
            if what == "norms":
                return replace(branch, norms=legal)
            return replace(branch, activations=legal)

        _need_places(spec, places)
        return spec.map_branches(on_branch)

    names = _names(places)
    return Step(what, f"{what}: {names}", f"a block has {what} at: {names}", edit)


def _names(places: frozenset[Place]) -> str:
    return ", ".join(sorted(places)) or "none"


def _legal(branch: Branch, places: frozenset[Place]) -> frozenset[Place]:
    return places & {"input", "sum", *branch.layers}


def _need_places(spec: ArchSpec, places: frozenset[Place]) -> None:
    known = {place for branch in spec.branches() for place in ("input", "sum", *branch.layers)}
    unknown = sorted(places - known)
    need(
        not unknown,
        f"no branch of its blocks has the layer {', '.join(unknown)}; there are: "
        f"{', '.join(sorted(known))}",
    )


@named(
    "expansion",
    "expansion=4",
    "hidden width over block width of the branch that mixes channels",
    source="arXiv 2201.03545, Section 2.4",
    read=number,
)
def expansion(ratio: float) -> Step:
    """Hidden width over block width of the channel-mixing branch: 4 in an inverted bottleneck.

    Where a block has a branch that mixes channels only, as in RepLKNet and SPACH, it is that one.
    """

    def on_block(_stage: int, _index: int, block: Block) -> Block:
        pairs = [branch.expands_channels for branch in block.branches]
        apart = [
            pair and branch.spatial is None
            for pair, branch in zip(pairs, block.branches, strict=True)
        ]
        chosen = apart if any(apart) else pairs
        return Block(
            tuple(
                replace(branch, ratio=ratio) if edit else branch
                for branch, edit in zip(block.branches, chosen, strict=True)
            )
        )

    def edit(spec: ArchSpec) -> ArchSpec:
        need(
            any(branch.expands_channels for branch in spec.branches()),
            "it needs two 1x1 layers with a width between them, and its blocks have not",
        )
        need(
            spec.width_is == "block",
            "its blocks are narrow inside: it needs inverted_bottleneck, which makes them wide",
        )
        return spec.edit_blocks(on_block)

    return Step("expansion", f"expansion {ratio:g}", f"blocks are {ratio:g}x wider inside", edit)


@named(
    "layer_scale",
    "layer_scale=1e-6 or layer_scale=off",
    "a learned factor per channel at the end of the branches that mix positions",
    source="arXiv 2103.17239",
    read=or_off(number),
)
def layer_scale(initial: float | None) -> Step:
    """A learned factor per channel at the end of the branches that mix positions; None: off."""

    def edit(spec: ArchSpec) -> ArchSpec:
        need(
            initial is None or any(branch.spatial for branch in spec.branches()),
            "it scales the branches that mix positions, and these blocks have none",
        )

        def on_branch(branch: Branch) -> Branch:
            if initial is None:
                return replace(branch, layer_scale=None)
            return replace(branch, layer_scale=initial) if branch.spatial else branch

        return spec.map_branches(on_branch)

    title = "no layer scale" if initial is None else f"layer scale {initial:g}"
    summary = (
        "no layer scales"
        if initial is None
        else f"the branches that mix positions end in a layer scale of {initial:g}"
    )
    return Step("layer_scale", title, summary, edit)


@named(
    "drop_path_rate",
    "drop_path_rate=0.1",
    "the rate of stochastic depth in training",
    source="arXiv 1603.09382",
    read=number,
)
def drop_path_rate(rate: float) -> Step:
    """The network's stochastic depth: the rate of its last block, where the schedule is linear."""

    def edit(spec: ArchSpec) -> ArchSpec:
        return replace(spec, drop_path_rate=rate)

    summary = f"residual branches are left out with a rate of up to {rate:g} in training"
    return Step("drop_path_rate", f"stochastic depth {rate:g}", summary, edit)
