"""The key `robustness` of a study: under which conditions its networks are asked, once trained.

It changes nothing in training, so it is no part of a run's identity; each answer has one of its
own. `ablate robustness` takes the same keys, and the suites by `--suite`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ablations.studies.robustness.ranges import (
    ATTACKS,
    LESION,
    NOISE,
    OCCLUSION,
    RECEPTIVE_FIELD,
    ROBUSTNESS,
    check_eps,
)
from datamodules.config.choices import check_choices
from lit_models.registry.names import nearest
from lit_models.registry.ranges import check_ranges

SUITES = (
    "quick",
    "corruptions",
    "perturbations",
    "occlusion",
    "attacks",
    "analyses",
    "ood",
    "imagenet",
    "paper_robust_resnet",
    "paper_large_kernels",
)
Weights = Literal["raw", "ema"]
Reencode = Literal["auto", "none", "85"]
Saliency = Literal["spectral", "reference", "masks", "dino"]
RingEnergy = Literal["equal", "density"]
# What a choice of `saliency` needs, and how that is said; spectral needs nothing.
_SALIENCY_NEEDS = {
    "reference": ("a network", "timm/NAME"),
    "masks": ("a folder", "FOLDER"),
    "dino": ("a checkpoint", "FILE"),
}


@dataclass
class OcclusionConfig:
    """Which patches are dropped."""

    # side of a patch in pixels; null: 16 at 224 px, else a fourteenth of the side, at least 2
    patch: int | None = None
    # what says which patches matter: the same for every network
    saliency: Saliency = "spectral"
    # saliency=reference: the one fixed network, timm/NAME, or a checkpoint
    reference: str | None = None
    # saliency=masks: a folder with one mask an image
    masks: str | None = None
    # saliency=dino: a checkpoint of DINO's ViT-S/16
    dino: str | None = None

    def __post_init__(self) -> None:
        check_choices(self, "robustness.occlusion")
        check_ranges(self, OCCLUSION, prefix="robustness.occlusion")
        what = _SALIENCY_NEEDS.get(self.saliency)
        if what is not None and getattr(self, self.saliency) is None:
            raise ValueError(
                f"robustness.occlusion: salient drop with saliency={self.saliency} needs "
                f"{what[0]}: robustness.occlusion.{self.saliency}={what[1]}; spectral needs none"
            )


@dataclass
class AttackConfig:
    """How images are changed against the networks. Pixels are in [0, 1]."""

    # largest change of a pixel in one step; null: 1, 2, 4, 8 /255 and 0.1 to 0.4
    fgsm: list[float] | None = None
    # likewise in several steps; null: 0.002, 0.004, 0.006, 0.008
    pgd: list[float] | None = None
    # steps of PGD, each of eps/4
    steps: int = 5
    # random starts of PGD, all of which an image has to stand
    restarts: int = 1
    # PGD's step numbers at eps 0.006; empty: not swept
    sweep: list[int] = field(default_factory=lambda: [1, 2, 5, 10, 20])
    # TAIG: attacks made on another network
    transfer: bool = False
    # that network: timm/NAME, or a run or checkpoint that is none of the study's
    surrogate: str | None = None
    # largest changes of TAIG
    taig: list[float] = field(default_factory=lambda: [0.03, 0.06, 0.1])

    def __post_init__(self) -> None:
        for name in ("fgsm", "pgd", "taig"):
            check_eps(name, getattr(self, name))
        check_ranges(self, ATTACKS, prefix="robustness.attacks")
        if self.transfer and self.surrogate is None:
            raise ValueError(
                "robustness.attacks.transfer needs a network that the attack is made on: "
                "robustness.attacks.surrogate=timm/NAME, or a run or checkpoint that is none of "
                "the study's"
            )


@dataclass
class LesionConfig:
    """Blocks that are taken out after training."""

    # draws of which blocks, for each number of them
    draws: int = 10
    # only blocks of these stages, counted from 1; null: of all
    stages: list[int] | None = None

    def __post_init__(self) -> None:
        check_ranges(self, LESION, prefix="robustness.lesion")


@dataclass
class NoiseConfig:
    """Noise of one ring of frequencies at a time."""

    # rings that share the spectrum up to Nyquist's frequency; null: 10, below 20 px side/2
    rings: int | None = None
    # root mean square of the noise, pixels in [0, 1]
    rms: float = 8 / 255
    # equal: every ring has that much; density: its share of white noise
    energy: RingEnergy = "equal"

    def __post_init__(self) -> None:
        check_choices(self, "robustness.noise")
        check_ranges(self, NOISE, prefix="robustness.noise")


@dataclass
class ReceptiveFieldConfig:
    """The effective receptive field."""

    # side of the images in pixels, where the network takes any; null: 1024, and of data that is
    # evaluated at 128 px at most four times that side
    side: int | None = None
    # how many images it is the mean over
    images: int = 50

    def __post_init__(self) -> None:
        check_ranges(self, RECEPTIVE_FIELD, prefix="robustness.receptive_field")


@dataclass
class OodConfig:
    """Images of no class of the network."""

    # another data set
    data: str | None = None
    # names of classes that were left out of the training
    held_out_classes: list[str] | None = None


@dataclass
class FoldersConfig:
    """Where public sets lie that are not below data.root."""

    # ImageNet-A
    imagenet_a: str | None = None
    # ImageNet-R
    imagenet_r: str | None = None
    # ImageNet-O
    imagenet_o: str | None = None
    # ImageNet-Sketch
    imagenet_sketch: str | None = None
    # Stylized-ImageNet
    stylized: str | None = None
    # ImageNet-C
    imagenet_c: str | None = None
    # ImageNet-P
    imagenet_p: str | None = None
    # ImageNet-9
    imagenet_9: str | None = None
    # CIFAR-10-C
    cifar10_c: str | None = None
    # CIFAR-100-C
    cifar100_c: str | None = None
    # Tiny-ImageNet-C
    tiny_imagenet_c: str | None = None


@dataclass
class RobustnessConfig:
    """Under which conditions the networks of a study are asked."""

    # suites by name; one may stand for a list of one; empty: none
    suite: list[str] = field(default_factory=list)
    # test images, the same share of every class; null: what the suite has
    images: int | None = None
    # of the evaluation's draws, the same for all networks
    seed: int = 0
    # which weights of a run with a moving average
    weights: Weights = "raw"
    # evaluate after `ablate run` has trained everything
    after_run: bool = False
    # images at a time; null: that of the recipe, at most 256
    batch_size: int | None = None
    # corruptions: the four extra ones, too
    extra: bool = False
    # corruptions: how images are stored after them; auto: as the benchmark's files were
    reencode: Reencode = "auto"
    # ImageNet-A and -R: only the logits of their 200 classes count
    mask: bool = True
    # ImageNet-P: a file with AlexNet's top-5 distances, which are published nowhere
    alexnet_t5d: str | None = None
    folders: FoldersConfig = field(default_factory=FoldersConfig)
    occlusion: OcclusionConfig = field(default_factory=OcclusionConfig)
    attacks: AttackConfig = field(default_factory=AttackConfig)
    lesion: LesionConfig = field(default_factory=LesionConfig)
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    ood: OodConfig = field(default_factory=OodConfig)
    receptive_field: ReceptiveFieldConfig = field(default_factory=ReceptiveFieldConfig)

    def __post_init__(self) -> None:
        check_choices(self, "robustness")
        check_ranges(self, ROBUSTNESS, prefix="robustness")
        check_suites(self.suite, key="robustness.suite")
        if self.after_run and not self.suite:
            raise ValueError(
                "robustness.after_run is true, but robustness.suite names no suite, such as quick."
            )


def check_suites(names: Sequence[str], *, key: str) -> None:
    """Raise ValueError, beginning with the key, for what is no suite or stands there twice."""
    for name in names:
        if name not in SUITES:
            raise ValueError(f"{key} {name}: no such suite. {nearest(name, SUITES)}")
    if len(set(names)) < len(names):
        raise ValueError(f"{key} is {list(names)}, but it has to name none twice.")
