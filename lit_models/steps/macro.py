"""Steps on the layout: patch size, pyramid or isotropic, depths, widths, image size, blur pool."""

from dataclasses import replace
from math import prod
from typing import NamedTuple

from lit_models.families.convnext import NORM_THEN_CONV
from lit_models.space.spec import ArchSpec, Downsample, IllegalSpec, Stem, compact_blocks
from lit_models.steps.factories import NO_VALUE, named
from lit_models.steps.step import Step, need
from lit_models.steps.text_values import one_of, whole, whole_numbers


@named(
    "patch_size",
    "patch_size=8",
    "the stem is one convolution of that stride, and stages make up for it",
    source="arXiv 2206.03452, Table 2",
    read=whole,
)
def patch_size(size: int) -> Step:
    """One convolution of stride `size` as the stem, at the network's total stride.

    The norm and activation that ended the stem stay. In a pyramid the stages before the map is as
    small as it was stop downsampling, the first ones first, as in Robust-ResNet (arXiv 2206.03452:
    16 px patches and one stage that downsamples); smaller patches give it back, the last ones
    first. Where strides of 2 cannot make up for it, in isotropic networks, and where a stage needs
    its downsampling to change the width, the total stride changes.
    """
    need(size > 0, f"patch sizes are positive, found {size}")

    def edit(spec: ArchSpec) -> ArchSpec:
        last = spec.stem.layers[-1]
        stem = Stem((replace(last, kernel_size=size, stride=size, depthwise=False),))
        strides = rebalanced(spec.strides, before=spec.stem.stride, after=size)
        try:
            return replace(spec, stem=stem, strides=strides)
        except IllegalSpec:
            return replace(spec, stem=stem)

    summary = f"the stem is one {size}x{size} convolution of stride {size}, stages make up for it"
    return Step("patch_size", f"patch size {size}", summary, edit)


def rebalanced(strides: tuple[int, ...], *, before: int, after: int) -> tuple[int, ...]:
    """Strides of the stages that keep the total when the stem's goes from `before` to `after`.

    They stay as they are where factors of 2 in later stages cannot do that.
    """
    total, changed = before * prod(strides), list(strides)
    while after * prod(changed) > total and 2 in changed[1:]:
        changed[changed.index(2, 1)] = 1
    while after * prod(changed) < total and 1 in changed[1:]:
        changed[len(changed) - 1 - changed[:0:-1].index(1)] = 2
    return tuple(changed) if after * prod(changed) == total else strides


@named(
    "layout",
    "layout=isotropic or layout=pyramid",
    "one stage, or four with downsampling between them",
    source="arXiv 2108.13002, Section 3; arXiv 2201.03545, Section 3.3",
    read=one_of(("isotropic", "pyramid")),
)
def layout(kind: str) -> Step:
    """The layout `isotropic` or `pyramid`."""
    return isotropic() if kind == "isotropic" else pyramid()


def isotropic() -> Step:
    """One stage at the width and resolution of the deepest one; every block stays what it is."""

    def edit(spec: ArchSpec) -> ArchSpec:
        need(len(spec.depths) > 1, "the network has one stage already")
        deepest = spec.depths.index(max(spec.depths))
        patch = spec.stem.stride * prod(spec.strides[: deepest + 1])
        places = [(stage, i) for stage, depth in enumerate(spec.depths) for i in range(depth)]
        blocks = {(0, n): spec.block_at(*place) for n, place in enumerate(places)}
        depths = (sum(spec.depths),)
        last = replace(
            spec.stem.layers[-1], kernel_size=patch, stride=patch, depthwise=False, width=None
        )
        return replace(
            spec,
            depths=depths,
            widths=(spec.widths[deepest],),
            blocks=compact_blocks(depths, blocks),
            stem=Stem((last,)),
            strides=(1,),
            downsample=Downsample(),
        )

    summary = "one stage at the width and resolution of the deepest one, no downsampling"
    return Step("layout", "isotropic", summary, edit)


def pyramid() -> Step:
    """Four stages around a network of one: its width and resolution become those of stage 3.

    A sixth of the blocks in each of the stages 1, 2 and 4 (3:3:9:3 of ConvNeXt-T for 18), widths
    that double, patches of a quarter, and norm -> 2x2 stride-2 convolution between the stages.
    """

    def edit(spec: ArchSpec) -> ArchSpec:
        need(len(spec.depths) == 1, f"the network has {len(spec.depths)} stages already")
        depth, (width,) = sum(spec.depths), spec.widths
        need(depth >= 4, f"four stages need four blocks, and this network has {depth}")
        need(width % 4 == 0, f"stage 1 gets a quarter of the width, and 4 does not divide {width}")
        side = max(1, depth // 6)
        patch = max(1, round(spec.stem.stride / 4))
        stem = Stem((replace(spec.stem.layers[-1], kernel_size=patch, stride=patch),))
        return replace(
            spec,
            depths=(side, side, depth - 3 * side, side),
            widths=(width // 4, width // 2, width, 2 * width),
            stem=stem,
            strides=(1, 2, 2, 2),
            downsample=NORM_THEN_CONV,
        )

    summary = "four stages, norm and 2x2 stride-2 convolution between them"
    return Step("layout", "pyramid", summary, edit)


@named(
    "depths",
    "depths=3+4+12+3",
    "blocks per stage",
    source="arXiv 2201.03545, Section 2.2",
    read=whole_numbers,
)
def depths(numbers: tuple[int, ...]) -> Step:
    """Blocks per stage."""

    def edit(spec: ArchSpec) -> ArchSpec:
        need(
            len(spec.blocks) in (1, len(spec.depths)),
            "every block of this network is set by itself",
        )
        return replace(spec, depths=numbers)

    return Step("depths", "depths", f"blocks per stage {numbers}", edit)


class Widths(NamedTuple):
    """Channels per stage, and those that a network must have to get them; None: any."""

    after: tuple[int, ...]
    before: tuple[int, ...] | None = None


def _widths(text: str) -> Widths:
    *before, after = text.split(":")
    need(len(before) < 2, f"widths are one row, or two with a : between them, found {text!r}")
    return Widths(whole_numbers(after), *map(whole_numbers, before))


@named(
    "widths",
    "widths=96+192+384+768 or widths=64+128+256+512:84+168+336+672",
    "channels per stage, stem included; with two rows only where the network has the first",
    source="arXiv 2201.03545, Section 2.3 and Table 11",
    read=_widths,
)
def widths(row: Widths) -> Step:
    """Channels per stage, stem included.

    With `before`, a network that has other widths keeps them, so that a step that sets depths and
    widths and one that sets widths give one network in either order.
    """
    after, before = row

    def edit(spec: ArchSpec) -> ArchSpec:
        return replace(spec, widths=after) if before in (None, spec.widths) else spec

    summary = (
        f"widths {after}, stem included" if before is None else f"widths {after}, not {before}"
    )
    return Step("widths", "widths", summary, edit, conditional=before is not None)


@named(
    "image_size",
    "image_size=32",
    "side of the images that token MLPs are built for",
    source="ours",
    read=whole,
)
def image_size(side: int) -> Step:
    """Side of the images that the token MLPs are built for."""

    def edit(spec: ArchSpec) -> ArchSpec:
        need(spec.image_size is not None, "it needs a token MLP: others take images of any size")
        return replace(spec, image_size=side)

    return Step("image_size", f"{side} px", f"token MLPs are built for {side} px images", edit)


@named(
    "blur_pool",
    NO_VALUE,
    "a fixed 3x3 blur before every convolution with a stride",
    source="arXiv 1904.11486",
)
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
