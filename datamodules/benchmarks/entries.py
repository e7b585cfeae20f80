"""The public sets, as data: what each is called, where it lies, and what has to be in it.

A new one is one `PublicSet` in `SETS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from datamodules.corruptions.names import CORRUPTIONS, EXTRA, GROUPS
from datamodules.perturbations.names import PERTURBATIONS

# imagenet: the 1,000; imagenet_a, imagenet_r, imagenet_o: 200 of them; imagenet_9: its nine
# folders; own: those of the data set that networks were trained on, 200 of Tiny ImageNet
Classes = Literal["imagenet", "imagenet_a", "imagenet_r", "imagenet_o", "imagenet_9", "own"]
# tree: one folder a class; parts: PART/val/ with such a tree; severities: PART/1 to PART/5, each
# with one; videos: PART/ with class folders of videos; arrays: PART.npy
Layout = Literal["tree", "parts", "severities", "videos", "arrays"]


@dataclass(frozen=True, kw_only=True)
class PublicSet:
    """What is known about a public set.

    Attributes:
        name: in keys, such as `imagenet_a`.
        title: for people, such as `ImageNet-A`.
        folders: what its folder may be called.
        inside: folders in that one which may hold what it holds itself elsewhere.
        layout: of what lies there.
        classes: that it has; with the rule that they are judged by.
        parts: names of corruptions, perturbations or variants; none: it is one set of images.
        images: of the set, or of each part (and severity).
        exact: refuse another number; else only warn, as copies differ.
        side: of its files in pixels, whose centre is taken and never resized; None: they are of
            any size, and resized as a network's own test images are.
        num_classes: that a network has to tell apart.
        data: the data sets whose networks it is for; none: any with its classes.
        how_to_get: the address of the archive or its page; or what a person does.
        md5: of the archive, as copies of its page have it; None: not known.
        source: of the set.
    """

    name: str
    title: str
    folders: tuple[str, ...]
    inside: tuple[str, ...] = ()
    layout: Layout = "tree"
    classes: Classes = "imagenet"
    parts: tuple[str, ...] = ()
    images: int
    exact: bool = True
    side: int | None = None
    num_classes: int = 1000
    data: tuple[str, ...] = ()
    how_to_get: str
    md5: str | None = None
    source: str


def _spellings(title: str) -> tuple[str, ...]:
    """`imagenet-a`, `imagenet_a` and `ImageNet-A`."""
    small = title.lower()
    return tuple(dict.fromkeys((small, small.replace("-", "_"), title)))


# variants of ImageNet-9: background and foreground as they were or from elsewhere
IMAGENET_9 = (
    *("original", "mixed_same", "mixed_rand", "mixed_next"),
    *("no_fg", "only_bg_b", "only_bg_t", "only_fg"),
)
_CORRUPTIONS = (*CORRUPTIONS, *EXTRA)
_GROUPS = (*GROUPS, "extra")  # the folders of the archives
_ALL = (
    PublicSet(
        name="imagenet_a",
        title="ImageNet-A",
        folders=_spellings("ImageNet-A"),
        inside=("imagenet-a",),
        classes="imagenet_a",
        images=7500,
        how_to_get="https://people.eecs.berkeley.edu/~hendrycks/imagenet-a.tar",
        md5="c3e55429088dc681f30d81f4726b6595",
        source="arXiv 1907.07174",
    ),
    PublicSet(
        name="imagenet_r",
        title="ImageNet-R",
        folders=_spellings("ImageNet-R"),
        inside=("imagenet-r",),
        classes="imagenet_r",
        images=30000,
        how_to_get="https://people.eecs.berkeley.edu/~hendrycks/imagenet-r.tar",
        md5="a61312130a589d0ca1a8fca1f2bd3337",
        source="arXiv 2006.16241",
    ),
    PublicSet(
        name="imagenet_o",
        title="ImageNet-O",
        folders=_spellings("ImageNet-O"),
        inside=("imagenet-o",),
        classes="imagenet_o",
        images=2000,
        how_to_get="https://people.eecs.berkeley.edu/~hendrycks/imagenet-o.tar",
        md5="86bd7a50c1c4074fb18fc5f219d6d50b",
        source="arXiv 1907.07174",
    ),
    PublicSet(
        name="imagenet_sketch",
        title="ImageNet-Sketch",
        folders=(*_spellings("ImageNet-Sketch"), "sketch"),
        inside=("sketch",),
        images=50889,
        exact=False,  # its README says 50,000
        how_to_get="https://github.com/HaohanWang/ImageNet-Sketch",
        source="arXiv 1905.13549",
    ),
    PublicSet(
        name="stylized",
        title="Stylized-ImageNet",
        folders=(*_spellings("Stylized-ImageNet"), "stylized"),
        inside=("val",),
        images=50000,
        exact=False,  # everybody makes a copy of one's own
        side=224,
        how_to_get="make it with https://github.com/rgeirhos/Stylized-ImageNet",
        source="arXiv 1811.12231",
    ),
    PublicSet(
        name="imagenet_c",
        title="ImageNet-C",
        folders=_spellings("ImageNet-C"),
        inside=_GROUPS,
        layout="severities",
        parts=_CORRUPTIONS,
        images=50000,
        side=224,
        how_to_get="https://zenodo.org/records/2235448",
        source="arXiv 1903.12261",
    ),
    PublicSet(
        name="imagenet_p",
        title="ImageNet-P",
        folders=_spellings("ImageNet-P"),
        inside=_GROUPS,
        layout="videos",
        parts=PERTURBATIONS,
        images=50000,
        side=224,
        how_to_get="https://zenodo.org/records/3565846",
        source="arXiv 1903.12261",
    ),
    PublicSet(
        name="imagenet_9",
        title="ImageNet-9",
        folders=("bg_challenge", *_spellings("ImageNet-9")),
        inside=("bg_challenge",),
        layout="parts",
        classes="imagenet_9",
        parts=IMAGENET_9,
        images=4050,
        exact=False,  # not counted in a copy of the archive
        side=224,
        how_to_get="https://github.com/MadryLab/backgrounds_challenge",
        source="arXiv 2006.09994",
    ),
    PublicSet(
        name="cifar10_c",
        title="CIFAR-10-C",
        folders=_spellings("CIFAR-10-C"),
        layout="arrays",
        classes="own",
        parts=_CORRUPTIONS,
        images=10000,
        side=32,
        num_classes=10,
        data=("cifar10",),
        how_to_get="https://zenodo.org/records/2535967",
        source="arXiv 1903.12261",
    ),
    PublicSet(
        name="cifar100_c",
        title="CIFAR-100-C",
        folders=_spellings("CIFAR-100-C"),
        layout="arrays",
        classes="own",
        parts=_CORRUPTIONS,
        images=10000,
        side=32,
        num_classes=100,
        data=("cifar100",),
        how_to_get="https://zenodo.org/records/3555552",
        source="arXiv 1903.12261",
    ),
    PublicSet(
        name="tiny_imagenet_c",
        title="Tiny-ImageNet-C",
        folders=_spellings("Tiny-ImageNet-C"),
        layout="severities",
        inside=_GROUPS,
        classes="own",
        parts=_CORRUPTIONS,
        images=10000,
        side=64,
        num_classes=200,
        how_to_get="https://zenodo.org/records/2536630",
        source="arXiv 1903.12261",
    ),
)
SETS: Mapping[str, PublicSet] = {entry.name: entry for entry in _ALL}
