"""Policies choose, apply and scale operations as timm's own objects do, from draws per sample."""

from collections import defaultdict
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import chi2_contingency, ks_2samp
from timm.data import auto_augment

from datamodules.augment.levels import LEVELS
from datamodules.augment.rand_augment import policy_steps, rand_augment, read_policy
from datamodules.catalog.catalog import DATASETS
from datamodules.config.augmentation import Augmentation
from datamodules.sampling.random_streams import Draw, batch_draws
from tests.support.images.image_trees import seeded
from tests.support.images.photographs import array_of, batch_of, cuts

RGB = DATASETS["cifar10"]
SIDE, COUNT = 32, 6000
POLICIES = [
    "rand-m9-mstd0.5-inc1",
    "rand-m9-mstd0.5",
    "rand-m7-n3-mstd101-inc1",
    "rand-m6-n4-p0.8-mstd1-tweights",
    "rand-m10-n1-p1-t3a",
    "rand-m9-n2-mstd3-t3aw",
    "rand-m15-mmax20-mstd2",
]
# What timm's documentation, its scripts and published recipes write.
DOCUMENTED = [
    "rand-m9-n3-mstd0.5",
    "rand-mstd1-tweights",
    "rand-m9-mstd0.5",
    "rand-m9-mstd0.5-inc1",
    "rand-m7-mstd0.5-inc1",
    "rand-m8-inc1-mstd101",
    "rand-m15-n2-mstd0.5-inc1",
    "rand-m6-n4-mstd1.0-inc1",
    "rand-m20-mmax20-inc1",
    "rand-m8-n3-t3a",
    "rand-m8-n3-t3aw",
    "rand-n0",
    "rand",
]


def draw(count: int = COUNT, seed: int = 0) -> Draw:
    return batch_draws(seed=seed, epoch=0, indices=np.arange(count))


def ours(policy: str) -> tuple[dict[str, list[float]], list[int]]:
    """Operation -> its arguments over all samples, and how many operations each sample took."""
    taken: dict[str, list[float]] = defaultdict(list)
    number = np.zeros(COUNT, int)
    for step in policy_steps(read_policy(policy, width=SIDE), draw=draw()):
        taken[step.operation] += step.arguments.tolist()
        number[step.rows] += 1
    return taken, number.tolist()


def timms(policy: str) -> tuple[dict[str, list[float]], list[int]]:
    """The same of timm's object, whose operations are replaced by ones that take notes."""
    taken: dict[str, list[float]] = defaultdict(list)
    number: list[int] = []
    found = auto_augment.rand_augment_transform(policy, {"translate_const": int(SIDE * 0.45)})

    def note(image: Any, *values: float, name: str, **_: Any) -> Any:
        taken[name].append(float(values[0]) if values else 0.0)
        number[-1] += 1
        return image

    for operation in found.ops:
        operation.aug_fn = partial(note, name=operation.name)
    with seeded(0):
        for _ in range(COUNT):
            number.append(0)
            found(None)
    return taken, number


@pytest.mark.parametrize("policy", POLICIES)
def test_operations_and_their_strengths_are_distributed_as_timms(policy: str) -> None:
    (mine, number), (theirs, their_number) = ours(policy), timms(policy)
    assert set(mine) == set(theirs)
    counts = [[len(found[name]) for name in sorted(theirs)] for found in (mine, theirs)]
    if len(theirs) > 1:
        assert chi2_contingency(counts).pvalue > 1e-4
    layers = range(max(number) + 1)
    shares = [[found.count(layer) for layer in layers] for found in (number, their_number)]
    if len(layers) > 1 and min(map(min, shares)):
        assert chi2_contingency(shares).pvalue > 1e-4
    assert abs(number.count(0) - their_number.count(0)) <= 4 * (COUNT / 2) ** 0.5
    for name, values in theirs.items():
        assert ks_2samp(mine[name], values).pvalue > 1e-5, name
        assert min(mine[name]) >= min(values) - 0.3 * np.ptp(values) - 1e-9
        assert max(mine[name]) <= max(values) + 0.3 * np.ptp(values) + 1e-9


def test_a_weighted_choice_never_repeats_an_operation() -> None:
    steps = policy_steps(read_policy("rand-m6-n15-p1-tweights", width=SIDE), draw=draw(200))
    for sample in range(200):
        taken = [step.operation for step in steps if sample in step.rows]
        assert len(taken) == len(set(taken)) == 15


def test_augmented_photographs_have_the_statistics_of_timms() -> None:
    photographs = cuts(1500, (SIDE, SIDE))
    augmentation = Augmentation(rand_augment="rand-m9-mstd0.5-inc1")
    mine = array_of(rand_augment(batch_of(photographs), augmentation, RGB, draw=draw(1500)))
    options = {
        "translate_const": int(SIDE * 0.45),
        "img_mean": tuple(round(255 * value) for value in RGB.mean),
        "interpolation": Image.Resampling.BICUBIC,
    }
    policy = auto_augment.rand_augment_transform("rand-m9-mstd0.5-inc1", options)
    for operation in policy.ops:
        if operation.name == "PosterizeIncreasing":
            operation.aug_fn = posterize
    with seeded(1):
        theirs = np.stack([np.asarray(policy(image)) for image in photographs]).astype(np.int64)
    before = array_of(batch_of(photographs))
    unchanged = [(found == before).all(axis=(1, 2, 3)).mean() for found in (mine, theirs)]
    assert unchanged[0] == pytest.approx(unchanged[1], abs=4 * (2 * 0.25 * 0.75 / 1500) ** 0.5)
    for statistic in (np.mean, np.std, np.min, np.max):
        values = [statistic(found, axis=(1, 2, 3)) for found in (mine, theirs)]
        assert ks_2samp(*values).pvalue > 1e-3
        error = (np.var(values[0]) / 1500 + np.var(values[1]) / 1500) ** 0.5
        assert abs(np.mean(values[0]) - np.mean(values[1])) < 4 * error


def posterize(image: Image.Image, bits: int, **_: Any) -> Image.Image:
    """timm asks for 0 bits, which newer PIL refuses and older answered with black."""
    result: Image.Image = (
        auto_augment.posterize(image, bits) if bits else Image.new("RGB", (32, 32))
    )
    return result


def test_samples_are_augmented_alike_in_any_batch() -> None:
    images = batch_of(cuts(12, (40, 28)))
    augmentation = Augmentation(rand_augment="rand-m9-n6-p1-mstd0.5-inc1")
    indices = np.arange(50, 62)
    together = rand_augment(
        images, augmentation, RGB, draw=batch_draws(seed=1, epoch=2, indices=indices)
    )
    for i, index in enumerate(indices):
        draws = batch_draws(seed=1, epoch=2, indices=np.array([index]))
        assert torch.equal(
            rand_augment(images[i : i + 1], augmentation, RGB, draw=draws)[0], together[i]
        )
    order = np.random.default_rng(0).permutation(12)
    draws = batch_draws(seed=1, epoch=2, indices=indices[order])
    shuffled = rand_augment(images[torch.from_numpy(order)], augmentation, RGB, draw=draws)
    assert torch.equal(shuffled, together[torch.from_numpy(order)])
    for seed, epoch in ((2, 2), (1, 3)):
        draws = batch_draws(seed=seed, epoch=epoch, indices=indices)
        assert not torch.equal(rand_augment(images, augmentation, RGB, draw=draws), together)


@pytest.mark.parametrize("policy", DOCUMENTED)
def test_documented_policies_are_read(policy: str) -> None:
    found = read_policy(policy, width=SIDE)
    assert {operation.name for operation in found.ops} <= set(LEVELS)
    images = batch_of(cuts(8, (16, 16)))
    augmentation = Augmentation(rand_augment=policy)
    assert rand_augment(images, augmentation, RGB, draw=draw(8)).shape == images.shape


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("rand-m9-q3", "which timm cannot read (Unknown RandAugment config section)"),
        ("rand-mx-m3-n2x", "which timm cannot read"),
        ("augmix-m3", "which timm cannot read"),
        ("rand-n101", "whose n is 101, but it has to be from 0 to 100"),
        ("rand-n16-tweights", "whose n is 16, but it has to be from 0 to 15"),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(policy: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r"^recipe.augment.rand_augment is '") as caught:
        read_policy(policy, width=SIDE)
    assert policy in str(caught.value)
    assert reason in str(caught.value)


def test_an_operation_that_is_not_here_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto_augment, "_RAND_3A", ["GaussianBlurRand"])
    with pytest.raises(ValueError, match="operation GaussianBlurRand is not available"):
        read_policy("rand-m5-t3a", width=7)
