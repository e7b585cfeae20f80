"""Our decoders as operations of FFCV: in its own Loader, on its own files, with the same pixels."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from datamodules.augment.geometry import Crops
from datamodules.beton.file import Beton, read_beton
from datamodules.decoding import native
from datamodules.decoding.ffcv_import import import_ffcv, kept_threads
from datamodules.decoding.native import Layout
from tests.support.images.beton_files import sample_bytes, sample_images
from tests.support.images.image_trees import photograph
from tests.support.images.jpegs import JPG, RAW, boxes, decode_all, difference
from tests.support.images.loaders import write_both

SIDE, SIZE = 20, (48, 40)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        import_ffcv()
        yield


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Beton:
    tree = write_both(tmp_path_factory.mktemp("ours"), images=4)
    return read_beton(tree.with_suffix(".beton"))


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Beton:
    """Written by FFCV, in the order in which its processes came."""
    from ffcv.fields import IntField, RGBImageField
    from ffcv.writer import DatasetWriter

    path = tmp_path_factory.mktemp("stock") / "x.beton"
    fields = {"image": RGBImageField(write_mode="proportion"), "label": IntField()}
    samples = [(np.asarray(photograph(number, SIZE)), number % 3) for number in range(23)]
    DatasetWriter(str(path), fields, num_workers=2).from_indexed_dataset(samples, chunksize=1)
    return read_beton(path, manifest=False)


def ignore(codes: NDArray[Any], samples: NDArray[Any]) -> None:
    """A check that finds nothing."""


def crops_of(beton: Beton) -> Crops:
    """Another box and flip for each sample."""
    draws, found = np.random.default_rng(0), []
    for height, width in zip(beton.heights.tolist(), beton.widths.tolist(), strict=True):
        left, top = int(draws.integers(width - 9)), int(draws.integers(height - 9))
        right, bottom = (
            int(draws.integers(low + 8, high)) for low, high in ((left, width), (top, height))
        )
        found.append((left, top, right + 1, bottom + 1))
    crops = boxes(*found)
    crops["flip"] = draws.random(len(crops)) < 0.5
    return crops


def wanted(beton: Beton, **layout: Any) -> NDArray[Any]:
    """The pixels by direct calls of the compiled decoder, one sample at a time."""
    crops, found = crops_of(beton), []
    for index, data in enumerate(sample_bytes(beton)):
        size = [(int(beton.widths[index]), int(beton.heights[index]))]
        mode = RAW if beton.modes[index] else JPG
        one = crops[index : index + 1]
        found.append(decode_all([data], size, one, side=SIDE, mode=mode, **layout)[0])
    return np.concatenate(found)


def loaded(beton: Beton, decoder: Any, *, workers: int, os_cache: bool) -> NDArray[Any]:
    """All samples through a Loader as FFCV ships it, in batches that end on a partial one."""
    from ffcv.loader import Loader, OrderOption
    from ffcv.transforms import ToTensor

    with kept_threads():
        loader = Loader(
            str(beton.path),
            batch_size=5,
            num_workers=workers,
            order=OrderOption.SEQUENTIAL,
            os_cache=os_cache,
            drop_last=False,
            pipelines={"image": [decoder, ToTensor()], "label": None},
        )
        batches = [images.clone() for (images,) in loader]
    return torch.cat(batches).numpy()


@pytest.mark.parametrize(
    ("which", "workers", "os_cache", "layout"),
    [
        ("ours", 1, True, {"interpolation": "bicubic"}),
        ("ours", 2, False, {}),
        ("stock", 2, True, {"planar": True, "mean": (0.5,) * 3, "std": (0.2,) * 3}),
        ("stock", 1, False, {}),
    ],
)
def test_the_decoder_works_in_a_loader_that_numba_compiles(
    which: str,
    workers: int,
    os_cache: bool,
    layout: dict[str, Any],
    request: pytest.FixtureRequest,
) -> None:
    from datamodules.decoding.ffcv_decoder import CropDecoder

    beton: Beton = request.getfixturevalue(which)
    decoder = CropDecoder(crops_of(beton), side=SIDE, layout=Layout(**layout), threads=2)
    images = loaded(beton, decoder, workers=workers, os_cache=os_cache)
    np.testing.assert_array_equal(images, wanted(beton, **layout))
    assert not decoder.codes.any()


@pytest.mark.parametrize("which", ["ours", "stock"])
def test_the_decoder_that_is_not_compiled_gives_the_same(
    which: str, request: pytest.FixtureRequest
) -> None:
    from datamodules.decoding.ffcv_decoder import PlainCropDecoder
    from datamodules.readers.ffcv_loader import BatchLoader

    beton: Beton = request.getfixturevalue(which)
    decoder = PlainCropDecoder(crops_of(beton), side=SIDE, threads=2)
    loader = BatchLoader(beton, decoder, batch_size=7, threads=1, check=ignore)
    order = np.random.default_rng(0).permutation(len(beton))
    parts = np.array_split(order, 4)
    images = [batch.numpy().copy() for batch in loader.epoch(parts)]
    assert [len(batch) for batch in images] == [len(part) for part in parts]
    np.testing.assert_array_equal(np.concatenate(images), wanted(beton)[order])
    assert not decoder.codes.any()


def test_a_damaged_sample_leaves_its_code_in_a_stock_loader(ours: Beton, tmp_path: Path) -> None:
    from dataclasses import replace

    from datamodules.decoding.ffcv_decoder import CropDecoder

    content = bytearray(ours.path.read_bytes())
    start, size = int(ours.offsets[9]), int(ours.sizes[9])
    content[start + size // 3 : start + size] = bytes(size - size // 3)
    path = tmp_path / "damaged.beton"
    path.write_bytes(content)
    decoder = CropDecoder(boxes(*[(0, 0, 48, 40)] * len(ours)), side=SIDE)
    images = loaded(replace(ours, path=path), decoder, workers=1, os_cache=True)
    assert np.flatnonzero(decoder.codes).tolist() == [9]
    assert not images[9].any()
    assert images[8].any()
    assert images[10].any()


def test_ffcvs_own_operations_cut_the_same_boxes(stock: Beton) -> None:
    """INTER_AREA and a faster inverse DCT: one to three grey levels off, never another box."""
    from PIL import Image

    from datamodules.decoding.ffcv_decoder import StockCropDecoder
    from datamodules.readers.ffcv_loader import BatchLoader

    crops = crops_of(stock)
    decoder = StockCropDecoder(crops, side=SIDE)
    loader = BatchLoader(stock, decoder, batch_size=8, threads=2, check=ignore)
    batches = np.array_split(np.arange(len(stock)), 4)
    images, again = (
        np.concatenate([batch.numpy().copy() for batch in loader.epoch(batches)]) for _ in range(2)
    )
    np.testing.assert_array_equal(images, again)
    for pixels, image, crop in zip(images, sample_images(stock), crops, strict=True):
        left, top, right, bottom = (float(crop[k]) for k in ("left", "top", "right", "bottom"))
        part = image.crop((round(left), round(top), round(right), round(bottom)))
        resized = np.asarray(part.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
        assert difference(pixels, resized[:, ::-1] if crop["flip"] else resized) <= 4


def test_without_the_compiled_decoder_the_operation_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from datamodules.decoding.ffcv_decoder import CropDecoder

    monkeypatch.setattr(native, "library", lambda: None)
    with pytest.raises(
        ValueError, match=r"The compiled decoder is not there: install a C compiler"
    ):
        CropDecoder(boxes((0, 0, 9, 9)), side=SIDE)
