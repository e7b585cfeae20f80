"""Steps on the layout: patch size, pyramid or isotropic, depths, widths, image size."""

from dataclasses import replace
from math import prod

from lit_models.families.convnext import NORM_THEN_CONV
from lit_models.space.spec import ArchSpec, Downsample, IllegalSpec, Stem, fewest
from lit_models.steps.step import Step, need


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
            blocks=fewest(depths, blocks),
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


def image_size(side: int) -> Step:
    """Side of the images that the token MLPs are built for."""

    def edit(spec: ArchSpec) -> ArchSpec:
        need(spec.image_size is not None, "it needs a token MLP: others take images of any size")
        return replace(spec, image_size=side)

    return Step("image_size", f"{side} px", f"token MLPs are built for {side} px images", edit)
