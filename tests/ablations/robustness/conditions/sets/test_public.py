"""Networks asked about public sets: which classes count, and what is refused."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ablations.robustness.conditions.arrays import CONFIDENCE, CORRECT, PREDICTED, TOP5
from ablations.robustness.conditions.asked import Arrays, AskedNetwork
from ablations.robustness.conditions.condition import ImageCondition
from ablations.robustness.conditions.sets.doubt import doubt
from ablations.robustness.conditions.suites import Setting, conditions, suite
from ablations.studies.robustness.config import FoldersConfig
from datamodules.benchmarks import videos
from datamodules.benchmarks.classes import (
    imagenet_9_folders,
    imagenet_9_groups,
    imagenet_subset,
    imagenet_synsets,
)
from datamodules.benchmarks.entries import SETS
from datamodules.benchmarks.listing import class_folders
from datamodules.config.data import DataConfig
from tests.support.images.public_sets import SIDE, write_array, write_classes
from tests.support.robustness.asked import MadeImages, answered_by
from tests.support.robustness.public_sets import imagenet_setting, reader, tiny


def found(setting: Setting, name: str = "imagenet") -> dict[str, Any]:
    """The conditions of a suite by key, beside `Clean`."""
    every = {condition.key: condition for condition in conditions([name], setting)}
    return {key: condition for key, condition in every.items() if key != "clean/clean"}


def ask(condition: ImageCondition, network: AskedNetwork, setting: Setting) -> Arrays:
    return answered_by(condition, network, condition.images(setting.images), batch=64)


@pytest.fixture(params=["imagenet_a", "imagenet_r"])
def subset(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: Any) -> str:
    """ImageNet-A or -R with one image a class."""
    name: str = request.param
    tiny(monkeypatch, name, 200)
    write_classes(tmp_path / name, class_folders(SETS[name], ()))
    return name


def test_the_kth_folder_is_the_kth_class_of_the_list(subset: str, tmp_path: Path) -> None:
    setting = imagenet_setting(tmp_path)
    (condition,) = found(setting).values()
    right = ask(condition, reader(imagenet_subset(subset)), setting)
    assert right[CORRECT].all()
    assert right[PREDICTED].tolist() == list(imagenet_subset(subset))
    # a network whose outputs are taken for the first 200 classes
    naive = ask(condition, reader(range(200)), setting)
    assert naive[CORRECT].mean() <= 0.01


def test_without_the_mask_all_classes_count(subset: str, tmp_path: Path) -> None:
    others = sorted(set(range(1000)) - set(imagenet_subset(subset)))
    outside = reader(others[:200])  # masked, every logit that is left is the same
    for mask, key in ((True, f"sets/{subset}"), (False, f"sets/{subset}_unmasked")):
        setting = imagenet_setting(tmp_path, mask=mask)
        condition = found(setting)[key]
        said = ask(condition, outside, setting)[PREDICTED]
        assert np.isin(said, imagenet_subset(subset)).all() == mask
        assert ask(condition, reader(imagenet_subset(subset)), setting)[CORRECT].all()
        assert condition.parameters()["chance"] == 1 / 200


def test_imagenet_9_judges_the_group_and_no_group_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny(monkeypatch, "imagenet_9", 9)
    for variant in ("original", "mixed_same", "mixed_rand"):
        write_classes(tmp_path / "bg_challenge" / variant / "val", imagenet_9_folders())
    setting = imagenet_setting(tmp_path)
    every = found(setting)
    assert list(every) == [f"sets/imagenet_9/{v}" for v in ("original", "mixed_same", "mixed_rand")]
    groups = imagenet_9_groups()
    one_of_each = [groups.index(group) for group in range(9)]
    right = ask(every["sets/imagenet_9/mixed_same"], reader(one_of_each), setting)
    assert right[CORRECT].all()
    assert right[PREDICTED].tolist() == list(range(9))
    no_group = ask(every["sets/imagenet_9/mixed_same"], reader([groups.index(-1)] * 9), setting)
    assert not no_group[CORRECT].any()
    assert set(no_group[PREDICTED].tolist()) == {-1}
    assert suite("imagenet").absent(setting)[-1] == ("ImageNet-9/mixed_next and 4 more are missing")


@pytest.mark.parametrize(
    ("name", "folder"), [("imagenet_sketch", "sketch"), ("stylized", "Stylized-ImageNet/val")]
)
def test_a_thousand_folders_are_a_thousand_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, folder: str
) -> None:
    tiny(monkeypatch, name, 1000)
    write_classes(tmp_path / folder, imagenet_synsets())
    setting = imagenet_setting(tmp_path)
    (condition,) = found(setting, "paper_robust_resnet").values()
    assert condition.key == f"sets/{name}"
    assert ask(condition, reader(range(1000)), setting)[CORRECT].all()
    shifted = ask(condition, reader(np.roll(range(1000), 1).tolist()), setting)
    assert not shifted[CORRECT].any()


def test_corruptions_are_conditions_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny(monkeypatch, "imagenet_c", 1000)
    for name in ("weather/fog/3", "extra/spatter/3"):
        write_classes(tmp_path / "imagenet-c" / name, imagenet_synsets())
    assert list(found(imagenet_setting(tmp_path))) == ["sets/imagenet_c/fog/3"]
    setting = imagenet_setting(tmp_path, extra=True, images=100)
    every = found(setting)
    assert list(every) == ["sets/imagenet_c/fog/3", "sets/imagenet_c/spatter/3"]
    images = every["sets/imagenet_c/fog/3"].images(setting.images)
    assert len(images.labels) == 100
    assert every["sets/imagenet_c/fog/3"].parameters()["folder_side"] == SIDE
    missing = suite("imagenet").absent(imagenet_setting(tmp_path))
    assert "ImageNet-C/gaussian_noise/1 and 73 more are missing; mCE needs all 75 (found 1)" in (
        missing
    )


def test_imagenet_o_is_asked_with_test_images_of_its_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = imagenet_subset("imagenet_o")
    tiny(monkeypatch, "imagenet_o", 400)
    write_classes(tmp_path / "imagenet-o", class_folders(SETS["imagenet_o"], ()), images=2)
    order = (*kept[:40], 0, 2, *kept[40:50])  # test images of 50 of its classes, and of two others
    images = MadeImages(
        class_names=imagenet_synsets(), side=SIDE, order=order, drawn_side=SIDE, count=52, many=1000
    )
    setting = imagenet_setting(tmp_path, test_images=images)
    every = found(setting)
    inside, outside = (every[f"sets/imagenet_o/{side}"] for side in ("in", "out"))
    known, unknown = (c.images(setting.images) for c in (inside, outside))
    assert known.labels.tolist() == [*kept[:40], *kept[40:50]]
    assert known.indices.tolist() == known.labels.tolist()
    assert len(unknown.labels) == 10  # one to five, as of all 2,000 and 10,000
    assert set(unknown.labels.tolist()) == {-1}
    answers = ask(outside, reader(kept), setting)
    assert set(answers) == {PREDICTED, CONFIDENCE}
    assert set(ask(inside, reader(kept), setting)) >= {CONFIDENCE, CORRECT}


def test_imagenet_o_needs_images_of_its_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny(monkeypatch, "imagenet_o", 200)
    write_classes(tmp_path / "imagenet-o", class_folders(SETS["imagenet_o"], ()))
    images = MadeImages(class_names=imagenet_synsets(), side=SIDE, order=(0, 2), count=2)
    with pytest.raises(ValueError, match="of the 2 images of made-up images none is: raise images"):
        found(imagenet_setting(tmp_path, test_images=images))


def test_videos_answer_the_five_likeliest_classes_of_each_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def frames(path: Path) -> Any:
        colour = np.zeros((3, SIDE, SIDE, 3), np.uint8)
        colour[1:, ..., 0] = 7  # frames of the classes 0, 7, 7
        return colour

    monkeypatch.setattr(videos, "frames", frames)
    monkeypatch.setattr(videos, "readable", lambda: True)
    tiny(monkeypatch, "imagenet_p", 1000)
    write_classes(tmp_path / "imagenet-p" / "tilt", imagenet_synsets())
    setting = imagenet_setting(tmp_path, images=6)
    (condition,) = found(setting).values()
    assert condition.key == "sets/imagenet_p/tilt"
    network = reader(range(1000))
    assert condition.passes(network).forwards == 31
    top5 = ask(condition, network, setting)[TOP5]
    assert top5.shape == (6, 3, 5)
    assert top5.dtype == np.int16
    assert (top5[..., 0] == [0, 7, 7]).all()


def test_videos_without_a_decoder_are_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(videos, "readable", lambda: False)
    (tmp_path / "imagenet-p" / "tilt").mkdir(parents=True)
    setting = imagenet_setting(tmp_path)
    assert not found(setting)
    assert videos.NEEDS in suite("imagenet").absent(setting)


@pytest.mark.parametrize(("name", "classes"), [("cifar10", 10), ("cifar100", 100)])
def test_networks_of_cifar_get_its_arrays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, classes: int
) -> None:
    tiny(monkeypatch, f"{name}_c", 4)
    folder = tmp_path / SETS[f"{name}_c"].title
    write_array(folder, "fog", images=4, side=SIDE, classes=classes)
    names = tuple(map(str, range(classes)))
    setting = Setting(
        imagenet_setting(tmp_path).config,
        DataConfig(name=name, root=str(tmp_path)),
        MadeImages(class_names=names, side=SIDE),
    )
    every = found(setting)
    assert list(every) == [f"sets/{name}_c/fog/{severity}" for severity in range(1, 6)]
    for severity in (1, 5):
        images = every[f"sets/{name}_c/fog/{severity}"].images(setting.images)
        (batch,) = images.batches(9)
        assert (batch.pixels[:, 0] == severity).all()
    assert len({str(every[key].images(setting.images).identity()) for key in every}) == 5


def test_networks_of_tiny_imagenet_get_its_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny(monkeypatch, "tiny_imagenet_c", 200)
    names = imagenet_synsets()[::5]
    write_classes(tmp_path / "Tiny-ImageNet-C" / "fog" / "1", names)
    setting = Setting(
        imagenet_setting(tmp_path).config,
        DataConfig(name="image_folder", folder="tiny", root=str(tmp_path)),
        MadeImages(class_names=names, side=SIDE),
    )
    (condition,) = found(setting).values()
    assert condition.key == "sets/tiny_imagenet_c/fog/1"
    assert ask(condition, reader(range(200), classes=200), setting)[CORRECT].all()


def test_the_suite_of_large_kernels_has_its_sets_and_analyses(
    subset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny(monkeypatch, "imagenet_c", 1000)
    for severity in (1, 5):  # of the paper's, the fifth only
        write_classes(tmp_path / "imagenet-c" / "fog" / str(severity), imagenet_synsets())
    images = MadeImages(class_names=imagenet_synsets(), side=32)
    every = found(imagenet_setting(tmp_path, test_images=images), "paper_large_kernels")
    assert [key for key in every if key.startswith("sets/")] == [
        "sets/imagenet_c/fog/5",
        f"sets/{subset}",
    ]
    kinds = {key.rpartition("/")[0] for key in every}
    assert kinds >= {
        *("occlusion/random", "occlusion/salient", "occlusion/non_salient"),
        *("attacks/fgsm", "attacks/pgd", "attacks/pgd_steps", "analyses/noise"),
    }
    assert {"attacks/fgsm/0.3", "attacks/pgd/0.006", "attacks/pgd_steps/20"} <= every.keys()
    probes = ("lesion", "kernel_distance", "feature_variance", "receptive_field")
    assert {f"analyses/{name}" for name in probes} <= every.keys()


# What is refused


def unsuited(tmp_path: Path, names: Sequence[str], *, channels: int = 3) -> Setting:
    return imagenet_setting(
        tmp_path,
        test_images=MadeImages(class_names=tuple(names), in_chans=channels, title="Fashion-MNIST"),
    )


@pytest.mark.parametrize("name", ["imagenet", "paper_robust_resnet"])
def test_data_of_other_classes_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        ValueError,
        match=r"^(ImageNet-A|Stylized-ImageNet) needs the 1,000 classes "
        r"of ImageNet in their order; Fashion-MNIST tells 10 classes apart$",
    ):
        found(unsuited(tmp_path, list("abcdefghij")), name)


def test_a_thousand_other_classes_are_refused(tmp_path: Path) -> None:
    names = list(imagenet_synsets())
    names[3], names[4] = names[4], names[3]
    with pytest.raises(ValueError, match="class 3 of Fashion-MNIST is n01494475, not n01491361"):
        found(unsuited(tmp_path, names))


def test_two_hundred_classes_need_not_be_those_of_tiny_imagenet(tmp_path: Path) -> None:
    names = [f"breed {number}" for number in range(200)]
    (tmp_path / "Tiny-ImageNet-C" / "fog" / "1").mkdir(parents=True)
    with pytest.raises(ValueError, match="ImageNet-A needs the 1,000 classes"):  # no set goes
        found(unsuited(tmp_path, names))


def test_grey_networks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ImageNet-A has colour images; Fashion-MNIST has 1 chan"):
        found(unsuited(tmp_path, imagenet_synsets(), channels=1))


def test_a_network_of_other_classes_is_refused(subset: str, tmp_path: Path) -> None:
    setting = imagenet_setting(tmp_path)
    (condition,) = found(setting).values()
    assert condition.refusal(reader(range(200)), setting.images) is None
    assert condition.refusal(reader(range(10), classes=10), setting.images) == (
        f"{SETS[subset].title} needs the 1,000 classes of ImageNet in their order; reader, seed 0 "
        "tells 10 classes apart"
    )


def test_sets_that_are_not_there_are_listed_and_the_others_go_on(
    subset: str, tmp_path: Path
) -> None:
    setting = imagenet_setting(tmp_path)
    assert list(found(setting)) == [f"sets/{subset}"]
    absent = suite("imagenet").absent(setting)
    assert len(absent) == 7  # of the eight for ImageNet's classes
    assert absent[-1].startswith("imagenet_9: not found; looked in ")
    assert suite("imagenet").there(setting) == (f"{subset}: {tmp_path / subset}",)


def test_a_set_that_is_there_but_wrong_is_an_error(subset: str, tmp_path: Path) -> None:
    (tmp_path / subset / "n99999999").mkdir()
    with pytest.raises(ValueError, match="201 class folders, 200 expected; no class of it: n9999"):
        found(imagenet_setting(tmp_path))


def test_folders_may_be_named(subset: str, tmp_path: Path) -> None:
    (tmp_path / subset).rename(tmp_path / "else where")
    assert not found(imagenet_setting(tmp_path))
    folders = FoldersConfig(**{subset: str(tmp_path / "else where")})
    assert list(found(imagenet_setting(tmp_path, folders=folders))) == [f"sets/{subset}"]


def test_every_set_has_a_key_for_its_folder() -> None:
    assert [field.name for field in fields(FoldersConfig)] == list(SETS)


def test_a_result_like_guessing_says_what_to_check() -> None:
    shares = {"clean": 0.76, "chance": 1 / 1000}
    assert doubt("ImageNet-R", correct=0.3, **shares) is None
    assert doubt("ImageNet-R", correct=0.0008, clean=0.1, chance=1 / 1000) is None
    said = doubt("ImageNet-R", correct=0.0008, **shares)
    assert said is not None
    assert said.startswith("ImageNet-R: 0.08 % right, where guessing gives 0.10 %")
    assert "sorted class names" in said
    assert "ResNet-50" in str(doubt("ImageNet-A", correct=0.0, **shares))
