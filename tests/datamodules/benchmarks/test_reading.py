"""What becomes of the files of public sets on their way to a network."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from datamodules import ImageDataModule
from datamodules.benchmarks import videos
from datamodules.benchmarks.arrays import array_part
from datamodules.benchmarks.decoded import View
from datamodules.benchmarks.entries import SETS, PublicSet
from datamodules.benchmarks.opened import Opened, opened
from datamodules.benchmarks.search import Part
from tests.support.images.image_trees import photograph, tree_config, write_jpeg, write_tree
from tests.support.images.public_sets import write_array

CLASSES = ("ant", "bee", "cat")


def small(name: str, images: int, **values: Any) -> PublicSet:
    """The entry of a set that has the classes of `CLASSES` and so many images."""
    return replace(SETS[name], classes="own", images=images, **values)


def open_part(part: Part, *, side: int, crop_ratio: float = 0.875) -> Opened:
    return opened(
        part, class_names=CLASSES, side=side, interpolation="bicubic", crop_ratio=crop_ratio
    )


def whole(found: Opened, size: int = 256) -> np.ndarray[Any, Any]:
    return np.concatenate(list(found.batches(np.arange(len(found.labels)), size)))


def framed(path: Path, *, side: int, around: int = 0) -> Path:
    """A grey image with a white frame of one pixel, `around` black pixels outside of it."""
    pixels = np.zeros((side + 2 * around, side + 2 * around, 3), np.uint8)
    inner = slice(around, around + side)
    pixels[inner, inner] = 255
    pixels[around + 1 : around + side - 1, around + 1 : around + side - 1] = 128
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, format="PNG")
    return path


@pytest.mark.parametrize("around", [0, 16])
def test_files_of_imagenet_c_keep_their_pixels(tmp_path: Path, around: int) -> None:
    for name in CLASSES:
        framed(tmp_path / name / "ILSVRC2012_val_00000001.JPEG", side=224, around=around)
    pixels = whole(open_part(Part(small("imagenet_c", 3), "fog/3", tmp_path), side=224))
    assert pixels.shape == (3, 3, 224, 224)
    for edge in (pixels[..., 0, :], pixels[..., -1, :], pixels[..., 0], pixels[..., -1]):
        assert (edge == 255).all()
    assert (pixels[..., 1:-1, 1:-1] == 128).all()


def test_a_larger_network_gets_them_enlarged(tmp_path: Path) -> None:
    for name in CLASSES:
        framed(tmp_path / name / "0.JPEG", side=224, around=16)
    found = open_part(Part(small("imagenet_c", 3), "fog/3", tmp_path), side=448)
    assert whole(found).shape == (3, 3, 448, 448)
    assert whole(found).min() > 100  # nothing from around the centre
    assert found.identity()["interpolation"] == "bicubic"
    assert "interpolation" not in open_part(found.part, side=224).identity()


def test_files_of_any_size_are_seen_as_test_images_are(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "data", classes=CLASSES, images=4)
    part = Part(small("imagenet_a", 12), "", tree / "val")
    module = ImageDataModule(tree_config(tree), num_workers=0, batch_size=64)
    (images, labels) = next(iter(module.test_dataloader()))
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (module.info.mean, module.info.std))
    found = open_part(part, side=24)
    assert found.labels.tolist() == labels.tolist()
    assert (torch.from_numpy(whole(found)) == (255 * (images * std + mean)).round()).all()


@pytest.mark.parametrize("size", [1, 2, 5])
def test_batches_do_not_matter(tmp_path: Path, size: int) -> None:
    for number, name in enumerate(CLASSES):
        write_jpeg(tmp_path / name / "a b.jpg", seed=number, size=(40 + number, 50))
    found = open_part(Part(small("imagenet_r", 3), "", tmp_path), side=24)
    assert (whole(found, size) == whole(found)).all()
    (last,) = found.batches(np.array([2]), size)
    assert (last[0] == whole(found)[2]).all()


def test_an_image_that_is_smaller_is_an_error() -> None:
    view = View(224, "bicubic", 0.875, window=224)
    with pytest.raises(ValueError, match=r"fog\.JPEG is 224 x 223 px, but 224 x 224 are expected"):
        view.of(photograph(0, (224, 223)), "fog.JPEG")


def test_the_centre_is_that_of_torchvision() -> None:
    from torchvision.transforms import CenterCrop

    for size in ((7, 9), (8, 6), (5, 5), (12, 7)):
        image = photograph(0, size)
        seen = View(5, "bicubic", 0.875, window=5).of(image, "it")
        assert (seen == np.asarray(CenterCrop(5)(image))).all()


def test_a_reading_network_gets_the_same_from_a_damaged_file_never(tmp_path: Path) -> None:
    for name in CLASSES:
        for number in range(3):
            write_jpeg(tmp_path / name / f"{number}.jpg", seed=number)
    (tmp_path / "bee" / "1.jpg").write_bytes(b"no image")  # neither first nor last
    found = open_part(Part(small("imagenet_r", 9), "", tmp_path), side=24)
    with pytest.raises(ValueError, match=r"bee/1\.jpg cannot be decoded"):
        whole(found, 2)


# CIFAR's arrays


@pytest.fixture
def arrays(tmp_path: Path) -> Part:
    """Fog at severity 3 of an array with four images a severity."""
    write_array(tmp_path, "fog", images=4, side=32, classes=10)
    return Part(replace(SETS["cifar10_c"], images=4), "fog/3", tmp_path / "fog.npy")


def test_severities_are_rows_of_an_array(arrays: Part) -> None:
    found = opened(arrays, class_names=(), side=32, interpolation="bicubic", crop_ratio=0.875)
    pixels = whole(found)
    assert pixels.shape == (4, 3, 32, 32)
    assert (pixels[:, 0] == 3).all()
    assert pixels[:, 1, 0, 0].tolist() == [8, 9, 10, 11]
    assert found.labels.tolist() == [8, 9, 0, 1]
    assert found.labels.dtype == np.int64


def test_arrays_of_another_shape_are_refused(arrays: Part) -> None:
    np.save(arrays.path, np.zeros((19, 32, 32, 3), np.uint8))
    with pytest.raises(ValueError, match=r"uint8 \(19, 32, 32, 3\), uint8 \(20, 32, 32, 3\) exp"):
        array_part(arrays)


def test_arrays_of_floats_are_refused(arrays: Part) -> None:
    np.save(arrays.path, np.zeros((20, 32, 32, 3), np.float32))
    with pytest.raises(ValueError, match=r"fog\.npy: float32"):
        array_part(arrays)


def test_labels_of_more_classes_are_refused(arrays: Part) -> None:
    np.save(arrays.path.with_name("labels.npy"), np.arange(20))
    with pytest.raises(ValueError, match="labels from 0 to 19, 0 to 9 expected"):
        array_part(arrays)


def test_arrays_without_labels_are_refused(arrays: Part) -> None:
    arrays.path.with_name("labels.npy").unlink()
    with pytest.raises(ValueError, match=r"labels\.npy cannot be read"):
        array_part(arrays)


def test_a_file_of_python_objects_is_not_run(arrays: Part) -> None:
    np.save(arrays.path, np.array([nn.Linear], object), allow_pickle=True)
    with pytest.raises(ValueError, match="cannot be read as an array"):
        array_part(arrays)


# Videos, read by a stand-in where the library that decodes them is not installed


def test_without_the_library_videos_say_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setattr(videos, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"^ImageNet-P needs PyAV .*: pip install av$"):
        videos.frames(tmp_path / "0.mp4")


def play(path: Any) -> np.ndarray[Any, Any]:
    """A made-up video: as many frames as its file has letters, each of one grey level."""
    text = Path(path).read_text()
    levels = np.arange(len(text), dtype=np.uint8)[:, None, None, None]
    return np.broadcast_to(levels, (len(text), 6, 8, 3)).copy()


@pytest.fixture
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Part:
    """Three videos of five frames."""
    monkeypatch.setattr(videos, "frames", play)
    for name in CLASSES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.mp4").write_text("video")
    return Part(small("imagenet_p", 3, side=4), "translate", tmp_path)


def test_videos_are_frames(clips: Part) -> None:
    found = whole(open_part(clips, side=4), 2)
    assert found.shape == (3, 5, 3, 4, 4)
    assert (found == np.arange(5)[None, :, None, None, None]).all()


def test_a_video_of_other_length_is_an_error(clips: Part) -> None:
    (clips.path / "cat" / "0.mp4").write_text("short"[:4])
    with pytest.raises(ValueError, match=r"cat/0\.mp4 has 4 frames, others have 5"):
        whole(open_part(clips, side=4), 1)
